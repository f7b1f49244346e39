"""Long EDF and BDF recordings are read and written in pieces, like short ones at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import edfio
import numpy as np
import pytest

from ecgmodel.errors import RecordError
from ecgmodel.files import Ecg, Hints, Recording, bdf, edf, open_ecg, read_ecg, write_ecg
from ecgmodel.files._edf_layout import EDF, read_layout
from ecgmodel.files._edf_records import LeadRecords
from ecgmodel.support import samples
from ecgmodel.support.samples import DiskSamples, LazySamples
from tests.ecgmodel.files.made import START, made_ecg, write_made

FORMATS: dict[str, ModuleType] = {"edf": edf, "bdf": bdf}
CLASSES: dict[str, tuple[Any, Any]] = {
    "edf": (edfio.Edf, edfio.EdfSignal),
    "bdf": (edfio.Bdf, edfio.BdfSignal),
}


def plain(folder: Path, format: str) -> Path:
    """Two leads and a channel of another rate, without annotations."""
    return mixed(folder, format, annotations=None)


def mixed(
    folder: Path,
    format: str,
    annotations: tuple[edfio.EdfAnnotation, ...] | None = (
        edfio.EdfAnnotation(2.5, 1.0, "Lights off"),
        edfio.EdfAnnotation(19.99, None, "late"),
    ),
    record_s: int = 1,
) -> Path:
    """Two leads between channels of other rates and signals."""
    whole, signal = CLASSES[format]
    first, second = np.nan_to_num(made_ecg(20).signal).T
    channels = [
        signal(1000 * first, 250, label="ECG II", physical_dimension="uV"),
        signal(np.sin(np.arange(500.0)), 25, label="Resp", physical_dimension="L"),
        signal(second, 250, label="ECG V5", physical_dimension="mV"),
        signal(1000 * first, 250, label="EEG Fpz-Cz", physical_dimension="uV"),
    ]
    made = whole(
        channels,
        starttime=START.time(),
        data_record_duration=record_s,
        annotations=annotations,
    )
    made.write(folder / f"r1.{format}")
    return folder / f"r1.{format}"


def one_record(folder: Path, format: str) -> Path:
    """All samples of a channel in one data record."""
    return mixed(folder, format, record_s=20)


def padded(folder: Path, format: str) -> Path:
    """A last record that is filled up after "Recording ends"."""
    return write_made(folder, format, made_ecg(7.3))


def interrupted(folder: Path, format: str) -> Path:
    """Minutes between records 5 and 6, and between 6 and 7."""
    file = mixed(folder, format)
    data = bytearray(file.read_bytes())
    data[192:197] = format.upper().encode() + b"+D"
    for second in range(10, 20):
        place = data.index(b"+%d\x14\x14" % second, 256 * 6)
        note = b"+%d\x14\x14" % (second + (50 if second == 10 else 70))
        data[place : place + len(note)] = note
    file.write_bytes(data)
    return file


def cut(folder: Path, format: str) -> Path:
    """A recording that was not closed, with a part of a record at its end."""
    file = mixed(folder, format)
    data = bytearray(file.read_bytes())
    data[236:244] = b"-1      "
    file.write_bytes(data[:-300])
    return file


@pytest.fixture
def in_pieces(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that lets no recording be held in memory, only pieces of a size."""

    def limit(piece: int) -> None:
        monkeypatch.setattr(samples, "PIECE", piece)
        monkeypatch.setattr(samples, "IN_MEMORY", 100)

    return limit


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def on_disk(signal: samples.Floats) -> DiskSamples:
    room = DiskSamples(signal.shape)
    room[:] = signal
    return room


def cleaned(ecg: Ecg) -> Ecg:
    """Return a recording with another signal: some samples missing, and some in the gaps."""
    signal = 0.37 * ecg.signal + 0.001
    signal[::7] = np.nan_to_num(signal[::7])
    signal[40:60, 0] = np.nan
    signal[: 3 * len(signal) // 4] *= 0.5  # the largest sample is not in the first piece
    return replace(ecg, signal=signal)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("make", [plain, mixed, padded, interrupted, cut, one_record])
@pytest.mark.parametrize("piece", [400, 3000])  # records longer and shorter than a piece
def test_pieces_are_the_same_as_the_whole(
    tmp_path: Path,
    in_pieces: Callable[[int], None],
    make: Callable[[Path, str], Path],
    format: str,
    piece: int,
) -> None:
    file = make(tmp_path, format)
    whole = read_ecg(file)
    target = cleaned(whole)
    write_ecg(file, target, tmp_path / "whole", comment="cleaned by a test")
    in_pieces(piece)
    opened = open_ecg(file)
    assert isinstance(opened.signal, LazySamples)
    assert opened.signal.shape == whole.signal.shape
    assert np.array_equal(samples.whole(opened.signal), whole.signal, equal_nan=True)
    for start, stop in ((0, 1), (249, 251), (1100, 1900), (len(whole.signal) - 30, None)):
        expected = whole.signal[start:stop]
        assert np.array_equal(opened.signal[start:stop], expected, equal_nan=True)
    assert vars(opened) | {"signal": None} == vars(whole) | {"signal": None}
    long = replace(opened, signal=on_disk(target.signal))
    write_ecg(file, long, tmp_path / "out", comment="cleaned by a test")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("fs", [250.0, 128.5, 333.333])  # records of 1, 2 and 1000 s
def test_a_new_file_is_the_same_written_in_pieces(
    tmp_path: Path, in_pieces: Callable[[int], None], fs: float, format: str
) -> None:
    ecg = replace(made_ecg(7.3), fs=fs)
    for name in ("whole", "pieces"):
        (tmp_path / name).mkdir()
    FORMATS[format].write("new", ecg, tmp_path / "whole", "cleaned by a test")
    in_pieces(700)
    long = Recording(**vars(ecg) | {"signal": on_disk(ecg.signal)})
    FORMATS[format].write("new", long, tmp_path / "pieces", "cleaned by a test")
    assert contents(tmp_path / "pieces") == contents(tmp_path / "whole")


@pytest.mark.parametrize("format", FORMATS)
def test_a_new_file_is_the_one_that_edfio_writes(tmp_path: Path, format: str) -> None:
    ecg = replace(made_ecg(7.3), fs=128.5)
    FORMATS[format].write("new", ecg, tmp_path, "cleaned by a test")
    file = tmp_path / f"new.{format}"
    made: Any = edfio.read_edf(file, False) if format == "edf" else edfio.read_bdf(file)
    assert [each.text for each in made.annotations] == ["N", "V", "(AFIB", "Recording ends"]
    for signal, lead in zip(made.signals, ecg.signal.T, strict=True):
        assert signal.sampling_frequency == 128.5
        assert signal.prefiltering == "cleaned by a test"
        data = np.where(signal.digital < signal.digital_min, np.nan, signal.data)[: len(lead)]
        step = np.ptp(signal.physical_range) / np.ptp(signal.digital_range)
        np.testing.assert_allclose(data, lead, atol=0.501 * step)
    made.write(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == file.read_bytes()


@pytest.mark.parametrize("touching", [1, 2, 3])
def test_the_adc_range_is_told_from_all_pieces(
    tmp_path: Path, in_pieces: Callable[[int], None], touching: int
) -> None:
    signal = 0.5 * np.sin(np.arange(5000.0))
    signal[[10, 2500, 4990][:touching]] = 2.0  # each in another piece
    made = edfio.EdfSignal(signal, 250, label="ECG", physical_range=(-2, 2))
    edfio.Edf([made]).write(tmp_path / "a.edf")
    in_pieces(1000)
    assert open_ecg(tmp_path / "a.edf", Hints(unit="mV")).adc_ranges == (
        (-2.0, 2.0) if touching == 3 else None,
    )


@pytest.mark.parametrize("piece", [400, 3000])
def test_a_file_that_is_cut_off_after_it_was_opened(
    tmp_path: Path, in_pieces: Callable[[int], None], piece: int
) -> None:
    file = mixed(tmp_path, "edf")
    in_pieces(piece)
    opened = open_ecg(file)
    before = opened.signal[:250]
    file.write_bytes(file.read_bytes()[:-5000])
    assert np.array_equal(opened.signal[:250], before)
    with pytest.raises(RecordError, match="was cut off while it was read"):
        opened.signal[len(opened.signal) - 300 :]


def test_blocks_of_a_long_recording_are_bounded(tmp_path: Path) -> None:
    layout = read_layout(mixed(tmp_path, "edf"), EDF)
    opened = open_ecg(layout.path)
    leads = tuple(c for c in layout.channels if c.label in opened.leads)
    day = replace(layout, records=86_400)
    records = LeadRecords(day, leads, (1.0, 1.0), np.arange(86_400) * 250)
    blocks = list(records.blocks(0, records.length))
    assert sum(block.length for block in blocks) == records.length
    assert max(block.length for block in blocks) * 2 <= samples.PIECE
