"""Missing, flat and clipped segments are masked, and no part of a real ECG is."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecgmodel.errors import RecordError
from ecgmodel.signals.masks import MaskSettings, usable_samples

FS = 250.0
BARE = MaskSettings(margin_s=0)


def ecg(samples: int = 5000, step_mv: float = 0.005) -> np.ndarray:
    """A quantised lead with one beat per second, all of the same height."""
    t = np.arange(samples) / FS % 1
    wave = np.exp(-(((t - 0.3) / 0.012) ** 2)) + 0.2 * np.exp(-(((t - 0.6) / 0.05) ** 2))
    return np.round(wave / step_mv)[:, None] * step_mv


def marked(signal: np.ndarray, settings: MaskSettings = BARE, limits=None) -> list[int]:
    """Return the unusable samples of the first lead."""
    return np.flatnonzero(~usable_samples(signal, FS, settings, limits)[:, 0]).tolist()


def test_missing_samples_are_marked_with_a_margin():
    signal = ecg()
    signal[[1000, 3000], 0] = np.nan, np.inf
    assert marked(signal) == [1000, 3000]
    wide = [*range(975, 1026), *range(2975, 3026)]
    assert marked(signal, MaskSettings(margin_s=0.1)) == wide


def test_margin_stays_inside_the_recording():
    signal = ecg()
    signal[[0, -1], 0] = np.nan
    assert marked(signal, MaskSettings(margin_s=0.02)) == [0, 1, 2, 3, 4, 5, *range(4994, 5000)]


def test_a_constant_second_is_flat_and_a_shorter_section_is_not():
    signal = ecg() + np.linspace(0, 1, 5000)[:, None]
    signal[1000:1249] = signal[1000]
    assert marked(signal) == []
    signal[3000:3250] = signal[3000]
    assert marked(signal) == list(range(3000, 3250))


def test_a_constant_lead_does_not_affect_the_others():
    signal = np.hstack([ecg(), np.full((5000, 1), 0.7)])
    assert usable_samples(signal, FS, BARE).all(axis=0).tolist() == [True, False]
    assert not usable_samples(signal, FS, BARE)[:, 1].any()


def test_quiet_diastole_of_a_coarse_recording_is_not_flat():
    signal = ecg(step_mv=0.05)
    assert marked(signal) == []


def test_every_sample_at_the_adc_limit_is_clipped():
    signal = ecg() + np.linspace(0, 0.01, 5000)[:, None]
    limit = float(signal[1325, 0])
    clipped = np.minimum(signal, limit)
    assert marked(clipped, limits=[(-5.0, limit)]) == np.flatnonzero(signal >= limit).tolist()
    assert marked(-clipped, limits=[(-limit, 5.0)]) == np.flatnonzero(signal >= limit).tolist()


def test_an_adc_range_that_the_samples_exceed_is_ignored():
    assert marked(ecg(), limits=[(-0.5, 0.5)]) == []


@pytest.mark.parametrize("sign", [1, -1])
def test_clipping_inside_the_adc_range_is_detected(sign):
    signal = np.minimum(ecg(), 0.5)
    at_limit = np.flatnonzero(signal[:, 0] == 0.5)
    assert marked(sign * signal, limits=[(-5.0, 5.0)]) == at_limit.tolist()
    assert marked(sign * signal, MaskSettings(margin_s=0, clipping=False)) == []


@pytest.mark.parametrize("step_mv", [0.001, 0.005, 0.02])
def test_tops_of_equal_beats_are_not_clipped(step_mv):
    assert marked(ecg(step_mv=step_mv)) == []


def test_a_flat_baseline_under_pacing_spikes_is_not_clipped():
    signal = ecg()
    signal[60::250] = 2.0  # the baseline is the lead's lowest value, and the spikes are sharp
    assert marked(signal) == []


def test_wrong_input_is_refused():
    with pytest.raises(RecordError, match=r"\(samples, leads\)"):
        usable_samples(np.zeros(10), FS, BARE)
    with pytest.raises(RecordError, match="fs=0"):
        usable_samples(np.zeros((10, 1)), 0.0, BARE)
    with pytest.raises(RecordError, match="each of the 2 leads"):
        usable_samples(np.zeros((10, 2)), FS, BARE, [(0.0, 1.0)])


def test_an_empty_recording_gives_an_empty_mask():
    assert usable_samples(np.zeros((0, 2)), FS, BARE).shape == (0, 2)


@pytest.mark.parametrize(
    ("record", "least", "most"),
    [
        ("mitdb/1.0.0/101", 1.0, 1.0),
        ("nsrdb/1.0.0/16265", 1.0, 1.0),  # 128 Hz, steps of 5 uV
        ("qtdb/1.0.0/sel811", 1.0, 1.0),  # constant for up to 0.26 s in diastole
        ("mitdb/1.0.0/116", 0.99, 0.999),  # 0.7 s at both limits
        ("qtdb/1.0.0/sel42", 0.5, 0.7),  # T waves cut off at 2.555 mV, far from the limit
    ],
)
def test_real_recordings(physionet: Path, record: str, least: float, most: float):
    if not (physionet / f"{record}.dat").is_file():
        pytest.skip(f"{record} is not in {physionet}")
    read = wfdb.rdrecord(str(physionet / record))
    share = usable_samples(read.p_signal, read.fs, MaskSettings())[:, 0].mean()
    assert least <= share <= most


def test_half_an_hour_of_two_leads_is_fast():
    signal = np.tile(ecg(65_000), (10, 2)) + np.random.default_rng(0).normal(0, 0.01, (650_000, 2))
    signal = np.round(signal / 0.005) * 0.005
    best = min(_seconds(signal) for _ in range(3))
    assert best < 0.5  # about 0.03 s on a quiet machine


def _seconds(signal: np.ndarray) -> float:
    start = time.process_time()  # whatever else the machine does
    usable_samples(signal, 360.0, MaskSettings())
    return time.process_time() - start
