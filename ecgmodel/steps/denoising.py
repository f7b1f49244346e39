"""The steps of cleaning recordings, and the statistics of recordings for drift detection."""

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
from ecgmodel.signals.quality import QualitySettings
from ecgmodel.signals.resampling import ResampleSettings
from ecgmodel.signals.standard import FS, RECORDED, USABLE
from ecgmodel.signals.statistics import RecordingStatistics, describe
from ecgmodel.steps.data import Step
from ecgmodel.store import MANIFEST, Store, Stored, Unit, file_sha256, read_stored
from ecgmodel.store.versions import code_version, library_versions
from ecgmodel.support.arrays import read_array

STAGE = "denoise"


def denoise_step(
    recording: FoundRecording,
    model: NetworkFile,
    resample: ResampleSettings,
    quality: QualitySettings,
    options: CleaningOptions | None = None,
) -> Step:
    """Return the step that cleans a recording, and describes it before cleaning."""
    options = options or CleaningOptions()
    gain = resample.uncalibrated_gain
    if gain and options.hints.gain is None and recording.path.suffix == ".hea":
        options = replace(options, hints=replace(options.hints, gain=gain))
    how = Cleaning(mask=resample.mask, quality=quality)
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
    """Return the step that exports a `.keras` file as `model.onnx`.

    Args:
        network: The `.keras` file.
        window: Window of the network, samples.
        overlap: Overlap of neighbouring tiles, as a share of the window.
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
    """Copy a cleaned recording out of the store. Each file is written atomically.

    The main file of the recording, e.g. the header, is written last, so that it exists only if the
    recording is complete. Annotations of an earlier recording of the same name are removed.

    Args:
        stored: The unit of the recording.
        out: The folder of all recordings; "p01/100" is written to its folder "p01".

    Returns:
        The main file of the recording.
    """
    main = place_of(stored, out)
    folder, first = main.parent, main.name
    folder.mkdir(parents=True, exist_ok=True)
    for old in stale_files(folder / first, stored.files):
        old.unlink()
    for name in sorted(stored.files, key=lambda n: (n == first, n)):
        temporary = folder / f".{name}.tmp"
        shutil.copyfile(stored.file(name), temporary)
        temporary.replace(folder / name)
    return main


def place_of(stored: Stored, out: Path) -> Path:
    """Return where `place` puts the main file of a cleaned recording."""
    return (out / stored.name).parent / str(stored.info["first"])


def incoming_statistics(store: Store, recent: int) -> list[RecordingStatistics]:
    """Return the statistics of the recordings cleaned most recently, newest first, each once.

    Args:
        store: The store with the units of the stage "denoise".
        recent: Maximum number of recordings.
    """
    found: dict[str, RecordingStatistics] = {}
    for manifest in _newest_first(store):
        if len(found) == recent:
            break
        try:
            info = read_stored(manifest.parent).info
            found.setdefault(info[RECORDING], RecordingStatistics.from_dict(info[STATISTICS]))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # a unit of an older version, or one being replaced
    return list(found.values())


def _newest_first(store: Store) -> list[Path]:
    times = {}
    for manifest in (store.root / STAGE).glob(f"*/{MANIFEST}"):
        if manifest.parent.suffix not in (".partial", ".damaged"):
            with suppress(FileNotFoundError):  # it is being deleted
                times[manifest] = manifest.stat().st_mtime_ns
    return sorted(times, key=lambda m: (-times[m], str(m)))


def describe_steps(dataset: Path | None, store: Store, quality: QualitySettings) -> list[Step]:
    """Return the steps that describe the training records of a dataset, as far as they exist.

    Args:
        dataset: Folder of the dataset; if it no longer exists, there are no steps.
        store: The store with the resampled records.
        quality: Settings of the quality gate.
    """
    try:
        refs = set(read_stored(dataset).inputs.values()) if dataset else set()
    except (OSError, ValueError, KeyError):
        return []
    shards = [s for s in _stage(store, "mix") if refs & {*s.refs} and s.info["split"] == "train"]
    wanted = {shard.inputs["record"] for shard in shards}
    records = {r.ref: r for r in _stage(store, "resample") if wanted & {*r.refs}}
    return [_describe_step(record, quality) for record in records.values()]


def _describe_step(record: Stored, quality: QualitySettings) -> Step:
    """Return the step that describes a resampled record, unfiltered."""
    unit = Unit(
        "describe",
        record.name,
        {"quality": quality.model_dump(mode="json")},
        {"record": record.ref},
        {
            "modules": code_version("ecgmodel.signals.statistics"),
            "libraries": library_versions("numpy", "scipy"),
        },
    )
    return Step(unit, partial(_describe, record, quality))


def _describe(record: Stored, quality: QualitySettings, into: Path) -> dict[str, Any]:
    real = slice(0, int(record.info["samples"]))  # stores of earlier code have padding after it
    recorded = read_array(record.file(RECORDED), mmap_mode="r")[real]
    usable = read_array(record.file(USABLE), mmap_mode="r")[real]
    found = describe(recorded, usable, float(record.info["original_fs"]), quality)
    (into / "statistics.json").write_text(json.dumps(found.to_dict(), indent=1) + "\n")
    return {STATISTICS: found.to_dict()}


def _stage(store: Store, stage: str) -> Iterator[Stored]:
    """Yield the finished units of a stage."""
    for manifest in sorted((store.root / stage).glob(f"*/{MANIFEST}")):
        if manifest.parent.suffix not in (".partial", ".damaged"):
            with suppress(OSError, ValueError, KeyError):
                yield read_stored(manifest.parent)
