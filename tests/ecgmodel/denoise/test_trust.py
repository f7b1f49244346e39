"""Quality, estimated SNR and reliability of each section."""

from __future__ import annotations

import numpy as np
import pytest

from ecgmodel.denoise.denoiser import Denoiser
from ecgmodel.denoise.trust import Assessment, Marks
from ecgmodel.errors import SignalError
from ecgmodel.sources import _simulated_noise
from tests.ecgmodel.denoise.test_denoiser import ecg, noisy
from tests.wfdb_files import ecg as made

FS = 360


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    return Denoiser.load()


def noise(samples: int, kind: str = "ma") -> np.ndarray:
    """Return simulated noise with a deviation of 1."""
    drawn = _simulated_noise.simulate(0, kind, samples / FS + 1)[:samples, 0]
    return (drawn - drawn.mean()) / drawn.std()


@pytest.mark.parametrize("kind", ["bw", "ma", "em"])
@pytest.mark.parametrize("snr_db", [18.0, 6.0, 0.0, -12.0])
def test_the_estimated_snr_is_close_to_the_true_one(
    denoiser: Denoiser, kind: str, snr_db: float
) -> None:
    clean = ecg(60)
    added = noise(len(clean), kind) * clean.std() / 10 ** (snr_db / 20)
    windows = denoiser.clean(clean + added, FS).windows
    assert len(windows) == 6
    assert np.median([w.snr_db for w in windows]) == pytest.approx(snr_db, abs=3)


def test_quality_falls_with_noise_and_rises_with_cleaning(denoiser: Denoiser) -> None:
    clean = ecg(60)
    before, after = [], []
    for level in (0.0, 0.1, 0.3, 1.0):
        windows = denoiser.clean(clean + level * noise(len(clean)), FS).windows
        before.append(np.median([w.quality_in for w in windows]))
        after.append(np.median([w.quality_out for w in windows]))
    assert before == sorted(before, reverse=True)
    assert before[0] > 0.8
    assert before[-1] < 0.4
    assert all(a > b for a, b in zip(after[1:], before[1:], strict=True))


def test_each_reason_is_reported_only_where_it_applies(denoiser: Denoiser) -> None:
    signal = np.stack([ecg(80, subject=n) for n in (1, 2, 3)], axis=1)
    ten = 10 * FS
    signal[ten : 2 * ten, 0] = np.nan
    signal[2 * ten : 3 * ten, 0] = 0.7
    signal[3 * ten : 4 * ten, 0] += 3 * noise(ten)
    signal[:, 2] = np.clip(signal[:, 2], -0.1, 0.2)
    signal[5 * ten : 6 * ten, 1] *= 1e-3
    windows = denoiser.clean(signal, FS).windows
    found = {(w.lead, w.start // ten): w.reason for w in windows if w.reason}
    assert found == {
        (0, 1): "missing",
        (0, 2): "lead off",
        (0, 3): "too noisy",
        (1, 5): "too weak",
        **{(2, number): "clipped" for number in range(8)},
    }


@pytest.mark.parametrize("samples", [1, 10, 100])
@pytest.mark.parametrize("value", [33.0, 1e39])
def test_out_of_range_samples_are_flagged_in_place(
    denoiser: Denoiser, samples: int, value: float
) -> None:
    given = noisy(ecg(40), FS)
    spoilt = given.copy()
    far = slice(7190 - samples, 7190)
    spoilt[far] = value
    told, expected = denoiser.clean(spoilt, FS), denoiser.clean(given, FS)
    assert [w.reason for w in told.windows] == ["", "out of range", "", ""]
    for window, other in zip(told.windows, expected.windows, strict=True):
        if not window.reason:
            assert window.quality_in == pytest.approx(other.quality_in, abs=0.1)
            assert window.snr_db == pytest.approx(other.snr_db, abs=1)
    passed = denoiser.clean(spoilt, FS, untrusted="pass")
    np.testing.assert_array_equal(passed.signal[far], spoilt[far])
    assert np.isfinite(passed.signal).all()


def test_invalid_arguments_are_refused(denoiser: Denoiser) -> None:
    signal = np.zeros((1000, 2))
    for adc_ranges in ([(-5.0, 5.0)], [None] * 3):
        with pytest.raises(SignalError, match=rf"each of 2 leads. Received: {len(adc_ranges)}"):
            denoiser.clean(signal, FS, adc_ranges=adc_ranges)
    assert denoiser.clean(signal, FS, adc_ranges=[None, (-5.0, 5.0)]).windows
    with pytest.raises(SignalError, match=r"'mark', 'pass'. Received: 'foo'"):
        denoiser.clean(signal, FS, untrusted="foo")  # type: ignore[arg-type]


def test_unreliable_sections_can_return_the_input(denoiser: Denoiser) -> None:
    signal = ecg(60)
    spoilt = slice(20 * FS, 30 * FS)
    signal[spoilt] += 3 * noise(10 * FS)
    marked = denoiser.clean(signal, FS)
    passed = denoiser.clean(signal, FS, untrusted="pass")
    np.testing.assert_array_equal(marked.signal, denoiser(signal, FS))
    np.testing.assert_allclose(passed.signal[spoilt], signal[spoilt])
    away = np.r_[: 19 * FS, 31 * FS : 60 * FS]
    np.testing.assert_array_equal(passed.signal[away], marked.signal[away])
    np.testing.assert_allclose(passed.signal + passed.noise, signal)
    assert [w.reason for w in passed.untrusted] == ["too noisy"]


@pytest.mark.parametrize(("samples", "fs"), [(1, 360), (40, 360), (900, 50), (5000, 4000)])
def test_short_signals_have_one_section(denoiser: Denoiser, samples: int, fs: float) -> None:
    [*_, last] = denoiser.clean(np.zeros(samples), fs).windows
    assert last.stop == samples
    assert last.reason
    assert all(v is None or v == v for v in last.to_dict().values())


@pytest.mark.parametrize("rest_s", [0.002, 0.037, 0.1, 0.5, 1.2])
@pytest.mark.parametrize("fs", [250, 512, 1000])
def test_a_rest_shorter_than_a_beat_joins_the_section_before(
    denoiser: Denoiser, rest_s: float, fs: int
) -> None:
    samples = 20 * fs + max(1, round(rest_s * fs))
    signal = made(21.5, fs)[:samples, None]
    signal += 0.02 * np.random.default_rng(0).normal(size=signal.shape)
    windows = denoiser.clean(signal, fs).windows
    assert [(w.start, w.stop) for w in windows] == [(0, 10 * fs), (10 * fs, samples)]
    assert [w.reason for w in windows] == ["", ""]
    assert all(w.quality_in == w.quality_in for w in windows)
    passed = denoiser.clean(signal, fs, untrusted="pass")
    np.testing.assert_array_equal(passed.signal, denoiser.clean(signal, fs).signal)


@pytest.mark.parametrize("rest", [0, 1, 149, 150, 999])
@pytest.mark.parametrize("threads", [1, 4])
def test_a_rest_behind_whole_blocks(rest: int, threads: int) -> None:
    fs, samples = 100, 60_000 + rest  # a block lasts 10 minutes
    signal = np.stack([made(620, fs, seed=s)[:samples] for s in (0, 1)], axis=1)
    windows = Assessment(fs, threads=threads).of(signal, signal.copy(), Marks(signal.shape))
    for lead in (0, 1):
        ends = [w.stop for w in windows if w.lead == lead]
        assert ends == [*range(1000, 59_001, 1000), *([60_000] if rest >= 150 else []), samples]
    assert [w.start for w in windows if w.lead == 0][1:] == ends[:-1]
