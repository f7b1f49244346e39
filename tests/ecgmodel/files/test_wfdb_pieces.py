"""A record that is larger than memory is read and written a piece at a time, with equal results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecgmodel.errors import RecordError
from ecgmodel.files import open_ecg, read_ecg, write_ecg
from ecgmodel.support.samples import LazySamples
from ecgmodel.wfdb.reading import read_stored_record
from ecgmodel.wfdb.writing import write_signal
from tests.wfdb_files import ecg, write_frames, write_record


def two_leads(gap: slice = slice(100, 150)) -> np.ndarray:
    signal = np.stack([ecg(4, 250), ecg(4, 250, seed=1)], axis=1)
    signal[gap, 0] = np.nan
    return signal


def edit(path: Path, old: str, new: str) -> Path:
    header = path.with_name(f"{path.name}.hea")
    text = header.read_text()
    assert old in text
    header.write_text(text.replace(old, new, 1))
    return path


def simple(folder: Path) -> Path:
    return write_record(folder, "r", two_leads(), 250, ("I", "II"), fmt="212")


def frames(folder: Path) -> Path:
    signals = {"II": (4, ecg(4, 400)), "ABP": (1, np.arange(400) / 200), "V": (2, ecg(4, 200))}
    signals["II"][1][77] = np.nan
    return write_frames(folder, "r", 100, signals)


def skewed(folder: Path) -> Path:
    return edit(frames(folder), "16x4", "16x4:7")


def other_unit(folder: Path) -> Path:
    path = write_record(folder, "r", np.c_[two_leads(), 80 * ecg(4, 250)], 250, ("I", "II", "P"))
    header = path.with_suffix(".hea")
    header.write_text("/mmHg".join(header.read_text().rsplit("/mV", 1)))
    return path


def compressed(folder: Path) -> Path:
    return write_record(folder, "r", np.nan_to_num(two_leads()), 250, ("I", "II"), fmt="516")


def without_length(folder: Path) -> Path:
    return edit(simple(folder), " 250 1000", " 250")


def segments(folder: Path) -> Path:
    """Write three segments, with gaps; each has other leads or another order."""
    write_record(folder, "a", two_leads(), 250, ("I", "II"))
    write_record(folder, "b", ecg(4, 250), 250, ("II",), fmt="212")
    write_record(folder, "c", two_leads(), 250, ("II", "I"))
    lines = [f"~ 0 200/mV 16 0 0 0 0 {lead}" for lead in ("I", "II", "V5")]
    (folder / "layout.hea").write_text("\n".join(["layout 3 250 0", *lines, ""]))
    (folder / "r.hea").write_text("r/6 3 250 3150\nlayout 0\na 1000\n~ 50\nb 1000\n~ 100\nc 1000\n")
    return folder / "r"


RECORDS = (simple, frames, skewed, other_unit, compressed, without_length, segments)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that makes all recordings count as long, and pieces short."""

    def set_piece(values: int) -> None:
        monkeypatch.setattr("ecgmodel.support.samples.IN_MEMORY", 1)
        monkeypatch.setattr("ecgmodel.support.samples.PIECE", values)

    return set_piece


def content(files: list[Path]) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in files}


@pytest.mark.parametrize("make", RECORDS)
@pytest.mark.parametrize("piece", [331, 1000])
def test_pieces_give_the_same_samples_and_the_same_files(
    make: Callable[[Path], Path], piece: int, tiny: Callable[[int], None], tmp_path: Path
) -> None:
    path = make(tmp_path / "in")
    kinds = (None, "wfdb")
    whole = read_ecg(path)
    written = [write_ecg(path, whole, tmp_path / f"a{k}", comment="x", format=k) for k in kinds]
    tiny(piece)
    opened = open_ecg(path)
    assert isinstance(opened.signal, LazySamples)
    for part in (slice(None), slice(3, 10), slice(401, 799), slice(5, 5), slice(-3, None)):
        np.testing.assert_array_equal(opened.signal[part], whole.signal[part])
    assert vars(whole) | {"signal": 0} == vars(opened) | {"signal": 0}
    for kind, expected in zip(kinds, written, strict=True):
        found = write_ecg(path, opened, tmp_path / f"b{kind}", comment="x", format=kind)
        assert content(found) == content(expected)


@pytest.mark.parametrize(("scale", "fmt"), [(1, "16"), (100, "32")])
def test_the_files_are_those_that_wfdb_writes(
    scale: float, fmt: str, tiny: Callable[[int], None], tmp_path: Path
) -> None:
    signal = scale * two_leads(gap=slice(0, 9))  # the first sample is missing, too
    expected = tmp_path / "wfdb"
    expected.mkdir()
    tiny(331)
    write_signal("r", signal, 250.0, ("I", "II"), ["x"], None, tmp_path)
    digital = np.where(np.isnan(signal), -(2 ** (int(fmt) - 1)), np.round(signal * 1000))
    wfdb.wrsamp(
        "r",
        fs=250.0,
        units=["mV", "mV"],
        sig_name=["I", "II"],
        d_signal=digital.astype(np.int64),
        fmt=[fmt, fmt],
        adc_gain=[1000.0, 1000.0],
        baseline=[0, 0],
        comments=["x"],
        write_dir=str(expected),
    )
    for name in ("r.hea", "r.dat"):
        assert (tmp_path / name).read_bytes() == (expected / name).read_bytes()


@pytest.mark.parametrize(("make", "file"), [(simple, "r"), (skewed, "r"), (segments, "c")])
def test_a_damaged_sample_is_refused(
    make: Callable[[Path], Path], file: str, tiny: Callable[[int], None], tmp_path: Path
) -> None:
    path = make(tmp_path)
    data = tmp_path / f"{file}.dat"
    data.write_bytes(data.read_bytes()[:-2] + b"\x01\x01")
    with pytest.raises(RecordError) as whole:
        open_ecg(path)
    assert "checksum" in str(whole.value)
    tiny(331)
    with pytest.raises(RecordError) as pieces:
        open_ecg(path)
    assert str(pieces.value) == str(whole.value)


@pytest.mark.parametrize(("make", "file"), [(simple, "r"), (other_unit, "r"), (segments, "c")])
def test_a_file_that_is_cut_after_opening_is_reported(
    make: Callable[[Path], Path], file: str, tiny: Callable[[int], None], tmp_path: Path
) -> None:
    path = make(tmp_path / "in")
    tiny(331)
    opened = open_ecg(path)
    data = tmp_path / "in" / f"{file}.dat"
    data.write_bytes(data.read_bytes()[:-100])
    assert len(opened.signal[:100]) == 100
    with pytest.raises(RecordError, match="r: header and data disagree"):
        opened.signal[len(opened.signal) - 100 :]
    with pytest.raises(RecordError, match="r: header and data disagree"):
        write_ecg(path, opened, tmp_path / "out", comment="x")
    assert not list((tmp_path / "out").iterdir())


def test_the_adc_range_is_unknown_if_any_sample_exceeds_it(
    tiny: Callable[[int], None], tmp_path: Path
) -> None:
    signal = two_leads()
    signal[990] = 3.0
    path = write_record(tmp_path, "r", signal, 250, ("I", "II"))
    edit(path, "/mV 16", "/mV 10")
    tiny(331)
    assert open_ecg(path).adc_ranges == (None, (-163.84, 163.835))


def test_differences_are_decoded_from_the_start(
    tiny: Callable[[int], None], tmp_path: Path
) -> None:
    """Format 8 stores the difference from the sample before."""
    steps = np.random.default_rng(0).integers(-9, 10, 1000)
    values = 5 + np.cumsum(steps)
    (tmp_path / "r.dat").write_bytes(steps.astype(np.int8).tobytes())
    (tmp_path / "r.hea").write_text(
        f"r 1 250 1000\nr.dat 8 200(0)/mV 12 0 5 {values.sum() % 65536} 0 I\n"
    )
    part = read_stored_record(tmp_path / "r", "r", start_s=1, seconds=1)
    np.testing.assert_array_equal(part.channels[0].digital, values[250:500])
    tiny(331)
    opened = open_ecg(tmp_path / "r")
    np.testing.assert_allclose(opened.signal[300:900], values[300:900, None] / 200)
