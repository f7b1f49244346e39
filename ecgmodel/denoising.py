"""One recording through a network, for the store: from copies, and with what it was like."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from ecgmodel.cleaning import CleaningOptions, Recording, write_cleaned_file
from ecgmodel.denoiser import Denoiser
from ecgmodel.errors import MissingFileError, RecordError, SourceError
from ecgmodel.files import read_ecg
from ecgmodel.signals.masks import MaskSettings, usable_samples
from ecgmodel.signals.quality import QualitySettings
from ecgmodel.signals.resampling import to_standard_rate
from ecgmodel.signals.statistics import RecordingStatistics, describe
from ecgmodel.store import digest, file_sha256

STATISTICS, RECORDING = "statistics", "recording"

# The network uses every processor by itself: one recording at a time.
_network = threading.Lock()


class Cleaning(BaseModel):
    """How a recording is judged.

    Attributes:
        mask: What cannot be used.
        quality: The gate that the statistics ask.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mask: MaskSettings = MaskSettings()
    quality: QualitySettings = QualitySettings()


@dataclass(frozen=True)
class UsedModel:
    """The network that cleans.

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
    ) -> UsedModel:
        """Return an `.onnx` file that is not registered."""
        sha256 = file_sha256(file)
        label = label or f"{file.name} {sha256[:12]}"
        return cls(file, sha256, label, reference=tuple(reference))


def denoise_recording(
    recording: Recording,
    files: Mapping[str, str | None],
    model: UsedModel,
    options: CleaningOptions,
    how: Cleaning,
    into: Path,
) -> dict[str, Any]:
    """Clean a recording, and write it as it was or in another format.

    Args:
        recording: The recording.
        files: Its files' hashes by their names, as they were when it was listed; None for one that
            was not there.
        model: The network.
        options: How to read, clean and write it.
        how: How to judge it.
        into: The folder for its files.

    Returns:
        Facts for the manifest: "record", "recording" (a hash of its files), "first" (the file to
        read first), "leads", "samples", "fs", "model", "version", "remarks", "statistics" of what
        came in, and "windows": what is known of every 10 s.

    Raises:
        MissingFileError: A file of it is not there.
        SourceError: A file was changed after it was listed.
        RecordError: It cannot be used.
        ModelError: The network cannot be loaded or applied.
    """
    with tempfile.TemporaryDirectory(dir=into) as folder:
        path = _copy(recording.path, files, Path(folder))
        ecg = read_ecg(path, options.hints)
        usable = usable_samples(ecg.signal, ecg.fs, how.mask, ecg.rails)
        if not usable.any():
            raise RecordError(
                f"{recording.name}: all of it is flat, clipped or missing. Leave the record out."
            )
        signal, usable_360 = to_standard_rate(ecg.signal, usable, ecg.fs)
        statistics = describe(signal, usable_360, ecg.fs, how.quality)
        with _network:
            cleaned = _denoiser(model.file, model.sha256).clean(
                ecg.signal, ecg.fs, untrusted=options.untrusted, rails=ecg.rails
            )
        written = write_cleaned_file(path, ecg, cleaned, into, model.label, options.format)
    return {
        "record": recording.name,
        RECORDING: digest(list(files.values())),
        "first": written[0].name,
        "model": model.label,
        "version": model.version,
        "leads": list(ecg.leads),
        "samples": len(ecg.signal),
        "fs": ecg.fs,
        "remarks": list(ecg.remarks),
        STATISTICS: statistics.to_dict(),
        "windows": [window.to_dict() for window in cleaned.windows],
    }


def hashed(recording: Recording) -> dict[str, str | None]:
    """Return the hashes of a recording's files by their names, None for one that is not there."""
    paths = recording.files
    return {path.name: file_sha256(path) if path.is_file() else None for path in paths}


def _copy(path: Path, files: Mapping[str, str | None], into: Path) -> Path:
    """Copy a recording's files as they were when it was listed; return the copy of `path`."""
    for name, sha256 in files.items():
        source = path.with_name(name)
        if not source.is_file():
            raise MissingFileError(f"{source} is not there. Get the recording again, all of it.")
        if file_sha256(Path(shutil.copyfile(source, into / name))) != sha256:
            raise SourceError(f"{source} was changed after it was listed. Run again.")
    return into / path.name


@lru_cache(maxsize=2)
def _denoiser(file: Path, _sha256: str) -> Denoiser:
    """Read a network once a process; the hash tells a new content from an old one."""
    return Denoiser.load(file)
