"""The benchmark on Gaussian noise: colour and SNR of the noise, and SNR improvement."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.gaussian import SNRS_DB, as_markdown, coloured, improvements
from ecgmodel.signals.standard import FS
from ecgmodel.support.randomness import generator


def power(noise: np.ndarray, low: float, high: float) -> float:
    frequency = np.fft.rfftfreq(noise.shape[1], 1 / FS)
    density = np.square(np.abs(np.fft.rfft(noise))).mean(axis=0)
    return float(density[(frequency >= low) & (frequency < high)].sum())


def test_white_noise_has_equal_power_per_hertz_and_pink_per_octave() -> None:
    white, pink = (coloured(50, 3600, slope, generator(0, slope)) for slope in (0.0, 0.5))
    assert 0.9 < power(white, 20, 60) / power(white, 100, 140) < 1.1
    assert 0.9 < power(pink, 20, 40) / power(pink, 80, 160) < 1.1


def test_the_improvement_is_measured_at_each_snr() -> None:
    clean = np.sin(np.arange(4 * FS) / 20.0)[None].repeat(2, axis=0).astype(np.float32)

    def half_the_error(noisy: np.ndarray, fs: float) -> np.ndarray:
        return (noisy + clean[0]) / 2

    found = list(improvements(half_the_error, clean, "a record"))
    assert [(colour, snr) for colour, snr, _ in found][: len(SNRS_DB)] == [
        ("white", snr) for snr in SNRS_DB
    ]
    for _, _, gains in found:
        np.testing.assert_allclose(gains, 20 * np.log10(2), atol=1e-3)


def test_the_table_has_a_line_per_colour() -> None:
    table = pd.DataFrame({-6.0: [16.04, 13.26]}, index=["white", "pink"])
    assert as_markdown(table).splitlines() == [
        "| SNR, dB | -6 |",
        "| --- | ---: |",
        "| white | 16.0 |",
        "| pink | 13.3 |",
    ]
