"""Prepare a dataset: download -> resample -> mix -> publish."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.tasks import exponential_backoff

from ecgmodel.dataset.doubles import doubles, one_subject
from ecgmodel.dataset.mix_settings import fitted
from ecgmodel.dataset.mixing import MixJob
from ecgmodel.dataset.splits import SplitSettings, assign_splits, copies, strictness, subject_of
from ecgmodel.errors import DatasetError
from ecgmodel.settings.config import Settings, SourceSettings
from ecgmodel.settings.preflight import check_places
from ecgmodel.signals.resampling import ResampleSettings
from ecgmodel.signals.standard import FS, RECORDED
from ecgmodel.sources.base import RecordSource, Source
from ecgmodel.steps.data import (
    check_noise,
    dataset_step,
    download_step,
    mix_step,
    open_source,
    resample_step,
)
from ecgmodel.store import Store, Stored
from flows.choosing import choose_records, noise_names
from flows.given import GivenSettings
from flows.naming import concluded, named, preparing
from flows.temporary_server import is_temporary
from tasks import records as tasks
from tasks.caching import RUNNER, Failure, run_step, run_steps
from tasks.events import DATASET_PUBLISHED, emit_once
from tasks.summaries import dataset_sentence, dataset_summary, record_rows

LOW_RATE_HZ = 250.0
"""Below it, recordings lack the high frequencies of QRS complexes (AHA 2007: up to 150 Hz)."""
_log = logging.getLogger("ecg")


@flow(name="prepare", flow_run_name=named(preparing), task_runner=RUNNER)
def prepare(settings: GivenSettings, announce: bool = True) -> Stored:
    """Return the dataset that the settings describe; results in the store are reused.

    Args:
        settings: Settings that differ from the service's, e.g. {"source": {"clean": ["qtdb"]}}.
        announce: Emit the event `ecg.dataset.published` for a new dataset, which starts a
            retraining.
    """
    check_places(settings)
    store = Store(settings.store)
    listed = list_clean(settings.source, settings.split, store)
    noise = prepare_noise(settings, store)
    downloads, failed = fetch(listed, settings.source, settings.resample, store, "download")
    resampled, more = run_steps(
        tasks.resample, [resample_step(d, settings.resample) for d in downloads], store, "resample"
    )
    failed += more
    check_share(failed, len(listed), settings.source)
    how = fit_to(resampled, settings)
    jobs, skipped = plan(resampled, how.split)
    shards, more = run_steps(
        tasks.mix,
        [mix_step(r, noise, job, how.mix, how.quality) for r, job in jobs],
        store,
        "mix",
    )
    failed += more
    check_share(failed, len(listed), how.source)
    left_out = [failure.report for failure in failed] + skipped
    dataset = run_step(tasks.publish, dataset_step(shards, noise, left_out, how.source), store)
    create_markdown_artifact(
        dataset_summary(dataset), key="dataset", description="Contents of the dataset."
    )
    create_table_artifact(
        record_rows(dataset), key="records", description="Split and rows of each recording."
    )
    if announce and not is_temporary():
        announce_dataset(dataset, settings, store)
    return concluded(dataset, dataset_sentence(dataset))


def announce_dataset(dataset: Stored, settings: Settings, store: Store) -> None:
    """Emit the event of a new dataset, once per content."""
    facts = {
        "digest": dataset.digest,
        "name": dataset.name,
        "folder": str(dataset.path),
        "settings": settings.model_dump(mode="json", exclude_unset=True),
    }
    emit_once(DATASET_PUBLISHED, f"ecg.dataset.{dataset.digest[:16]}", facts, store)


def prepare_noise(settings: Settings, store: Store) -> dict[str, Stored]:
    """Return the noise recordings that the noise types need, resampled, by name."""
    database = settings.source.noise_database
    source = open_source(settings.source, database, store)
    names = noise_names(settings.mix)
    # An empty list of names would mean all records.
    listed = list_records(source, database, names, settings.source) if names else ()
    downloads, failed = fetch([(source, r) for r in listed], settings.source, None, store)
    steps = [resample_step(download, settings.resample, is_noise=True) for download in downloads]
    resampled, more = run_steps(tasks.resample, steps, store)
    for failure in failed + more:
        raise failure.error
    noise = {str(r.name).rpartition("/")[2]: r for r in resampled}
    check_noise(noise, settings.mix)
    return noise


def list_clean(
    origin: SourceSettings, split: SplitSettings, store: Store
) -> list[tuple[Source, RecordSource]]:
    """Return the selected records of clean ECG, asked with retries; see `choose_records`."""
    return choose_records(origin, split, store, list_names, list_records)


def list_records(
    source: Source, database: str, names: tuple[str, ...], origin: SourceSettings
) -> tuple[RecordSource, ...]:
    """List the records of a source, with retries."""
    return tasks.listing.with_options(**_asking(f"list {database}", origin))(
        source, database, names
    )


def list_names(source: Source, database: str, origin: SourceSettings) -> tuple[str, ...]:
    """List the record names of a source, with retries."""
    return tasks.names.with_options(**_asking(f"names of {database}", origin))(source, database)


def _asking(name: str, origin: SourceSettings) -> dict[str, Any]:
    """Return a task's name and retries for a request to a source."""
    return {
        "task_run_name": name,
        "retries": origin.retries,
        "retry_delay_seconds": exponential_backoff(origin.retry_wait_s),
    }


def fetch(
    listed: Sequence[tuple[Source, RecordSource]],
    origin: SourceSettings,
    resample: ResampleSettings | None,
    store: Store,
    label: str = "",
) -> tuple[list[Stored], list[Failure]]:
    """Download records, at most four at a time, with exponential backoff between retries.

    Without `resample`, whole records are fetched.
    """
    retrying = tasks.download.with_options(
        retries=origin.retries,
        retry_delay_seconds=exponential_backoff(origin.retry_wait_s),
    )
    steps = [download_step(source, record, origin, resample) for source, record in listed]
    return run_steps(retrying, steps, store, label)


def fit_to(resampled: Sequence[Stored], settings: Settings) -> Settings:
    """Shorten windows to the recordings, and warn about recordings that train badly."""
    mix = fitted(settings.mix, [int(r.info["samples"]) for r in resampled])
    if mix.window < settings.mix.window:
        _log.warning(
            "The recordings are short: windows are shortened from %s to %s samples (%.1f s).",
            f"{settings.mix.window:,}",
            f"{mix.window:,}",
            mix.window / FS,
        )
    if unmet := [t for t in mix.test.types if t not in mix.train.all_types]:
        _log.warning(
            "The test contains noise types that the training does not: %s. To train on one: "
            "--set mix.train.types.%s=1",
            ", ".join(unmet),
            unmet[0],
        )
    fastest = max((float(r.info["original_fs"]) for r in resampled), default=LOW_RATE_HZ)
    if fastest < LOW_RATE_HZ and settings.source.kind != "simulated":
        _log.warning(
            "The highest sampling rate among the recordings is %g Hz. A network trained on these "
            "alone removes everything above %g Hz as noise. Add recordings of %g Hz or more, such "
            "as mitdb.",
            fastest,
            fastest / 2,
            LOW_RATE_HZ,
        )
    return settings.model_copy(update={"mix": mix})


def plan(
    resampled: Sequence[Stored], split: SplitSettings
) -> tuple[list[tuple[Stored, MixJob]], list[dict[str, str]]]:
    """Assign each record to a subject and a split, and return the records that are left out.

    Left out are held-out subjects and duplicate recordings. Of duplicates with different names,
    the one of a test subject is kept, else that of a validation subject. Recordings with the same
    signal that are no exact copies are kept in one split.
    """
    owners = {r.name: _subject(r.name, split) for r in resampled}
    strictest_first = sorted(resampled, key=lambda r: (strictness(owners[r.name], split), r.name))
    same = copies({r.name: str(r.files[RECORDED]["sha256"]) for r in strictest_first})
    owners = _joined(owners, {r.name: r.file(RECORDED) for r in resampled}, same, split)
    splits = assign_splits((owners[n] for n in owners if n not in same), split)
    jobs, skipped = [], []
    for record in resampled:
        if record.name in same:
            reason = f"identical to {same[record.name]}, sample by sample"
            _log.warning("omitted %s: %s", record.name, reason)
            skipped.append({"record": record.name, "stage": "split", "reason": reason})
            continue
        subject = owners[record.name]
        chosen = splits[subject]
        if chosen == "held_out":
            reason = f"subject {subject} is held out by convention: neither training nor test"
            skipped.append({"record": record.name, "stage": "split", "reason": reason})
        else:
            jobs.append((record, MixJob(record.name, subject, chosen)))
    return jobs, skipped


def _joined(
    owners: dict[str, str],
    signals: Mapping[str, Path],
    omitted: Mapping[str, str],
    split: SplitSettings,
) -> dict[str, str]:
    """Return each record's subject, one for recordings with the same signal."""
    pairs = doubles({name: path for name, path in signals.items() if name not in omitted})
    rank = {subject: strictness(subject, split) for subject in owners.values()}
    joined = one_subject(owners, pairs, rank)
    for one, other in pairs:
        if owners[one] != owners[other]:
            _log.warning(
                "%s and %s have the same signal: both are taken as subject %s, in one split",
                *(one, other, joined[one]),
            )
    return joined


def _subject(record: str, split: SplitSettings) -> str:
    """Return the subject of the record "database/name"."""
    database, _, name = record.partition("/")
    return subject_of(database, name, split)


def check_share(failed: Sequence[Failure], records: int, origin: SourceSettings) -> None:
    """Raise an error if too many records failed."""
    allowed = origin.max_bad_share
    if len(failed) > allowed * records:
        reasons = "\n".join(f"  {f.report['record']}: {f.report['reason']}" for f in failed[:10])
        raise DatasetError(
            f"{len(failed)} of {records} records failed, more than source.max_bad_share="
            f"{allowed:g} allows:\n{reasons}"
        )
