"""Under electrode motion, beats must be found as well as before (protocol `qrs-stress`)."""

from __future__ import annotations

from ecgmodel.benchmarks._qrs_stress.records import LEVELS
from ecgmodel.benchmarks.qrs_stress import MARKS, tables
from ecgmodel.promotion.judging import Comparison, Finding
from ecgmodel.promotion.rules._protocols import no_worse_or_good
from ecgmodel.promotion.settings import GateSettings

NEEDS = ("qrs-stress",)
TOLERANCE = 0.005
"""F1 that a level may lose: five of its 994 beats."""


def judge(comparison: Comparison, settings: GateSettings) -> list[Finding]:
    """Compare F1 at each level with the goal and the champion's; a first model has none before."""
    ours, theirs = comparison.protocols[NEEDS[0]]
    if theirs is None:
        return []
    sides = [tables(rows)["all"].set_index("metric")["mean"] for rows in (ours, theirs)]
    return [
        no_worse_or_good(
            "qrs_stress",
            f"F1 of beats found at {level} dB",
            [float(side.get(f"f1_{level}", float("nan"))) for side in sides],
            goal=MARKS[f"f1_{level}"].goal,
            tolerance=TOLERANCE,
        )
        for level in LEVELS
    ]
