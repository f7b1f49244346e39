"""The quality gate rejects every kind of noise and keeps every kind of rhythm."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import wfdb

from ecgmodel.errors import SettingsError
from ecgmodel.signals.beats import beat_classes
from ecgmodel.signals.quality import REASONS, QualitySettings, judge
from ecgmodel.signals.standard import highpass

FS, LENGTH = 360.0, 1024
SETTINGS = QualitySettings()
# Subjects of mitdb that are not test subjects.
TRAINING = (101, 108, 109, 114, 115, 116, 122, 124, 205, 207, 208, 220, 223, 230)

# Waves of a beat: time after its start (s), width (s), height (mV).
SINUS = ((0.0, 0.025, 0.12), (0.16, 0.012, 1.1), (0.185, 0.012, -0.25), (0.42, 0.05, 0.3))
BUNDLE_BRANCH = ((0.0, 0.025, 0.1), (0.16, 0.03, -1.0), (0.26, 0.03, 0.25), (0.46, 0.07, 0.4))
VENTRICULAR = ((0.14, 0.045, 1.6), (0.25, 0.03, -0.2), (0.42, 0.08, -0.7))
PACED = ((0.1, 0.0015, 2.0), (0.17, 0.04, -1.2), (0.44, 0.07, 0.6))


def beats(
    starts: np.ndarray, waves: tuple, seed: int = 0, samples: int = 20 * LENGTH
) -> np.ndarray:
    """Return a high-passed lead with beats at the given times (s) and 4 uV of recorder noise."""
    t = np.arange(samples) / FS
    lead = np.random.default_rng(seed).normal(0, 0.004, samples)
    for start in starts:
        for delay, width, height in waves:
            lead += height * np.exp(-(((t - start - delay) / width) ** 2))
    return highpass(lead[:, None])[:, 0]


def windows(lead: np.ndarray) -> np.ndarray:
    return lead[: len(lead) // LENGTH * LENGTH].reshape(-1, LENGTH).astype(np.float32)


def regular(rate: float) -> np.ndarray:
    """Return the starts of beats at a rate (1/min), with a small variation."""
    gaps = 60 / rate * (1 + np.random.default_rng(1).normal(0, 0.02, 200))
    return np.cumsum(gaps)


CLEAN = windows(beats(regular(70), SINUS))


def share_rejected(noisy: np.ndarray) -> float:
    return 1 - float(judge(noisy.astype(np.float32), FS, SETTINGS).kept.mean())


def only_reason(noisy: np.ndarray) -> str:
    """Return the reason for which all windows are rejected."""
    reasons = set(judge(noisy.astype(np.float32), FS, SETTINGS).reason.tolist())
    assert len(reasons) == 1, reasons
    return reasons.pop()


@pytest.mark.parametrize("rate", [45, 70, 100, 130, 160])
def test_clean_sinus_rhythm_is_kept_at_any_rate(rate):
    shorter = min(1.0, (60 / rate) ** 0.5)  # the faster the heart, the shorter P to T
    waves = tuple((delay * shorter, width, height) for delay, width, height in SINUS)
    assert share_rejected(windows(beats(regular(rate), waves))) == 0


@pytest.mark.parametrize("rate", [50, 75, 110])
@pytest.mark.parametrize("waves", [BUNDLE_BRANCH, PACED], ids=["bundle branch", "paced"])
def test_clean_wide_beats_are_kept(waves, rate):
    assert share_rejected(windows(beats(regular(rate), waves))) == 0


@pytest.mark.parametrize("rate", [80, 150])
def test_clean_ventricular_beats_are_kept(rate):
    starts = regular(rate)
    bigeminy = beats(starts[::2], SINUS) + beats(starts[1::2] - 0.1, VENTRICULAR)
    assert share_rejected(windows(bigeminy)) == 0
    assert share_rejected(windows(beats(starts, VENTRICULAR))) <= 0.1


def test_an_irregular_rhythm_is_kept():
    gaps = np.random.default_rng(2).uniform(0.45, 1.1, 200)
    assert share_rejected(windows(beats(np.cumsum(gaps), SINUS))) == 0


def test_muscle_noise_is_rejected_throughout_or_in_a_burst():
    noise = np.random.default_rng(3).normal(0, 0.15, CLEAN.shape)
    assert only_reason(CLEAN + noise) == "muscle"
    noise[:, : LENGTH // 2] = 0
    assert only_reason(CLEAN + noise) == "muscle"


@pytest.mark.parametrize("hz", [50, 60])
def test_hum_is_rejected(hz):
    hum = 0.08 * np.sin(2 * np.pi * hz * np.arange(LENGTH) / FS)
    assert only_reason(CLEAN + hum) == "hum"


def test_electrode_motion_is_rejected():
    rng = np.random.default_rng(4)
    sos = scipy.signal.butter(2, [0.7, 8], "bandpass", fs=FS, output="sos")
    motion = scipy.signal.sosfiltfilt(sos, rng.normal(0, 1, CLEAN.size)).reshape(CLEAN.shape)
    assert share_rejected(CLEAN + 0.25 * motion / motion.std()) > 0.8


def test_calibration_pulses_are_rejected():
    t = np.arange(LENGTH) / FS
    pulses = 0.5 * scipy.signal.square(2 * np.pi * t)[None] * np.exp(-(t % 0.5))[None]
    assert only_reason(pulses + np.random.default_rng(5).normal(0, 0.002, LENGTH)) == "no ECG"


def test_weak_large_and_missing_signals_are_rejected():
    noisy = CLEAN[:4].copy()
    noisy[0] *= 0.1
    noisy[1, 500] = 9
    noisy[2, 10] = np.nan
    verdict = judge(noisy, FS, SETTINGS)
    assert verdict.reason.tolist() == ["too weak", "too large", "not finite", ""]
    assert verdict.kept.tolist() == [False, False, False, True]
    assert all(np.isfinite(score).all() for score in verdict.scores.values())


def test_windows_are_judged_one_by_one():
    noise = np.random.default_rng(6).normal(0, 1, (700, LENGTH))
    many = np.resize(CLEAN, (700, LENGTH)) + noise * np.linspace(0, 0.1, 700)[:, None]
    many = many.astype(np.float32)
    together, alone = judge(many, FS, SETTINGS), judge(many[600:601], FS, SETTINGS)
    assert 0.1 < together.kept.mean() < 0.9
    assert together.reason[600] == alone.reason[0]
    for name, score in alone.scores.items():
        assert together.scores[name][600] == score[0]


def test_settings_shift_the_gate_and_switch_it_off():
    noise = np.random.default_rng(7).normal(0, 0.15, CLEAN.shape)
    noisy = (CLEAN + noise).astype(np.float32)
    noisy[0, 0] = np.nan
    assert not judge(noisy, FS, SETTINGS).kept.any()
    lenient = QualitySettings(muscle=1, muscle_burst=1, muscle_drowned=1, hum=1, motion_floor_mv=1)
    assert judge(noisy, FS, lenient).kept[1:].all()
    off = judge(noisy, FS, QualitySettings(enabled=False))
    assert off.reason[0] == "not finite"
    assert off.kept[1:].all()


def test_no_windows_give_an_empty_verdict():
    verdict = judge(CLEAN[:0], FS, SETTINGS)
    assert verdict.kept.shape == verdict.reason.shape == (0,)


@pytest.mark.parametrize("shape", [(LENGTH,), (3, 100)])
def test_wrong_shapes_are_refused(shape):
    with pytest.raises(SettingsError, match="quality gate expects"):
        judge(np.zeros(shape, np.float32), FS, SETTINGS)


def test_a_low_original_rate_does_not_make_muscle_noise_look_cleaner():
    rng = np.random.default_rng(8)
    lead = beats(regular(70), SINUS) + rng.normal(0, 0.15, 20 * LENGTH)
    slow = scipy.signal.resample_poly(lead, 16, 45)  # 128 Hz
    again = windows(scipy.signal.resample_poly(slow, 45, 16))
    assert only_reason(again) == "muscle"


def test_thousands_of_windows_take_seconds():
    many = np.resize(CLEAN, (7000, LENGTH))
    start = time.process_time()  # whatever else the machine does
    judge(many, FS, SETTINGS)
    assert time.process_time() - start < 5  # about 0.2 s on a quiet machine


@pytest.fixture(scope="module")
def mitdb(physionet: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return windows of mitdb's training records, both leads, and their beat classes."""
    signals, kinds = [], []
    for record in TRAINING:
        path = physionet / "mitdb/1.0.0" / str(record)
        if not path.with_suffix(".dat").is_file():
            continue
        signal = highpass(wfdb.rdrecord(str(path)).p_signal)
        marks = wfdb.rdann(str(path), "atr")
        starts = np.arange(len(signal) // LENGTH) * LENGTH
        kind = beat_classes(marks.sample, np.array(marks.symbol), starts, LENGTH)
        for lead in signal.T:
            signals.append(windows(lead))
            kinds.append(kind)
    if not signals:
        pytest.skip(f"no training record of mitdb is in {physionet}")
    return np.concatenate(signals), np.concatenate(kinds)


def test_pathology_is_kept_as_often_as_normal_beats(mitdb):
    signals, kinds = mitdb
    kept = judge(signals, FS, SETTINGS).kept
    normal = kept[kinds == "normal"].mean()
    assert 0.75 < kept.mean() < 0.95
    for kind in ("ventricular", "bundle branch", "paced"):
        if (kinds == kind).sum() >= 100:  # no training record is paced
            assert kept[kinds == kind].mean() >= 0.9 * normal, kind


@pytest.mark.parametrize(
    ("noise", "at_18", "at_0"), [("bw", 0.2, 0.9), ("em", 0.15, 0.8), ("ma", 0.5, 0.98)]
)
def test_stronger_real_noise_is_rejected_more_often(mitdb, physionet, noise, at_18, at_0):
    path = physionet / "nstdb/1.0.0" / noise
    if not path.with_suffix(".dat").is_file():
        pytest.skip(f"nstdb/{noise} is not in {physionet}")
    signals = mitdb[0]
    clean = signals[judge(signals, FS, SETTINGS).kept][::20].astype(np.float64)
    recorded = highpass(wfdb.rdrecord(str(path)).p_signal[:325_000])
    rng = np.random.default_rng(9)
    at = rng.integers(0, len(recorded) - LENGTH, len(clean))
    pieces = np.stack([recorded[a : a + LENGTH, i % 2] for i, a in enumerate(at)])
    pieces -= pieces.mean(axis=1, keepdims=True)
    pieces *= np.sqrt(clean.var(axis=1) / pieces.var(axis=1))[:, None]
    rejected = [share_rejected(clean + pieces * 10 ** (-snr / 20)) for snr in (18, 12, 6, 0)]
    assert rejected == sorted(rejected)
    assert rejected[0] < at_18
    assert rejected[-1] > at_0


def test_reasons_are_the_documented_ones(mitdb):
    assert set(judge(mitdb[0], FS, SETTINGS).reason.tolist()) <= {"", *REASONS}
