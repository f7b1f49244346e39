"""A verdict, as the run of the judged version holds it."""

from __future__ import annotations

from ecgmodel.store import MANIFEST, Stored, file_sha256
from tasks.tracking.artifact_files import Files, stored_files


def verdict_folder(report: Stored) -> str:
    """Return the folder, in the artifacts of the version's run, of a verdict."""
    return f"verdicts/{report.key[:12]}"


def verdict_files(report: Stored) -> Files:
    """Return the files of that folder."""
    path = report.path / MANIFEST
    manifest = {"bytes": path.stat().st_size, "sha256": file_sha256(path)}
    known = stored_files({**report.files, MANIFEST: manifest})
    return {f"{verdict_folder(report)}/{name}": file for name, file in known.items()}
