"""Does denoising help a beat detector: XQRS on 118 and 119 under the noise of electrodes.

The Noise Stress Test Database (Moody, Muldrow and Mark 1984, CinC 11:381-384) adds noise `em` to
two recordings at six levels; scored are the segments whose noise lies in the half that never
trains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from ecgmodel.errors import DatasetError
from ecgmodel.evaluation.detection import Counts
from ecgmodel.evaluation.figures import variants
from ecgmodel.evaluation.metrics import Metric
from ecgmodel.protocols._goals import Goal
from ecgmodel.protocols._protocol import Cells, Protocol
from ecgmodel.protocols._qrs_stress.data import prepare
from ecgmodel.protocols._qrs_stress.figures import excerpt_figure, f1_figure
from ecgmodel.protocols._qrs_stress.measuring import Excerpt, measure
from ecgmodel.protocols._qrs_stress.records import LEVELS, PEOPLE, person_and_level, record_name
from ecgmodel.protocols._sections import Pictures, Results, across, cost, goals, pictures

RECORDS = tuple(record_name(person, level) for person in PEOPLE for level in LEVELS)
SCORED = (
    "Scored are the noisy segments that start at 17, 21, 25 and 29 minutes, 994 beats of two "
    "people: their noise lies in the half of em that never trains. Two people give no interval."
)
METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "f1": Metric("F1", "", True, 4),
        "sensitivity": Metric("Sensitivity", "", True, 4),
        "predictivity": Metric("Positive predictivity", "", True, 4),
        "timing": Metric("Median timing error of matched beats", "ms", False, 1),
        "snr_in": Metric("SNR in (zero-mean)", "dB", True, 2),
        "snr_improvement": Metric("SNR improvement", "dB", True, 2),
        **{f"f1_{level}": Metric(f"F1 at {level} dB", "", True, 4) for level in LEVELS},
    }
)
# The first step is the best F1 of the raw signal and of every classical filter here. At 24 and
# 18 dB, where FIR finds all beats and invents none, it is the goal: raw has 2 errors in 994 beats,
# one more gives .9985, two more .9980.
GOALS: Mapping[str, Goal] = MappingProxyType(
    {
        "f1_24": Goal(goal=0.9984, first_step=0.9984, inclusive=True),
        "f1_18": Goal(goal=0.9984, first_step=0.9984, inclusive=True),
        "f1_12": Goal(goal=0.99, first_step=0.9744, inclusive=True),
        "f1_6": Goal(goal=0.95, first_step=0.8376, inclusive=True),
        "f1_0": Goal(goal=0.88, first_step=0.6987, inclusive=True),
        "f1_-6": Goal(goal=0.75, first_step=0.5686, inclusive=True),
    }
)


def pooled(
    rows: pd.DataFrame,
    by: Sequence[str],
    draws: int = 0,
    seed: int = 0,
    metrics: Mapping[str, Metric] = METRICS,
) -> pd.DataFrame:
    """Return the figures of each method and cell, its segments and people pooled.

    Args:
        rows: From `_qrs_stress.measuring.evaluate`.
        by: The cells' columns; none gives F1 by level, as metrics of their own.
        draws: Not used: two people give no interval.
        seed: Not used.
        metrics: Not used.

    Returns:
        One row a method, cell and metric with `mean` (the pooled figure), `std`, `low`, `high`
        (NaN), `beats`.

    Raises:
        DatasetError: There is no row.
    """
    if rows.empty:
        raise DatasetError(
            "Expected rows of segments that start at 17 min or later; there is none."
        )
    if not by:
        by_level = pooled(rows, ("snr_db",))
        flat = by_level[by_level["metric"] == "f1"].copy()
        flat["metric"] = [f"f1_{level}" for level in flat.pop("snr_db")]
        return flat.reset_index(drop=True)
    found = []
    for keys, group in rows.groupby(["method", *by], sort=False):
        cell = dict(zip(("method", *by), keys, strict=True))
        counts = Counts(*(int(group[name].sum()) for name in ("matched", "missed", "false")))
        nothing = {"std": np.nan, "low": np.nan, "high": np.nan}
        beats = counts.matched + counts.missed
        found += [
            cell | {"metric": metric, "mean": value, "beats": beats, **nothing}
            for metric, value in _figures(counts, group).items()
        ]
    return pd.DataFrame(found)


def _figures(counts: Counts, group: pd.DataFrame) -> dict[str, float]:
    errors = np.concatenate([np.asarray(e, np.float64) for e in group["errors_ms"]])
    return {
        "f1": counts.f1,
        "sensitivity": counts.sensitivity,
        "predictivity": counts.predictivity,
        "timing": float(np.median(np.abs(errors))) if len(errors) else np.nan,
        "snr_in": float(group["snr_in"].mean()),
        "snr_improvement": float((group["snr_out"] - group["snr_in"]).mean()),
    }


def _held_out(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["held_out"].astype(bool)]


def _f1_picture(results: Results) -> Pictures:
    by_level = results.tables["by_level"]
    cells = by_level[by_level["metric"] == "f1"]
    at_level = {level: GOALS[f"f1_{level}"] for level in LEVELS}
    return {"F1 and the goals": variants(partial(f1_figure, cells, at_level, results.shown))}


def _excerpts(results: Results) -> Pictures:
    drawn: dict[str, Any] = {}
    excerpts: Sequence[Excerpt] = results.examples
    for person in PEOPLE:
        of_person = [e for e in excerpts if person_and_level(e.record)[0] == person]
        of_person.sort(key=lambda excerpt: -excerpt.level)
        if of_person:
            drawn[f"Record {person}"] = variants(partial(excerpt_figure, of_person))
    return drawn


PROTOCOL = Protocol(
    name="qrs-stress",
    title="Beats found under electrode motion (XQRS on nstdb 118 and 119)",
    notes=(
        SCORED,
        "XQRS of wfdb runs over the whole lead MLII as a method returns it; its beats are paired "
        "with the reference beats by wfdb's compare_annotations, 150 ms apart at most.",
        "Levels are nominal (QRS amplitude against noise RMS): 24 dB is 12 dB of zero-mean power.",
        "SNR is against the clean lead as it can be recovered from the records at 24 and 0 dB, "
        "wander of its own included: a high-pass filter loses that, which shows where there is "
        "little noise.",
    ),
    records={"nstdb": RECORDS},
    quick={"nstdb": ("118e00", "118e06", "118e24")},
    prepare=prepare,
    measure=measure,
    metrics=METRICS,
    primary="f1_0",
    cells={
        "all": Cells((), _held_out),
        "by_level": Cells(("snr_db",), _held_out),
        "by_record": Cells(("snr_db", "record"), _held_out),
        "all_segments": Cells(("snr_db",)),
    },
    summarise=pooled,
    goals=GOALS,
    example=Excerpt,
    page=(
        across(
            *("by_level", "snr_db", "f1", "F1 by level", SCORED, "{} dB"),
            order=tuple(LEVELS),
            pictures=_f1_picture,
        ),
        goals("Below 18 dB the first step is the best F1 of no filter and the classical filters."),
        pictures(
            "What {} makes of it",
            "Seconds that were fixed before any method ran, at falling levels; each signal less "
            "its median, the recovered clean lead in pale behind.",
            _excerpts,
        ),
        *(
            across("by_level", "snr_db", metric, order=tuple(LEVELS))
            for metric in ("sensitivity", "predictivity", "timing", "snr_improvement")
        ),
        across("by_record", "record", "f1", "F1 by record", order=RECORDS),
        cost(*(f"f1_{level}" for level in (12, 6, 0, -6))),
    ),
)
