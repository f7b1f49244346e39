"""Content of a denoise run's page: failures, quality before and after, pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ecgmodel.denoise.denoising import SUMMARY
from ecgmodel.denoise.files import FoundRecording
from ecgmodel.denoise.summary import Summary
from ecgmodel.denoise.trust import Window, median_quality
from ecgmodel.errors import EcgError
from ecgmodel.evaluation import worst_minutes as minutes
from ecgmodel.evaluation.encoding import encode
from ecgmodel.files import Hints, read_ecg
from ecgmodel.steps.denoising import place_of
from ecgmodel.store import Stored
from tasks.caching import Failure
from tasks.pictures import picture

PICTURES = 3
MISSED = 10


def sentence(done: Sequence[Stored], failed: Sequence[Failure], model: str) -> str:
    """Summarise the run in a sentence, failures first."""
    said = []
    if failed:
        reasons = [f"{name} ({why.rstrip('.')})" for name, why in map(_left_out, failed[:MISSED])]
        names = "; ".join(reasons)
        more = f"; {len(failed) - MISSED} more" if len(failed) > MISSED else ""
        said.append(f"{len(failed)} of {len(done) + len(failed)} not cleaned: {names}{more}.")
    said.append(f"Cleaned {len(done)} recording{'' if len(done) == 1 else 's'} with {model}")
    quality = median_quality([w for one in done for w in _windows(one)])
    change = f": median quality {quality[0]:.2f} before, {quality[1]:.2f} after" if quality else ""
    return f"{' '.join(said)}{change}."


def rows(done: Sequence[Stored], failed: Sequence[Failure]) -> list[dict[str, Any]]:
    """Return a table row per recording, failures first."""
    cleaned = [_row(one) for one in done]
    empty: dict[str, Any] = dict.fromkeys(cleaned[0] if cleaned else (), None)
    left_out = [
        {**empty, "record": name, "state": "not cleaned", "reason": why}
        for name, why in map(_left_out, failed)
    ]
    return left_out + cleaned


def summary_rows(done: Sequence[Stored], failed: Sequence[Failure], out: Path) -> list[Summary]:
    """Return the rows of the archive's summary.

    Args:
        done: The cleaned recordings.
        failed: The recordings that were not cleaned.
        out: The output folder.
    """
    cleaned = [
        replace(Summary(**one.info[SUMMARY]), file=place_of(one, out).relative_to(out).as_posix())
        for one in done
    ]
    left_out = [Summary(name, "not cleaned", why) for name, why in map(_left_out, failed)]
    return [*cleaned, *left_out]


def page(
    found: Sequence[FoundRecording],
    done: Sequence[Stored],
    failed: Sequence[Failure],
    model: str,
    hints: Hints,
) -> str:
    """Return the run's page in Markdown, with the worst minutes as pictures.

    Args:
        found: All recordings of the run.
        done: The cleaned recordings.
        failed: The recordings that were not cleaned.
        model: Name of the network.
        hints: Hints for reading the files.
    """
    lines = []
    if failed:
        lines += [f"## Not cleaned: {len(failed)} of {len(found)}", ""]
        lines += [f"- **{name}**: {why}" for name, why in map(_left_out, failed)] + [""]
    lines += [f"## Quality of {len(done)} cleaned recordings", "", f"By {model}.", ""]
    lines += [
        "Quality ranges from 0 (noise) to 1 (no visible noise); medians over sections of 10 s.",
        "",
        "| recording | before | after | unreliable sections |",
        "| --- | ---: | ---: | ---: |",
    ]
    for row in map(_row, done):
        qualities = (row["quality before"], row["quality after"])
        cells = ["unknown" if quality is None else f"{quality:.2f}" for quality in qualities]
        lines.append(f"| {' | '.join((row['record'], *cells, row['unreliable']))} |")
    lines += ["", *_pictures({r.name: r for r in found}, done, hints)]
    return "\n".join(lines)


def _pictures(
    found: Mapping[str, FoundRecording], done: Sequence[Stored], hints: Hints
) -> list[str]:
    units = {one.name: one for one in done}
    windows = {name: (float(one.info["fs"]), _windows(one)) for name, one in units.items()}
    drawn = []
    for minute in minutes.worst_minutes(windows, PICTURES):
        unit = units[minute.recording]
        try:
            before = read_ecg(found[minute.recording].path, hints)
            after = read_ecg(unit.file(str(unit.info["first"])), hints)
            png = encode(minutes.minute_figure(minute, before, after), "png")
        except (EcgError, OSError, ValueError):  # a format that cannot be read without hints
            continue
        reasons = f"; unreliable: {minute.reasons}" if minute.reasons else ""
        caption = (
            f"{minute.recording}, {before.leads[minute.lead]}, minute from {minute.clock}: quality "
            f"{minute.quality_in:.2f} before, {minute.quality_out:.2f} after{reasons}."
        )
        drawn += [picture(png, caption), ""]
    heading = ["## Worst minutes", "", "The noisiest seconds of each minute, before and after.", ""]
    return heading + drawn if drawn else []


def _left_out(failure: Failure) -> tuple[str, str]:
    """Return a recording and the reason of its failure; most reasons begin with its name."""
    name = failure.report["record"]
    return name, failure.report["reason"].removeprefix(f"{name}: ")


def _row(one: Stored) -> dict[str, Any]:
    windows = _windows(one)
    before, after = median_quality(windows) or (None, None)
    unreliable = sum(1 for window in windows if window.reason)
    return {
        "record": one.name,
        "state": "cleaned",
        "quality before": None if before is None else round(before, 2),
        "quality after": None if after is None else round(after, 2),
        "unreliable": f"{unreliable} of {len(windows)}",
        **one.info["statistics"],
        "reason": "",
    }


def _windows(one: Stored) -> list[Window]:
    return minutes.read_windows(one.info["windows"])
