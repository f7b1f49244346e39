"""Where no noise was added, the signal must be left alone at least as well as before."""

from __future__ import annotations

import numpy as np

from ecgmodel.promotion.judging import Comparison, Finding
from ecgmodel.settings.gate import GateSettings

NEGLIGIBLE_MV = 1e-4  # an RMSE of a tenth of a microvolt: 70 dB under an ECG's own power


def judge(comparison: Comparison, settings: GateSettings) -> list[Finding]:
    """Compare the errors of the stretches without added noise; a first model has none before it.

    Errors are compared as levels, 20 log10 of the RMSE, so that a perfect copy, whose SNR is not
    defined, counts as very good and not as missing.
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
    verb = "leaves" if passed else "does not leave"
    text = (
        f"It {verb} signals without added noise alone as well as the champion: {gain:+.2f} dB, "
        f"{limit:+.2f} dB allowed."
    )
    return [Finding("no_noise", "no noise added", passed, gain, limit, text)]
