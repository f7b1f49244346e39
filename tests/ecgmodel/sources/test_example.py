"""The example shows every reason for unreliable output."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ecgmodel.denoise.denoiser import Denoiser
from ecgmodel.files import read_ecg
from ecgmodel.sources.example import write_example


def test_the_example_is_reproducible_and_shows_every_reason(tmp_path: Path) -> None:
    made = []
    for name in ("first", "again"):
        (tmp_path / name).mkdir()
        made.append(write_example(tmp_path / name))
    assert [f.read_bytes() for f in made[0]] == [f.read_bytes() for f in made[1]]
    ecg = read_ecg(made[0][0])
    assert (ecg.signal.shape, ecg.fs) == ((108_000, 2), 360)
    told = Denoiser.load().clean(ecg.signal, ecg.fs, adc_ranges=ecg.adc_ranges)
    reasons = {(window.lead, window.reason) for window in told.untrusted}
    assert {(0, "lead off"), (0, "missing"), (1, "missing")} <= reasons
    assert {reason for lead, reason in reasons if lead == 1} & {"clipped", "too noisy"}
    quality = np.array([[w.quality_in, w.quality_out] for w in told.windows if not w.reason])
    before, after = np.nanmean(quality, axis=0)
    assert after > before + 0.3
