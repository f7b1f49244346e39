"""Any rate, length and number of leads; gaps stay missing; a stream equals the whole."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import resample_poly

from ecgmodel.denoise.denoiser import MOST_LEADS, Denoiser
from ecgmodel.errors import EcgError, MissingFileError, ModelError, SignalError
from ecgmodel.signals.standard import highpass
from ecgmodel.sources import _simulated_ecg

RATES = [50, 128, 250, 333.3, 360, 500, 1000, 4000]


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    return Denoiser.load()


def ecg(seconds: float, fs: int = 360, subject: int = 1) -> np.ndarray:
    """Return a lead of simulated ECG (128 Hz) at another rate."""
    signal = _simulated_ecg.simulate(0, subject, seconds + 1).signal[:, :1]
    clean = highpass(resample_poly(signal, 45, 16))[:, 0]
    return resample_poly(clean, fs, 360)[: round(seconds * fs)]


def noisy(clean: np.ndarray, fs: float) -> np.ndarray:
    at = np.arange(len(clean)) / fs
    noise = np.sin(2 * np.pi * 0.25 * at) + 0.3 * np.sin(2 * np.pi * 10 * at) * (at % 7 < 2)
    return clean + noise


def chunks(signal: np.ndarray, seed: int, most: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    while len(signal):
        size = int(rng.integers(0, most))
        yield signal[:size]
        signal = signal[size:]


@pytest.mark.parametrize("fs", [50, 128, 250, 360, 500, 1000, 4000])
def test_noise_is_removed_at_every_rate(denoiser: Denoiser, fs: int) -> None:
    clean = ecg(30, fs)
    given = noisy(clean, fs)
    result = denoiser(given, fs)
    assert result.shape == given.shape
    before, after = (10 * np.log10(clean.var() / (x - clean).var()) for x in (given, result))
    assert after - before > 6


@pytest.mark.parametrize("fs", RATES)
def test_a_stream_equals_the_whole_and_keeps_its_latency(denoiser: Denoiser, fs: float) -> None:
    signal = np.random.default_rng(0).normal(size=(round(45 * fs), 2)).cumsum(0) / 30
    signal[round(3 * fs) : round(5.5 * fs), 0] = np.nan
    signal[-round(fs) :, 1] = np.nan
    whole, behind = denoiser(signal, fs), denoiser.latency(fs)
    assert behind < 13 * fs
    pieces = list(chunks(signal, 1, round(4 * fs)))
    stream = denoiser.stream(iter(pieces), fs)
    out: list[np.ndarray] = []
    went_in = 0
    for piece in pieces:
        went_in += len(piece)
        out.append(next(stream))
        assert sum(map(len, out)) == max(0, went_in - behind)
    out.extend(stream)
    np.testing.assert_allclose(np.concatenate(out), whole, rtol=0, atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 4000), st.integers(0, 4), st.sampled_from(RATES), st.integers(0, 10**6))
def test_output_has_the_shape_and_gaps_of_the_input(
    denoiser: Denoiser, samples: int, leads: int, fs: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=(samples, leads) if leads else samples)
    signal[rng.random(signal.shape) < rng.choice([0, 0.01, 0.9, 1])] = rng.choice([np.nan, np.inf])
    before = signal.copy()
    result = denoiser(signal, fs)
    assert (result.shape, result.dtype) == (signal.shape, np.float64)
    np.testing.assert_array_equal(np.isnan(result), ~np.isfinite(signal))
    np.testing.assert_array_equal(signal, before)


def test_the_rate_may_be_any_number_type(denoiser: Denoiser) -> None:
    signal = noisy(ecg(5), 360)
    for kind in (np.float32, np.float16, np.int64):
        np.testing.assert_array_equal(denoiser(signal, kind(360)), denoiser(signal, 360))


def test_leads_do_not_affect_each_other(denoiser: Denoiser) -> None:
    signal = np.stack([noisy(ecg(40, subject=n), 360) for n in (1, 2, 3)], axis=1)
    together = denoiser(signal.astype(np.float32), 360)
    assert together.dtype == np.float32
    for lead in range(3):
        alone = denoiser(signal[:, lead], 360)
        np.testing.assert_allclose(together[:, lead], alone, rtol=0, atol=1e-4)


def test_tile_borders_are_invisible(denoiser: Denoiser) -> None:
    """With tiles shifted by half a tile, the output differs by less than half of its error.

    Where tiles meet, that error changes no faster than elsewhere.
    """
    clean = ecg(90)
    given = noisy(clean, 360)
    shift = denoiser.facts.window // 2
    whole, shifted = denoiser(given, 360)[shift:], denoiser(given[shift:], 360)
    inside = slice(12 * 360, -12 * 360)
    difference, error = (whole - shifted)[inside], (whole - clean[shift:])[inside]
    assert difference.std() < 0.5 * error.std()
    assert np.abs(difference).max() < 0.15  # mV, under noise of 1 mV
    jumps = np.abs(np.diff(whole - clean[shift:]))
    seams = np.arange(denoiser.tiled.hop, len(whole), denoiser.tiled.hop) - shift
    at_seams = [jumps[max(0, s - 5) : s + 5].max() for s in seams if 0 < s < len(jumps)]
    assert max(at_seams) <= 2 * np.quantile(jumps, 0.999)


@pytest.mark.parametrize("value", [33.0, 187.0, -163.84, 1e39])
@pytest.mark.parametrize("seconds", [0.003, 0.28, 1.5])
def test_out_of_range_samples_do_not_affect_the_rest(
    denoiser: Denoiser, value: float, seconds: float
) -> None:
    given = noisy(ecg(40), 360)
    spoilt = given.copy()
    far = slice(round(19.99 * 360 - seconds * 360), round(19.99 * 360))
    spoilt[far] = value
    whole, without = denoiser(spoilt, 360), denoiser(given, 360)
    assert np.isfinite(whole).all()
    away = np.abs(np.arange(len(given)) - far.start) > 2 * 360
    error = (whole - without)[away]
    assert np.sqrt(np.mean(error**2)) < 0.02
    assert np.abs(error).max() < 0.1
    pieces = list(denoiser.stream(chunks(spoilt, 0, 2000), 360))
    np.testing.assert_allclose(np.concatenate(pieces), whole, rtol=0, atol=1e-4)


def test_a_baseline_jump_does_not_affect_the_rest(denoiser: Denoiser) -> None:
    given = noisy(ecg(60), 360)
    jumped = given + 150.0 * (np.arange(len(given)) >= 30 * 360)
    error = (denoiser(jumped, 360) - denoiser(given, 360))[33 * 360 :]
    assert np.sqrt(np.mean(error**2)) < 0.02


def test_masked_samples_are_missing(denoiser: Denoiser) -> None:
    signal = noisy(ecg(20), 360)
    missing = np.zeros(len(signal), bool)
    missing[3000:3100] = True
    expected = denoiser(np.where(missing, np.nan, signal), 360)
    for values in (signal, signal.astype(np.float32)):
        masked = np.ma.masked_array(np.where(missing, 99, values).astype(values.dtype), missing)
        cleaned = denoiser(masked, 360)
        assert (type(cleaned), cleaned.dtype) == (np.ndarray, values.dtype)
        np.testing.assert_allclose(cleaned, expected, rtol=0, atol=1e-4)
    steps = np.ma.masked_array((signal * 10).astype(int), missing)
    np.testing.assert_array_equal(np.isnan(denoiser(steps, 360)), missing)


def test_memory_does_not_grow_with_a_stream(denoiser: Denoiser) -> None:
    def peak(seconds: int) -> int:
        piece = np.zeros(3600)
        tracemalloc.start()
        for _ in denoiser.stream((piece for _ in range(seconds // 10)), 360):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(60)  # what is made once
    short, long = peak(60), peak(1200)
    assert long < short + 1_000_000  # what came in between holds 3.3 MB; other threads hold some


def test_invalid_signals_are_refused(denoiser: Denoiser, tmp_path: Path) -> None:
    for fs in (0, 49.9, 4001, float("nan"), -360, None, "360"):
        with pytest.raises(SignalError, match="sampling rate"):
            denoiser(np.zeros(10), fs)  # type: ignore[arg-type]
    with pytest.raises(SignalError, match="shape"):
        denoiser(np.zeros((2, 3, 4)), 360)
    with pytest.raises(SignalError, match="real numbers"):
        denoiser(np.zeros(5, complex), 360)
    with pytest.raises(SignalError, match=r"not an array of numbers|real numbers"):
        denoiser([[1.0, 2.0], [3.0]], 360)
    with pytest.raises(SignalError, match="leads, samples"):
        denoiser(np.zeros((2, MOST_LEADS + 1)), 360)
    with pytest.raises(SignalError, match="chunks of shape"):
        list(denoiser.stream([np.zeros((5, 2)), np.zeros((5, 3))], 360))
    with pytest.raises(MissingFileError, match="default"):
        Denoiser.load("nothing")
    (tmp_path / "wrong.onnx").write_bytes(b"no network")
    with pytest.raises(ModelError, match="cannot be loaded"):
        Denoiser.load(tmp_path / "wrong.onnx")
    assert issubclass(SignalError, EcgError)
