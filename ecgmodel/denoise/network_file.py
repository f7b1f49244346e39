"""A network's file with its hash, label, version and reference statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ecgmodel.signals.statistics import RecordingStatistics
from ecgmodel.store import file_sha256


@dataclass(frozen=True)
class NetworkFile:
    """A network file; its metadata contain window and overlap.

    Attributes:
        file: The `.onnx` file.
        sha256: Its sha256.
        label: Its label in headers, e.g. "models:/ecg-denoiser version 3".
        version: Number of the registered version, "" if it is not registered.
        dataset: Folder of its training dataset, None if unknown.
        reference: Statistics of its training recordings, if they are stored with the network.
    """

    file: Path
    sha256: str
    label: str
    version: str = ""
    dataset: Path | None = None
    reference: tuple[RecordingStatistics, ...] = ()

    @classmethod
    def of_file(
        cls, file: Path, label: str = "", reference: Sequence[RecordingStatistics] = ()
    ) -> NetworkFile:
        """Return the description of an `.onnx` file that is not registered."""
        sha256 = file_sha256(file)
        label = label or f"{file.name} {sha256[:12]}"
        return cls(file, sha256, label, reference=tuple(reference))
