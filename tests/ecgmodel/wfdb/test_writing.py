"""Only the samples of a cleaned record change."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecgmodel.errors import RecordError
from ecgmodel.wfdb.millivolts import read_recording
from ecgmodel.wfdb.writing import write_cleaned
from tests.wfdb_files import ecg, write_frames, write_record


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
    # Leads other than ECG are kept bit by bit.
    assert np.array_equal(before.p_signal[:, 1], after.p_signal[:, 1])


def test_a_header_is_kept_verbatim(tmp_path: Path) -> None:
    path = write_record(tmp_path / "in", "r1", ecg(4, 360), 360, units="\u00b5V", gain=1.0)
    header = path.with_name("r1.hea")
    first, lead, *_ = header.read_text("utf-8").splitlines()
    notes = ["# <age>: 69  <sex>: M", "#J\u00fcrgen  M\u00fcller", "#", "# after"]
    for counter in ("1000(500.5)", "1000(-3)", "1000", ""):
        rate = f" 360/{counter} " if counter else " 360 "
        lines = [first.replace(" 360 ", rate), lead, *notes]
        header.write_text("\n".join(lines) + "\n", "latin-1")
        signal = read_recording(path, "r1").signal
        write_cleaned(path, signal, "cleaned", tmp_path)
        again = (tmp_path / "r1.hea").read_text("utf-8").splitlines()
        assert again[0].startswith(f"r1 1{rate}1440")
        assert "/uV " in again[1]
        assert again[2:] == [*notes, "# cleaned"]
        assert np.abs(read_recording(tmp_path / "r1", "r1").signal - signal).max() <= 0.00051


def test_samples_per_frame_are_kept(tmp_path: Path) -> None:
    pressure = np.arange(900) / 200
    signal = ecg(10, 360)
    signal[77] = np.nan
    signals = {"II": (4, signal), "ABP": (1, pressure)}
    path = write_frames(tmp_path / "in", "r1", 90, signals)
    given = read_recording(path, "r1")
    write_cleaned(path, given.signal / 2, "x", tmp_path)
    after = wfdb.rdrecord(str(tmp_path / "r1"), smooth_frames=False)
    assert (after.fs, after.samps_per_frame, after.sig_len) == (90, [4, 1], 900)
    np.testing.assert_allclose(after.e_p_signal[0], given.signal[:, 0] / 2, atol=0.00051)
    np.testing.assert_allclose(after.e_p_signal[1], pressure)


def test_large_values_are_not_clipped(tmp_path: Path) -> None:
    path = write_record(tmp_path / "in", "big", ecg(4, 360), 360)
    cleaned = 100.0 * ecg(4, 360)[:, None]
    write_cleaned(path, cleaned, "x", tmp_path)
    assert np.abs(read_recording(tmp_path / "big", "big").signal - cleaned).max() <= 0.00051


def test_a_signal_of_another_length_is_refused(tmp_path: Path) -> None:
    path = write_record(tmp_path / "in", "short", ecg(4, 360), 360)
    with pytest.raises(RecordError, match=r"\(1440, 1\).*\(1439, 1\)"):
        write_cleaned(path, np.zeros((1439, 1)), "x", tmp_path)
