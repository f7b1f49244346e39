"""No noise type may lose more than its tolerance."""

from __future__ import annotations

from ecgmodel.promotion.judging import Comparison, Finding
from ecgmodel.promotion.rules._cells import no_worse
from ecgmodel.settings.gate import GateSettings


def judge(comparison: Comparison, settings: GateSettings) -> list[Finding]:
    """Compare the mean SNR improvement of each noise type; not applied to a first model."""
    if comparison.is_first:
        return []
    noisy = comparison.noisy
    gain = comparison.gain("snr_improvement")[noisy]
    part = comparison.challenger["noise_type"][noisy]
    return no_worse("by_noise", "noise type {}", gain, part, settings.noise_tolerance_db)
