"""Better in the primary metric, significantly and by a minimum gain."""

from __future__ import annotations

from ecgmodel.evaluation.metrics import METRICS
from ecgmodel.promotion.judging import FIRST, Comparison, Finding, Gain, primary_gain
from ecgmodel.settings.gate import GateSettings


def judge(comparison: Comparison, settings: GateSettings) -> list[Finding]:
    """Require a significant paired gain whose mean reaches `gate.smallest_gain`.

    Significant: its 95 % interval over subjects is above zero. With fewer subjects than
    `gate.min_subjects` an interval is unreliable, and the challenger must be better in every
    subject. A significant gain may still be negligible, e.g. after training the same network
    again; hence the minimum gain. A first model must gain as much over no filter.
    """
    label = METRICS[settings.primary].label
    what = f"{label} against {_other(comparison)}"
    gain = primary_gain(comparison, settings)
    if gain is None:
        text = f"No noisy segment has values of both sides ({what}), so they cannot be compared."
        return [Finding("primary", what, False, None, 0.0, text)]
    findings = [_beyond_chance(gain, comparison, settings)]
    return findings + ([_enough(gain, comparison, settings)] if settings.smallest_gain else [])


def _beyond_chance(gain: Gain, comparison: Comparison, settings: GateSettings) -> Finding:
    metric, other = METRICS[settings.primary], _other(comparison)
    count = len(gain.by_subject)
    how = (
        f"with {count} subjects, fewer than {settings.min_subjects}, it must be better "
        f"in every one; smallest gain in {gain.least_subject}: {gain.least:+.2f} {metric.unit}"
    )
    if gain.interval:
        low, high = gain.interval
        how = f"95 % interval over {count} subjects {low:+.2f} to {high:+.2f}"
    passed = gain.least > 0
    better = "better than" if passed else "not proven better than"
    text = (
        f"The challenger is {better} {other}: {metric.label} {gain.mean:+.2f} {metric.unit} "
        f"({how})."
    )
    return Finding("primary", f"{metric.label} against {other}", passed, gain.least, 0.0, text)


def _enough(gain: Gain, comparison: Comparison, settings: GateSettings) -> Finding:
    metric, least = METRICS[settings.primary], settings.smallest_gain
    passed = gain.mean >= least
    verb = "is large enough" if passed else "is too small"
    text = (
        f"The gain {verb}: {gain.mean:+.3g} {metric.unit} in mean {metric.label} over "
        f"{_other(comparison)}; at least {least:+.3g} {metric.unit} is required."
    )
    return Finding("primary", f"mean gain in {metric.label}", passed, gain.mean, least, text)


def _other(comparison: Comparison) -> str:
    return FIRST if comparison.is_first else "the champion"
