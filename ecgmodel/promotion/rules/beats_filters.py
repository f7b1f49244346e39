"""Better than the best classical filter of the same test, and hardly more harmful."""

from __future__ import annotations

from ecgmodel.evaluation.summary import MIN_SUBJECTS, method_label
from ecgmodel.promotion.judging import Comparison, Finding, mean_gain
from ecgmodel.settings.gate import GateSettings

RULE = "beats_filters"
EXACT_MV = 1e-6
"""An RMSE below which a segment counts as left as it was; its SNR is not defined."""


def judge(comparison: Comparison, settings: GateSettings) -> list[Finding]:
    """Ask for a gain over the best filter that is no chance, and for as little harm as it does.

    No chance: the 95 % interval of the mean difference in SNR improvement, over all noisy segments
    and by bootstrap over subjects, lies above zero; with fewer than three subjects, who give no
    interval, the network is better in every one of them. Harm: the output SNR where no noise was
    added is at most `gate.filter_harm_tolerance_db` below that of the filter that leaves most.
    """
    best = comparison.best_filter
    if not best:
        text = "No noisy segment was measured: it is not proven better than a filter."
        if comparison.noisy.any():
            text = (
                "No classical filter was measured, so it is not proven better than one. Name some "
                "in evaluation.baselines, or leave beats_filters out of gate.rules."
            )
        return [Finding(RULE, "against the best filter", False, None, 0.0, text)]
    return [_better(best, comparison, settings), *_harm(comparison, settings)]


def _better(best: str, comparison: Comparison, settings: GateSettings) -> Finding:
    what = f"SNR improvement against {method_label(best)}"
    filtered = comparison.filters[best]["snr_improvement"]
    few = settings.model_copy(update={"min_subjects": MIN_SUBJECTS})
    gain = mean_gain(comparison.challenger["snr_improvement"] - filtered, comparison, few)
    if gain is None:
        text = f"No noisy segment has a figure of both sides ({what}): nothing can be proven."
        return Finding(RULE, what, False, None, 0.0, text)
    how = f"least in {gain.least_subject}: {gain.least:+.2f} dB"
    if gain.interval:
        how = "95 % interval {:+.2f} to {:+.2f}".format(*gain.interval)
    passed = gain.least > 0
    verb = "is better than" if passed else "is not proven better than"
    text = f"It {verb} the best filter ({method_label(best)}): {gain.mean:+.2f} dB ({how})."
    return Finding(RULE, what, passed, gain.least, 0.0, text)


def _harm(comparison: Comparison, settings: GateSettings) -> list[Finding]:
    """Compare the output SNR of segments without noise; a perfect copy, which has none, passes."""
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
        text = "It leaves signals without noise exactly as they are."
        if not passed:
            text = "No segment without noise has an output SNR: nothing can be proven."
        return [Finding(RULE, what, passed, None, limit, text)]
    passed = ours - known[gentlest] >= limit
    verb = "leaves signals without noise alone" if passed else "harms signals without noise"
    text = (
        f"It {verb}: output SNR {ours:.1f} dB, {known[gentlest]:.1f} dB by the filter that leaves "
        f"most ({method_label(gentlest)}); {-limit:g} dB less are allowed."
    )
    return [Finding(RULE, what, passed, ours - known[gentlest], limit, text)]
