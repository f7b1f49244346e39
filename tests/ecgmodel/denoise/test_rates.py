"""A sampling rate is a number, however the caller holds it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecgmodel.denoise.denoiser import Denoiser
from ecgmodel.errors import SignalError
from ecgmodel.files import Hints, created_formats, read_ecg, write_ecg
from tests.wfdb_files import ecg as made_ecg

RATES = [
    np.array(250.0), np.array(250), np.float32(250), np.int64(250), np.array(250, "f4"), 250,
]  # fmt: skip


@pytest.mark.parametrize("fs", RATES, ids=repr)
def test_a_rate_is_a_number_however_it_is_held(fs: Any, tmp_path: Path) -> None:
    denoiser, signal = Denoiser.load(), made_ecg(4, 250)
    expected = denoiser(signal, 250)
    np.testing.assert_array_equal(denoiser(signal, fs), expected)
    assert denoiser.clean(signal, fs).windows == denoiser.clean(signal, 250).windows
    streamed = np.concatenate(list(denoiser.stream([signal[:300], signal[300:]], fs)))
    np.testing.assert_allclose(streamed, expected, atol=1e-5)
    assert denoiser.latency(fs) == denoiser.latency(250)
    assert Hints(fs=fs) == Hints(fs=250)
    assert Hints(gain=fs).gain == 250
    np.save(tmp_path / "a.npy", signal)
    ecg = read_ecg(tmp_path / "a.npy", Hints(fs=fs, unit=np.array("mV")))
    for format in created_formats():
        written = replace(ecg, fs=fs)
        made = write_ecg(tmp_path / "a.npy", written, tmp_path / "o", comment="x", format=format)
        hints = Hints(fs=250, unit="mV") if format == "npy" else Hints()
        assert read_ecg(made[0], hints).fs == 250


@pytest.mark.parametrize("fs", [np.array([250.0]), "250", True, None, np.array("250"), 250j, [250]])
def test_what_is_no_number_is_no_rate(fs: Any) -> None:
    with pytest.raises(SignalError, match="Expected a sampling rate"):
        Denoiser.load()(np.zeros(1000), fs)


def test_an_own_archive_is_cleaned_as_it_was_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", made_ecg(4, 250))
    hints = Hints(fs=250, unit="mV")
    (file,) = write_ecg(
        tmp_path / "a.npy", read_ecg(tmp_path / "a.npy", hints), tmp_path, comment="", format="npz"
    )
    loaded = np.load(file)
    cleaned = Denoiser.load()(loaded["signal"], loaded["fs"])
    assert cleaned.shape == (1000, 1)
