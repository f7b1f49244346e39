"""Recordings that need no cleaning must be left as they are (protocol `do-no-harm`)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd

from ecgmodel.promotion.judging import Comparison, Finding
from ecgmodel.promotion.rules._protocols import MISSING, means, no_worse_or_good, reached
from ecgmodel.protocols.do_no_harm import MARKS, METRICS, tables
from ecgmodel.settings.gate import GateSettings

RULE, NEEDS = "do_no_harm", ("do-no-harm",)
TOLERANCES: Mapping[str, float] = MappingProxyType(
    {"shape": 0.3, "st_median": 0.001, "st_99": 0.005, "qrs": 0.1, "f1_loss": 0.0005}
)
"""What a metric may lose, in its unit, where the champion misses its goal."""
LEAD_TOLERANCE = 3.0
"""Decibels of shape that one lead of a recording may lose, unless it still reaches the goal."""
LEAD_LEAST = 6.0
"""Decibels that each lead of a first model must have: its error is half of the signal."""


def judge(comparison: Comparison, settings: GateSettings) -> list[Finding]:
    """Compare each metric with the goal and the champion's, shape by sampling rate and lead too.

    The medians of all recordings do not move if a lead is destroyed in some of them.
    """
    ours, theirs = comparison.protocols[NEEDS[0]]
    held = {} if theirs is None else _figures(theirs)
    found = [
        no_worse_or_good(
            RULE,
            what,
            (figure, held.get((metric, what), MISSING)),
            MARKS[metric],
            TOLERANCES[metric],
            METRICS[metric].higher_is_better,
        )
        for (metric, what), figure in _figures(ours).items()
    ]
    return [*found, _worst_lead(ours, theirs)]


def _figures(rows: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Return each metric, and shape by sampling rate, by metric and what it is called."""
    summary = tables(rows, draws=0)
    everything = means(summary["all"])
    figures = {(name, METRICS[name].label): everything.get(name, MISSING) for name in MARKS}
    by_rate = summary["by_rate"][summary["by_rate"]["metric"] == "shape"]
    for fs, mean in zip(by_rate["original_fs"], by_rate["mean"], strict=True):
        figures["shape", f"{METRICS['shape'].label}, at {fs:g} Hz"] = float(mean)
    return figures


def _worst_lead(ours: pd.DataFrame, theirs: pd.DataFrame | None) -> Finding:
    """Return whether every lead keeps its shape, told of the one that is nearest to failing."""
    shape = _shape_by_lead(ours)
    if theirs is None:
        limits = pd.Series(LEAD_LEAST, shape.index)
    else:
        limits = (_shape_by_lead(theirs) - LEAD_TOLERANCE).clip(upper=MARKS["shape"].goal)
    record, lead = (shape - limits).sort_values(na_position="first").index[0]
    what = f"the shape of {record}, lead {lead}, dB"
    return reached(RULE, what, float(shape[record, lead]), float(limits[record, lead]))


def _shape_by_lead(rows: pd.DataFrame) -> pd.Series[float]:
    chosen = rows[rows["quantity"] == "shape"]
    return chosen.groupby(["record", "lead"])["value"].median()
