"""Under electrode motion, beats must be found as well as before (protocol `qrs-stress`)."""

from __future__ import annotations

from ecgmodel.promotion.judging import Comparison, Finding
from ecgmodel.promotion.rules._protocols import MISSING, means, no_worse_or_good
from ecgmodel.protocols._qrs_stress.records import LEVELS
from ecgmodel.protocols.qrs_stress import MARKS, tables
from ecgmodel.settings.gate import GateSettings

NEEDS = ("qrs-stress",)
TOLERANCE = 0.005
"""F1 that a level may lose where the champion misses its goal: five of its 994 beats."""


def judge(comparison: Comparison, settings: GateSettings) -> list[Finding]:
    """Compare F1 at each level with the goal and the champion's."""
    sides = [
        {} if rows is None else means(tables(rows)["all"])
        for rows in comparison.protocols[NEEDS[0]]
    ]
    return [
        no_worse_or_good(
            "qrs_stress",
            f"F1 of beats found at {level} dB",
            [side.get(f"f1_{level}", MISSING) for side in sides],
            MARKS[f"f1_{level}"],
            TOLERANCE,
        )
        for level in LEVELS
    ]
