"""Reading a mirror: files arrive complete or not at all, downloads resume, errors are clear."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ecgmodel.errors import MissingFileError, SettingsError, SourceError, TransientSourceError
from ecgmodel.sources._partial_file import Part
from ecgmodel.sources.transport import FolderTransport, HttpTransport, open_transport
from tests.mirror_server import MirrorServer

CONTENT = bytes(range(256)) * 400  # 102,400 bytes
NEWER = bytes(reversed(CONTENT))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree" / "db"
    folder.mkdir(parents=True)
    (folder / "a.dat").write_bytes(CONTENT)
    (folder / "empty.dat").write_bytes(b"")
    return tmp_path / "tree"


@pytest.fixture
def mirror(tree: Path) -> Iterator[MirrorServer]:
    with MirrorServer(tree) as server:
        yield server


@pytest.fixture(params=["http", "folder"])
def base_url(request: pytest.FixtureRequest, tree: Path) -> str:
    if request.param == "folder":
        return str(tree)
    return str(request.getfixturevalue("mirror").url)


def leftovers(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file()}


def test_a_file_arrives_unchanged_and_leaves_no_temporary_file(
    base_url: str, tmp_path: Path
) -> None:
    received = open_transport(base_url).download("db/a.dat", tmp_path / "a.dat")
    assert (tmp_path / "a.dat").read_bytes() == CONTENT
    assert (received.first, received.last, received.total) == (0, len(CONTENT) - 1, len(CONTENT))
    assert received.whole
    assert leftovers(tmp_path) == {"a.dat"}


@pytest.mark.parametrize(("first", "last"), [(0, 0), (5, 17), (100_000, 102_399), (102_000, None)])
def test_a_range_includes_its_first_and_last_byte(
    base_url: str, tmp_path: Path, first: int, last: int | None
) -> None:
    sizes: list[int] = []
    received = open_transport(base_url).download(
        "db/a.dat", tmp_path / "a.dat", first, last, sizes.append
    )
    end = len(CONTENT) if last is None else last + 1
    assert (tmp_path / "a.dat").read_bytes() == CONTENT[first:end]
    assert (received.first, received.last, received.total) == (first, end - 1, len(CONTENT))
    assert sizes == [len(CONTENT)]
    assert not received.whole


def test_a_range_past_the_end_of_the_file_names_both_sizes(base_url: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"a\.dat has 102400 bytes.*more than 200000") as caught:
        open_transport(base_url).download("db/a.dat", tmp_path / "a", 200_000, 200_100)
    assert not isinstance(caught.value, TransientSourceError)


def test_an_empty_file_is_downloaded(base_url: str, tmp_path: Path) -> None:
    assert open_transport(base_url).download("db/empty.dat", tmp_path / "e").whole
    assert (tmp_path / "e").read_bytes() == b""
    assert open_transport(base_url).read("db/empty.dat") == b""


def test_a_missing_file_is_named_and_not_retried(base_url: str, tmp_path: Path) -> None:
    transport = open_transport(base_url)
    for ask in (
        lambda: transport.read("db/b.dat"),
        lambda: transport.download("db/b.dat", tmp_path / "b.dat"),
    ):
        with pytest.raises(MissingFileError, match=r"b\.dat") as caught:
            ask()
        assert not isinstance(caught.value, TransientSourceError)
    assert leftovers(tmp_path) == set()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="nowhere does not exist"):
        open_transport(str(tmp_path / "nowhere")).read("db/RECORDS")


def test_the_address_selects_the_transport(tmp_path: Path) -> None:
    assert isinstance(open_transport("https://physionet.org/files"), HttpTransport)
    assert isinstance(open_transport("http://localhost:1/"), HttpTransport)
    assert isinstance(open_transport("../somewhere"), FolderTransport)
    (tmp_path / "a b.txt").write_text("there")
    assert open_transport(tmp_path.as_uri()).read("a b.txt") == b"there"
    with pytest.raises(SettingsError, match="ftp://"):
        open_transport("ftp://physionet.org/files")


def test_an_interrupted_download_continues_where_it_stopped(
    mirror: MirrorServer, tmp_path: Path
) -> None:
    mirror.fail("*.dat", times=1, truncate=70_000)
    target = tmp_path / "a.dat"
    with pytest.raises(TransientSourceError, match=r"a\.dat"):
        HttpTransport(mirror.url).download("db/a.dat", target)
    assert not target.exists()
    HttpTransport(mirror.url).download("db/a.dat", target)
    assert target.read_bytes() == CONTENT
    assert mirror.ranges["/db/a.dat"] == [None, "bytes=70000-"]
    assert mirror.bytes_sent["/db/a.dat"] == len(CONTENT)
    assert leftovers(tmp_path) == {"a.dat"}


def test_an_interrupted_range_is_resumed(mirror: MirrorServer, tmp_path: Path) -> None:
    mirror.fail("*.dat", times=1, truncate=300)
    target = tmp_path / "a.dat"
    with pytest.raises(TransientSourceError):
        HttpTransport(mirror.url).download("db/a.dat", target, 1000, 1999)
    HttpTransport(mirror.url).download("db/a.dat", target, 1000, 1999)
    assert target.read_bytes() == CONTENT[1000:2000]
    assert mirror.ranges["/db/a.dat"] == ["bytes=1000-1999", "bytes=1300-1999"]


def test_a_part_of_another_range_is_not_used(mirror: MirrorServer, tmp_path: Path) -> None:
    mirror.fail("*.dat", times=1, truncate=300)
    with pytest.raises(TransientSourceError):
        HttpTransport(mirror.url).download("db/a.dat", tmp_path / "a.dat", 1000, 1999)
    HttpTransport(mirror.url).download("db/a.dat", tmp_path / "a.dat", 2000, 2999)
    assert (tmp_path / "a.dat").read_bytes() == CONTENT[2000:3000]


def test_bytes_of_two_versions_are_never_combined(mirror: MirrorServer, tmp_path: Path) -> None:
    mirror.fail("*.dat", times=1, truncate=70_000)
    target = tmp_path / "a.dat"
    with pytest.raises(TransientSourceError):
        HttpTransport(mirror.url).download("db/a.dat", target)
    (mirror.root / "db/a.dat").write_bytes(NEWER)
    HttpTransport(mirror.url).download("db/a.dat", target)
    assert target.read_bytes() == NEWER


@pytest.mark.parametrize("size", [80_000, 50_000])
def test_a_file_that_changed_its_size_is_downloaded_again(
    mirror: MirrorServer, tmp_path: Path, size: int
) -> None:
    mirror.fail("*.dat", times=1, truncate=70_000, headers={"ETag": "", "Last-Modified": ""})
    target = tmp_path / "a.dat"
    transport = HttpTransport(mirror.url)
    for message in ("cannot be read", "changed"):
        with pytest.raises(TransientSourceError, match=message):
            transport.download("db/a.dat", target)
        (mirror.root / "db/a.dat").write_bytes(NEWER[:size])
    transport.download("db/a.dat", target)
    assert target.read_bytes() == NEWER[:size]


def test_a_kill_before_the_rename_needs_no_further_request(
    mirror: MirrorServer, tmp_path: Path
) -> None:
    part = Part(tmp_path / "a.dat", 0, None, "a.dat")
    part.begin(0, None, len(CONTENT))
    part.append([CONTENT])
    HttpTransport(mirror.url).download("db/a.dat", tmp_path / "a.dat")
    assert (tmp_path / "a.dat").read_bytes() == CONTENT
    assert mirror.count() == 0


def test_a_part_without_its_note_is_not_used(mirror: MirrorServer, tmp_path: Path) -> None:
    (tmp_path / "a.dat.part").write_bytes(b"what is this")
    HttpTransport(mirror.url).download("db/a.dat", tmp_path / "a.dat")
    assert (tmp_path / "a.dat").read_bytes() == CONTENT


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_temporary_failures(mirror: MirrorServer, tmp_path: Path, status: int) -> None:
    mirror.fail("*", status=status)
    transport = HttpTransport(mirror.url)
    with pytest.raises(TransientSourceError, match=str(status)):
        transport.read("db/a.dat")
    with pytest.raises(TransientSourceError, match=str(status)):
        transport.download("db/a.dat", tmp_path / "a.dat")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_permanent_failures(mirror: MirrorServer, tmp_path: Path, status: int) -> None:
    mirror.fail("*", status=status)
    with pytest.raises(OSError, match=str(status)) as caught:
        HttpTransport(mirror.url).download("db/a.dat", tmp_path / "a.dat")
    assert not isinstance(caught.value, TransientSourceError)
    assert isinstance(caught.value, MissingFileError) == (status in (404, 410))


@pytest.mark.parametrize("how", [{"delay_s": 3}, {"stall_s": 3}, {"reset": True}])
def test_a_timeout_or_reset_is_temporary(
    mirror: MirrorServer, tmp_path: Path, how: dict[str, float]
) -> None:
    mirror.fail("*", **how)
    transport = HttpTransport(mirror.url, timeout_s=0.2)
    with pytest.raises(TransientSourceError, match=r"a\.dat cannot be read"):
        transport.download("db/a.dat", tmp_path / "a.dat")
    mirror.heal()
    transport.download("db/a.dat", tmp_path / "a.dat")
    assert (tmp_path / "a.dat").read_bytes() == CONTENT


def test_a_refused_connection_is_temporary(mirror: MirrorServer) -> None:
    transport = HttpTransport(mirror.url)
    transport.read("db/a.dat")
    mirror.close()
    for _ in range(2):  # the connection that was kept open, and a new one
        with pytest.raises(TransientSourceError):
            transport.read("db/a.dat")


def test_a_server_without_ranges_sends_the_whole_file(mirror: MirrorServer, tmp_path: Path) -> None:
    mirror.fail("*", ignore_range=True)
    received = HttpTransport(mirror.url).download("db/a.dat", tmp_path / "a", 1000, 1999)
    assert received.whole
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_a_wrong_size_stops_a_range_before_its_body(mirror: MirrorServer, tmp_path: Path) -> None:
    def refuse(size: int) -> None:
        raise SourceError(f"no file of {size} bytes")

    with pytest.raises(SourceError, match="no file of 102400 bytes"):
        HttpTransport(mirror.url).download("db/a.dat", tmp_path / "a", 1000, 1999, refuse)
    assert not (tmp_path / "a").exists()


def test_a_range_without_the_file_size_is_refused(mirror: MirrorServer, tmp_path: Path) -> None:
    mirror.fail("*", total="*")
    with pytest.raises(SourceError, match=r"expected\s'bytes FIRST-LAST/SIZE'.*whole_files"):
        HttpTransport(mirror.url).download("db/a.dat", tmp_path / "a", 1000, 1999)


def test_redirects_are_followed(mirror: MirrorServer) -> None:
    mirror.fail("/moved/a.dat", status=302, headers={"Location": f"{mirror.url}/db/a.dat"})
    assert HttpTransport(mirror.url).read("moved/a.dat") == CONTENT


def test_requests_send_a_user_agent(mirror: MirrorServer) -> None:
    HttpTransport(mirror.url).read("db/a.dat")
    assert all(agent.startswith("ecg-denoiser") for agent in mirror.user_agents)


def test_threads_share_a_transport(mirror: MirrorServer, tmp_path: Path) -> None:
    mirror.fail("*", delay_s=0.1)
    transport = HttpTransport(mirror.url)
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(transport.download, "db/a.dat", tmp_path / f"{n}") for n in range(8)]
        assert all(job.result().whole for job in jobs)
    assert all((tmp_path / f"{n}").read_bytes() == CONTENT for n in range(8))
    assert mirror.max_simultaneous == 4


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_not_reported_as_a_failure_of_the_mirror(tmp_path: Path) -> None:
    part = Part(tmp_path / "a.dat", 0, None, "a.dat")
    part.begin(0, None, len(CONTENT))
    part.path.unlink()
    part.path.symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"disk is full.*a\.dat\.part") as caught:
        part.append([CONTENT])
    assert caught.value.errno == errno.ENOSPC
    assert not isinstance(caught.value, SourceError)
