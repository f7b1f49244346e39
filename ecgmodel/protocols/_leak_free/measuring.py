"""A method on the test: its rows, and the segments of each noise type that are worth a look."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ecgmodel.evaluation import examples
from ecgmodel.evaluation.evaluate import CleanMany, Progress, evaluate_method
from ecgmodel.evaluation.examples import Example
from ecgmodel.evaluation.metrics import WINDOW
from ecgmodel.evaluation.summary import noisy_rows
from ecgmodel.protocols._leak_free.data import LeakFree, read
from ecgmodel.protocols._measured import Measured
from ecgmodel.store import Stored


def evaluate(
    method: CleanMany, data: LeakFree, name: str = "model", progress: Progress | None = None
) -> pd.DataFrame:
    """Clean every segment, whole, as a user would, and measure what is left.

    Args:
        method: Takes `(n, samples)` float32 in mV and returns the same shape.
        data: The protocol's data.
        name: The method's name in the table.
        progress: Called with the number of segments done after each batch.

    Returns:
        One row a segment, see `evaluation.evaluate.evaluate_method`, and `target`.

    Raises:
        ModelError: The method changed the shape or returned NaN or infinite values.
        DatasetError: A segment is not at the SNR that it states.
    """
    rows = evaluate_method(method, data.shards, name, WINDOW, progress)
    return rows.assign(target=data.target)


def worth_a_look(
    rows: pd.DataFrame, method: CleanMany, data: LeakFree, name: str
) -> tuple[Example, ...]:
    """Return the best, the median and the worst segment of each noise type, at the middle SNR."""
    found: list[Example] = []
    for _, of_type in noisy_rows(rows).groupby("noise_type", sort=False):
        chosen = examples.choose(of_type, name)
        found += examples.collect(chosen, method, _shards_of(data, chosen["record"].tolist()))
    return tuple(found)


def measure(method: CleanMany, prepared: Stored, name: str) -> Measured:
    """Return a method's rows, and the segments that are worth a look."""
    data = read(prepared)
    rows = evaluate(method, data, name)
    return Measured(rows, worth_a_look(rows, method, data, name))


def _shards_of(data: LeakFree, records: Sequence[str]) -> list[Path]:
    names = {f"{record.replace('/', '-')}.parquet" for record in records}
    return [shard for shard in data.shards if shard.name in names]
