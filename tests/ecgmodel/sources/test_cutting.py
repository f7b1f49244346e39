"""A cut record: only the needed bytes, a header of its own, annotations relative to the cut."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wfdb

from ecgmodel.errors import RecordError, SourceError, TransientSourceError
from ecgmodel.sources import physionet
from ecgmodel.sources._cutting import cut_annotations
from ecgmodel.sources.base import CUT_FROM_HASHED, HASHED, TWICE
from ecgmodel.sources.physionet import PhysioNetSource
from ecgmodel.store import Store, Unit, file_sha256
from ecgmodel.wfdb.layout import Cut, read_header
from tests.mirror_server import MirrorServer
from tests.tiny_wfdb import digital, publish, write_record

DAT = "/nsrdb/1.0.0/r.dat"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    folder = tmp_path / "tree/nsrdb/1.0.0"
    write_record(folder, "r")
    return publish(folder)


@pytest.fixture
def mirror(database: Path) -> Iterator[MirrorServer]:
    with MirrorServer(database.parents[1]) as server:
        yield server


def fetch(base: str | Path, into: Path, start_s: float, seconds: float) -> dict[str, Any]:
    source = PhysioNetSource(str(base), into.parent / "listings", timeout_s=5)
    (record,) = source.records("nsrdb", ("r",))
    return source.fetch(record, into, start_s, seconds, whole=False)


def assert_cut_is_right(info: dict[str, Any], cut: Path, original: Path, wanted: slice) -> None:
    """The cut equals the original in its range; it starts at most two frames early."""
    fs = wfdb.rdheader(str(original.with_suffix(""))).fs
    first = round(info["start_s"] * fs)
    assert 0 <= wanted.start - first <= 2
    expected = digital(original, sampfrom=first, sampto=wanted.stop)
    found = digital(cut)
    for signal, whole in zip(found, expected, strict=True):
        np.testing.assert_array_equal(signal, whole)
    header = wfdb.rdheader(str(cut.with_suffix("")))
    record = wfdb.rdrecord(str(cut.with_suffix("")), physical=False, smooth_frames=False)
    assert header.sig_len == wanted.stop - first
    assert header.init_value == [int(signal[0]) for signal in found]
    sums = [total % 65536 for total in header.checksum]
    assert sums == record.calc_checksum(expanded=True)
    comment = f"cut from r, samples {first} to {wanted.stop - 1} of the original"
    assert header.comments[-1] == comment


@pytest.mark.parametrize("fmt", ["16", "24", "32", "80", "160", "212", "310", "311"])
@pytest.mark.parametrize("leads", [1, 2, 3])
def test_every_format_is_cut_at_the_sample(tmp_path: Path, fmt: str, leads: int) -> None:
    folder = tmp_path / "tree/nsrdb/1.0.0"
    original = write_record(folder, "r", samples=997, fmt=fmt, leads=leads)
    publish(folder)
    for first, count in ((0, 100), (1, 99), (200, 301), (7, 3), (995, 2), (500, 497)):
        into = tmp_path / f"cut-{first}-{count}"
        info = fetch(tmp_path / "tree", into, first / 128, count / 128)
        assert info["partial"]
        assert_cut_is_right(info, into / "r.hea", original, slice(first, first + count))


@pytest.mark.parametrize(
    "how",
    [
        {"offset": 37},
        {"frames": (1, 4)},
        {"frames": (3, 2), "fmt": "310"},
        {"several_files": True, "leads": 3},
        {"several_files": True, "frames": (1, 2), "fmt": "311"},
        {"fs": "127.5/360(12.5)", "start": "23:59:58 31/12/1999"},
    ],
    ids=str,
)
def test_unusual_layouts_are_cut_too(tmp_path: Path, how: dict[str, Any]) -> None:
    folder = tmp_path / "tree/nsrdb/1.0.0"
    original = write_record(folder, "r", **how)
    publish(folder)
    fs = wfdb.rdheader(str(original.with_suffix(""))).fs
    info = fetch(tmp_path / "tree", tmp_path / "cut", 301 / fs, 200 / fs)
    assert info["partial"]
    assert_cut_is_right(info, tmp_path / "cut/r.hea", original, slice(301, 501))


def test_only_the_needed_bytes_are_downloaded(mirror: MirrorServer, tmp_path: Path) -> None:
    info = fetch(mirror.url, tmp_path / "cut", 1.0, 2.0)
    assert mirror.ranges[DAT] == ["bytes=384-1151"] * 2  # nothing else vouches for them
    assert mirror.bytes_sent[DAT] == 2 * 768
    assert info["checked"] == {"r.hea": HASHED, "r.atr": HASHED, "r.dat": TWICE}
    entry = info["files"]["r.dat"]
    assert (entry["range"], entry["bytes"], entry["verified"]) == ([384, 1151], 768, False)
    assert info["partial"]
    assert info["start_s"] == 1.0
    assert info["files"]["r.hea"]["verified"]
    assert {path.name for path in (tmp_path / "cut").iterdir()} == set(info["files"])


def test_a_cut_ends_with_the_record(mirror: MirrorServer, tmp_path: Path) -> None:
    info = fetch(mirror.url, tmp_path / "cut", 5.0, 1e9)
    assert info["partial"]
    assert wfdb.rdheader(str(tmp_path / "cut/r")).sig_len == 1000 - 640


def test_a_start_beyond_the_end_is_refused(mirror: MirrorServer, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"holds 1000 samples \(7\.8 s\).*from 8 s on"):
        fetch(mirror.url, tmp_path / "cut", 8.0, 1.0)
    assert mirror.count("*.dat") == 0


def test_a_server_without_ranges_gives_whole_verified_files(
    mirror: MirrorServer, database: Path, tmp_path: Path
) -> None:
    mirror.fail("*.dat", ignore_range=True)
    info = fetch(mirror.url, tmp_path / "cut", 1.0, 2.0)
    assert (info["partial"], info["start_s"]) == (False, 0.0)
    assert all(entry["verified"] for entry in info["files"].values())
    assert (tmp_path / "cut/r.dat").read_bytes() == (database / "r.dat").read_bytes()
    assert mirror.count("*.dat") == 1


def test_a_file_size_that_contradicts_the_header_is_refused(
    mirror: MirrorServer, tmp_path: Path
) -> None:
    fault = mirror.fail("*.dat", total=5000)
    with pytest.raises(RecordError, match=r"r\.dat has 5000 bytes, expected 3000"):
        fetch(mirror.url, tmp_path / "cut", 1.0, 2.0)
    fault.times = 1  # said once, it is not believed
    assert fetch(mirror.url, tmp_path / "cut", 1.0, 2.0)["partial"]


def test_ranges_that_come_once_right_and_once_wrong_are_fetched_until_two_agree(
    mirror: MirrorServer, database: Path, tmp_path: Path
) -> None:
    mirror.fail("*.dat", times=1, corrupt=True)
    info = fetch(mirror.url, tmp_path / "cut", 1.0, 2.0)
    assert mirror.count("*.dat") == 3
    assert_cut_is_right(info, tmp_path / "cut/r.hea", database / "r.hea", slice(128, 384))


def test_a_range_that_came_once_before_a_kill_is_not_taken_for_a_finished_one(
    mirror: MirrorServer, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(path: Path) -> str:
        if path.name.startswith("r.dat."):
            raise KeyboardInterrupt
        return file_sha256(path)

    mirror.fail("*.dat", times=1, corrupt=True)
    with monkeypatch.context() as patched:
        patched.setattr(physionet, "file_sha256", killed)
        with pytest.raises(KeyboardInterrupt):
            fetch(mirror.url, tmp_path / "cut", 1.0, 2.0)
    info = fetch(mirror.url, tmp_path / "cut", 1.0, 2.0)
    assert info["checked"]["r.dat"] == TWICE
    assert_cut_is_right(info, tmp_path / "cut/r.hea", database / "r.hea", slice(128, 384))


def test_a_listing_that_came_wrong_once_is_read_again(mirror: MirrorServer, tmp_path: Path) -> None:
    mirror.fail("*/SHA256SUMS.txt", times=1, corrupt=True)
    mirror.fail("*/RECORDS", times=1, status=404)
    assert fetch(mirror.url, tmp_path / "cut", 1.0, 2.0)["files"]["r.hea"]["verified"]


def test_a_file_that_the_store_has_is_not_fetched_again(
    mirror: MirrorServer, database: Path, tmp_path: Path
) -> None:
    """Whatever made the unit that has it: its published hash says what it is."""
    downloads = tmp_path / "download"
    listings = tmp_path / "listings"

    def source() -> PhysioNetSource:
        return PhysioNetSource(mirror.url, listings, downloads=downloads)

    (record,) = source().records("nsrdb", ("r",))
    store = Store(tmp_path)
    cut_unit, whole_unit = (Unit("download", name, {}) for name in ("cut", "whole"))
    cut = store.make(cut_unit, lambda into: source().fetch(record, into, 1.0, 2.0, whole=False))
    # Bytes that nothing vouched for at the time; the whole file finds them out.
    (cut.path / "r.dat").write_bytes(b"x" * 768)
    store.make(whole_unit, lambda into: source().fetch(record, into, 0.0, 0.0, whole=True))
    assert store.get(cut_unit) is None
    mirror.forget()
    again = source().fetch(record, tmp_path / "again", 1.0, 2.0, whole=False)
    assert mirror.count() == 0
    assert again["checked"]["r.dat"] == CUT_FROM_HASHED
    assert_cut_is_right(again, tmp_path / "again/r.hea", database / "r.hea", slice(128, 384))


def test_a_header_with_a_wrong_hash_is_refused(mirror: MirrorServer, tmp_path: Path) -> None:
    mirror.fail("*.hea", times=1, corrupt=True)
    with pytest.raises(TransientSourceError, match=r"r\.hea has the sha256"):
        fetch(mirror.url, tmp_path / "cut", 1.0, 2.0)
    assert fetch(mirror.url, tmp_path / "cut", 1.0, 2.0)["files"]["r.hea"]["verified"]


def test_an_interrupted_cut_is_resumed(
    mirror: MirrorServer, database: Path, tmp_path: Path
) -> None:
    mirror.fail("*.dat", times=1, truncate=100)
    with pytest.raises(TransientSourceError):
        fetch(mirror.url, tmp_path / "cut", 1.0, 2.0)
    mirror.fail("*.atr", times=1, status=500)
    with pytest.raises(TransientSourceError):
        fetch(mirror.url, tmp_path / "cut", 1.0, 2.0)
    info = fetch(mirror.url, tmp_path / "cut", 1.0, 2.0)
    assert mirror.ranges[DAT] == ["bytes=384-1151", "bytes=484-1151", "bytes=384-1151"]
    assert mirror.count("*.hea") == 1
    assert_cut_is_right(info, tmp_path / "cut/r.hea", database / "r.hea", slice(128, 384))


def test_the_rest_of_the_header_stays_as_published(tmp_path: Path) -> None:
    folder = tmp_path / "tree/nsrdb/1.0.0"
    header = write_record(folder, "r", leads=1, offset=8, fs="128/360", start="23:59:59 31/12/1999")
    text = header.read_text().replace("200(0)/mV", "0").replace("# 45 F", "# 45 F, Größe 1,80 m")
    header.write_text(text, encoding="utf-8")
    publish(folder)
    fetch(tmp_path / "tree", tmp_path / "cut", 3.0, 2.0)
    line, signal, *comments = (tmp_path / "cut/r.hea").read_text("utf-8").splitlines()
    assert line == "r 1 128/360(1080) 256 00:00:02 01/01/2000"
    assert signal.startswith("r.dat 212x1 0 12 0 ")
    assert comments[0] == "# 45 F, Größe 1,80 m"


def test_beats_are_cut_and_shifted(mirror: MirrorServer, database: Path, tmp_path: Path) -> None:
    fetch(mirror.url, tmp_path / "cut", 1.0, 2.0)
    whole, cut = (wfdb.rdann(str(f / "r"), "atr") for f in (database, tmp_path / "cut"))
    inside = (whole.sample >= 128) & (whole.sample < 384)
    assert inside.sum() == 5
    np.testing.assert_array_equal(cut.sample, whole.sample[inside] - 128)
    assert cut.symbol == [s for s, kept in zip(whole.symbol, inside, strict=True) if kept]


def test_a_segment_without_beats_has_an_empty_annotation_file(
    mirror: MirrorServer, tmp_path: Path
) -> None:
    fetch(mirror.url, tmp_path / "cut", 26 / 128, 40 / 128)
    assert len(wfdb.rdann(str(tmp_path / "cut/r"), "atr").sample) == 0


def test_annotations_with_their_own_time_resolution(database: Path) -> None:
    rows = {"sample": np.array([10, 2570, 5130]), "symbol": ["N", "+", "V"]}
    notes = ["", "(AFIB", ""]
    wfdb.wrann("r", "atr", **rows, aux_note=notes, fs=1280, write_dir=str(database))
    header = read_header(database / "r.hea", "r")
    data = cut_annotations((database / "r.atr").read_bytes(), header, Cut(256, 512), "r.atr")
    (database / "r.atr").write_bytes(data)
    cut = wfdb.rdann(str(database / "r"), "atr")
    assert (cut.fs, list(cut.sample), cut.aux_note) == (1280, [10], ["(AFIB"])


def test_a_truncated_annotation_file_is_named(database: Path, tmp_path: Path) -> None:
    (database / "r.atr").write_bytes((database / "r.atr").read_bytes()[:-3])
    publish(database)
    with pytest.raises(RecordError, match=r"r\.atr ends in the middle of an annotation"):
        fetch(database.parents[1], tmp_path / "cut", 1.0, 2.0)


@pytest.mark.parametrize("database_name", ["mitdb", "qtdb", "nstdb"])
def test_real_annotations_keep_all_fields(
    physionet: Path, tmp_path: Path, database_name: str
) -> None:
    folder = physionet / database_name / "1.0.0"
    files = [p for suffix in ("atr", "pu1", "q1c") for p in sorted(folder.glob(f"*.{suffix}"))]
    for file in files[::8]:
        header = read_header(file.with_suffix(".hea"), file.stem)
        header = read_header(file.with_suffix(".hea"), file.stem)
        length = header.length or 0
        cut = Cut(length // 3, 2 * length // 3)
        data = cut_annotations(file.read_bytes(), header, cut, file.name)
        (tmp_path / file.name).write_bytes(data)
        suffix = file.suffix[1:]
        whole = wfdb.rdann(str(file.with_suffix("")), suffix)
        found = wfdb.rdann(str(tmp_path / file.stem), suffix)
        kept = np.flatnonzero((whole.sample >= cut.first) & (whole.sample < cut.end))
        np.testing.assert_array_equal(found.sample, whole.sample[kept] - cut.first, str(file))
        for field in ("symbol", "aux_note", "subtype", "chan", "num"):
            expected = [getattr(whole, field)[n] for n in kept]
            assert list(getattr(found, field)) == expected, (file, field)


@pytest.mark.parametrize("over_http", [False, True])
def test_a_cut_of_a_real_record_equals_the_original(
    physionet: Path, tmp_path: Path, over_http: bool
) -> None:
    original = physionet / "nsrdb/1.0.0/16265.hea"
    with MirrorServer(physionet) as mirror:
        base = mirror.url if over_http else str(physionet)
        source = PhysioNetSource(base, tmp_path / "listings")
        (record,) = source.records("nsrdb", ("16265",))
        info = source.fetch(record, tmp_path / "cut", 1800, 1805.5556, whole=False)
        sent = mirror.bytes_sent["/nsrdb/1.0.0/16265.dat"]
    count = 231_112  # ceil(1805.5556 * 128)
    assert sent == (2 * count * 3 if over_http else 0)
    assert info["files"]["16265.dat"]["range"] == [230_400 * 3, (230_400 + count) * 3 - 1]
    assert info["start_s"] == 1800
    cut = digital(tmp_path / "cut/16265.hea")
    expected = digital(original, sampfrom=230_400, sampto=230_400 + count)
    for found, whole in zip(cut, expected, strict=True):
        np.testing.assert_array_equal(found, whole)


@pytest.mark.parametrize("change", [("16x1+0", "16x1:2+0"), (" 16x", " 61x"), (" 1000", "")])
def test_records_that_cannot_be_cut_are_fetched_whole(
    tmp_path: Path, change: tuple[str, str]
) -> None:
    folder = tmp_path / "tree/nsrdb/1.0.0"
    header = write_record(folder, "r", fmt="16")
    # Skewed signals, a format that wfdb reads in part, a header that does not give the length.
    header.write_text(header.read_text().replace(*change))
    publish(folder)
    info = fetch(tmp_path / "tree", tmp_path / "cut", 1.0, 2.0)
    assert not info["partial"]
    assert info["start_s"] == 0.0
    assert all(entry["verified"] for entry in info["files"].values())


def test_a_mirror_without_the_file_size(mirror: MirrorServer, tmp_path: Path) -> None:
    mirror.fail("*.dat", total="*")
    with pytest.raises(SourceError, match="whole_files=true"):
        fetch(mirror.url, tmp_path / "cut", 1.0, 2.0)
