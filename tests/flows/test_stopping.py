"""A command that works for hours ends when it is asked to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecgmodel.settings.config import Settings
from ecgmodel.store.versions import ROOT
from flows.train import Training
from tests.flows import small
from tests.mirror_server import MirrorServer

First = tuple[Settings, Training]
pytestmark = pytest.mark.timeout(1800)
# A shell that starts it in the background would have it ignore Ctrl-C.
COMMAND = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from ecgmodel.cli.main import main; main()"
)


def started(settings: Settings, said: Path, command: str) -> subprocess.Popen[bytes]:
    """Start a command in a process group of its own, with a Prefect server of its own."""
    config = said.with_suffix(".yaml")
    config.write_text(yaml.safe_dump(settings.model_dump(mode="json")))
    environment = {n: v for n, v in os.environ.items() if not n.startswith("PREFECT")}
    with said.open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-c", COMMAND, command, "--config", str(config)],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def until(process: subprocess.Popen[bytes], holds: Any) -> None:
    small.until(lambda: holds() or process.poll() is not None, 900)
    assert process.poll() is None, "it ended by itself"


def test_a_training_ends_at_its_next_step_and_keeps_its_checkpoint(
    first: First, store: Path, tmp_path: Path
) -> None:
    settings = small.small(store, {"training": {"epochs": 100_000, "patience": None}})
    said = tmp_path / "said.txt"
    process = started(settings, said, "run")
    try:
        until(process, lambda: list(store.glob("train/*.partial/checkpoints/epoch-*[1-9].npz")))
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        assert process.wait(300) == 130, said.read_text()
    finally:
        process.kill()
    assert list(store.glob("train/*.partial/checkpoints/*.npz"))
    assert "Stopped. Run the same command to continue." in said.read_text()


def test_sigterm_to_the_whole_group_ends_a_flow_with_one_line(first: First, tmp_path: Path) -> None:
    root = small.make_mirror(first[0].store / "download", tmp_path / "mirror")
    said = tmp_path / "said.txt"
    with MirrorServer(root) as mirror:
        mirror.fail("*/sim01.dat", delay_s=600)  # no longer than this server is there
        source = small.from_mirror(mirror.url, whole_files=True)
        process = started(small.small(tmp_path / "store", source), said, "prepare")
        try:
            until(process, lambda: mirror.count("*/sim01.dat"))
            os.killpg(process.pid, signal.SIGTERM)  # its Prefect server hears it too
            assert process.wait(300) == -signal.SIGTERM  # 143, says a shell
        finally:
            process.kill()
    lines = [line for line in said.read_text().splitlines() if line and "record/s]" not in line]
    assert lines == ["Stopped. Run the same command to continue."]
