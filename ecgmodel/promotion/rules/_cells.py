"""Shared check of rules about parts of the test: no part may lose more than its tolerance."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ecgmodel.promotion.judging import Finding


def no_worse(
    rule: str, label: str, gain: pd.Series[float], part: pd.Series, tolerance: float
) -> list[Finding]:
    """Return a finding for each part of the test.

    Args:
        rule: Name of the rule.
        label: Format string of a part's display name.
        gain: Gain of the challenger by segment, dB.
        part: The part of each segment.
        tolerance: Largest allowed loss in the mean of a part, dB.
    """
    findings = []
    for name, mean in gain.groupby(part).mean().items():
        what = label.format(name)
        if np.isnan(mean):
            text = f"For {what}, no segment has values of both sides, so they cannot be compared."
            findings.append(Finding(rule, what, False, None, -tolerance, text))
            continue
        passed = bool(mean >= -tolerance)
        verb = "stays within the tolerance" if passed else "loses too much"
        text = f"The challenger {verb} at {what}: {mean:+.2f} dB; {-tolerance:+.2f} dB is allowed."
        findings.append(Finding(rule, what, passed, float(mean), -tolerance, text))
    return findings
