"""Recordings of every format in a folder train: found, converted to WFDB, bad ones named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ecgmodel.errors import RecordError, SourceError
from ecgmodel.files import formats, read_ecg
from ecgmodel.settings.config import SourceSettings
from ecgmodel.signals.resampling import ResampleSettings
from ecgmodel.signals.standard import RECORDED
from ecgmodel.sources.folder import FolderSource
from ecgmodel.steps.data import Step, download_step, open_source, resample_step
from ecgmodel.store import Store
from tests.ecgmodel.files.clinical import PATIENT, twelve
from tests.ecgmodel.files.made import made_ecg, write_made
from tests.tiny_wfdb import write_record

HOW = ResampleSettings()


def folder_of(tmp_path: Path) -> Path:
    """Return a folder with a recording in every format, and files that are none."""
    folder = tmp_path / "mine"
    for format in formats():
        write_made(folder / "ward" if format in ("edf", "dicom") else folder, format, name=format)
    (folder / "._csv.csv").write_bytes(b"\0\5")
    (folder / ".Trash").mkdir()
    (folder / ".Trash/old.csv").write_text("1\n")
    (folder / "settings.xml").write_text("<settings/>")
    (folder / "notes.txt").write_text("seen\n")
    return folder


def steps(folder: Path, store: Store, **settings: object) -> dict[str, Step]:
    origin = SourceSettings(kind="folder", path=folder, **settings)
    source = open_source(origin, "own", store)
    return {
        record.name: download_step(source, record, origin, HOW) for record in source.records("own")
    }


def test_every_format_is_resampled(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    made = steps(folder_of(tmp_path), store, fs=250, unit="mV")
    assert set(made) == {f"ward/{n}" if n in ("edf", "dicom") else n for n in formats()}
    whole = made_ecg()
    for name, step in made.items():
        download = step.run(store)
        header = download.file(str(download.info["header"])).with_suffix(".hea")
        read = read_ecg(header)
        assert (read.fs, len(read.signal)) == (250, 2500), name
        apart = 0.03 if name == "wfdb" else 6e-4
        np.testing.assert_allclose(
            np.nan_to_num(read.signal[:, 0]), np.nan_to_num(whole.signal[:, 0]), atol=apart
        )
        for file in download.files:
            assert PATIENT.encode() not in download.file(file).read_bytes()
        resampled = resample_step(download, HOW).run(store)
        assert np.load(resampled.file(RECORDED)).shape[1] == 2


def test_the_key_of_a_wfdb_record_does_not_know_of_other_formats(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    write_record(folder, "p1")
    store = Store(tmp_path / "store")
    (step,) = steps(folder, store).values()
    assert step.unit.code == {}
    assert set(step.unit.settings) == {"record", "start_s", "seconds"}
    write_made(folder, "edf", name="p2")
    again = steps(folder, store, fs=100, unit="uV", columns=("II",))
    assert again["p1"].unit == step.unit
    other = again["p2"].unit
    assert other.settings["hints"]["fs"] == 100
    assert {"ecgmodel.files.edf", "ecgmodel.files._edf"} <= set(other.code["modules"])
    assert steps(folder, store)["p2"].unit != other


def test_only_the_needed_part_is_converted(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    made = twelve(20)
    write_made(folder, "ishne", made, name="long")
    source = FolderSource(folder)
    (record,) = source.records()
    info = source.fetch(record, tmp_path / "r", 5, 10, False)
    assert (info["start_s"], info["partial"], info["header"]) == (5, True, "long")
    part = read_ecg(tmp_path / "r/long.hea").signal
    np.testing.assert_allclose(part, made.signal[2500:7500], atol=1e-6)
    info = source.fetch(record, tmp_path / "r", 5, 10, True)
    assert (info["start_s"], info["partial"]) == (0, False)
    assert len(read_ecg(tmp_path / "r/long.hea").signal) == 10_000
    with pytest.raises(RecordError, match=r"long\.ecg holds 10000 samples.*nothing from 30 s on"):
        source.fetch(record, tmp_path / "r", 30, 10, False)


def test_a_file_that_lacks_information_is_a_bad_record(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    np.save(folder / "a.npy", made_ecg().signal)
    (folder / "b.csv").write_text("time,hr\n" + "".join(f"{i / 250},70\n" for i in range(999)))
    (folder / "c.xml").write_bytes(b"<RestingECG><Waveform>")
    store = Store(tmp_path / "store")
    expected = {
        "a": r"a\.npy does not state its sampling rate.*source\.fs",
        "b": r"b\.csv.*source\.columns",
        "c": r"c\.xml is no valid XML",
    }
    made = steps(folder, store)
    assert set(made) == set(expected)
    for name, said in expected.items():
        with pytest.raises(RecordError, match=said) as caught:
            made[name].run(store)
        assert "--" not in str(caught.value)
    assert steps(folder, store, fs=250)["a"].run(store).info["header"] == "a"


def test_names_are_unique_and_a_copy_of_a_wfdb_record_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    write_record(folder, "p1")
    for format, name in (("edf", "p1"), ("edf", "p2"), ("bdf", "p2"), ("edf", "p3")):
        write_made(folder, format, name=name)
    with pytest.warns(UserWarning, match=r"p1\.edf is left out: the WFDB record p1 has its name"):
        names = FolderSource(folder).names()
    assert names == ("p1", "p2.bdf", "p2.edf", "p3")


def test_an_edit_changes_the_record_or_is_detected(tmp_path: Path) -> None:
    path = write_made(tmp_path / "mine", "edf", name="p1")
    source = FolderSource(tmp_path / "mine")
    (record,) = source.records()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert source.records() != (record,)
    with pytest.raises(SourceError, match=r"p1\.edf changed after it was listed"):
        source.fetch(record, tmp_path / "r", 0, 1, False)
