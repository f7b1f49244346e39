"""The pipeline's steps: for each unit of work, what decides its output and what makes it.

A step is plain data around one function of this library. `step.run(store)` does it, in a notebook
as well as in a task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from ecgmodel.databases._base import Database
from ecgmodel.dataset.mix_settings import noise_records
from ecgmodel.dataset.mixing import MixJob, mix_record
from ecgmodel.dataset.publishing import publish_dataset
from ecgmodel.dataset.splits import noise_ranges
from ecgmodel.noise._part import NoisePart, NoiseRecording, check_length
from ecgmodel.settings.config import Settings
from ecgmodel.signals.resampling import RECORDED, USABLE, ResampleSettings, resample_record
from ecgmodel.sources.base import RecordSource, Source
from ecgmodel.store import Store, Stored, Unit, file_sha256
from ecgmodel.store.versions import code_version, library_versions
from ecgmodel.support import plugins
from ecgmodel.support.places import ROOT

# wfdb's default where a header gives no gain; noise is scaled to an SNR, so any gain serves.
NOISE_GAIN = 200.0

OnEpoch = Callable[[int, Mapping[str, float]], None]


@dataclass(frozen=True)
class Step:
    """One unit of work and how to do it.

    Attributes:
        unit: What decides its output.
        build: Writes its files into a folder, and returns facts for the manifest.
        resume: Whether `build` goes on with what an interrupted call left.
    """

    unit: Unit
    build: Callable[[Path], Mapping[str, Any] | None]
    resume: bool = False

    def run(self, store: Store) -> Stored:
        """Return the finished unit, doing the work if it was not done before."""
        return store.make(self.unit, self.build, self.resume)


def open_source(settings: Settings, database: str, store: Store) -> Source:
    """Return the source of a database's records."""
    source = settings.source
    if source.kind == "simulated":
        from ecgmodel.sources.simulated import SimulatedSource

        return SimulatedSource(source.simulated)
    is_noise = database == source.noise_database
    folder = source.noise_path if is_noise else source.path
    if source.kind == "folder" and folder is not None:
        from ecgmodel.sources.folder import FolderSource

        return FolderSource(folder)
    from ecgmodel.sources.physionet import PhysioNetSource

    return PhysioNetSource(source.base_url, store.root / "listings", source.timeout_s)


def download_step(source: Source, record: RecordSource, settings: Settings, is_noise: bool) -> Step:
    """A record's WFDB files, verified, whole or a marked cut."""
    seconds = None if is_noise else settings.resample.seconds
    whole = is_noise or settings.source.whole_files or seconds is None
    start_s = 0.0 if whole else settings.resample.start_s
    is_simulated = settings.source.kind == "simulated"
    cut = {"start_s": start_s, "seconds": None if whole else seconds}
    unit = Unit(
        "download",
        f"{record.database}/{record.name}",
        {"record": record.settings(), **cut},
        code={
            "modules": code_version(type(source).__module__),
            # Files of others stay what they are; simulated ones follow the libraries.
            "libraries": library_versions(*(("numpy", "wfdb") if is_simulated else ())),
        },
    )
    build = partial(source.fetch, record, start_s=start_s, seconds=seconds or 0.0, whole=whole)
    return Step(unit, build, resume=True)


def resample_step(download: Stored, settings: Settings, is_noise: bool) -> Step:
    """A record at 360 Hz in mV, with its mask. Noise keeps its full length and its wander."""
    how = settings.resample
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
    """Return what is known of a database, None for the user's own."""
    if name not in plugins.names("databases"):
        return None
    known: Database = plugins.load("databases", name, "database").DATABASE
    return known


def mix_step(
    resampled: Stored, noise: Mapping[str, Stored], job: MixJob, settings: Settings
) -> Step:
    """A record's shard: windows or stretches with noise at exact SNRs."""
    mix, types = settings.mix, settings.mix.types(job.split)
    noise = {name: noise[name] for name in noise_records(types)}
    group = "test" if job.split == "test" else "train"
    unit = Unit(
        "mix",
        job.record,
        {
            "mix": mix.model_dump(mode="json", include={"window", "seed", group}),
            "quality": settings.quality.model_dump(mode="json"),
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
    return Step(unit, partial(_mix, resampled, noise, job, settings))


def dataset_step(
    shards: Sequence[Stored],
    noise: Mapping[str, Stored],
    left_out: Sequence[Mapping[str, str]],
    settings: Settings,
) -> Step:
    """The dataset: all shards by split, with the noise that training may use."""
    source = describe_source(settings)
    unit = Unit(
        "dataset",
        "+".join(settings.source.clean_databases),
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


def describe_source(settings: Settings) -> dict[str, Any]:
    """Return what a dataset's manifest says of where its recordings come from."""
    source = settings.source
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
    resampled: Stored, noise: Mapping[str, Stored], job: MixJob, settings: Settings, into: Path
) -> dict[str, Any]:
    return mix_record(
        resampled.path,
        job,
        resampled.info,
        noise_part(noise, job.split),
        settings.mix,
        settings.quality,
        into,
    )


def noise_part(noise: Mapping[str, Stored], split: str) -> NoisePart:
    """Return the part of resampled noise recordings that a split may use."""
    recordings = {name: _noise_recording(name, s.path, s.ref) for name, s in noise.items()}
    ranges = {name: noise_ranges(len(r.signal))[split] for name, r in recordings.items()}
    return NoisePart(recordings, ranges)


def check_noise(noise: Mapping[str, Stored], settings: Settings) -> None:
    """Raise an error if a noise recording is too short for the rows of some split.

    Raises:
        RecordError: It is, and every record of that split would fail for it.
    """
    for name, stored in sorted(noise.items()):
        for split, (first, end) in noise_ranges(int(stored.info["samples"])).items():
            check_length(name, end - first, settings.mix.length(split))


@lru_cache(maxsize=16)
def _noise_recording(name: str, folder: Path, _ref: str) -> NoiseRecording:
    """Read a noise recording once a process; the reference tells a new content from an old one."""
    from ecgmodel.support.arrays import read_array

    return NoiseRecording(name, read_array(folder / RECORDED), read_array(folder / USABLE))


def file_version(name: str) -> str:
    """Return the hash of a file of this project that is not Python, e.g. a template."""
    return file_sha256(ROOT / name)[:16]
