"""Clean recordings must not be distorted (protocol `do-no-harm`)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd

from ecgmodel.promotion.judging import Comparison, Finding
from ecgmodel.promotion.rules._protocols import MISSING, means, no_worse_or_good, reached
from ecgmodel.protocols.do_no_harm import PROTOCOL
from ecgmodel.settings.gate import GateSettings

RULE, NEEDS = "do_no_harm", ("do-no-harm",)
TOLERANCES: Mapping[str, float] = MappingProxyType(
    {"shape": 0.3, "st_median": 0.001, "st_99": 0.005, "qrs": 0.1, "f1_loss": 0.0005}
)
"""Allowed loss in each metric, in its unit, if the champion misses the goal."""
LEAD_TOLERANCE = 3.0
"""Allowed loss in the shape of a single lead, dB, unless the lead still reaches the goal."""
LEAD_LEAST = 6.0
"""Minimum shape of each lead for a first model, dB: the error is half of the signal."""


def judge(comparison: Comparison, settings: GateSettings) -> list[Finding]:
    """Compare each metric with its goal and the champion, shape also by sampling rate and lead.

    The check by lead detects a lead destroyed in a few recordings, which medians do not show.
    """
    ours, theirs = comparison.protocols[NEEDS[0]]
    held = {} if theirs is None else _figures(theirs)
    found = [
        no_worse_or_good(
            RULE,
            what,
            (figure, held.get((metric, what), MISSING)),
            PROTOCOL.goals[metric],
            TOLERANCES[metric],
            PROTOCOL.metrics[metric].higher_is_better,
        )
        for (metric, what), figure in _figures(ours).items()
    ]
    return [*found, _worst_lead(ours, theirs)]


def _figures(rows: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Return the mean of each metric, and of shape by sampling rate, by metric and label."""
    summary, metrics = PROTOCOL.tables(rows, draws=0), PROTOCOL.metrics
    everything = means(summary["all"])
    figures = {
        (name, metrics[name].label): everything.get(name, MISSING) for name in PROTOCOL.goals
    }
    by_rate = summary["by_rate"][summary["by_rate"]["metric"] == "shape"]
    for fs, mean in zip(by_rate["original_fs"], by_rate["mean"], strict=True):
        figures["shape", f"{metrics['shape'].label}, at {fs:g} Hz"] = float(mean)
    return figures


def _worst_lead(ours: pd.DataFrame, theirs: pd.DataFrame | None) -> Finding:
    """Return whether the shape of every lead is preserved, for the lead nearest to its limit."""
    shape = _shape_by_lead(ours)
    if theirs is None:
        limits = pd.Series(LEAD_LEAST, shape.index)
    else:
        limits = (_shape_by_lead(theirs) - LEAD_TOLERANCE).clip(upper=PROTOCOL.goals["shape"].goal)
    record, lead = (shape - limits).sort_values(na_position="first").index[0]
    what = f"the shape of {record}, lead {lead}, dB"
    return reached(RULE, what, float(shape[record, lead]), float(limits[record, lead]))


def _shape_by_lead(rows: pd.DataFrame) -> pd.Series[float]:
    chosen = rows[rows["quantity"] == "shape"]
    return chosen.groupby(["record", "lead"])["value"].median()
