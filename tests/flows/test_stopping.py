"""A command that trains for hours ends when it is asked to."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from ecgmodel.store.versions import ROOT
from tests.flows import small


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, 130),
        pytest.param(signal.SIGTERM, -signal.SIGTERM, marks=pytest.mark.slow),
    ],
)
def test_a_training_ends_at_its_next_step_and_keeps_its_checkpoint(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    settings = small.small(tmp_path / "store", {"training": {"epochs": 100_000, "patience": None}})
    config = tmp_path / "settings.yaml"
    config.write_text(yaml.safe_dump(settings.model_dump(mode="json")))
    # A shell that starts it in the background would have it ignore Ctrl-C.
    command = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from ecgmodel.cli.main import main; main()"
    )
    said = tmp_path / "said.txt"
    with said.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", command, "run", "--config", str(config)],
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for(settings.store, "train/*.partial/checkpoints/epoch-*[1-9].npz", process)
        process.send_signal(number)
        assert process.wait(90) == code, said.read_text()
    finally:
        process.kill()
    assert list(settings.store.glob("train/*.partial/checkpoints/*.npz"))
    if number == signal.SIGINT:
        assert "Stopped. The same command goes on from here." in said.read_text()


def _wait_for(store: Path, pattern: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 240
    while not list(store.glob(pattern)):
        assert process.poll() is None, "it ended by itself"
        assert time.monotonic() < until, "it never got that far"
        time.sleep(0.2)
