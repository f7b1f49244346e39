"""No SNR level may lose more than its tolerance."""

from __future__ import annotations

from ecgmodel.promotion.judging import Comparison, Finding
from ecgmodel.promotion.rules._cells import no_worse
from ecgmodel.settings.gate import GateSettings


def judge(comparison: Comparison, settings: GateSettings) -> list[Finding]:
    """Compare the mean SNR improvement at each SNR level; not applied to a first model."""
    if comparison.is_first:
        return []
    noisy = comparison.noisy
    gain = comparison.gain("snr_improvement")[noisy]
    part = comparison.challenger["snr_db"][noisy]
    return no_worse("by_snr", "SNR {:g} dB", gain, part, settings.snr_tolerance_db)
