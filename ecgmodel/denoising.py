"""One record through a network: read, cleaned, and written as it was."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from ecgmodel.denoiser import Denoiser
from ecgmodel.errors import EcgError, RecordError
from ecgmodel.signals.masks import MaskSettings, usable_samples
from ecgmodel.signals.quality import QualitySettings
from ecgmodel.signals.resampling import to_standard_rate
from ecgmodel.signals.statistics import describe
from ecgmodel.signals.writing import write_cleaned
from ecgmodel.sources.base import RecordSource
from ecgmodel.sources.folder import FolderSource
from ecgmodel.store import digest, file_sha256

STATISTICS, RECORDING = "statistics", "recording"

# The network uses every processor by itself: one recording at a time.
_network = threading.Lock()


class Cleaning(BaseModel):
    """How a record is read.

    Attributes:
        uncalibrated_gain: Steps per mV for leads without a gain; None refuses them.
        mask: What cannot be used.
        quality: The gate that the statistics ask.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    uncalibrated_gain: float | None = None
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
    """

    file: Path
    sha256: str
    label: str
    version: str = ""
    dataset: Path | None = None

    @classmethod
    def of_file(cls, file: Path, label: str = "") -> UsedModel:
        """Return an `.onnx` file that is not registered."""
        sha256 = file_sha256(file)
        return cls(file, sha256, label or f"{file.name} {sha256[:12]}")


def denoise_record(
    source: FolderSource, record: RecordSource, model: UsedModel, how: Cleaning, into: Path
) -> dict[str, Any]:
    """Clean a record, and write it as the record that it was.

    Args:
        source: Where the record lies.
        record: The record.
        model: The network.
        how: How to read it and apply the network.
        into: The folder for its files: header, samples, annotations.

    Returns:
        Facts for the manifest: "record", "recording" (a hash of its files), "leads", "samples",
        "fs", "model", "version", "remarks", "statistics" of what came in, and "windows": what is
        known of every 10 s.

    Raises:
        RecordError: The record cannot be used.
        ModelError: The network cannot be loaded or applied.
    """
    with tempfile.TemporaryDirectory(dir=into) as folder:
        copied = source.fetch(record, Path(folder), 0.0, 0.0, True)
        path = Path(folder) / str(copied["header"])
        try:
            annotations = _annotations(path, copied["files"])
            facts = _clean(path, record.name, model, how, into)
        except EcgError:
            raise
        except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError) as error:
            raise RecordError(
                f"{record.name} cannot be cleaned ({error!r}). Is it an ECG in the WFDB format?"
            ) from error
        for annotation in annotations:
            shutil.copyfile(annotation, into / annotation.name)
    return {
        "record": record.name,
        RECORDING: recording_hash(record),
        "model": model.label,
        "version": model.version,
        **facts,
    }


def recording_hash(record: RecordSource) -> str:
    """Return what tells a recording from others, whatever it is called: the hash of its files."""
    return digest([sha256 for _, sha256 in record.files])


def _clean(path: Path, name: str, model: UsedModel, how: Cleaning, into: Path) -> dict[str, Any]:
    from ecgmodel.signals.records import read_recording  # wfdb takes a second to import

    recording = read_recording(path, name, uncalibrated_gain=how.uncalibrated_gain)
    usable = usable_samples(recording.signal, recording.fs, how.mask, recording.rails)
    if not usable.any():
        raise RecordError(f"{name}: all of it is flat, clipped or missing. Leave the record out.")
    signal, usable_360 = to_standard_rate(recording.signal, usable, recording.fs)
    statistics = describe(signal, usable_360, recording.fs, how.quality)
    with _network:
        cleaned = _denoiser(model.file, model.sha256).clean(
            recording.signal, recording.fs, rails=recording.rails
        )
    write_cleaned(path, cleaned.signal, f"ECG cleaned by ecg-denoise with {model.label}", into)
    return {
        "leads": list(recording.leads),
        "samples": len(recording.signal),
        "fs": recording.fs,
        "remarks": list(recording.remarks),
        STATISTICS: statistics.to_dict(),
        "windows": [window.to_dict() for window in cleaned.windows],
    }


@lru_cache(maxsize=2)
def _denoiser(file: Path, _sha256: str) -> Denoiser:
    """Read a network once a process; the hash tells a new content from an old one."""
    return Denoiser.load(file)


def _annotations(path: Path, names: Iterable[str]) -> list[Path]:
    """Return what was fetched beside headers and samples: the record's annotation files."""
    import wfdb

    header = wfdb.rdheader(str(path), rd_segments=True)
    parts = [header, *(s for s in getattr(header, "segments", None) or () if s)]
    samples = {file for part in parts for file in getattr(part, "file_name", None) or ()}
    return [path.with_name(n) for n in names if not n.endswith(".hea") and n not in samples]
