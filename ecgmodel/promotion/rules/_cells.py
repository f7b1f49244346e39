"""What rules about parts of the test share: no part may lose more than it is allowed to."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ecgmodel.promotion.judging import Finding


def no_worse(
    rule: str, label: str, gain: pd.Series[float], part: pd.Series, tolerance: float
) -> list[Finding]:
    """Return a finding for each part of the test.

    Args:
        rule: The rule's name.
        label: What a part is called, with a place for its name.
        gain: How much better the challenger is, by stretch, dB.
        part: The part of each stretch.
        tolerance: What the mean of a part may lose, dB.
    """
    findings = []
    for name, mean in gain.groupby(part).mean().items():
        what = label.format(name)
        if np.isnan(mean):
            text = f"Of {what} no stretch has a figure of both sides: nothing can be proven."
            findings.append(Finding(rule, what, False, None, -tolerance, text))
            continue
        passed = bool(mean >= -tolerance)
        verb = "keeps" if passed else "loses"
        text = f"It {verb} {what}: {mean:+.2f} dB, {-tolerance:+.2f} dB allowed."
        findings.append(Finding(rule, what, passed, float(mean), -tolerance, text))
    return findings
