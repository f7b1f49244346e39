"""Synthetic tables of measured segments with known gains."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ecgmodel.promotion.judging import Candidate
from ecgmodel.training.cost import Cost

LEVELS = {"bw": (0.0, 6.0), "ma": (0.0, 6.0)}
CHEAP = Cost(parameters=4_337, macs_per_second=1e6)


def table(
    subjects: int = 10,
    gain: float = 5.0,
    by_subject: Mapping[int, float] | None = None,
    by_cell: Mapping[tuple[str, float], float] | None = None,
    rmse: float = 0.01,
    seed: int = 0,
    left: float = 30.0,
) -> pd.DataFrame:
    """Return rows whose SNR improvement is `gain`, changed for some subjects and cells.

    What varies from segment to segment is the same for every table of one seed. Where no noise was
    added, `left` is the output SNR.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(subjects):
        for start in range(3):
            where = {"record": f"db/{number}", "subject": f"db/{number}", "lead": "II"}
            where |= {"start": start * 100, "method": "model"}
            spread = rng.normal(0, 1)
            for noise, levels in LEVELS.items():
                for snr_db in levels:
                    value = gain + spread + (by_subject or {}).get(number, 0.0)
                    value += (by_cell or {}).get((noise, snr_db), 0.0)
                    cell = {"noise_type": noise, "snr_db": snr_db, "snr_improvement": value}
                    rows.append(where | cell | {"rmse": 0.1, "snr_out": snr_db + value})
            none = {"noise_type": "none", "snr_db": np.nan, "snr_improvement": np.nan}
            rows.append(where | none | {"rmse": rmse, "snr_out": left})
    return pd.DataFrame(rows)


def candidate(name: str, rows: pd.DataFrame, cost: Cost = CHEAP, *seen: str) -> Candidate:
    """Return a candidate with synthetic rows."""
    return Candidate(name, rows, cost, frozenset(seen))


def no_filter(rows: pd.DataFrame) -> Candidate:
    """Return the results of no filter on the segments of a table."""
    return Candidate("no filter", rows.assign(snr_improvement=0.0), None, frozenset())


def filters(rows: pd.DataFrame, gain: float = 0.5, left: float = 30.0) -> dict[str, pd.DataFrame]:
    """Return the results of two classical filters on the segments; "fir" is better."""
    noisy = rows["noise_type"] != "none"

    def filtered(gain: float, left: float) -> pd.DataFrame:
        improvement = pd.Series(gain, rows.index).where(noisy)
        return rows.assign(
            snr_improvement=improvement, snr_out=(rows["snr_db"] + gain).where(noisy, left)
        )

    return {"butterworth": filtered(gain - 1.0, left - 1.0), "fir": filtered(gain, left)}
