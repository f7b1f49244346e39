"""The best, the median and the worst stretch of a method, with their signals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgmodel.errors import DatasetError
from ecgmodel.evaluation.evaluate import CleanMany, read_stretch
from ecgmodel.evaluation.summary import noisy_rows

ROLES = ("best", "median", "worst")
ARRAYS = ("original", "noisy", "denoised")


@dataclass(frozen=True)
class Example:
    """One test stretch as a method met it.

    Attributes:
        role: "best", "median" or "worst".
        method: The method that cleaned it.
        record: The recording, with its database.
        subject: Whose it is.
        lead: The lead's name.
        start: First sample in the recording at 360 Hz.
        noise_type: What was added.
        snr_db: SNR of the noisy stretch, dB.
        snr_improvement: What the method gained, dB.
        fs: Sampling rate, Hz.
        original: The clean target, `(samples,)` in mV.
        noisy: What the method was given, of the same shape.
        denoised: What it returned, of the same shape.
    """

    role: str
    method: str
    record: str
    subject: str
    lead: str
    start: int
    noise_type: str
    snr_db: float
    snr_improvement: float
    fs: float
    original: NDArray[Any]
    noisy: NDArray[Any]
    denoised: NDArray[Any]


NAMES = tuple(field.name for field in fields(Example))


def choose(table: pd.DataFrame, method: str, snr_db: float | None = None) -> pd.DataFrame:
    """Choose the stretches with the best, the median and the worst SNR improvement.

    The three come from different records where there are as many; otherwise they are at least
    different stretches where there are as many.

    Args:
        table: From `evaluate_method`.
        method: Whose stretches.
        snr_db: At which SNR; the middle one of the table (the lower of two) if left out.

    Returns:
        Up to three rows of the table with a column `role`, in the order of `ROLES`.

    Raises:
        DatasetError: There is no noisy stretch of the method at that SNR.
    """
    rows = noisy_rows(table[table["method"] == method]).dropna(subset=["snr_improvement"])
    levels = sorted(float(level) for level in rows["snr_db"].unique())
    if snr_db is None and levels:
        snr_db = levels[(len(levels) - 1) // 2]
    rows = rows[rows["snr_db"] == snr_db].sort_values("snr_improvement", kind="stable")
    if rows.empty:
        raise DatasetError(
            f"No noisy stretch of method {method!r} at {snr_db} dB. Levels in the table: {levels}"
        )
    middle = rows["snr_improvement"].median()
    wanted = {"worst": -np.inf, "best": np.inf, "median": middle}
    chosen: dict[str, Any] = {}
    for role, value in wanted.items():
        left = rows.drop(index=list(chosen.values()))
        fresh = left[~left["record"].isin(rows.loc[list(chosen.values()), "record"])]
        pool = fresh if len(fresh) else left
        if len(pool):
            chosen[role] = _nearest(pool["snr_improvement"], value)
    roles = [role for role in ROLES if role in chosen]
    return rows.loc[[chosen[role] for role in roles]].assign(role=roles)


def _nearest(values: pd.Series[float], value: float) -> Any:
    if np.isinf(value):
        return values.idxmax() if value > 0 else values.idxmin()
    return (values - value).abs().idxmin()


def collect(
    chosen: pd.DataFrame, clean_many: CleanMany, shards: Sequence[Path]
) -> tuple[Example, ...]:
    """Read the chosen stretches from the shards and clean them again.

    Args:
        chosen: From `choose`.
        clean_many: The method, `(n, samples)` to `(n, samples)` in mV.
        shards: The shards that the table was made from.

    Raises:
        DatasetError: A chosen stretch is in none of the shards.
    """
    found = []
    for row in chosen.to_dict("records"):
        stretch = read_stretch(shards, row)
        denoised = np.asarray(clean_many(stretch.noisy), np.float32)
        attributes = {str(key): value for key, value in row.items() if key in NAMES}
        signals = {"original": stretch.clean[0], "noisy": stretch.noisy[0], "denoised": denoised[0]}
        found.append(Example(**attributes, **signals, fs=stretch.fs))
    return tuple(found)


def save(examples: Sequence[Example], path: str | Path) -> None:
    """Write examples to an `.npz` of plain arrays, one entry an attribute."""
    columns = {
        name: np.stack([np.asarray(getattr(example, name)) for example in examples])
        for name in NAMES
    }
    with Path(path).open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **columns)


def load(path: str | Path) -> tuple[Example, ...]:
    """Read what `save` wrote."""
    with np.load(path, allow_pickle=False) as file:
        columns = {name: file[name] for name in NAMES}
    return tuple(
        Example(
            **{
                name: values[i] if name in ARRAYS else values[i].item()
                for name, values in columns.items()
            }
        )
        for i in range(len(columns["role"]))
    )
