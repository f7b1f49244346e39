"""Recordings become a dataset: download -> resample -> mix -> publish."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.tasks import exponential_backoff

from ecgmodel.dataset.mix_settings import fitted, noise_records
from ecgmodel.dataset.mixing import MixJob
from ecgmodel.dataset.naming import check_split_names, choose_names
from ecgmodel.dataset.splits import assign_splits, copies, strictness, subject_of
from ecgmodel.errors import DatasetError
from ecgmodel.settings.config import Settings
from ecgmodel.settings.preflight import check_places
from ecgmodel.signals.resampling import FS, RECORDED
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
from flows.given import GivenSettings
from flows.naming import concluded, named, preparing
from flows.temporary_server import is_temporary
from tasks import records as tasks
from tasks.caching import RUNNER, Failure, run_step, run_steps
from tasks.events import DATASET_PUBLISHED, emit_once
from tasks.summaries import dataset_sentence, dataset_summary, record_rows

LOW_RATE_HZ = 250.0
"""Recordings below it lack what sharp QRS complexes are made of (AHA 2007 asks for 150 Hz)."""
_log = logging.getLogger("ecg")


@flow(name="prepare", flow_run_name=named(preparing), task_runner=RUNNER)
def prepare(settings: GivenSettings, announce: bool = True) -> Stored:
    """Return the dataset that the settings describe, making what is not there yet.

    Args:
        settings: What differs from the service's own, e.g. {"source": {"clean": ["qtdb"]}}.
        announce: Tell the server of a dataset that is new (`ecg.dataset.published`), so that
            whatever waits for it starts; whoever trains on it at once need not.
    """
    check_places(settings)
    store = Store(settings.store)
    listed = list_clean(settings, store)
    noise = prepare_noise(settings, store)
    downloads, failed = fetch(listed, settings, store, "download")
    resampled, more = run_steps(
        tasks.resample, [resample_step(d, settings, False) for d in downloads], store, "resample"
    )
    failed += more
    check_share(failed, len(listed), settings)
    how = fit_to(resampled, settings)
    jobs, skipped = plan(resampled, how)
    shards, more = run_steps(
        tasks.mix,
        [mix_step(r, noise, job, how) for r, job in jobs],
        store,
        "mix",
    )
    failed += more
    check_share(failed, len(listed), how)
    left_out = [failure.report for failure in failed] + skipped
    dataset = run_step(tasks.publish, dataset_step(shards, noise, left_out, how), store)
    create_markdown_artifact(
        dataset_summary(dataset), key="dataset", description="What is in the dataset."
    )
    create_table_artifact(
        record_rows(dataset), key="records", description="Each recording: its split and its rows."
    )
    if announce and not is_temporary():
        announce_dataset(dataset, settings, store)
    return concluded(dataset, dataset_sentence(dataset))


def announce_dataset(dataset: Stored, settings: Settings, store: Store) -> None:
    """Tell the server of a dataset, once for each content that a dataset has."""
    facts = {
        "digest": dataset.digest,
        "name": dataset.name,
        "folder": str(dataset.path),
        "settings": settings.model_dump(mode="json", exclude_unset=True),
    }
    emit_once(DATASET_PUBLISHED, f"ecg.dataset.{dataset.digest[:16]}", facts, store)


def prepare_noise(settings: Settings, store: Store) -> dict[str, Stored]:
    """Return the noise recordings that the noise types need, at 360 Hz, by name."""
    database = settings.source.noise_database
    source = open_source(settings, database, store)
    names = noise_records((*settings.mix.test.types, *settings.mix.train.all_types))
    listed = list_records(source, database, names, settings) if names else ()  # none means all
    downloads, failed = fetch([(source, record) for record in listed], settings, store, "", True)
    steps = [resample_step(download, settings, True) for download in downloads]
    resampled, more = run_steps(tasks.resample, steps, store)
    for failure in failed + more:
        raise failure.error
    noise = {str(r.name).rpartition("/")[2]: r for r in resampled}
    check_noise(noise, settings)
    return noise


def list_clean(settings: Settings, store: Store) -> list[tuple[Source, RecordSource]]:
    """Return the records of clean ECG that the sources list and the settings choose.

    Raises:
        UnknownNameError: The settings name a record or a subject that nobody lists.
        SplitError: Those that are listed cannot fill three splits.
    """
    databases = settings.source.clean_databases
    sources = {name: open_source(settings, name, store) for name in databases}
    wanted = settings.source.records
    if wanted:  # names first: listing a folder's records reads all of their files
        known = {n: list_names(s, n, settings) for n, s in sources.items()}
        chosen = choose_names(wanted, known)
        listed = [
            (sources[name], record)
            for name, names in chosen.items()
            if names
            for record in list_records(sources[name], name, names, settings)
        ]
    else:
        listed = [(s, r) for n, s in sources.items() for r in list_records(s, n, (), settings)]
        known = {n: tuple(r.name for _, r in listed if r.database == n) for n in databases}
    if not listed:
        raise DatasetError(f"The source lists no record of {', '.join(databases)}.")
    check_split_names(settings.split, known)
    subjects = {subject_of(r.database, r.name, settings.split) for _, r in listed}
    assign_splits(subjects, settings.split)
    return listed


def list_records(
    source: Source, database: str, names: tuple[str, ...], settings: Settings
) -> tuple[RecordSource, ...]:
    """Ask a source what it holds, again and again if it does not answer."""
    return tasks.listing.with_options(**_asking(f"list {database}", settings))(
        source, database, names
    )


def list_names(source: Source, database: str, settings: Settings) -> tuple[str, ...]:
    """Ask a source for the names of its records, again and again if it does not answer."""
    return tasks.names.with_options(**_asking(f"names of {database}", settings))(source, database)


def _asking(name: str, settings: Settings) -> dict[str, Any]:
    """Return the options of a task that asks a source as often as the settings say."""
    return {
        "task_run_name": name,
        "retries": settings.source.retries,
        "retry_delay_seconds": exponential_backoff(settings.source.retry_wait_s),
    }


def fetch(
    listed: Sequence[tuple[Source, RecordSource]],
    settings: Settings,
    store: Store,
    label: str,
    is_noise: bool = False,
) -> tuple[list[Stored], list[Failure]]:
    """Download records, at most four at a time, with growing, jittered waits between tries."""
    retrying = tasks.download.with_options(
        retries=settings.source.retries,
        retry_delay_seconds=exponential_backoff(settings.source.retry_wait_s),
    )
    steps = [download_step(source, record, settings, is_noise) for source, record in listed]
    return run_steps(retrying, steps, store, label)


def fit_to(resampled: Sequence[Stored], settings: Settings) -> Settings:
    """Return the settings with windows no longer than recordings; warn of what trains badly."""
    mix = fitted(settings.mix, [int(r.info["samples"]) for r in resampled])
    if mix.window < settings.mix.window:
        _log.warning(
            "Windows are shortened from %s to %s samples (%.1f s): recordings are that short.",
            f"{settings.mix.window:,}",
            f"{mix.window:,}",
            mix.window / FS,
        )
    if unmet := [t for t in mix.test.types if t not in mix.train.all_types]:
        _log.warning(
            "The test has the noise types %s, which no training window has. To train on one: "
            "--set mix.train.types.%s=1",
            ", ".join(unmet),
            unmet[0],
        )
    fastest = max((float(r.info["original_fs"]) for r in resampled), default=LOW_RATE_HZ)
    if fastest < LOW_RATE_HZ and settings.source.kind != "simulated":
        _log.warning(
            "No recording was sampled at more than %g Hz. A network trained on these alone takes "
            "all that lies above %g Hz for noise: add recordings of %g Hz or more, such as mitdb.",
            fastest,
            fastest / 2,
            LOW_RATE_HZ,
        )
    return settings.model_copy(update={"mix": mix})


def plan(
    resampled: Sequence[Stored], settings: Settings
) -> tuple[list[tuple[Stored, MixJob]], list[dict[str, str]]]:
    """Return whose each record is and in which split, and the records that are left out.

    Those are held-out subjects and recordings that are there twice, whatever their names: of such
    the one stays whose subject tests, else the one that validates.
    """
    owners = {r.name: _subject(r.name, settings) for r in resampled}
    strictest_first = sorted(
        resampled, key=lambda r: (strictness(owners[r.name], settings.split), r.name)
    )
    same = copies({r.name: str(r.files[RECORDED]["sha256"]) for r in strictest_first})
    splits = assign_splits((owners[n] for n in owners if n not in same), settings.split)
    jobs, skipped = [], []
    for record in resampled:
        if record.name in same:
            reason = f"the same recording as {same[record.name]}, sample for sample"
            _log.warning("left out %s: %s", record.name, reason)
            skipped.append({"record": record.name, "stage": "split", "reason": reason})
            continue
        subject = owners[record.name]
        split = splits[subject]
        if split == "held_out":
            reason = f"subject {subject} is held out: it neither trains nor tests by convention"
            skipped.append({"record": record.name, "stage": "split", "reason": reason})
        else:
            jobs.append((record, MixJob(record.name, subject, split)))
    return jobs, skipped


def _subject(record: str, settings: Settings) -> str:
    """Return whose record "database/name" is."""
    database, _, name = record.partition("/")
    return subject_of(database, name, settings.split)


def check_share(failed: Sequence[Failure], records: int, settings: Settings) -> None:
    """Raise an error if more records are bad than the settings allow."""
    allowed = settings.source.max_bad_share
    if len(failed) > allowed * records:
        reasons = "\n".join(f"  {f.report['record']}: {f.report['reason']}" for f in failed[:10])
        raise DatasetError(
            f"{len(failed)} of {records} records are bad, more than source.max_bad_share="
            f"{allowed:g} allows:\n{reasons}"
        )
