"""The computational cost may not grow by more than a tolerance, unless it is within the budget."""

from __future__ import annotations

from ecgmodel.promotion.judging import Comparison, Finding
from ecgmodel.settings.gate import GateSettings


def judge(comparison: Comparison, settings: GateSettings) -> list[Finding]:
    """Compare MACs per second of ECG and parameters, which do not depend on the machine.

    Not applied to a first model.
    """
    ours, theirs = comparison.costs
    if ours is None or theirs is None:
        return []
    pairs = [
        (
            "MACs per second of ECG",
            ours.macs_per_second,
            theirs.macs_per_second,
            settings.macs_budget,
        ),
        (
            "parameters",
            float(ours.parameters),
            float(theirs.parameters),
            float(settings.parameters_budget),
        ),
    ]
    return [_finding(settings, *pair) for pair in pairs]


def _finding(
    settings: GateSettings, what: str, ours: float, theirs: float, budget: float
) -> Finding:
    limit = max(theirs * (1 + settings.cost_tolerance), budget)
    passed = ours <= limit
    verb = "needs" if passed else "is too expensive: it needs"
    text = f"The challenger {verb} {ours:,.0f} {what}; {limit:,.0f} is allowed."
    return Finding("cost", what, passed, ours, limit, text)
