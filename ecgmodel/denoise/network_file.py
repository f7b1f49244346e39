"""A network's file, and what is known of it: the one value that carries it about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ecgmodel.signals.statistics import RecordingStatistics
from ecgmodel.store import file_sha256


@dataclass(frozen=True)
class NetworkFile:
    """The network that cleans; its file says its window and overlap.

    Attributes:
        file: The `.onnx` file.
        sha256: Of that file.
        label: How a header names it, e.g. "models:/ecg-denoiser version 3".
        version: The number of the registered version, "" for a file that is not registered.
        dataset: The folder of the dataset that it was trained on, None if that is not known.
        reference: What the recordings of its training are like, where they come with the network.
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
        """Return an `.onnx` file that is not registered."""
        sha256 = file_sha256(file)
        label = label or f"{file.name} {sha256[:12]}"
        return cls(file, sha256, label, reference=tuple(reference))
