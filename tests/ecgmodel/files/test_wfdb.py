"""Specific to WFDB: frames, headers read without corrections, annotation files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecgmodel.denoise.files import find
from ecgmodel.errors import HintNeededError, SettingsError
from ecgmodel.files import Hints, files_of, read_ecg, write_ecg, written_name
from tests.wfdb_files import ecg, write_frames, write_record


def test_samples_per_frame_survive_a_round_trip(tmp_path: Path) -> None:
    signals = {"II": (4, ecg(10, 360)), "ABP": (1, np.arange(900) / 200)}
    write_frames(tmp_path / "in", "r1", 90, signals)
    for name, fs in (("atr", None), ("qrs", 360)):  # in frames, and finer
        at = np.array([45 * (fs or 90) // 90])
        wfdb.wrann("r1", name, at, ["V"], fs=fs, write_dir=str(tmp_path / "in"))
    read = read_ecg(tmp_path / "in/r1.hea")
    assert (read.fs, read.leads, read.other) == (360, ("II",), ("ABP",))
    assert [annotation.at_s for annotation in read.annotations] == [0.5]
    files = write_ecg(tmp_path / "in/r1.hea", read.signal / 2, tmp_path / "out", comment="x")
    again = read_ecg(files[0])
    assert again.fs == 360
    np.testing.assert_allclose(again.signal, read.signal / 2, atol=5.1e-4)
    assert again.annotations == read.annotations
    (tmp_path / "in/r1.atr").unlink()
    assert [annotation.at_s for annotation in read_ecg(tmp_path / "in/r1.hea").annotations] == [0.5]


def test_leads_of_different_rates_are_cleaned_one_rate_at_a_time(tmp_path: Path) -> None:
    signals = {"II": (4, ecg(10, 360)), "V5": (2, ecg(10, 180)), "V1": (2, ecg(10, 180, seed=1))}
    write_frames(tmp_path / "in", "r1", 90, signals, "mV")
    with pytest.raises(HintNeededError, match="--column"):
        read_ecg(tmp_path / "in/r1.hea")
    hints = Hints(columns=("V1", "V5"))
    read = read_ecg(tmp_path / "in/r1.hea", hints)
    assert (read.fs, read.leads) == (180, ("V1", "V5"))
    cleaned = read.signal * (2, 3)
    write_ecg(tmp_path / "in/r1.hea", cleaned, tmp_path / "out", comment="x", hints=hints)
    after = wfdb.rdrecord(str(tmp_path / "out/r1"), smooth_frames=False)
    assert after.samps_per_frame == [4, 2, 2]
    for written, expected in zip(
        after.e_p_signal, (signals["II"][1], cleaned[:, 1], cleaned[:, 0]), strict=True
    ):
        np.testing.assert_allclose(written, expected, atol=0.0026)


@pytest.mark.parametrize(("offset", "baseline"), [(3.0, 0), (30.0, -6000)])
def test_a_lead_that_never_crosses_zero_keeps_its_offset(
    tmp_path: Path, offset: float, baseline: int
) -> None:
    signal = ecg(10, 360) + offset
    path = write_record(tmp_path, "r1", signal, 360, baseline=baseline)
    read = read_ecg(path)
    np.testing.assert_allclose(read.signal[:, 0], signal, atol=0.0026)
    assert read.remarks == ()


def test_annotation_files_of_any_suffix_are_copied(tmp_path: Path) -> None:
    source = tmp_path / "in"
    path = write_record(source, "r1", ecg(10, 360), 360)
    for name in ("atr", "arousal", "qrsc", "ecgatr", "event"):
        notes = ["", "(AFIB"]
        wfdb.wrann(
            "r1", name, np.array([9, 2000]), ["N", "+"], aux_note=notes, write_dir=str(source)
        )
    annotations = [path.with_suffix(f".{name}") for name in ("atr", "arousal", "qrsc", "event")]
    kept = path.with_suffix(".atr").read_bytes()
    path.with_suffix(".hea-old").write_bytes(path.with_suffix(".hea").read_bytes())
    path.with_suffix(".xws").write_text("wave -r r1\n")
    path.with_suffix(".csv").write_bytes(kept)  # a recording's own name
    (source / "r12.qrsc").write_bytes(kept)
    (tmp_path / "secret").write_bytes(kept)
    path.with_suffix(".far").symlink_to(tmp_path / "secret")
    path.with_suffix(".man").symlink_to(source / "r1.atr")
    path.with_suffix(".qrs").symlink_to(tmp_path / "secret")
    read = read_ecg(path)
    assert read.remarks == ("r1.qrs: omitted, a link to another folder",)
    written = write_ecg(path, read, tmp_path / "out", comment="x")
    names = {file.name for file in written}
    assert names == {
        "r1.hea",
        "r1.dat",
        "r1.ecgatr",
        "r1.man",
        *(file.name for file in annotations),
    }
    for file in annotations:
        assert (tmp_path / "out" / file.name).read_bytes() == file.read_bytes()
        assert file in files_of(path)


def test_signal_files_are_not_taken_for_annotations(tmp_path: Path) -> None:
    path = write_record(tmp_path / "in", "r1", ecg(10, 360), 360)
    path.with_suffix(".dat").rename(path.with_suffix(".ecg"))
    header = path.with_suffix(".hea")
    header.write_text(header.read_text().replace("r1.dat", "r1.ecg"))
    written = write_ecg(path, read_ecg(path), tmp_path / "out", comment="x")
    assert [file.name for file in written] == ["r1.hea", "r1.dat"]


@pytest.mark.parametrize("names", [("\u0418\u0432\u0430\u043d", "\u60a3\u8005"), ("p 1", "p_1")])
def test_recordings_with_the_same_wfdb_name_are_refused(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    for name in names:
        np.save(tmp_path / f"{name}.npy", ecg(2, 250))
    assert len(find([tmp_path], tmp_path.with_name("out"))) == 2
    assert len(find([tmp_path], tmp_path.with_name("out"), "edf")) == 2
    with pytest.raises(SettingsError, match=f"{names[0]}.*{names[1]}.*Rename"):
        find(sorted(tmp_path.iterdir()), tmp_path.with_name("out"), "wfdb")


def test_a_renamed_record_may_not_collide_with_another(tmp_path: Path) -> None:
    write_record(tmp_path, "p_1", ecg(2, 250), 250)
    np.save(tmp_path / "p 1.npy", ecg(2, 250))
    assert written_name(tmp_path / "p 1.npy", "wfdb") == "p_1"
    with pytest.raises(SettingsError, match="both be written"):
        find([tmp_path], tmp_path.with_name("out"), "wfdb")


def test_annotations_of_an_earlier_record_are_removed(tmp_path: Path) -> None:
    path = write_record(tmp_path / "one", "r1", ecg(10, 360), 360)
    for name in ("atr", "event"):
        wfdb.wrann("r1", name, np.array([9]), ["N"], write_dir=str(tmp_path / "one"))
    out = tmp_path / "out"
    write_ecg(path, read_ecg(path), out, comment="x")
    (out / "r1.txt").write_text("mine")
    (out / "r12.atr").write_bytes(b"\0\0")
    path = write_record(tmp_path / "two", "r1", ecg(10, 360), 360)
    write_ecg(path, read_ecg(path), out, comment="x")
    assert {file.name for file in out.iterdir()} == {"r1.hea", "r1.dat", "r1.txt", "r12.atr"}
