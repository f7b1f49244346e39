"""A cleaned record is written as the record that it was."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecgmodel.errors import RecordError
from ecgmodel.signals.records import read_recording
from ecgmodel.signals.writing import write_cleaned
from tests.wfdb_files import ecg, write_record


def test_everything_but_the_samples_is_kept(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    signal = np.stack([ecg(10, 250), 80 + 10 * ecg(10, 250), 1000 * ecg(10, 250)], axis=1)
    signal[100:130, 0] = np.nan
    wfdb.wrsamp(
        "r1",
        fs=250,
        units=["mV", "mmHg", "uV"],
        sig_name=["II", "ABP", "V5"],
        p_signal=signal,
        fmt=["16", "16", "16"],
        comments=["age: 50", "sex: F"],
        base_time=time(9, 30),
        write_dir=str(source),
    )
    given = read_recording(source / "r1", "r1")
    cleaned = given.signal * 0.5
    write_cleaned(source / "r1", cleaned, "cleaned by a test", tmp_path)
    before, after = (wfdb.rdrecord(str(folder / "r1")) for folder in (source, tmp_path))
    for name in ("fs", "units", "sig_name", "sig_len", "base_time", "n_sig"):
        assert getattr(after, name) == getattr(before, name), name
    assert after.comments == ["age: 50", "sex: F", "cleaned by a test"]
    again = read_recording(tmp_path / "r1", "r1")
    assert np.isnan(again.signal[:, 0]).nonzero()[0].tolist() == list(range(100, 130))
    assert np.nanmax(np.abs(again.signal - cleaned)) <= 0.00051
    # What is no ECG is kept to the bit.
    assert np.array_equal(before.p_signal[:, 1], after.p_signal[:, 1])


def test_large_values_are_not_clipped(tmp_path: Path) -> None:
    path = write_record(tmp_path / "in", "big", ecg(4, 360), 360)
    cleaned = 100.0 * ecg(4, 360)[:, None]
    write_cleaned(path, cleaned, "x", tmp_path)
    assert np.abs(read_recording(tmp_path / "big", "big").signal - cleaned).max() <= 0.00051


def test_a_signal_of_another_length_is_refused(tmp_path: Path) -> None:
    path = write_record(tmp_path / "in", "short", ecg(4, 360), 360)
    with pytest.raises(RecordError, match=r"\(1440, 1\).*\(1439, 1\)"):
        write_cleaned(path, np.zeros((1439, 1)), "x", tmp_path)
