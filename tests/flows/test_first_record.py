"""The first record is under way while Prefect's server still starts, and costs the flow nothing."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import prefect
import pytest
import yaml
from prefect.settings import PREFECT_API_URL, temporary_settings

from ecgmodel.settings.config import Settings
from ecgmodel.support.locks import lease
from flows.first_record import fetch_first
from flows.prefect_database import make_empty
from flows.temporary_server import FOLDER
from flows.train import Training
from tests.flows import small
from tests.mirror_server import MirrorServer

First = tuple[Settings, Training]


@pytest.fixture
def ends() -> Iterator[ExitStack]:
    """What is called when a test ends, whether it failed or not."""
    with ExitStack() as stack:
        yield stack


@contextmanager
def no_server(home: Path) -> Iterator[dict[str, str]]:
    """Provide the environment of a command whose Prefect server cannot answer meanwhile.

    The server waits for the lock of its database, which is held here.
    """
    make_empty(home / FOLDER / f"empty-{prefect.__version__}.db")
    with lease(home / FOLDER / "gate.lease"):
        yield {"PREFECT_HOME": str(home)}


def prepare(settings: Settings, folder: Path, **environment: str) -> small.Command:
    """Start `ecg-denoise prepare`."""
    return begin("prepare", settings, folder, **environment)


def run(settings: Settings, folder: Path, **environment: str) -> small.Command:
    """Start `ecg-denoise run`."""
    return begin("run", settings, folder, **environment)


def begin(name: str, settings: Settings, folder: Path, **environment: str) -> small.Command:
    """Start a command with a Prefect server of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "settings.yaml"
    file.write_text(yaml.safe_dump(settings.model_dump(mode="json")))
    environment = {"PREFECT_LOGGING_LEVEL": "CRITICAL", **environment}  # as the command sets it
    with temporary_settings(restore_defaults={PREFECT_API_URL}):  # not the tests' server
        return small.Command([name, "--config", str(file)], folder, **environment)


def stamps(folder: Path) -> dict[str, Any]:
    """Return inode and time of change of a unit's files."""
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.iterdir()}


@pytest.mark.parametrize("start", [prepare, run])
def test_the_first_record_is_made_before_the_server_answers_and_the_flow_finds_it(
    start: Any, ends: ExitStack, tmp_path: Path
) -> None:
    settings = small.small(tmp_path / "store")
    done = tmp_path / "store" / "download"
    with no_server(tmp_path / "home") as environment:
        command = start(settings, tmp_path / "command", **environment)
        ends.callback(command.kill)
        hexes = "[0-9a-f]" * 16
        small.until(lambda: list(done.glob(f"simnoise-bw-{hexes}")) or command.process.poll())
        before = stamps(small.unit_folder(settings.store, "download simnoise/bw"))
        assert command.made == ["download simnoise/bw"]
        assert list((tmp_path / "home" / FOLDER).glob("*/prefect.db")) == []
    command.wait()
    assert stamps(small.unit_folder(settings.store, "download simnoise/bw")) == before
    wanted = small.PREPARED if start is prepare else small.PREPARED | small.TRAINED
    assert sorted(command.made) == sorted(wanted)


def test_a_first_record_that_fails_is_left_to_the_flow(
    mirror: MirrorServer, tmp_path: Path
) -> None:
    mirror.fail("*/bw.dat", status=503, times=1)
    settings = small.small(tmp_path / "store", small.from_mirror(mirror.url))
    with no_server(tmp_path / "home") as environment:
        command = prepare(settings, tmp_path / "command", **environment)
        small.until(lambda: mirror.count("*/bw.dat") or command.process.poll())
    said = command.wait()
    assert mirror.count("*/bw.dat") == 2
    assert sorted(command.made) == sorted(
        ["download nstdb/bw", *(_as_published(unit) for unit in small.PREPARED)]
    )
    assert "503" not in said


def _as_published(unit: str) -> str:
    """Return a unit's name with the published databases in place of the simulated ones."""
    database = unit.replace("dataset simulated", "dataset mitdb")
    return database.replace("simulated/", "mitdb/").replace("simnoise/", "nstdb/")


def test_sigterm_ends_the_first_record_with_one_line(mirror: MirrorServer, tmp_path: Path) -> None:
    mirror.fail("*/bw.dat", hold=3000)
    settings = small.small(tmp_path / "store", small.from_mirror(mirror.url))
    with no_server(tmp_path / "home") as environment:
        command = prepare(settings, tmp_path / "command", **environment)
        small.until(lambda: mirror.count("*/bw.dat") or command.process.poll())
        command.process.send_signal(signal.SIGTERM)
        assert command.process.wait(60) == -signal.SIGTERM
    assert command.output.read_text().split("\n") == [
        "",
        "Stopped. Run the same command to continue.",
        "",
    ]


def test_what_cannot_start_fetches_nothing_and_says_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cases: dict[str, dict[str, Any]] = {
        "cannot be read": small.from_mirror("http://127.0.0.1:9", retries=0),
        "source.records names the record 'sim1'": {"source": {"records": ["sim1"]}},
        "is a file. Name a folder": {"store": tmp_path / "file"},
    }
    for said, changes in cases.items():
        settings = small.small(tmp_path / "store", changes)
        command = prepare(settings, tmp_path / "command" / said[:6])
        assert command.process.wait(300) == 1
        (line,) = command.output.read_text().splitlines()
        assert line.startswith("Error: ")
        assert said in line
        assert command.made == []


def test_a_run_that_goes_on_begins_with_its_first_missing_record(
    first: First, tmp_path: Path
) -> None:
    settings = small.small(tmp_path / "store")
    begun = []
    for _ in range(4):
        with small.counted() as made:
            fetch_first(settings)
        begun += made
    assert begun == [f"download {name}" for name in (*small.NOISE, *small.RECORDS[:2])]
    with small.counted() as made:
        fetch_first(small.small(small.kept(first[0])))
    assert made == []


def test_a_changed_length_begins_with_the_first_record(
    mirror: MirrorServer, tmp_path: Path
) -> None:
    source = small.from_mirror(mirror.url)
    from flows.prepare import prepare as prepare_flow

    prepare_flow(small.small(tmp_path / "store", source))
    with small.counted() as made:
        fetch_first(small.small(tmp_path / "store", source, {"resample": {"length": 9_000}}))
    assert made == ["download mitdb/sim01"]


def test_listings_are_silent_and_a_folders_files_are_not_read_twice(
    first: First, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ecgmodel.sources import folder as sources

    for name in (*small.RECORDS, *small.NOISE):
        small.copy_record(first[0].store / "download", name, tmp_path / name.partition("/")[0])
    read: list[str] = []
    original = sources.file_sha256
    monkeypatch.setattr(sources, "file_sha256", lambda p: read.append(p.stem) or original(p))
    own = {"kind": "folder", "path": tmp_path / "simulated", "noise_path": tmp_path / "simnoise"}
    split = {"test": ["own/sim02", "mitdb/100"], "validation": ["own/sim04"]}
    settings = small.small(tmp_path / "store", {"source": own, "split": split})
    for _ in range(4):
        fetch_first(settings)
    assert set(read) & {f"sim{n:02d}" for n in range(1, 7)} == {"sim01", "sim02"}
    assert caplog.text == ""
