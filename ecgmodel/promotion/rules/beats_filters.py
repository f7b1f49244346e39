"""Better than the best classical filter on the same test, without distorting clean signals."""

from __future__ import annotations

from ecgmodel.evaluation.summary import MIN_SUBJECTS, method_label
from ecgmodel.promotion.judging import Comparison, Finding, mean_gain
from ecgmodel.settings.gate import GateSettings

RULE = "beats_filters"
EXACT_MV = 1e-6
"""RMSE below which a segment counts as unchanged, mV; its SNR is undefined."""


def judge(comparison: Comparison, settings: GateSettings) -> list[Finding]:
    """Require a significant gain over the best filter, and no more distortion than filters cause.

    Significant: the 95 % interval of the mean difference in SNR improvement over all noisy
    segments, by bootstrap over subjects, is above zero. Fewer than three subjects give no interval;
    then the network must be better in every subject. Distortion: the output SNR of segments without
    added noise is at most `gate.filter_harm_tolerance_db` below that of the least harmful filter.
    """
    best = comparison.best_filter
    if not best:
        text = "No noisy segment was measured, so that it cannot be compared with a filter."
        if comparison.noisy.any():
            text = (
                "No classical filter was measured for comparison. Name some in "
                "evaluation.baselines, or remove beats_filters from gate.rules."
            )
        return [Finding(RULE, "against the best filter", False, None, 0.0, text)]
    return [_better(best, comparison, settings), *_harm(comparison, settings)]


def _better(best: str, comparison: Comparison, settings: GateSettings) -> Finding:
    what = f"SNR improvement against {method_label(best)}"
    filtered = comparison.filters[best]["snr_improvement"]
    few = settings.model_copy(update={"min_subjects": MIN_SUBJECTS})
    gain = mean_gain(comparison.challenger["snr_improvement"] - filtered, comparison, few)
    if gain is None:
        text = f"No noisy segment has values of both sides ({what}), so they cannot be compared."
        return Finding(RULE, what, False, None, 0.0, text)
    how = f"smallest in {gain.least_subject}: {gain.least:+.2f} dB"
    if gain.interval:
        how = "95 % interval {:+.2f} to {:+.2f}".format(*gain.interval)
    passed = gain.least > 0
    verb = "is better than" if passed else "is not proven better than"
    name = method_label(best)
    text = f"The challenger {verb} the best filter ({name}): {gain.mean:+.2f} dB ({how})."
    return Finding(RULE, what, passed, gain.least, 0.0, text)


def _harm(comparison: Comparison, settings: GateSettings) -> list[Finding]:
    """Compare the output SNR of segments without noise; unchanged ones, without an SNR, pass."""
    silent = ~comparison.noisy
    left = {name: rows["snr_out"][silent].mean() for name, rows in comparison.filters.items()}
    known = {name: float(mean) for name, mean in left.items() if mean == mean}
    if not silent.any() or not known:
        return []
    gentlest = max(known, key=lambda name: known[name])
    what = f"no noise added, against {method_label(gentlest)}"
    limit = -settings.filter_harm_tolerance_db
    ours = float(comparison.challenger["snr_out"][silent].mean())
    if ours != ours:
        passed = bool((comparison.challenger["rmse"][silent] < EXACT_MV).all())
        text = "The challenger leaves signals without added noise unchanged."
        if not passed:
            text = "No segment without added noise has an output SNR, so it cannot be compared."
        return [Finding(RULE, what, passed, None, limit, text)]
    passed = ours - known[gentlest] >= limit
    verb = "preserves" if passed else "distorts"
    text = (
        f"The challenger {verb} signals without added noise: output SNR {ours:.1f} dB, "
        f"{known[gentlest]:.1f} dB with the least harmful filter ({method_label(gentlest)}); "
        f"{-limit:g} dB less is allowed."
    )
    return [Finding(RULE, what, passed, ours - known[gentlest], limit, text)]
