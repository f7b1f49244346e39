"""Signals without added noise must be preserved as well as by the champion."""

from __future__ import annotations

import numpy as np

from ecgmodel.promotion.judging import Comparison, Finding
from ecgmodel.settings.gate import GateSettings

NEGLIGIBLE_MV = 1e-4  # an RMSE of 0.1 uV, 70 dB below the power of an ECG


def judge(comparison: Comparison, settings: GateSettings) -> list[Finding]:
    """Compare the errors on segments without added noise; not applied to a first model.

    Errors are compared as levels, 20 log10 of the RMSE, since the SNR of an unchanged segment is
    undefined.
    """
    clean = ~comparison.noisy
    if comparison.is_first or not clean.any():
        return []
    levels = [
        20 * np.log10(np.maximum(side["rmse"][clean], NEGLIGIBLE_MV))
        for side in (comparison.champion, comparison.challenger)
    ]
    gain = float((levels[0] - levels[1]).mean())
    limit = -settings.no_noise_tolerance_db
    passed = gain >= limit
    verb = "preserves" if passed else "does not preserve"
    text = (
        f"The challenger {verb} signals without added noise as well as the champion: "
        f"{gain:+.2f} dB; {limit:+.2f} dB is allowed."
    )
    return [Finding("no_noise", "no noise added", passed, gain, limit, text)]
