"""The simulated databases: WFDB files, reproducible, and close to real recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wfdb
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy.signal import welch

from ecgmodel.databases.simulated import DATABASE
from ecgmodel.errors import EcgError, SettingsError, UnknownNameError
from ecgmodel.sources.simulated import SimulatedSettings, SimulatedSource

NOISES = ("bw", "ma", "em")
Floats = NDArray[np.float64]


def write(
    settings: SimulatedSettings,
    into: Path,
    names: tuple[str, ...] = (),
    database: str = "simulated",
) -> Path:
    source = SimulatedSource(settings)
    for record in source.records(database, names):
        source.fetch(record, into, 0.0, 1.0, False)
    return into


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def signal_of(path: Path) -> Floats:
    return np.asarray(wfdb.rdrecord(str(path)).p_signal)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One minute of each of the first sixteen subjects."""
    return write(SimulatedSettings(subjects=16, minutes=1.0), tmp_path_factory.mktemp("clean"))


@pytest.fixture(scope="module")
def noises(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Floats]:
    folder = write(SimulatedSettings(), tmp_path_factory.mktemp("noises"), NOISES, "simnoise")
    return {name: signal_of(folder / name) for name in NOISES}


def beats(folder: Path, number: int) -> tuple[Floats, NDArray[np.int64], list[str]]:
    path = folder / f"sim{number:02d}"
    marks = wfdb.rdann(str(path), "atr")
    return signal_of(path), marks.sample, marks.symbol


ALL = range(1, 17)


# ---- files -------------------------------------------------------------------------------------


def test_the_same_settings_give_the_same_bytes(tmp_path: Path) -> None:
    settings = SimulatedSettings(subjects=3, minutes=0.5, noise_minutes=0.5)
    for name in ("a", "b"):
        write(settings, tmp_path / name)
        write(settings, tmp_path / name, database="simnoise")
    first = contents(tmp_path / "a")
    assert first == contents(tmp_path / "b")
    ecg = {f"sim0{n}.{suffix}" for n in (1, 2, 3) for suffix in ("hea", "dat", "atr")}
    assert set(first) == ecg | {f"{n}.{suffix}" for n in NOISES for suffix in ("hea", "dat")}


def test_more_subjects_do_not_change_the_first_ones(tmp_path: Path) -> None:
    few = SimulatedSettings(subjects=2, minutes=0.5)
    many = few.model_copy(update={"subjects": 40})
    listed = SimulatedSource(many).records("simulated")
    assert len(listed) == 40
    assert listed[:2] == SimulatedSource(few).records("simulated")
    names = ("sim01", "sim02")
    assert contents(write(few, tmp_path / "few")) == contents(write(many, tmp_path / "many", names))


@pytest.mark.parametrize("change", [{"seed": 1}, {"minutes": 0.6}])
def test_a_setting_that_changes_the_bytes_changes_the_listing(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    old = SimulatedSettings(subjects=1, minutes=0.5)
    new = old.model_copy(update=change)
    assert SimulatedSource(old).records("simulated") != SimulatedSource(new).records("simulated")
    one, two = write(old, tmp_path / "old"), write(new, tmp_path / "new")
    assert contents(one)["sim01.dat"] != contents(two)["sim01.dat"]


def test_a_setting_of_the_other_database_keeps_the_listing() -> None:
    old, new = SimulatedSettings(), SimulatedSettings(noise_minutes=3.0)
    for database, same in (("simulated", True), ("simnoise", False)):
        listings = [SimulatedSource(s).records(database) for s in (old, new)]
        assert (listings[0] == listings[1]) is same


def test_headers_describe_the_files(clean: Path, tmp_path: Path) -> None:
    header = wfdb.rdheader(str(clean / "sim03"))
    assert (header.fs, header.sig_len, header.sig_name) == (128, 60 * 128, ["ECG1", "ECG2"])
    assert header.units == ["mV", "mV"]
    assert header.adc_gain == [200, 200]
    assert "Simulated" in header.comments[0]
    write(SimulatedSettings(noise_minutes=0.5), tmp_path, ("em",), "simnoise")
    header = wfdb.rdheader(str(tmp_path / "em"))
    assert (header.fs, header.sig_len, header.sig_name) == (360, 10_800, ["noise1", "noise2"])
    assert header.units == ["mV", "mV"]
    assert header.adc_gain == [200, 200]


def test_fetch_reports_a_whole_record_and_its_files(tmp_path: Path) -> None:
    source = SimulatedSource(SimulatedSettings(subjects=1, minutes=0.5))
    (record,) = source.records("simulated")
    info = source.fetch(record, tmp_path / "new", 10.0, 5.0, False)
    assert (info["partial"], info["start_s"], info["header"]) == (False, 0.0, "sim01")
    assert set(info["files"]) == {name for name, _ in record.files}
    assert not any(file["verified"] for file in info["files"].values())
    assert len(signal_of(tmp_path / "new" / "sim01")) == 30 * 128


def test_unknown_names_are_refused_with_the_nearest(tmp_path: Path) -> None:
    source = SimulatedSource(SimulatedSettings(subjects=2))
    with pytest.raises(UnknownNameError, match="sim02"):
        source.records("simulated", ("sim03",))
    with pytest.raises(UnknownNameError, match="simnoise"):
        source.records("simnoize")
    with pytest.raises(EcgError, match=r"\.\./sim01"):
        source.records("simulated", ("../sim01",))


def test_a_record_listed_under_other_settings_is_refused(tmp_path: Path) -> None:
    (record,) = SimulatedSource(SimulatedSettings(subjects=1, seed=1)).records("simulated")
    with pytest.raises(SettingsError, match="seed1"):
        SimulatedSource(SimulatedSettings(subjects=1)).fetch(record, tmp_path, 0.0, 1.0, True)


@pytest.mark.parametrize(
    "bad",
    [{"subjects": 0}, {"minutes": 0.0}, {"minutes": float("nan")}, {"noise_minutes": -1.0}],
)
def test_invalid_settings_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(bad))):
        SimulatedSettings(**bad)


# ---- electrocardiograms ------------------------------------------------------------------------


@pytest.mark.parametrize("number", ALL)
def test_peaks_lie_on_the_maxima(clean: Path, number: int) -> None:
    signal, peaks, _ = beats(clean, number)
    lead = np.abs(signal[:, 0] - np.median(signal[:, 0]))
    reach = 11  # 86 ms: the QRS complex, and no T wave
    whole = peaks[(peaks >= reach) & (peaks < len(lead) - reach)]
    found = [int(np.argmax(lead[p - reach : p + reach + 1])) - reach for p in whole]
    assert np.max(np.abs(found)) <= 1  # a sample, 8 ms


def test_heart_rates_cover_the_range_and_vary(clean: Path) -> None:
    rates = []
    for number in ALL:
        _, peaks, symbols = beats(clean, number)
        intervals = np.diff(peaks) / 128
        rates.append(60 / intervals.mean())
        assert intervals.min() > 0.25
        assert intervals.max() < 3.0
        assert intervals.std() > 0.01 or "/" in symbols  # only a pacemaker keeps time
    assert min(rates) > 42
    assert max(rates) < 115
    assert min(rates) < 60
    assert max(rates) > 95


def test_amplitudes_cover_the_range(clean: Path) -> None:
    heights = []
    for number in ALL:
        signal, peaks, symbols = beats(clean, number)
        inner = [
            p
            for p, s in zip(peaks, symbols, strict=True)
            if s not in "VA" and 20 < p < 60 * 128 - 20
        ]
        heights.append(np.median([np.ptp(signal[p - 13 : p + 14, 0]) for p in inner]))
    assert 0.4 < min(heights) < 1.0
    assert 2.0 < max(heights) < 3.0


def test_leads_differ_and_subjects_differ(clean: Path) -> None:
    shapes = []
    for number in ALL:
        signal, peaks, symbols = beats(clean, number)
        assert np.sqrt(np.mean(np.square(signal[:, 0] - signal[:, 1]))) > 0.03
        usual = [p for p, s in zip(peaks, symbols, strict=True) if s not in "VA" and p > 40]
        beat = np.mean([signal[p - 32 : p + 50, 0] for p in usual[:-1]], axis=0)
        shapes.append((beat - beat.mean()) / beat.std())
    alike = np.corrcoef(shapes) - np.eye(len(shapes))
    assert alike.max() < 0.995


def test_ventricular_beats_are_early_wide_and_followed_by_a_pause(clean: Path) -> None:
    with_early = [n for n in ALL if "V" in beats(clean, n)[2]]
    assert len(with_early) >= 4
    for number in with_early:
        signal, peaks, symbols = beats(clean, number)
        usual = float(np.median(np.diff(peaks)))
        early = [i for i in range(1, len(peaks) - 1) if symbols[i] == "V"]
        assert 0.02 < len(early) / len(peaks) < 0.35
        for i in early:
            before, after = peaks[i] - peaks[i - 1], peaks[i + 1] - peaks[i]
            assert before < 0.85 * usual
            assert after > 1.15 * usual
            assert abs(before + after - 2 * usual) < 0.4 * usual  # fully compensatory
        if "N" in symbols:
            ordinary = [i for i in range(1, len(peaks) - 1) if symbols[i] == "N"]
            width = [
                np.median([half_width(signal[:, 0], peaks[i]) for i in which])
                for which in (early, ordinary)
            ]
            assert width[0] > 1.8 * width[1]


def half_width(lead: Floats, peak: int) -> int:
    """Return the deflection's full width at half maximum, samples."""
    near = np.abs(lead[max(peak - 20, 0) : peak + 20] - np.median(lead))
    return int(np.sum(near > 0.5 * near.max()))


def test_every_split_contains_narrow_and_wide_beats(clean: Path) -> None:
    kinds: dict[str, set[str]] = {"train": set(), "validation": set(), "test": set()}
    for number in ALL:
        split = DATABASE.splits.get(f"simulated/sim{number:02d}", "train")
        kinds[split].update(beats(clean, number)[2])
    for symbols in kinds.values():
        assert {"N", "V"} <= symbols
        assert symbols & {"L", "R"}


def test_signals_have_no_jumps_and_no_flat_sections(clean: Path) -> None:
    for number in ALL:
        signal, peaks, _ = beats(clean, number)
        away = np.abs(np.arange(len(signal) - 1)[:, None] - peaks).min(axis=1) > 18  # 0.14 s
        inside = (np.arange(len(away)) > peaks[0]) & (np.arange(len(away)) < peaks[-1])
        steps = np.abs(np.diff(signal, axis=0))[away & inside]
        assert steps.max() < 0.2  # mV in 8 ms, the slope of a tall T wave
        for lead in signal.T:
            assert np.diff(np.flatnonzero(np.diff(lead))).max() < 16  # samples, 0.12 s


def test_little_power_lies_above_half_the_rate(clean: Path) -> None:
    for number in ALL:
        freqs, power = welch(beats(clean, number)[0], 128, nperseg=1024, axis=0)
        assert np.all(power[freqs > 50].sum(axis=0) < 0.01 * power[freqs > 0.5].sum(axis=0))


# ---- noise -------------------------------------------------------------------------------------


def shares(noise: Floats, low: float, high: float) -> Floats:
    """Return the share of each channel's power between two frequencies, Hz."""
    freqs, power = welch(noise, 360, nperseg=16384, axis=0)
    inside = (freqs >= low) & (freqs < high)
    return np.asarray(power[inside].sum(axis=0) / power.sum(axis=0))


def test_each_noise_lies_in_its_band(noises: dict[str, Floats]) -> None:
    assert np.all(shares(noises["bw"], 0, 1) > 0.97)
    assert np.all(shares(noises["ma"], 8, 70) > 0.06)
    above = {name: shares(noise, 5, 180) for name, noise in noises.items()}
    muscle = {n: np.asarray(shares(noises[n], 15, 70) / above[n]) for n in NOISES}
    assert np.all(muscle["ma"] > 0.6)
    assert np.all(muscle["em"] < 0.4)
    assert shares(noises["em"], 1, 15)[0] > 0.3  # where the QRS complex lies


def test_channels_are_related_and_not_the_same(noises: dict[str, Floats]) -> None:
    related = {n: float(np.asarray(np.corrcoef(noises[n].T))[0, 1]) for n in NOISES}
    assert -0.9 < related["bw"] < -0.5
    assert -0.7 < related["em"] < -0.2
    assert abs(related["ma"]) < 0.4


def test_noise_has_the_amplitude_of_nstdb_and_is_never_flat(noises: dict[str, Floats]) -> None:
    for noise in noises.values():
        assert np.all(np.abs(noise.mean(axis=0)) < 0.01)
        assert np.all((noise.std(axis=0) > 0.1) & (noise.std(axis=0) < 1.0))
        assert np.abs(noise).max() < 12
        for channel in noise.T:
            assert np.diff(np.flatnonzero(np.diff(channel))).max() < 36  # samples, 0.1 s
        parts = noise[: len(noise) // 3600 * 3600].reshape(-1, 3600, 2)
        assert np.all(np.std(parts, axis=1) > 0.02)  # mV in each 10 s


def test_muscle_noise_comes_in_bursts(noises: dict[str, Floats]) -> None:
    fast = np.diff(noises["ma"], axis=0)
    levels = fast[: len(fast) // 180 * 180].reshape(-1, 180, 2).std(axis=1)
    assert np.all(np.percentile(levels, 95, axis=0) > 4 * np.percentile(levels, 10, axis=0))


def test_halves_of_a_noise_record_have_similar_amplitude(noises: dict[str, Floats]) -> None:
    for noise in noises.values():
        half = len(noise) // 2
        ratio = noise[:half].std(axis=0) / noise[half:].std(axis=0)
        assert np.all((ratio > 0.6) & (ratio < 1.7))


def test_spectra_are_near_those_of_nstdb(noises: dict[str, Floats], physionet: Path) -> None:
    folder = physionet / "nstdb" / "1.0.0"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    bands = ((0.05, 0.5), (0.5, 2), (2, 8), (8, 30), (30, 70), (70, 150))
    for name, noise in noises.items():
        real = wfdb.rdrecord(str(folder / name), physical=False).d_signal / 200.0
        for low, high in bands:
            ratio = shares(noise, low, high) / shares(real, low, high)
            assert np.all(np.abs(10 * np.log10(ratio)) < 5), f"{name} {low}-{high} Hz: {ratio}"
