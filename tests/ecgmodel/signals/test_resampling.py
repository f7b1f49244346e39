from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb

from ecgmodel.errors import RecordError
from ecgmodel.signals.resampling import ResampleSettings, resample_record, to_standard_rate
from ecgmodel.signals.standard import FS, highpass
from tests.wfdb_files import ecg, write_record


def resampled(path: Path, into: Path, **settings: object) -> dict:
    into.mkdir(exist_ok=True)
    how = ResampleSettings.model_validate(settings)
    info = resample_record(path, f"own/{path.name}", 0.0, "atr", how, into)
    arrays = {n: np.load(into / f"{n}.npy") for n in ("recorded", "target", "usable")}
    return {"info": info, **arrays}


@pytest.mark.parametrize("fs", [128, 250, 360, 257.5, 1000])
def test_a_tone_keeps_its_frequency_and_height(fs: float) -> None:
    t = np.arange(round(20 * fs)) / fs
    tone = 2.0 + np.sin(2 * np.pi * 5 * t)
    out, usable = to_standard_rate(tone[:, None], np.ones((len(t), 1), bool), fs)
    expected = 2.0 + np.sin(2 * np.pi * 5 * np.arange(len(out)) / FS)
    assert abs(len(out) - 20 * FS) <= 1
    np.testing.assert_allclose(out[360:-360, 0], expected[360:-360], atol=0.005)
    assert usable.all()


def test_short_records_are_stored_as_they_are(tmp_path: Path) -> None:
    path = write_record(tmp_path, "a", ecg(10, 128), 128)
    out = resampled(path, tmp_path / "out", length=7200)
    assert out["recorded"].shape == out["target"].shape == out["usable"].shape == (3600, 1)
    assert out["recorded"].dtype == np.float32
    assert out["info"]["samples"] == 3600
    assert out["usable"][400:3200].all()


def test_long_records_are_trimmed_from_a_settable_start(tmp_path: Path) -> None:
    path = write_record(tmp_path, "a", ecg(60, 128), 128)
    whole = resampled(path, tmp_path / "whole", length=None)
    part = resampled(path, tmp_path / "part", length=3600, start_s=20.0)
    np.testing.assert_allclose(
        part["recorded"][100:3500], whole["recorded"][7300:10700], atol=0.003
    )


def test_missing_and_flat_segments_are_masked(tmp_path: Path) -> None:
    signal = ecg(40, 128)
    signal[1280:1536] = np.nan
    signal[2560:3200] = 0.5
    path = write_record(tmp_path, "a", signal, 128)
    out = resampled(path, tmp_path / "out", length=None)
    assert not out["usable"][3600:4320].any()
    assert not out["usable"][7300:8900].any()
    assert np.isfinite(out["target"]).all()
    assert out["usable"].mean() > 0.75


@pytest.mark.parametrize(
    ("samples", "reason"),
    [(np.full(1280, np.nan), "every sample is missing"), (np.full(1280, 0.5), "0.5 mV")],
)
def test_records_without_usable_samples_are_refused(
    tmp_path: Path, samples: np.ndarray, reason: str
) -> None:
    path = write_record(tmp_path, "a", samples, 128)
    with pytest.raises(RecordError, match=f"own/a.*{reason}"):
        resampled(path, tmp_path / "out", length=None)


def test_the_highpass_removes_wander_and_keeps_the_beat(tmp_path: Path) -> None:
    t = np.arange(60 * 360) / FS
    wander = 1.5 * np.sin(2 * np.pi * 0.1 * t)
    beat = np.sin(2 * np.pi * 3 * t)
    out = highpass((wander + beat)[:, None])[:, 0]
    np.testing.assert_allclose(out[3600:-3600], beat[3600:-3600], atol=0.03)
    path = write_record(tmp_path, "a", ecg(20, 360), 360)
    as_recorded = resampled(path, tmp_path / "out", length=None, target="as_recorded")
    np.testing.assert_array_equal(as_recorded["target"], as_recorded["recorded"])


def test_reference_beats_follow_rate_and_start(tmp_path: Path) -> None:
    path = write_record(tmp_path, "a", ecg(20, 128), 128)
    wfdb.wrann(
        "a", "atr", np.array([128, 1280, 1408]), symbol=["N", "V", "N"], write_dir=str(tmp_path)
    )
    resampled(path, tmp_path / "out", length=3600, start_s=5.0)
    beats = pd.read_parquet(tmp_path / "out" / "beats.parquet")
    assert beats["sample"].tolist() == [1800, 2160]
    assert beats["symbol"].tolist() == ["V", "N"]
