"""Published databases from a mirror: listed, verified, cut by byte ranges, resumed."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wfdb

from ecgmodel.errors import (
    MissingFileError,
    RecordError,
    TransientSourceError,
    UnknownNameError,
)
from ecgmodel.sources.base import RecordSource
from ecgmodel.sources.physionet import PhysioNetSource
from tests.mirror_server import MirrorServer
from tests.tiny_wfdb import publish, write_record

SECONDS = 5.0  # of records that hold 1,000 samples at 128 Hz, 7.8 s


@pytest.fixture
def database(tmp_path: Path) -> Path:
    folder = tmp_path / "tree/nsrdb/1.0.0"
    for name in ("16265", "16272", "16273"):
        write_record(folder, name)
    return publish(folder)


@pytest.fixture
def mirror(database: Path) -> Iterator[MirrorServer]:
    with MirrorServer(database.parents[1]) as server:
        yield server


@pytest.fixture
def source(mirror: MirrorServer, tmp_path: Path) -> PhysioNetSource:
    return PhysioNetSource(mirror.url, tmp_path / "listings", timeout_s=5)


def one(source: PhysioNetSource, name: str = "16265") -> RecordSource:
    (record,) = source.records("nsrdb", (name,))
    return record


def get(source: PhysioNetSource, into: Path, start_s: float = 0.0, **how: Any) -> dict[str, Any]:
    asked = {"seconds": SECONDS, "whole": False} | how
    return source.fetch(one(source), into, start_s, **asked)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def assert_info_is_true(info: dict[str, Any], folder: Path) -> None:
    """Check that the folder contains the reported files with their hashes, and no others."""
    assert names(folder) == set(info["files"])
    for name, entry in info["files"].items():
        data = (folder / name).read_bytes()
        assert entry["sha256"] == hashlib.sha256(data).hexdigest()
        assert entry["bytes"] == len(data)


class TestListing:
    def test_records_are_listed_with_their_published_hashes(self, source: PhysioNetSource) -> None:
        records = source.records("nsrdb")
        assert [r.name for r in records] == ["16265", "16272", "16273"]
        files = dict(records[0].files)
        assert set(files) == {"16265.hea", "16265.dat", "16265.atr"}
        assert all(files.values())
        assert records[0].settings()["version"] == "1.0.0"
        assert "origin" not in records[0].settings()

    def test_listing_reads_two_small_files(
        self, source: PhysioNetSource, mirror: MirrorServer
    ) -> None:
        source.records("nsrdb")
        assert set(mirror.requests) == {"/nsrdb/1.0.0/RECORDS", "/nsrdb/1.0.0/SHA256SUMS.txt"}

    def test_only_records_of_the_mirror_are_listed(
        self, source: PhysioNetSource, database: Path
    ) -> None:
        (database / "RECORDS").write_text("16273\r\n\n16265\n16273\n")
        assert [r.name for r in source.records("nsrdb")] == ["16273", "16265"]

    def test_unknown_names_get_the_nearest(self, source: PhysioNetSource) -> None:
        with pytest.raises(UnknownNameError, match=r"record of nsrdb '16266'.*16265"):
            source.records("nsrdb", ("16265", "16266"))
        with pytest.raises(UnknownNameError, match=r"database 'nsrdbb'.*nsrdb"):
            source.records("nsrdbb")

    @pytest.mark.parametrize("name", ["../16265", "/etc/passwd", "a/../../b", "..\\x", "C:/x", ""])
    def test_a_name_cannot_leave_the_folder(self, source: PhysioNetSource, name: str) -> None:
        with pytest.raises(RecordError, match="points outside its folder"):
            source.records("nsrdb", (name,))
        with pytest.raises(RecordError, match="points outside its folder"):
            RecordSource("nsrdb", "1.0.0", name)

    def test_a_listed_name_that_leaves_the_folder_is_left_out(
        self, source: PhysioNetSource, database: Path
    ) -> None:
        (database / "RECORDS").write_text("16265\n../16272\n")
        with pytest.warns(UserWarning, match=r"\.\./16272"):
            assert [r.name for r in source.records("nsrdb")] == ["16265"]

    def test_without_the_mirror_the_last_listing_is_used(
        self, source: PhysioNetSource, mirror: MirrorServer
    ) -> None:
        before = source.records("nsrdb")
        mirror.fail("*", status=503)
        with pytest.warns(UserWarning, match=r"503.*last listing"):
            assert source.records("nsrdb") == before
        mirror.close()
        with pytest.warns(UserWarning, match="last listing"):
            assert source.records("nsrdb") == before

    @pytest.mark.parametrize("file", ["RECORDS", "SHA256SUMS.txt"])
    def test_a_page_that_asks_to_sign_in_is_no_listing(
        self, source: PhysioNetSource, database: Path, mirror: MirrorServer, file: str
    ) -> None:
        before, published = source.records("nsrdb"), (database / file).read_bytes()
        (database / file).write_text("<html>\nWelcome to the hotel\n</html>\n")
        for _ in range(2):  # the second time, too: the page is not kept
            with pytest.warns(UserWarning, match=rf"{file} is no list.*last listing"):
                assert source.records("nsrdb") == before
        (database / file).write_bytes(published)
        assert source.records("nsrdb") == before

    def test_without_mirror_and_listing_the_error_names_the_mirror(
        self, source: PhysioNetSource, mirror: MirrorServer
    ) -> None:
        mirror.fail("*", status=503)
        with pytest.raises(TransientSourceError, match="503"):
            source.records("nsrdb")

    def test_a_listing_of_another_mirror_is_not_used(
        self, source: PhysioNetSource, mirror: MirrorServer, tmp_path: Path
    ) -> None:
        source.records("nsrdb")
        mirror.close()
        other = PhysioNetSource(mirror.url + "/other", tmp_path / "listings")
        with pytest.raises(TransientSourceError):
            other.records("nsrdb")

    def test_a_database_missing_on_the_mirror_is_not_retried(self, source: PhysioNetSource) -> None:
        with pytest.raises(MissingFileError, match=r"mitdb/1\.0\.0/RECORDS answered 404"):
            source.records("mitdb")

    def test_without_hashes_the_mirror_is_part_of_the_key(
        self, source: PhysioNetSource, mirror: MirrorServer, database: Path, tmp_path: Path
    ) -> None:
        (database / "SHA256SUMS.txt").unlink()
        with pytest.warns(UserWarning, match="Files of nsrdb cannot be verified"):
            record = one(source)
        assert record.settings()["origin"] == mirror.url
        info = source.fetch(record, tmp_path / "r", 0, SECONDS, whole=True)
        assert not any(entry["verified"] for entry in info["files"].values())


class TestWholeFiles:
    def test_files_arrive_byte_for_byte_and_verified(
        self, source: PhysioNetSource, database: Path, tmp_path: Path
    ) -> None:
        info = get(source, tmp_path / "r", whole=True)
        for name in ("16265.hea", "16265.dat", "16265.atr"):
            assert (tmp_path / "r" / name).read_bytes() == (database / name).read_bytes()
            assert info["files"][name]["verified"]
            assert info["files"][name]["range"] is None
        assert (info["partial"], info["start_s"], info["header"]) == (False, 0.0, "16265")
        assert_info_is_true(info, tmp_path / "r")

    def test_a_record_no_longer_than_wanted_is_whole(
        self, source: PhysioNetSource, tmp_path: Path
    ) -> None:
        info = get(source, tmp_path / "r", seconds=1000 / 128)
        assert not info["partial"]
        assert all(entry["verified"] for entry in info["files"].values())

    def test_a_wrong_hash_is_deleted_and_a_retry_starts_clean(
        self, source: PhysioNetSource, mirror: MirrorServer, database: Path, tmp_path: Path
    ) -> None:
        mirror.fail("*.dat", times=1, corrupt=True)
        with pytest.raises(
            TransientSourceError, match=r"16265\.dat has the sha256 \w+, expected \w+"
        ):
            get(source, tmp_path / "r", whole=True)
        get(source, tmp_path / "r", whole=True)
        assert (tmp_path / "r/16265.dat").read_bytes() == (database / "16265.dat").read_bytes()
        assert mirror.requests["/nsrdb/1.0.0/16265.hea"] == 1

    def test_an_interrupted_download_is_resumed(
        self, source: PhysioNetSource, mirror: MirrorServer, tmp_path: Path
    ) -> None:
        mirror.fail("*.dat", times=1, truncate=1000)
        with pytest.raises(TransientSourceError):
            get(source, tmp_path / "r", whole=True)
        info = get(source, tmp_path / "r", whole=True)
        assert mirror.ranges["/nsrdb/1.0.0/16265.dat"] == [None, "bytes=1000-"]
        assert_info_is_true(info, tmp_path / "r")

    def test_a_killed_fetch_is_resumed(
        self, source: PhysioNetSource, mirror: MirrorServer, database: Path, tmp_path: Path
    ) -> None:
        write_record(database, "16265", samples=100_000)
        publish(database)
        mirror.fail("*.dat", times=1, hold=200_000)  # of 300 kB
        program = (
            "import sys; from pathlib import Path; from tests.ecgmodel.sources import "
            "test_physionet as t; t.get(t.PhysioNetSource(sys.argv[1], Path(sys.argv[2])), "
            "Path(sys.argv[3]), whole=True)"
        )
        arguments = [mirror.url, str(tmp_path / "listings"), str(tmp_path / "r")]
        root = Path(__file__).parents[3]
        process = subprocess.Popen([sys.executable, "-c", program, *arguments], cwd=root)
        part = tmp_path / "r/.published/16265.dat.part"
        while process.poll() is None and not (part.exists() and part.stat().st_size):
            time.sleep(0.005)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        got = part.stat().st_size
        info = get(source, tmp_path / "r", whole=True)
        assert mirror.ranges["/nsrdb/1.0.0/16265.dat"] == [None, f"bytes={got}-"]
        assert mirror.count("*.hea") == 1
        assert_info_is_true(info, tmp_path / "r")
        assert (tmp_path / "r/16265.dat").read_bytes() == (database / "16265.dat").read_bytes()

    def test_a_missing_annotation_file_is_reported_without_an_error(
        self, source: PhysioNetSource, database: Path, tmp_path: Path
    ) -> None:
        (database / "16265.atr").unlink()
        for whole in (True, False):
            info = get(source, tmp_path / f"r{whole}", whole=whole)
            assert info["missing"] == ["16265.atr"]
            assert set(info["files"]) == {"16265.hea", "16265.dat"}

    @pytest.mark.parametrize("suffix", ["hea", "dat"])
    def test_a_missing_header_or_signal_file_is_not_retried(
        self, source: PhysioNetSource, database: Path, tmp_path: Path, suffix: str
    ) -> None:
        (database / f"16265.{suffix}").unlink()
        with pytest.raises(MissingFileError, match=rf"16265\.{suffix} answered 404"):
            get(source, tmp_path / "r")

    def test_header_and_data_that_disagree_are_refused(
        self, source: PhysioNetSource, database: Path, tmp_path: Path
    ) -> None:
        data = (database / "16265.dat").read_bytes()
        (database / "16265.dat").write_bytes(data[:-300])
        publish(database)
        message = r"16265\.dat has 2700 bytes, expected 3000 for 1000 samples"
        for whole in (True, False):
            with pytest.raises(RecordError, match=message):
                get(source, tmp_path / "r", whole=whole)
        (database / "16265.dat").write_bytes(data)
        publish(database)
        get(source, tmp_path / "r")

    @pytest.mark.parametrize("text", ["", "16265 two 128 1000\n", "16265 2 0 1000\nx 16\nx 16\n"])
    def test_a_header_without_signals_is_refused(
        self, source: PhysioNetSource, database: Path, tmp_path: Path, text: str
    ) -> None:
        (database / "16265.hea").write_text(text)
        publish(database)
        with pytest.raises(RecordError, match=r"16265: .*16265\.hea"):
            get(source, tmp_path / "r")

    @pytest.mark.parametrize("file", ["../16272.dat", "/etc/passwd", "..\\16272.dat"])
    def test_a_header_cannot_name_files_outside_its_folder(
        self, source: PhysioNetSource, database: Path, tmp_path: Path, file: str
    ) -> None:
        header = database / "16265.hea"
        header.write_text(header.read_text().replace("16265.dat", file))
        publish(database)
        with pytest.raises(RecordError, match=r"header of record 16265.*points outside"):
            get(source, tmp_path / "r")

    def test_a_record_without_samples_is_refused(
        self, source: PhysioNetSource, database: Path, tmp_path: Path
    ) -> None:
        (database / "16265.hea").write_text("16265 1 128\n16265.dat 16\n")
        (database / "16265.dat").write_bytes(b"")
        publish(database)
        with pytest.raises(RecordError, match="16265 holds 0 samples"):
            get(source, tmp_path / "r")

    def test_a_record_of_segments_is_fetched(
        self, source: PhysioNetSource, database: Path, tmp_path: Path
    ) -> None:
        (database / "16265.hea").write_text("16265/2 2 128 2000\n16272 1000\n16273 1000\n")
        publish(database)
        info = get(source, tmp_path / "r")
        assert wfdb.rdrecord(str(tmp_path / "r/16265")).sig_len == 2000
        assert {"16272.dat", "16273.hea", "16273.dat"} < set(info["files"])
        assert all(entry["verified"] for entry in info["files"].values())
        assert_info_is_true(info, tmp_path / "r")

    def test_a_record_in_a_subfolder_is_fetched(
        self, source: PhysioNetSource, database: Path, tmp_path: Path
    ) -> None:
        write_record(database / "p01", "s1")
        publish(database)
        info = source.fetch(one(source, "p01/s1"), tmp_path / "r", 0, SECONDS, False)
        assert (info["record"], info["header"]) == ("p01/s1", "s1")
        assert names(tmp_path / "r") == {"s1.hea", "s1.dat", "s1.atr"}
