"""Recordings that need no cleaning must be left as they are (protocol `do-no-harm`)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ecgmodel.benchmarks.do_no_harm import MARKS, METRICS, tables
from ecgmodel.promotion.judging import Comparison, Finding
from ecgmodel.promotion.rules._protocols import no_worse_or_good
from ecgmodel.promotion.settings import GateSettings

NEEDS = ("do-no-harm",)
TOLERANCES: Mapping[str, float] = MappingProxyType(
    {"shape": 0.3, "st_median": 0.001, "st_99": 0.005, "qrs": 0.1, "f1_loss": 0.0005}
)
"""What a metric may lose, in its unit, where it misses its goal."""


def judge(comparison: Comparison, settings: GateSettings) -> list[Finding]:
    """Compare each metric with the goal and the champion's; a first model has none before."""
    ours, theirs = comparison.protocols[NEEDS[0]]
    if theirs is None:
        return []
    sides = [tables(rows, draws=0)["all"].set_index("metric")["mean"] for rows in (ours, theirs)]
    return [
        no_worse_or_good(
            "do_no_harm",
            METRICS[name].label,
            [float(side.get(name, float("nan"))) for side in sides],
            goal=MARKS[name].goal,
            tolerance=TOLERANCES[name],
            higher_is_better=METRICS[name].higher_is_better,
        )
        for name in MARKS
    ]
