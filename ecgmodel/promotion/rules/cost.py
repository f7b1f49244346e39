"""It may not cost much more, unless it stays within the budget."""

from __future__ import annotations

from ecgmodel.promotion.judging import Comparison, Finding
from ecgmodel.settings.gate import GateSettings


def judge(comparison: Comparison, settings: GateSettings) -> list[Finding]:
    """Compare multiply-accumulates per second of ECG and parameters; seconds depend on machines.

    A first model may cost what it will: there is none that does the same for less.
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
    verb = "costs" if passed else "costs too much:"
    text = f"It {verb} {ours:,.0f} {what}, {limit:,.0f} allowed."
    return Finding("cost", what, passed, ours, limit, text)
