"""Prepares a dataset as a Prefect flow, or by a plain loop over the same steps."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks._measure import seconds
from ecgmodel.dataset.mix_settings import noise_records
from ecgmodel.settings.config import Settings, load_settings
from ecgmodel.steps.data import (
    Step,
    dataset_step,
    download_step,
    mix_step,
    open_source,
    resample_step,
)
from ecgmodel.store import Store, Stored
from flows.prepare import plan, prepare
from tasks.caching import AT_ONCE


def plain(settings: Settings) -> Stored:
    """Run the steps of the flow `prepare` without Prefect."""
    store = Store(settings.store)
    database = settings.source.noise_database
    source = open_source(settings.source, database, store)
    listed = source.records(database, noise_records(settings.mix.test.types))
    found = _all([download_step(source, record, settings.source) for record in listed], store)
    resampled = _all(
        [resample_step(download, settings.resample, is_noise=True) for download in found], store
    )
    noise = {str(r.name).rpartition("/")[2]: r for r in resampled}
    clean = [
        (origin, record)
        for name in settings.source.clean_databases
        for origin in [open_source(settings.source, name, store)]
        for record in origin.records(name, settings.source.records)
    ]
    how = settings.source, settings.resample
    downloads = _all([download_step(s, r, *how) for s, r in clean], store)
    records = _all([resample_step(d, settings.resample) for d in downloads], store)
    jobs, skipped = plan(records, settings.split)
    cells = settings.mix, settings.quality
    shards = _all([mix_step(r, noise, job, *cells) for r, job in jobs], store)
    return dataset_step(shards, noise, skipped, settings.source).run(store)


def _all(steps: Sequence[Step], store: Store) -> list[Stored]:
    """Run steps, with the same concurrency as the flow."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda step: step.run(store), steps))


def preparing(how: str) -> Callable[[Settings], Stored]:
    """Return the function that prepares a dataset; for "flow", Prefect is started first."""
    if how == "plain":
        return plain
    from prefect import flow

    @flow
    def empty() -> None:
        """Trigger the start-up of Prefect, which happens once per process."""

    empty()
    return prepare


if __name__ == "__main__":
    work, settings = preparing(sys.argv[1]), load_settings(pairs=sys.argv[2:])
    print(seconds(lambda: work(settings)))
