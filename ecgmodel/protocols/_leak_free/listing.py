"""The stored list of test segments: what the quality gate chose, before any model was run."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from ecgmodel.errors import DatasetError

FILE = Path(__file__).with_name("segments.csv")
PLACE = ["record", "lead", "start"]
RMS = "rms_uv"
RMS_TOLERANCE_UV = 0.05
"""Processors differ in the last bits of a filter; another filter or recording differs by more."""


def stored_list() -> pd.DataFrame:
    """Return the committed list.

    Returns:
        One row a segment: `record` ("mitdb/119"), `lead`, `start` (first sample at 360 Hz) and
        `rms_uv` (of the target "highpass" without its mean, uV), sorted.
    """
    return pd.read_csv(FILE, dtype={"record": str, "lead": str, "start": np.int64})


def list_digest(segments: pd.DataFrame) -> str:
    """Return the sha256 of a list's places, the name of the test."""
    lines = segments[PLACE].astype(str).agg(",".join, axis=1)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def rms_uv(clean: np.ndarray) -> np.ndarray:
    """Return the zero-mean RMS of segments `(n, samples)` in mV, uV to two decimals."""
    return np.round(1000 * np.asarray(clean, np.float64).std(axis=-1), 2)


def check_list(found: pd.DataFrame, stored: pd.DataFrame, content: bool = True) -> bool:
    """Return whether the segments are those of the stored list, for the records in `found`.

    Args:
        found: What a test holds, with the columns of `stored_list`.
        stored: The stored list.
        content: Also compare `rms_uv`, which another target changes.

    Returns:
        False if none of the records is in the list (recordings of another source).

    Raises:
        DatasetError: A record has other segments, or other signals, than the list says.
    """
    records = found["record"].unique()
    wanted = stored[stored["record"].isin(records)]
    if wanted.empty:
        return False
    both = found.merge(wanted, on=PLACE, how="outer", suffixes=("", "_stored"), indicator="side")
    differs = both["side"] != "both"
    if content:
        differs |= ~((both[RMS] - both[f"{RMS}_stored"]).abs() <= RMS_TOLERANCE_UV)
    if differs.any():
        raise DatasetError(_difference(both[differs].iloc[0], int(differs.sum())))
    return True


def _difference(row: pd.Series, count: int) -> str:
    place = f"{row['record']}, lead {row['lead']}, sample {row['start']}"
    if row["side"] == "both":
        what = f"has an RMS of {row[RMS]:.2f} uV instead of {row[f'{RMS}_stored']:.2f} uV"
    else:
        what = "is not in the list" if row["side"] == "left_only" else "is in the list alone"
    return (
        f"{count} segments differ from the stored list of the test, first: {place}, {what}. "
        "Are the recordings, the quality gate and the target those of the protocol?"
    )
