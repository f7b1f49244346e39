"""A method on the test: its rows, and the stretches of each noise type that are worth a look."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ecgmodel.evaluation import examples
from ecgmodel.evaluation.evaluate import CleanMany, Progress, evaluate_method
from ecgmodel.evaluation.examples import Example
from ecgmodel.evaluation.metrics import WINDOW
from ecgmodel.evaluation.summary import noisy_rows
from ecgmodel.protocols._leak_free.data import LeakFree, read
from ecgmodel.store import Stored

STRETCHES, EXAMPLES = "stretches.parquet", "examples.npz"


def evaluate(
    method: CleanMany, data: LeakFree, name: str = "model", progress: Progress | None = None
) -> pd.DataFrame:
    """Clean every stretch, whole, as a user would, and measure what is left.

    Args:
        method: Takes `(n, samples)` float32 in mV and returns the same shape.
        data: The protocol's data.
        name: The method's name in the table.
        progress: Called with the number of stretches done after each batch.

    Returns:
        One row a stretch, see `evaluation.evaluate.evaluate_method`, and `target`.

    Raises:
        ModelError: The method changed the shape or returned NaN or infinite values.
        DatasetError: A stretch is not at the SNR that it states.
    """
    rows = evaluate_method(method, data.shards, name, WINDOW, progress)
    return rows.assign(target=data.target)


def worth_a_look(
    rows: pd.DataFrame, method: CleanMany, data: LeakFree, name: str
) -> tuple[Example, ...]:
    """Return the best, the median and the worst stretch of each noise type, at the middle SNR."""
    found: list[Example] = []
    for _, of_type in noisy_rows(rows).groupby("noise_type", sort=False):
        chosen = examples.choose(of_type, name)
        found += examples.collect(chosen, method, _shards_of(data, chosen["record"].tolist()))
    return tuple(found)


def measure_into(method: CleanMany, name: str, prepared: Stored, into: Path) -> dict[str, Any]:
    """Write a method's `stretches.parquet` and `examples.npz`; return facts for the manifest."""
    data = read(prepared)
    rows = evaluate(method, data, name)
    rows.to_parquet(into / STRETCHES, index=False)
    examples.save(worth_a_look(rows, method, data, name), into / EXAMPLES)
    return {"stretches": len(rows), "target": data.target}


def _shards_of(data: LeakFree, records: Sequence[str]) -> list[Path]:
    names = {f"{record.replace('/', '-')}.parquet" for record in records}
    return [shard for shard in data.shards if shard.name in names]
