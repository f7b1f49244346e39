"""Statistics recover the amplitude, noise and wander of simulated recordings."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ecgmodel.errors import RecordError
from ecgmodel.signals.statistics import RecordingStatistics, describe
from tests.wfdb_files import ecg

FS, SECONDS = 360, 150
RNG = np.random.default_rng(3)


def of(signal: np.ndarray, usable: np.ndarray | None = None) -> RecordingStatistics:
    leads = signal if signal.ndim == 2 else signal[:, None]
    return describe(leads, np.ones(leads.shape, bool) if usable is None else usable, 360.0)


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    return ecg(SECONDS, FS)


@pytest.fixture(scope="module")
def plain(clean: np.ndarray) -> RecordingStatistics:
    return of(clean)


def test_statistics_of_a_clean_recording(plain: RecordingStatistics) -> None:
    assert plain.amplitude_mv == pytest.approx(1.45, abs=0.2)  # R of 1.2 mV, S of -0.25 mV
    assert plain.noise_mv < 0.01
    assert plain.wander_mv < 0.02
    assert plain.quality == 1
    assert (plain.usable, plain.duration_s, plain.sampling_rate_hz) == (1, SECONDS, 360)


def test_amplitude_depends_on_the_gain_only(clean: np.ndarray, plain: RecordingStatistics) -> None:
    spikes = clean.copy()
    spikes[::5000] += 30
    assert of(2 * clean).amplitude_mv == pytest.approx(2 * plain.amplitude_mv, rel=1e-4)
    assert of(clean + 7).amplitude_mv == pytest.approx(plain.amplitude_mv, rel=1e-4)
    assert of(spikes).amplitude_mv == pytest.approx(plain.amplitude_mv, rel=0.1)


def test_noise_between_beats_raises_the_noise_level(
    clean: np.ndarray, plain: RecordingStatistics
) -> None:
    levels = [of(clean + s * RNG.standard_normal(len(clean))).noise_mv for s in (0.02, 0.05, 0.2)]
    assert plain.noise_mv < levels[0] < levels[1] < levels[2]
    assert levels[2] > 5 * levels[0]
    assert of(clean + 0.2 * RNG.standard_normal(len(clean))).quality < 0.1


def test_wander_is_measured_separately(clean: np.ndarray, plain: RecordingStatistics) -> None:
    slow = np.sin(2 * np.pi * 0.1 * np.arange(len(clean)) / FS)
    found = of(clean + 0.5 * slow)
    assert found.wander_mv == pytest.approx(0.5 / np.sqrt(2), rel=0.1)
    assert found.noise_mv == pytest.approx(plain.noise_mv, rel=0.1)
    assert found.amplitude_mv == pytest.approx(plain.amplitude_mv, rel=0.1)


def test_unusable_samples_are_ignored(clean: np.ndarray, plain: RecordingStatistics) -> None:
    broken, usable = clean[:, None].copy(), np.ones((len(clean), 1), bool)
    broken[10_000:30_000], usable[10_000:30_000] = np.nan, False
    broken[40_000:45_000], usable[40_000:45_000] = 900.0, False
    found = of(broken, usable)
    assert found.usable == pytest.approx(1 - 25_000 / len(clean), abs=1e-6)
    assert found.amplitude_mv == pytest.approx(plain.amplitude_mv, rel=0.1)
    assert found.noise_mv == pytest.approx(plain.noise_mv, rel=0.3)


def test_leads_are_averaged_and_a_flat_lead_is_ignored(
    clean: np.ndarray, plain: RecordingStatistics
) -> None:
    two = np.stack([clean, 3 * clean], axis=1)
    assert of(two).amplitude_mv == pytest.approx(2 * plain.amplitude_mv, rel=1e-4)
    usable = np.stack([np.ones(len(clean), bool), np.zeros(len(clean), bool)], axis=1)
    assert of(two, usable).amplitude_mv == pytest.approx(plain.amplitude_mv, rel=1e-4)
    assert of(two, usable).usable == 0.5


def test_a_recording_too_short_to_judge_gives_none(clean: np.ndarray) -> None:
    found = of(clean[:500])
    assert (found.noise_mv, found.quality) == (None, None)
    assert found.duration_s == pytest.approx(500 / 360, abs=1e-3)


def test_statistics_survive_json(plain: RecordingStatistics) -> None:
    values = json.loads(json.dumps(plain.to_dict(), allow_nan=False))
    assert RecordingStatistics.from_dict(values) == plain
    with pytest.raises(RecordError, match="sampling_rate_hz"):
        RecordingStatistics.from_dict({"noise_mv": 1})


def test_shapes_that_differ_are_refused(clean: np.ndarray) -> None:
    with pytest.raises(RecordError, match="one shape"):
        describe(clean[:, None], np.ones((5, 1), bool), 360.0)
    with pytest.raises(RecordError, match="one shape"):
        describe(np.empty((0, 1)), np.empty((0, 1), bool), 360.0)
