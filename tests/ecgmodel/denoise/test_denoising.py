"""Cleaned records keep everything but their samples; recent input is counted for drift."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wfdb

from ecgmodel.denoise.files import CleaningOptions, FoundRecording, find
from ecgmodel.denoise.network_file import NetworkFile
from ecgmodel.denoise.onnx import FILE, Facts
from ecgmodel.errors import (
    HintNeededError,
    MissingFileError,
    SettingsError,
    SignalError,
    SourceError,
)
from ecgmodel.files import Hints
from ecgmodel.signals.quality import QualitySettings
from ecgmodel.signals.resampling import ResampleSettings
from ecgmodel.steps.denoising import denoise_step, incoming_statistics, place
from ecgmodel.store import Store, Stored
from ecgmodel.support import samples
from ecgmodel.training.exporting import export_onnx
from ecgmodel.wfdb.millivolts import read_recording
from tests.wfdb_files import ecg, write_record

HOW = ResampleSettings(), QualitySettings()


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> NetworkFile:
    """A network that halves every sample, so that its effect can be checked."""
    from ecgmodel.support.quiet import import_keras

    import_keras()
    import keras

    network = keras.Sequential(
        [keras.Input((None, 1)), keras.layers.Conv1D(1, 1, use_bias=False, name="half")]
    )
    network.get_layer("half").set_weights([np.full((1, 1, 1), 0.5, np.float32)])
    folder = tmp_path_factory.mktemp("model")
    network.save(folder / "half.keras")
    facts = Facts(name="half", fs=360, window=512, overlap=0.5)
    export_onnx(folder / "half.keras", folder / FILE, facts)
    return NetworkFile.of_file(folder / FILE)


def clean(folder: Path, name: str, model: NetworkFile, store: Path, **how: Any) -> Stored:
    path = folder / (name if Path(name).suffix else f"{name}.hea")
    recording = FoundRecording(path, path.parent.relative_to(folder))
    return denoise_step(recording, model, *HOW, CleaningOptions(**how)).run(Store(store))


@pytest.mark.parametrize("fs", [128, 360, 500])
def test_only_the_samples_of_a_record_change(half: NetworkFile, tmp_path: Path, fs: int) -> None:
    signal = np.stack([ecg(60, fs), -1.5 * ecg(60, fs) + 0.4], axis=1)
    signal[1000:1100, 1] = np.nan
    path = write_record(tmp_path / "in", "p1", signal, fs, ("II", "V5"))
    wfdb.wrann("p1", "atr", np.arange(100, 900, 100), ["N"] * 8, write_dir=str(tmp_path / "in"))
    stored = clean(tmp_path / "in", "p1", half, tmp_path / "store")
    assert set(stored.files) == {"p1.hea", "p1.dat", "p1.atr"}
    given, found = read_recording(path, "p1"), read_recording(stored.path / "p1", "p1")
    assert found.leads == ("II", "V5")
    assert (found.fs, found.signal.shape) == (fs, signal.shape)
    assert np.array_equal(np.isnan(found.signal), np.isnan(given.signal))
    inner = np.ones(len(signal), bool)
    inner[950:1150] = False  # beside the gap a line was drawn over it
    inner[:50] = inner[-50:] = False
    difference = (found.signal - given.signal / 2)[inner]
    assert np.abs(difference).max() < (0.02 if fs > 360 else 0.003)
    assert stored.file("p1.atr").read_bytes() == path.with_suffix(".atr").read_bytes()
    assert wfdb.rdheader(str(stored.path / "p1")).comments[-1].endswith(half.label)
    assert stored.info["statistics"]["sampling_rate_hz"] == fs
    assert {(w["lead"], w["reason"]) for w in stored.info["windows"]} >= {(0, ""), (1, "")}


def test_identical_content_is_cleaned_once(half: NetworkFile, tmp_path: Path) -> None:
    write_record(tmp_path / "in", "p1", ecg(10, 360), 360)
    first = clean(tmp_path / "in", "p1", half, tmp_path / "store")
    shutil.copytree(tmp_path / "in", tmp_path / "moved")
    assert clean(tmp_path / "moved", "p1", half, tmp_path / "store").path == first.path
    write_record(tmp_path / "in", "p1", ecg(10, 360, seed=1), 360)
    assert clean(tmp_path / "in", "p1", half, tmp_path / "store").path != first.path


def test_a_recording_larger_than_memory_has_the_same_statistics(
    half: NetworkFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_record(tmp_path / "in", "p1", ecg(60, 360), 360)
    whole = clean(tmp_path / "in", "p1", half, tmp_path / "whole")
    monkeypatch.setattr(samples, "IN_MEMORY", 0)
    monkeypatch.setattr(samples, "PIECE", 1000)
    pieces = clean(tmp_path / "in", "p1", half, tmp_path / "pieces")
    assert (pieces.digest, pieces.info) == (whole.digest, whole.info)


def test_a_flat_recording_is_returned_and_flagged(half: NetworkFile, tmp_path: Path) -> None:
    write_record(tmp_path / "in", "flat", np.zeros(4000), 360)
    stored = clean(tmp_path / "in", "flat", half, tmp_path / "store")
    assert stored.info["statistics"]["usable"] == 0
    assert stored.info["statistics"]["quality"] is None
    assert all(window["reason"] for window in stored.info["windows"])


def test_bad_records_are_refused_and_leave_no_files(half: NetworkFile, tmp_path: Path) -> None:
    write_record(tmp_path / "in", "slow", ecg(30, 20), 20)
    with pytest.raises(SignalError, match="20"):
        clean(tmp_path / "in", "slow", half, tmp_path / "store")
    write_record(tmp_path / "in", "gone", ecg(10, 360), 360).with_suffix(".dat").unlink()
    with pytest.raises(MissingFileError, match=r"gone\.dat"):
        clean(tmp_path / "in", "gone", half, tmp_path / "store")
    assert list((tmp_path / "store" / "denoise").iterdir()) == []


def test_a_record_of_segments_becomes_one_record(half: NetworkFile, tmp_path: Path) -> None:
    parts = [ecg(20, 250, seed=seed) for seed in (1, 2)]
    for name, part in zip(("a", "b"), parts, strict=True):
        write_record(tmp_path / "in", name, part, 250)
    (tmp_path / "in" / "both.hea").write_text("both/2 1 250 10000\na 5000\nb 5000\n")
    wfdb.wrann("both", "atr", np.array([500, 7000]), ["N", "V"], write_dir=str(tmp_path / "in"))
    stored = clean(tmp_path / "in", "both", half, tmp_path / "store")
    assert set(stored.files) == {"both.hea", "both.dat", "both.atr"}
    found = read_recording(stored.path / "both", "both")
    assert found.signal.shape == (10_000, 1)
    error = found.signal[:, 0] - np.concatenate(parts) / 2
    assert np.abs(np.delete(error, np.r_[:50, 4950:5050, 9950:10_000])).max() < 0.01


def test_a_real_recording_keeps_its_length_rate_and_beats(
    half: NetworkFile, physionet: Path, tmp_path: Path
) -> None:
    source = physionet / "nsrdb" / "1.0.0"
    (tmp_path / "in").mkdir()
    for file in source.glob("16420.*"):
        shutil.copy(file, tmp_path / "in")
    stored = clean(tmp_path / "in", "16420", half, tmp_path / "store")
    given = read_recording(source / "16420", "16420")
    found = read_recording(stored.path / "16420", "16420")
    assert (found.fs, found.signal.shape) == (128, given.signal.shape)
    error = (found.signal - given.signal / 2)[100:-100]
    assert np.sqrt(np.nanmean(error**2)) < 0.01


def test_written_records_are_complete_and_replace_older_ones(
    half: NetworkFile, tmp_path: Path
) -> None:
    write_record(tmp_path / "in" / "ward", "p1", ecg(10, 360), 360)
    stored = clean(tmp_path / "in", "ward/p1", half, tmp_path / "store")
    for _ in range(2):
        header = place(stored, tmp_path / "out")
        assert header == tmp_path / "out" / "ward" / "p1.hea"
        assert sorted(f.name for f in header.parent.iterdir()) == ["p1.dat", "p1.hea"]
        header.with_suffix(".atr").write_bytes(b"\0\0")  # as of an earlier record
    assert header.read_bytes() == stored.file("p1.hea").read_bytes()


def test_the_output_folder_must_lie_outside_the_input(tmp_path: Path) -> None:
    write_record(tmp_path / "in", "p1", ecg(10, 360), 360)
    (found,) = find([tmp_path / "in"], tmp_path / "out")
    assert (found.name, found.folder) == ("p1", Path())
    for out in (tmp_path / "in", tmp_path / "in" / "cleaned"):
        with pytest.raises(SettingsError, match="outside"):
            find([tmp_path / "in"], out)


def test_two_recordings_with_one_output_name_are_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write_record(tmp_path / folder, "p1", ecg(10, 360), 360)
    (tmp_path / "a" / "p1.csv").write_text("time,ECG (mV)\n0,0\n")
    assert len(find([tmp_path], tmp_path.with_name("out"))) == 3
    assert len(find([tmp_path / "a", tmp_path / "a" / "p1.dat"], tmp_path / "out")) == 2
    with pytest.raises(SettingsError, match=r"(?s)a/p1\.hea.*b/p1\.hea.*different output folders"):
        find([tmp_path / "a", tmp_path / "b"], tmp_path / "out")
    with pytest.raises(SettingsError, match="both be written"):
        find([tmp_path / "a"], tmp_path / "out", "npy")


def test_a_file_that_changes_after_listing_is_refused(half: NetworkFile, tmp_path: Path) -> None:
    path = write_record(tmp_path / "in", "p1", ecg(10, 360), 360).with_suffix(".hea")
    step = denoise_step(FoundRecording(path, Path()), half, *HOW)
    write_record(tmp_path / "in", "p1", ecg(10, 360, seed=1), 360)
    with pytest.raises(SourceError, match="changed after it was listed"):
        step.run(Store(tmp_path / "store"))


def test_another_format_and_missing_information(half: NetworkFile, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    signal = ecg(20, 250)
    np.save(tmp_path / "in" / "p1.npy", signal)
    with pytest.raises(HintNeededError, match="--fs"):
        clean(tmp_path / "in", "p1.npy", half, tmp_path / "store")
    how = {"hints": Hints(fs=250, unit="mV"), "format": "wfdb"}
    stored = clean(tmp_path / "in", "p1.npy", half, tmp_path / "store", **how)
    first = place(stored, tmp_path / "out")
    assert first == tmp_path / "out" / "p1.hea"
    found = read_recording(tmp_path / "out" / "p1", "p1")
    assert np.abs(found.signal[:, 0] - signal / 2)[50:-50].max() < 0.003


def test_recent_recordings_are_counted_once(half: NetworkFile, tmp_path: Path) -> None:
    store = tmp_path / "store"
    other = NetworkFile(half.file, half.sha256, "another name of the same network", "2")
    for number, rate in enumerate((100, 200, 300)):
        write_record(tmp_path / "in", f"p{number}", ecg(10, rate), rate)
        for model in (half, other):
            stored = clean(tmp_path / "in", f"p{number}", model, store)
            os.utime(stored.path / "manifest.json", (1000 + number, 1000 + number))
    rates = [s.sampling_rate_hz for s in incoming_statistics(Store(store), 50)]
    assert rates == [300, 200, 100]
    rates = [s.sampling_rate_hz for s in incoming_statistics(Store(store), 2)]
    assert rates == [300, 200]
    assert incoming_statistics(Store(tmp_path / "empty"), 5) == []


def test_a_missing_gain_is_asked_for_or_set(half: NetworkFile, tmp_path: Path) -> None:
    signal = ecg(20, 360)
    path = write_record(tmp_path / "in", "p1", signal, 360).with_suffix(".hea")
    gain = wfdb.rdheader(str(path.with_suffix(""))).adc_gain[0]
    text = path.read_text()
    path.write_text(re.sub(r" 16 [^ ]+ ", " 16 0 ", text))
    assert path.read_text() != text
    with pytest.raises(HintNeededError, match="--gain"):
        clean(tmp_path / "in", "p1", half, tmp_path / "store")
    resample = HOW[0].model_copy(update={"uncalibrated_gain": gain})
    recording = FoundRecording(path, Path())
    stored = denoise_step(recording, half, resample, HOW[1]).run(Store(tmp_path / "store"))
    said = clean(tmp_path / "in", "p1", half, tmp_path / "store", hints=Hints(gain=gain))
    assert said.path == stored.path
    found = read_recording(stored.path / "p1", "p1").signal[:, 0]
    assert np.abs(found - signal / 2)[50:-50].max() < 0.01
