"""Better in the primary metric, beyond chance and by enough to count."""

from __future__ import annotations

from ecgmodel.evaluation.metrics import METRICS
from ecgmodel.promotion.judging import FIRST, Comparison, Finding, Gain, primary_gain
from ecgmodel.settings.gate import GateSettings


def judge(comparison: Comparison, settings: GateSettings) -> list[Finding]:
    """Ask for a paired gain that is no chance, and whose mean reaches `gate.smallest_gain`.

    No chance: its 95 % interval over subjects lies above zero. With fewer subjects than
    `gate.min_subjects` an interval says little: then the challenger has to be better in every
    subject. Either may hold for a gain of no use, such as that of the same network trained again;
    hence the smallest gain. A first model has to gain as much over no filter.
    """
    label = METRICS[settings.primary].label
    what = f"{label} against {_other(comparison)}"
    gain = primary_gain(comparison, settings)
    if gain is None:
        text = f"No noisy stretch has a figure of both sides ({what}): nothing can be proven."
        return [Finding("primary", what, False, None, 0.0, text)]
    findings = [_beyond_chance(gain, comparison, settings)]
    return findings + ([_enough(gain, comparison, settings)] if settings.smallest_gain else [])


def _beyond_chance(gain: Gain, comparison: Comparison, settings: GateSettings) -> Finding:
    metric, other = METRICS[settings.primary], _other(comparison)
    count = len(gain.by_subject)
    how = (
        f"of {count} subjects, fewer than {settings.min_subjects}, it must be better "
        f"in every one; least in {gain.least_subject}: {gain.least:+.2f} {metric.unit}"
    )
    if gain.interval:
        low, high = gain.interval
        how = f"95 % interval over {count} subjects {low:+.2f} to {high:+.2f}"
    passed = gain.least > 0
    better = "better than" if passed else "not proven better than"
    text = f"It is {better} {other}: {metric.label} {gain.mean:+.2f} {metric.unit} ({how})."
    return Finding("primary", f"{metric.label} against {other}", passed, gain.least, 0.0, text)


def _enough(gain: Gain, comparison: Comparison, settings: GateSettings) -> Finding:
    metric, least = METRICS[settings.primary], settings.smallest_gain
    passed = gain.mean >= least
    verb = "gains enough" if passed else "gains too little"
    text = (
        f"It {verb}: {gain.mean:+.3g} {metric.unit} in mean {metric.label} over "
        f"{_other(comparison)}; {least:+.3g} {metric.unit} is the least that counts."
    )
    return Finding("primary", f"mean gain in {metric.label}", passed, gain.mean, least, text)


def _other(comparison: Comparison) -> str:
    return FIRST if comparison.is_first else "the champion"
