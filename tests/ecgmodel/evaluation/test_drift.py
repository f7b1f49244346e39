"""Drift is detected, at the stated rate of false alarms."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from ecgmodel.evaluation.drift import DriftSettings, detect_drift, holm
from ecgmodel.signals.masks import MaskSettings, usable_samples
from ecgmodel.signals.resampling import to_standard_rate
from ecgmodel.signals.statistics import RecordingStatistics, describe
from ecgmodel.wfdb.millivolts import read_recording

USUAL = DriftSettings()


def made(rng: np.random.Generator, count: int, **factors: float) -> list[RecordingStatistics]:
    """Return recordings whose statistics vary as those of different subjects."""

    def spread(name: str, middle: float) -> np.ndarray:
        return middle * factors.get(name, 1.0) * np.exp(0.4 * rng.standard_normal(count))

    rate = 360.0 * factors.get("sampling_rate_hz", 1.0)
    return [
        RecordingStatistics(rate, a, n, w, min(1.0, q), 1.0, 1800.0)
        for a, n, w, q in zip(
            spread("amplitude_mv", 1.6),
            spread("noise_mv", 0.01),
            spread("wander_mv", 0.08),
            rng.beta(6, 1, count) * factors.get("quality", 1.0),
            strict=True,
        )
    ]


@pytest.mark.parametrize(("reference", "incoming"), [(40, 50), (20, 10)])
def test_the_false_alarm_rate_is_at_most_alpha(reference: int, incoming: int) -> None:
    settings = DriftSettings(alpha=0.1)
    alarms = 0
    for seed in range(500):
        rng = np.random.default_rng(seed)
        report = detect_drift(made(rng, reference), made(rng, incoming), settings)
        alarms += report.verdict == "drift"
    # Five statistics, one of them constant: at most 10 %, and 8 % if each were exact; 500 tries
    # have a deviation of 1.3 %.
    assert 0.03 < alarms / 500 < 0.13


@pytest.mark.parametrize(
    ("statistic", "factor"),
    [
        ("noise_mv", 2.0),
        ("sampling_rate_hz", 0.5),
        ("amplitude_mv", 0.5),
        ("wander_mv", 2.0),
        ("quality", 0.6),
    ],
)
def test_a_shift_is_detected_and_named(statistic: str, factor: float) -> None:
    found = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        report = detect_drift(made(rng, 40), made(rng, 50, **{statistic: factor}), USUAL)
        found += statistic in {c.statistic for c in report.drifted}
    assert found >= 19


def test_too_few_recordings_are_not_tested() -> None:
    rng = np.random.default_rng(0)
    many, few = made(rng, 40), made(rng, 7, noise_mv=50.0)
    for sides in ((many, few), (few, many), (many, [])):
        report = detect_drift(*sides, USUAL)
        assert report.verdict == "not enough recordings"
        assert "Not enough recordings yet" in report.to_markdown()
    assert detect_drift(many, made(rng, 8, noise_mv=50.0), USUAL).verdict == "drift"


def test_missing_statistics_are_ignored() -> None:
    rng = np.random.default_rng(1)
    silent = [replace(r, noise_mv=None) for r in made(rng, 20)]
    report = detect_drift(made(rng, 20), silent, USUAL)
    assert {c.statistic for c in report.comparisons} == set(USUAL.statistics) - {"noise_mv"}


def test_a_report_is_available_as_text_and_json() -> None:
    rng = np.random.default_rng(2)
    report = detect_drift(made(rng, 30), made(rng, 30, noise_mv=3.0), USUAL)
    assert report.sentence.startswith("Drift between 30 incoming and 30 training recordings")
    assert "noise level (mV) 0.0" in report.sentence
    (row,) = [line for line in report.to_markdown().splitlines() if "**drift**" in line]
    assert row.startswith("| noise level (mV) |")
    read = json.loads(report.to_json())
    assert read["verdict"] == "drift"
    assert read["sentence"] == report.sentence
    assert [c["statistic"] for c in read["comparisons"] if c["drifted"]] == ["noise_mv"]


def test_holm_correction_is_step_down() -> None:
    # The textbook's way: the smallest times 4, the next times 3, never below the one before.
    corrected = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert corrected == pytest.approx({"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06})


def test_an_unknown_statistic_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ValidationError, match=r"'noise'.*noise_mv"):
        DriftSettings(statistics=("noise",))


@pytest.fixture(scope="module")
def real(physionet: Path) -> dict[str, list[RecordingStatistics]]:
    """Statistics of the first minutes of all real recordings, by database."""
    found = {}
    for database in ("mitdb", "nsrdb"):
        headers = sorted((physionet / database / "1.0.0").glob("*.hea"))
        found[database] = [_of(header, f"{database}/{header.stem}") for header in headers]
    return found


def _of(header: Path, name: str) -> RecordingStatistics:
    recording = read_recording(header.with_suffix(""), name, seconds=300)
    usable = usable_samples(recording.signal, recording.fs, MaskSettings(), recording.adc_ranges)
    return describe(*to_standard_rate(recording.signal, usable, recording.fs), recording.fs)


def test_halves_of_a_real_database_do_not_differ(
    real: dict[str, list[RecordingStatistics]],
) -> None:
    mitdb = real["mitdb"]
    for half in (mitdb[::2], mitdb[: len(mitdb) // 2]):
        rest = [r for r in mitdb if r not in half]
        assert detect_drift(rest, half, USUAL).verdict == "no drift"


def test_another_real_database_differs_in_its_sampling_rate(
    real: dict[str, list[RecordingStatistics]],
) -> None:
    report = detect_drift(real["mitdb"], real["nsrdb"], USUAL)
    rate = next(c for c in report.drifted if c.statistic == "sampling_rate_hz")
    assert (rate.reference_median, rate.incoming_median, rate.distance) == (360, 128, 1)
