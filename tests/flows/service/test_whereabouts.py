"""Services are found by the notes that they leave, while they run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ecgmodel.errors import SettingsError
from flows.service.processes import Known, remember
from flows.service.whereabouts import KNOWN, Whereabouts, running_service


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def started(state: Path, config: str = "", pid: int | None = None) -> Whereabouts:
    """Return a service that has noted itself; this process stands for its own."""
    state.mkdir(parents=True)
    alive = Known.of(os.getpid()) if pid is None else Known(pid, 0.0)
    remember(state / KNOWN, {"supervisor": alive})
    one = Whereabouts(str(state), config)
    one.write()
    return one


def test_without_any_the_working_folder_is_meant(tmp_path: Path) -> None:
    assert running_service() == Whereabouts(str(tmp_path / "ecg-state"))


def test_one_that_runs_is_found_with_its_settings(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("service: {prefect_port: 4711}")
    started(tmp_path / "elsewhere", str(file))
    service = running_service().settings().service
    assert (service.prefect_port, service.root) == (4711, tmp_path / "elsewhere")


def test_one_that_has_ended_is_not_found(tmp_path: Path) -> None:
    started(tmp_path / "ended", pid=2**22 + 1)
    assert running_service().state == str(tmp_path / "ecg-state")


def test_several_are_named_and_that_of_the_working_folder_comes_first(tmp_path: Path) -> None:
    started(tmp_path / "a", "/etc/a.yaml")
    other = started(tmp_path / "b")
    with pytest.raises(SettingsError, match=rf"--config /etc/a.yaml\n.*service.state={tmp_path}/b"):
        running_service()
    own = started(tmp_path / "ecg-state")
    assert running_service() == own
    own.forget()
    other.forget()
    assert running_service().config == "/etc/a.yaml"
