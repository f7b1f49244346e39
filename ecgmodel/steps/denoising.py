"""The steps of cleaning recordings: each record through one network, and what came in of late."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from ecgmodel.denoise.denoising import RECORDING, STATISTICS, Cleaning, denoise_recording, hashed
from ecgmodel.denoise.files import CleaningOptions, FoundRecording
from ecgmodel.denoise.network_file import NetworkFile
from ecgmodel.denoise.onnx import FILE, Facts
from ecgmodel.files import stale_files
from ecgmodel.settings.config import Settings
from ecgmodel.signals.resampling import FS, RECORDED, USABLE
from ecgmodel.signals.statistics import RecordingStatistics, describe
from ecgmodel.steps.data import Step
from ecgmodel.store import MANIFEST, Store, Stored, Unit, file_sha256, read_stored
from ecgmodel.store.versions import code_version, library_versions
from ecgmodel.support.arrays import read_array

STAGE = "denoise"


def denoise_step(
    recording: FoundRecording,
    model: NetworkFile,
    settings: Settings,
    options: CleaningOptions | None = None,
) -> Step:
    """A recording's files with its ECG cleaned, and what it was like before."""
    options = options or CleaningOptions()
    gain = settings.resample.uncalibrated_gain
    if gain and options.hints.gain is None and recording.path.suffix == ".hea":
        options = replace(options, hints=replace(options.hints, gain=gain))
    how = Cleaning(mask=settings.resample.mask, quality=settings.quality)
    files = hashed(recording)
    unit = Unit(
        STAGE,
        recording.name,
        {
            "files": files,
            "model": {"label": model.label},
            "options": asdict(options),
            "how": how.model_dump(mode="json"),
        },
        {"model": model.sha256},
        {
            "modules": code_version("ecgmodel.denoise.denoising"),
            "libraries": library_versions("onnxruntime", "numpy", "scipy", "wfdb"),
        },
    )
    return Step(unit, partial(denoise_recording, recording, files, model, options, how))


def export_step(network: Path, window: int, overlap: float) -> Step:
    """A `.keras` file as an `.onnx` one: `model.onnx`.

    Args:
        network: The file.
        window: Samples that it sees at once.
        overlap: Share of a tile that the next one covers too.
    """
    facts = Facts(
        name=network.stem, fs=FS, window=window, overlap=overlap, sha256=file_sha256(network)
    )
    unit = Unit(
        "export",
        network.stem,
        facts.model_dump(mode="json"),
        {"network": facts.sha256},
        {
            "modules": code_version("ecgmodel.training.exporting"),
            "libraries": library_versions("keras", "tensorflow", "onnx", "tf2onnx"),
        },
    )
    return Step(unit, partial(_export, network, facts))


def _export(network: Path, facts: Facts, into: Path) -> dict[str, Any]:
    from ecgmodel.training.exporting import export_onnx

    return {"apart_mv": export_onnx(network, into / FILE, facts)}


def place(stored: Stored, out: Path) -> Path:
    """Copy a cleaned recording out of the store, each file beside its place and renamed.

    The file to read first, a record's header, comes last: without it there is no recording.
    Annotations of an earlier recording in that place are removed.

    Args:
        stored: The unit of the recording.
        out: The folder of all recordings; one called "p01/100" lies in its folder "p01".

    Returns:
        The file to read first.
    """
    folder, first = (out / stored.name).parent, str(stored.info["first"])
    folder.mkdir(parents=True, exist_ok=True)
    for old in stale_files(folder / first, stored.files):
        old.unlink()
    for name in sorted(stored.files, key=lambda n: (n == first, n)):
        beside = folder / f".{name}.tmp"
        shutil.copyfile(stored.file(name), beside)
        beside.replace(folder / name)
    return folder / first


def incoming_statistics(store: Store, recent: int) -> list[RecordingStatistics]:
    """Return what the recordings that were cleaned last were like, the newest first, each once.

    Args:
        store: Whose units of the stage "denoise" to look at.
        recent: How many recordings at most.
    """
    found: dict[str, RecordingStatistics] = {}
    for manifest in _newest_first(store):
        if len(found) == recent:
            break
        try:
            info = read_stored(manifest.parent).info
            found.setdefault(info[RECORDING], RecordingStatistics.from_dict(info[STATISTICS]))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # a unit of an older version, or one that is being replaced
    return list(found.values())


def _newest_first(store: Store) -> list[Path]:
    times = {}
    for manifest in (store.root / STAGE).glob(f"*/{MANIFEST}"):
        if manifest.parent.suffix not in (".partial", ".damaged"):
            with suppress(FileNotFoundError):  # it is being cleared away
                times[manifest] = manifest.stat().st_mtime_ns
    return sorted(times, key=lambda m: (-times[m], str(m)))


def describe_steps(dataset: Path | None, store: Store, settings: Settings) -> list[Step]:
    """What each training record of a dataset is like; nothing for records that are gone.

    Args:
        dataset: The dataset's folder, which may be gone.
        store: Where its records were resampled.
        settings: The quality gate's among them.
    """
    try:
        refs = set(read_stored(dataset).inputs.values()) if dataset else set()
    except (OSError, ValueError, KeyError):
        return []
    shards = [s for s in _stage(store, "mix") if s.ref in refs and s.info["split"] == "train"]
    wanted = {shard.inputs["record"] for shard in shards}
    records = [record for record in _stage(store, "resample") if record.ref in wanted]
    return [_describe_step(record, settings) for record in records]


def _describe_step(record: Stored, settings: Settings) -> Step:
    """The statistics of a resampled record, as recorded and without its padding."""
    unit = Unit(
        "describe",
        record.name,
        {"quality": settings.quality.model_dump(mode="json")},
        {"record": record.ref},
        {
            "modules": code_version("ecgmodel.signals.statistics"),
            "libraries": library_versions("numpy", "scipy"),
        },
    )
    return Step(unit, partial(_describe, record, settings))


def _describe(record: Stored, settings: Settings, into: Path) -> dict[str, Any]:
    real = slice(0, int(record.info["samples"]))  # padding is no ECG
    recorded = read_array(record.file(RECORDED), mmap_mode="r")[real]
    usable = read_array(record.file(USABLE), mmap_mode="r")[real]
    found = describe(recorded, usable, float(record.info["original_fs"]), settings.quality)
    (into / "statistics.json").write_text(json.dumps(found.to_dict(), indent=1) + "\n")
    return {STATISTICS: found.to_dict()}


def _stage(store: Store, stage: str) -> Iterator[Stored]:
    """Yield the finished units of a stage."""
    for manifest in sorted((store.root / stage).glob(f"*/{MANIFEST}")):
        if manifest.parent.suffix not in (".partial", ".damaged"):
            with suppress(OSError, ValueError, KeyError):
                yield read_stored(manifest.parent)
