"""The segments with the best, median and worst SNR improvement of a method, with signals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgmodel.errors import DatasetError
from ecgmodel.evaluation.summary import noisy_rows

if TYPE_CHECKING:
    from ecgmodel.evaluation.evaluate import CleanMany

ROLES = ("best", "median", "worst")
ARRAYS = ("original", "noisy", "denoised")


@dataclass(frozen=True)
class Example:
    """A test segment before and after a method.

    Attributes:
        role: "best", "median" or "worst".
        method: Name of the method.
        record: Name of the record, with its database.
        subject: Subject of the record.
        lead: Name of the lead.
        start: First sample in the recording at 360 Hz.
        noise_type: Type of the added noise.
        snr_db: SNR of the noisy segment, dB.
        snr_improvement: SNR improvement by the method, dB.
        fs: Sampling rate, Hz.
        original: The clean target, `(samples,)` in mV.
        noisy: Input of the method, of the same shape.
        denoised: Output of the method, of the same shape.
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
    """Choose the segments with the best, median and worst SNR improvement.

    The three are from different records if possible, else different segments if possible.

    Args:
        table: From `evaluate_method`.
        method: Method whose segments are chosen.
        snr_db: SNR of the segments, dB; by default the middle level of the table (the lower of
            two).

    Returns:
        Up to three rows of the table with a column `role`, in the order of `ROLES`.

    Raises:
        DatasetError: The table has no noisy segment of the method at this SNR.
    """
    rows = noisy_rows(table[table["method"] == method]).dropna(subset=["snr_improvement"])
    levels = sorted(float(level) for level in rows["snr_db"].unique())
    if snr_db is None and levels:
        snr_db = levels[(len(levels) - 1) // 2]
    rows = rows[rows["snr_db"] == snr_db].sort_values("snr_improvement", kind="stable")
    if rows.empty:
        raise DatasetError(
            f"No noisy segment of method {method!r} at {snr_db} dB. SNR levels in the table: "
            f"{levels}"
        )
    middle = rows["snr_improvement"].median()
    wanted = {"worst": -np.inf, "best": np.inf, "median": middle}
    chosen: dict[str, Any] = {}
    for role, value in wanted.items():
        left = rows.drop(index=list(chosen.values()))
        other_records = left[~left["record"].isin(rows.loc[list(chosen.values()), "record"])]
        pool = other_records if len(other_records) else left
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
    """Read the chosen segments from the shards and clean them again.

    Args:
        chosen: From `choose`.
        clean_many: The method: takes `(n, samples)` in mV and returns the same shape.
        shards: The shards from which the table was computed.

    Raises:
        DatasetError: A chosen segment is in none of the shards.
    """
    from ecgmodel.evaluation.evaluate import read_segment  # pyarrow, which the light install lacks

    found = []
    for row in chosen.to_dict("records"):
        segment = read_segment(shards, row)
        denoised = np.asarray(clean_many(segment.noisy), np.float32)
        attributes = {str(key): value for key, value in row.items() if key in NAMES}
        signals = {"original": segment.clean[0], "noisy": segment.noisy[0], "denoised": denoised[0]}
        found.append(Example(**attributes, **signals, fs=segment.fs))
    return tuple(found)
