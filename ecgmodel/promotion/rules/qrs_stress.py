"""Beats under electrode motion must be detected as well as by the champion (`qrs-stress`)."""

from __future__ import annotations

from ecgmodel.promotion.judging import Comparison, Finding
from ecgmodel.promotion.rules._protocols import MISSING, means, no_worse_or_good
from ecgmodel.protocols._qrs_stress.records import LEVELS
from ecgmodel.protocols.qrs_stress import PROTOCOL
from ecgmodel.settings.gate import GateSettings

NEEDS = ("qrs-stress",)
TOLERANCE = 0.005
"""Allowed loss in F1 at a level if the champion misses the goal: five of its 994 beats."""


def judge(comparison: Comparison, settings: GateSettings) -> list[Finding]:
    """Compare F1 at each SNR level with its goal and the champion."""
    sides = [
        {} if rows is None else means(PROTOCOL.tables(rows)["all"])
        for rows in comparison.protocols[NEEDS[0]]
    ]
    return [
        no_worse_or_good(
            "qrs_stress",
            f"F1 of beat detection at {level} dB",
            [side.get(f"f1_{level}", MISSING) for side in sides],
            PROTOCOL.goals[f"f1_{level}"],
            TOLERANCE,
        )
        for level in LEVELS
    ]
