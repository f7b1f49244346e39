"""Denoising of one recording for the store, from copied files, with its statistics."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from ecgmodel.denoise.denoiser import Denoiser
from ecgmodel.denoise.files import CleaningOptions, FoundRecording, clean_file
from ecgmodel.denoise.network_file import NetworkFile
from ecgmodel.denoise.summary import summarise
from ecgmodel.errors import MissingFileError, SourceError
from ecgmodel.files import in_memory
from ecgmodel.signals.masks import MaskSettings, usable_samples
from ecgmodel.signals.quality import QualitySettings
from ecgmodel.signals.resampling import to_standard_rate
from ecgmodel.signals.statistics import describe
from ecgmodel.store import digest, file_sha256

STATISTICS, RECORDING, SUMMARY = "statistics", "recording", "summary"

_loading = threading.Lock()


class Cleaning(BaseModel):
    """Settings of the statistics of a recording.

    Attributes:
        mask: Criteria for unusable samples.
        quality: Thresholds of the quality gate.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mask: MaskSettings = MaskSettings()
    quality: QualitySettings = QualitySettings()


def denoise_recording(
    recording: FoundRecording,
    files: Mapping[str, str | None],
    model: NetworkFile,
    options: CleaningOptions,
    how: Cleaning,
    into: Path,
) -> dict[str, Any]:
    """Clean a recording, and write it in its own or another format.

    Args:
        recording: The recording.
        files: Its file names with their hashes at the time of listing; None for a missing file.
        model: The network.
        options: Options for reading, cleaning and writing.
        how: Settings of the statistics.
        into: The folder for the cleaned files.

    Returns:
        Facts for the manifest: "record", "recording" (a hash of its files), "first" (the main
        file), "leads", "samples", "fs", "model", "version", "remarks", "statistics" of the input,
        "windows": the quality of each section of 10 s, and "summary": the recording's row in the
        summary of an archive.

    Raises:
        MissingFileError: A file is missing.
        SourceError: A file changed after it was listed.
        RecordError: The recording cannot be used.
        ModelError: The network cannot be loaded or applied.
    """
    with tempfile.TemporaryDirectory(dir=into) as folder:
        copy = FoundRecording(_copy(recording.path, files, Path(folder)), Path())
        with _loading:
            denoiser = _denoiser(model.file, model.sha256)
        done = clean_file(copy, denoiser, into, model.label, options)
        ecg = in_memory(done.ecg)  # a long recording is read from the copy
    usable = usable_samples(ecg.signal, ecg.fs, how.mask, ecg.adc_ranges)
    signal, usable_360 = to_standard_rate(ecg.signal, usable, ecg.fs)
    statistics = describe(signal, usable_360, ecg.fs, how.quality)
    return {
        "record": recording.name,
        RECORDING: digest(list(files.values())),
        "first": done.files[0].name,
        "model": model.label,
        "version": model.version,
        "leads": list(ecg.leads),
        "samples": len(ecg.signal),
        "fs": ecg.fs,
        "remarks": list(ecg.remarks),
        STATISTICS: statistics.to_dict(),
        "windows": [window.to_dict() for window in done.windows],
        SUMMARY: summarise(recording.name, ecg, done.signal, done.windows).to_dict(),
    }


def hashed(recording: FoundRecording) -> dict[str, str | None]:
    """Return the file names of a recording with their hashes, None for a missing file."""
    paths = recording.files
    return {path.name: file_sha256(path) if path.is_file() else None for path in paths}


def _copy(path: Path, files: Mapping[str, str | None], into: Path) -> Path:
    """Copy a recording's files, check their hashes, and return the copy of `path`."""
    for name, sha256 in files.items():
        source = path.with_name(name)
        if not source.is_file():
            raise MissingFileError(f"{source} is missing. Obtain all files of the recording again.")
        if file_sha256(Path(shutil.copyfile(source, into / name))) != sha256:
            raise SourceError(f"{source} changed after it was listed. Run the same command again.")
    return into / path.name


@lru_cache(maxsize=2)
def _denoiser(file: Path, _sha256: str) -> Denoiser:
    """Load a network once per process; the hash distinguishes versions of the file."""
    return Denoiser.load(file)
