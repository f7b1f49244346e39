"""A recording that is larger than memory is cleaned as a short one, piece by piece."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ecgmodel.denoise import trust
from ecgmodel.denoise.denoiser import Denoiser
from ecgmodel.denoise.files import CleaningOptions, FoundRecording, clean_file
from ecgmodel.evaluation.before_after import before_after_figure
from ecgmodel.evaluation.sheet import Drawn
from ecgmodel.files import Ecg, Hints, created_formats, formats, open_ecg
from ecgmodel.support import samples
from ecgmodel.support.samples import DiskSamples, gathered, room_for, spans, whole
from ecgmodel.web.report import write_report
from tests.ecgmodel.files.made import write_made
from tests.wfdb_files import ecg

FS = 250.0
HINTS = Hints(fs=FS, unit="mV")


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing fits into memory, and a piece holds a few hundred samples."""
    monkeypatch.setattr(samples, "IN_MEMORY", 0)
    monkeypatch.setattr(samples, "PIECE", 1000)


@pytest.fixture(autouse=True)
def _short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reliability is assessed in blocks of 20 s, so that sections reach from one to the next."""
    monkeypatch.setattr(trust, "AT_ONCE", 2)


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    return Denoiser.load()


def recording(folder: Path, format: str) -> Path:
    """Write 62.3 s of three leads: noisy, with a gap, clipped, and out of range for a while."""
    rng = np.random.default_rng(3)
    signal = np.stack([ecg(62.3, FS, seed=seed) for seed in range(3)], axis=1)
    signal += 0.05 * rng.standard_normal(signal.shape)
    signal[4000:4600, 0] = np.nan
    signal[9000:12_000, 1] = 0.5
    signal[2000:2020, 2] = 30.0
    made = Ecg(np.round(signal, 3), FS, ("I", "II", "V1"), (None,) * 3)
    return write_made(folder / "in", format, made)


def cleaned(source: Path, denoiser: Denoiser, out: Path, **options: object) -> dict[str, bytes]:
    how = CleaningOptions(HINTS, **options)
    clean_file(FoundRecording(source, Path()), denoiser, out, "a network", how)
    return {path.name: path.read_bytes() for path in out.iterdir()}


@pytest.mark.parametrize("format", formats())
def test_pieces_give_the_same_file(
    tmp_path: Path, denoiser: Denoiser, format: str, request: pytest.FixtureRequest
) -> None:
    source = recording(tmp_path, format)
    before = cleaned(source, denoiser, tmp_path / "whole", untrusted="pass")
    request.getfixturevalue("tiny")
    after = cleaned(source, denoiser, tmp_path / "pieces", untrusted="pass")
    if format == "parquet":  # its row groups are smaller
        path = source.name
        one, other = (open_ecg(tmp_path / f / path, HINTS).signal for f in ("whole", "pieces"))
        np.testing.assert_array_equal(whole(one), whole(other))
    else:
        assert before == after


@pytest.mark.parametrize("format", [name for name in created_formats() if name != "npz"])
def test_pieces_give_the_same_new_file(
    tmp_path: Path, denoiser: Denoiser, format: str, request: pytest.FixtureRequest
) -> None:
    source = recording(tmp_path, "npz")
    before = cleaned(source, denoiser, tmp_path / "whole", format=format)
    request.getfixturevalue("tiny")
    after = cleaned(source, denoiser, tmp_path / "pieces", format=format)
    if format != "parquet":
        assert before == after


@pytest.mark.parametrize("kind", ["int16", ">i2", "float64", "fortran", "rows"])
def test_arrays_of_all_kinds_keep_it(
    tmp_path: Path, denoiser: Denoiser, kind: str, request: pytest.FixtureRequest
) -> None:
    signal = np.stack([ecg(20, FS), ecg(20, FS) * 0.5], axis=1)
    signal = {
        "int16": lambda: np.round(signal * 1000).astype(np.int16),
        ">i2": lambda: np.round(signal * 1000).astype(">i2"),
        "float64": lambda: signal,
        "fortran": lambda: np.asfortranarray(signal),
        "rows": lambda: np.ascontiguousarray(signal.T),
    }[kind]()
    (tmp_path / "in").mkdir()
    np.save(tmp_path / "in" / "a.npy", signal)
    hints = Hints(fs=FS, unit="uV" if signal.dtype.kind == "i" else "mV")
    how, found = CleaningOptions(hints), FoundRecording(tmp_path / "in" / "a.npy", Path())
    clean_file(found, denoiser, tmp_path / "whole", "a network", how)
    request.getfixturevalue("tiny")
    clean_file(found, denoiser, tmp_path / "pieces", "a network", how)
    expected = np.load(tmp_path / "whole" / "a.npy")
    assert (tmp_path / "whole/a.npy").read_bytes() == (tmp_path / "pieces/a.npy").read_bytes()
    assert expected.dtype == signal.dtype
    assert expected.shape == signal.shape
    assert expected.flags.f_contiguous == signal.flags.f_contiguous


def test_figure_and_page_are_the_same(
    tmp_path: Path, denoiser: Denoiser, request: pytest.FixtureRequest
) -> None:
    source = recording(tmp_path, "edf")

    def made_of(out: Path) -> tuple[list[np.ndarray], bytes]:
        found = FoundRecording(source, Path())
        done = clean_file(found, denoiser, out, "a network", CleaningOptions(HINTS))
        read = done.ecg
        drawn = Drawn(read.signal, done.signal, done.windows, read.fs, read.leads)
        figure = before_after_figure(drawn)
        lines = [np.asarray(line.get_xydata()) for line in figure.axes[0].get_lines()]
        page = write_report(out / "r.html", "x", read, done.signal, done.windows, "a network")
        return lines, page.read_bytes()

    lines, page = made_of(tmp_path / "whole")
    request.getfixturevalue("tiny")
    others, same = made_of(tmp_path / "pieces")
    assert page == same
    for one, other in zip(lines, others, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.usefixtures("tiny")
def test_a_file_that_is_cut_meanwhile_is_named(tmp_path: Path) -> None:
    source = recording(tmp_path, "npy")
    opened = open_ecg(source, HINTS)
    source.write_bytes(source.read_bytes()[:2000])
    with pytest.raises(Exception, match=source.name):
        whole(opened.signal)


def test_a_signal_on_the_disk_is_the_one_that_was_written(tmp_path: Path) -> None:
    signal = np.random.default_rng(0).standard_normal((1000, 3))
    disk = DiskSamples(signal.shape, tmp_path)
    for start in range(0, 1000, 77):
        disk[start : start + 77] = signal[start : start + 77]
    np.testing.assert_array_equal(disk[100:900], signal[100:900])
    np.testing.assert_array_equal(disk[-1:], signal[-1:])
    np.testing.assert_array_equal(whole(disk), signal)
    assert list(tmp_path.iterdir()) == []  # it has no name
    with pytest.raises(ValueError, match="Expected samples"):
        disk[:10] = signal[:9]


def test_a_signal_of_unknown_length_is_gathered(tiny: None) -> None:
    signal = np.random.default_rng(0).standard_normal((1000, 2))
    found = gathered((signal[i : i + 300] for i in range(0, 1000, 300)), 2)
    assert isinstance(found, DiskSamples)
    np.testing.assert_array_equal(whole(found), signal)
    assert whole(gathered(iter([]), 2)).shape == (0, 2)


def test_pieces_cover_a_signal_once(tiny: None) -> None:
    parts = list(spans((12_345, 3), step=10))
    assert [part.start for part in parts[1:]] == [part.stop for part in parts[:-1]]
    assert (parts[0].start, parts[-1].stop) == (0, 12_345)
    assert all((part.stop - part.start) % 10 == 0 for part in parts[:-1])
    assert isinstance(room_for((1, 1)), DiskSamples)
