"""Better in the primary metric, beyond chance."""

from __future__ import annotations

from ecgmodel.evaluation.metrics import METRICS
from ecgmodel.promotion.judging import FIRST, Comparison, Finding, mean_and_interval
from ecgmodel.promotion.settings import GateSettings


def judge(comparison: Comparison, settings: GateSettings) -> list[Finding]:
    """Ask for a paired gain whose 95 % interval over subjects lies above zero.

    With fewer subjects than `gate.min_subjects` an interval says little: then the challenger has
    to be better in every subject.
    """
    metric = METRICS[settings.primary]
    sign = 1 if metric.higher_is_better else -1
    noisy = comparison.noisy
    gain = (sign * comparison.gain(settings.primary)[noisy]).dropna()
    subjects = comparison.challenger.loc[gain.index, "subject"]
    other = FIRST if comparison.is_first else "the champion"
    what = f"{metric.label} against {other}"
    if gain.empty:
        text = f"No noisy stretch has a figure of both sides ({what}): nothing can be proven."
        return [Finding("primary", what, False, None, 0.0, text)]
    by_subject = gain.groupby(subjects).mean()
    mean, low, high = mean_and_interval(gain, subjects, settings)
    if len(by_subject) < settings.min_subjects:
        worst = str(by_subject.idxmin())
        passed, limit = bool((by_subject > 0).all()), float(by_subject.min())
        how = (
            f"of {len(by_subject)} subjects, fewer than {settings.min_subjects}, it must be better "
            f"in every one; least in {worst}: {limit:+.2f} {metric.unit}"
        )
    else:
        passed, limit = low > 0, low
        how = f"95 % interval over {len(by_subject)} subjects {low:+.2f} to {high:+.2f}"
    better = "better than" if passed else "not proven better than"
    text = f"It is {better} {other}: {metric.label} {mean:+.2f} {metric.unit} ({how})."
    return [Finding("primary", what, passed, limit, 0.0, text)]
