"""The steps up to the dataset: download, resample, mix and publish.

A step combines a unit, which determines the output, and the function that makes it.
`step.run(store)` runs it, in a notebook as well as in a task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from ecgmodel.databases._base import Database
from ecgmodel.dataset.mix_settings import MixSettings, noise_records
from ecgmodel.dataset.mixing import MixJob, mix_record
from ecgmodel.dataset.publishing import publish_dataset
from ecgmodel.dataset.splits import noise_ranges
from ecgmodel.noise._part import NoisePart, NoiseRecording, check_length
from ecgmodel.settings.config import SourceSettings
from ecgmodel.signals.quality import QualitySettings
from ecgmodel.signals.resampling import ResampleSettings, resample_record
from ecgmodel.signals.standard import RECORDED, USABLE
from ecgmodel.sources.base import ConvertingSource, RecordSource, Source
from ecgmodel.store import Store, Stored, Unit, file_sha256
from ecgmodel.store.versions import code_version, library_versions
from ecgmodel.support import plugins
from ecgmodel.support.paths import ROOT

# The default of wfdb for headers without a gain. Noise is scaled to an SNR, so any gain will do.
NOISE_GAIN = 200.0

OnEpoch = Callable[[int, Mapping[str, float]], None]


@dataclass(frozen=True)
class Step:
    """A unit of work and the function that makes it.

    Attributes:
        unit: Stage, settings, inputs and code version, which determine the output.
        build: Writes the files into a folder, and returns facts for the manifest.
        resume: Whether `build` can resume from the folder of an interrupted call.
        scratch: Folders that serve resuming alone; see `Store.make`.
    """

    unit: Unit
    build: Callable[[Path], Mapping[str, Any] | None]
    resume: bool = False
    scratch: frozenset[str] = frozenset()

    def run(self, store: Store) -> Stored:
        """Return the finished unit, from the store if it is there already."""
        return store.make(self.unit, self.build, self.resume, self.scratch)


def open_source(source: SourceSettings, database: str, store: Store) -> Source:
    """Return the source of a database's records."""
    if source.kind == "simulated":
        from ecgmodel.sources.simulated import SimulatedSource

        return SimulatedSource(source.simulated)
    is_noise = database == source.noise_database
    folder = source.noise_path if is_noise else source.path
    if source.kind == "folder" and folder is not None:
        from ecgmodel.files import Hints
        from ecgmodel.sources.folder import FolderSource

        hints = Hints(source.fs, source.unit, source.columns, gain=source.gain)
        return FolderSource(folder, hints=hints)
    from ecgmodel.sources.physionet import PhysioNetSource

    kept = store.root / "listings", source.timeout_s, store.root / "download"
    return PhysioNetSource(source.base_url, *kept)


def download_step(
    source: Source,
    record: RecordSource,
    origin: SourceSettings,
    resample: ResampleSettings | None = None,
) -> Step:
    """Return the step that downloads and verifies the WFDB files of a record, whole or in part.

    A recording of another format is converted to WFDB; how is part of its key.

    Args:
        source: The source of the record.
        record: The record, as listed by the source.
        origin: Settings of the source; `whole_files` requests whole files.
        resample: Settings that define the needed part; None downloads whole files, as for noise.
    """
    seconds = resample.seconds if resample else None
    whole = origin.whole_files or seconds is None
    start_s = 0.0 if resample is None or whole else resample.start_s
    cut = {"start_s": start_s, "seconds": None if whole else seconds}
    name, settings = f"{record.database}/{record.name}", {"record": record.settings(), **cut}
    code = _download_code(source, origin, whole)
    reading = source.conversion(record) if isinstance(source, ConvertingSource) else None
    if reading is not None:
        settings, code = settings | reading[0], code | reading[1]
    unit = Unit("download", name, settings, code=code)
    build = partial(source.fetch, record, start_s=start_s, seconds=seconds or 0.0, whole=whole)
    return Step(unit, build, resume=True)


def _download_code(source: Source, origin: SourceSettings, whole: bool) -> dict[str, Any]:
    """Return the code that shapes downloaded files: none for files that are taken as they are."""
    if origin.kind == "simulated":
        modules, libraries = code_version(type(source).__module__), ("numpy", "wfdb")
        return {"modules": modules, "libraries": library_versions(*libraries)}
    is_cut = origin.kind == "physionet" and not whole
    return {"modules": code_version("ecgmodel.sources._cutting")} if is_cut else {}


def resample_step(download: Stored, how: ResampleSettings, is_noise: bool = False) -> Step:
    """Return the step that resamples a record to 360 Hz in mV, with its mask.

    A noise recording keeps its full length and is not high-pass filtered.
    """
    database = str(download.info["database"])
    known = _known_database(database)
    if known and how.uncalibrated_gain is None:
        how = how.model_copy(update={"uncalibrated_gain": known.uncalibrated_gain})
    if is_noise:
        how = ResampleSettings(
            length=None, target="as_recorded", uncalibrated_gain=NOISE_GAIN, mask=how.mask
        )
    beats = known.beats if known else "atr"
    unit = Unit(
        "resample",
        download.name,
        {**how.model_dump(mode="json"), "beats": beats},
        {"download": download.ref},
        {
            "modules": code_version("ecgmodel.signals.resampling"),
            "libraries": library_versions("numpy", "scipy", "wfdb"),
        },
    )
    build = partial(
        resample_record,
        download.file(str(download.info["header"])),
        download.name,
        float(download.info["start_s"]),
        beats,
        how,
    )
    return Step(unit, build)


def _known_database(name: str) -> Database | None:
    """Return the description of a published database, None for the user's own recordings."""
    if name not in plugins.names("databases"):
        return None
    known: Database = plugins.load("databases", name, "database").DATABASE
    return known


def mix_step(
    resampled: Stored,
    noise: Mapping[str, Stored],
    job: MixJob,
    mix: MixSettings,
    quality: QualitySettings,
) -> Step:
    """Return the step that makes a record's shard: windows or segments with noise at exact SNRs."""
    types = mix.types(job.split)
    noise = {name: noise[name] for name in noise_records(types)}
    group = "test" if job.split == "test" else "train"
    unit = Unit(
        "mix",
        job.record,
        {
            "mix": mix.model_dump(mode="json", include={"window", "seed", group}),
            "quality": quality.model_dump(mode="json"),
            "subject": job.subject,
            "split": job.split,
        },
        {"record": resampled.ref, **{f"noise {n}": s.ref for n, s in sorted(noise.items())}},
        {
            "modules": code_version(
                "ecgmodel.dataset.mixing", *(f"ecgmodel.noise.{name}" for name in types)
            ),
            "libraries": library_versions("numpy", "scipy", "pyarrow"),
        },
    )
    return Step(unit, partial(_mix, resampled, noise, job, mix, quality))


def dataset_step(
    shards: Sequence[Stored],
    noise: Mapping[str, Stored],
    left_out: Sequence[Mapping[str, str]],
    origin: SourceSettings,
) -> Step:
    """Return the step of the dataset: all shards by split, and the training part of the noise."""
    source = describe_source(origin)
    unit = Unit(
        "dataset",
        "+".join(origin.clean_databases),
        {"source": source, "left_out": [dict(item) for item in left_out]},
        {
            **{f"shard {s.name}": s.ref for s in shards},
            **{f"noise {name}": s.ref for name, s in noise.items()},
        },
        {
            "modules": code_version("ecgmodel.dataset.publishing"),
            "libraries": library_versions("numpy", "pyarrow"),
        },
    )
    return Step(unit, partial(publish_dataset, shards, noise, left_out, source))


def describe_source(source: SourceSettings) -> dict[str, Any]:
    """Return the origin of the recordings, for the manifest of a dataset."""
    databases = (*source.clean_databases, source.noise_database)
    known = set(plugins.names("databases"))
    citations = {
        name: plugins.load("databases", name, "database").DATABASE.citation
        for name in databases
        if name in known
    }
    return {
        "kind": source.kind,
        "simulated": source.kind == "simulated",
        "databases": list(source.clean_databases),
        "noise": source.noise_database,
        "citations": {name: text for name, text in citations.items() if text},
    }


def _mix(
    resampled: Stored,
    noise: Mapping[str, Stored],
    job: MixJob,
    mix: MixSettings,
    quality: QualitySettings,
    into: Path,
) -> dict[str, Any]:
    part = noise_part(noise, job.split)
    return mix_record(resampled.path, job, resampled.info, part, mix, quality, into)


def noise_part(noise: Mapping[str, Stored], split: str) -> NoisePart:
    """Return the part of resampled noise recordings that a split may use."""
    recordings = {name: _noise_recording(name, s.path, s.ref) for name, s in noise.items()}
    ranges = {name: noise_ranges(len(r.signal))[split] for name, r in recordings.items()}
    return NoisePart(recordings, ranges)


def check_noise(noise: Mapping[str, Stored], mix: MixSettings) -> None:
    """Raise an error if a noise recording is too short for the rows of a split.

    Raises:
        RecordError: A noise recording is too short, so that every record of the split would fail.
    """
    for name, stored in sorted(noise.items()):
        for split, (first, end) in noise_ranges(int(stored.info["samples"])).items():
            check_length(name, end - first, mix.length(split))


@lru_cache(maxsize=16)
def _noise_recording(name: str, folder: Path, _ref: str) -> NoiseRecording:
    """Read a noise recording once per process; the reference identifies its content."""
    from ecgmodel.support.arrays import read_array

    return NoiseRecording(name, read_array(folder / RECORDED), read_array(folder / USABLE))


def file_version(name: str) -> str:
    """Return the hash of a project file that is not Python, e.g. a template."""
    return file_sha256(ROOT / name)[:16]
