"""Logs stay short, whoever writes to them."""

from __future__ import annotations

import sys
from pathlib import Path

from flows.service.processes import start, turn
from tests.flows.small import until


def test_a_long_log_is_turned_under_the_process_that_writes_it(tmp_path: Path) -> None:
    log, go = tmp_path / "logs" / "a.log", tmp_path / "go"
    script = (
        "import pathlib, time\n"
        "print('first' * 100, flush=True)\n"
        f"while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)\n"
        "print('second', flush=True)\n"
    )
    process = start([sys.executable, "-c", script], {}, log, tmp_path)
    until(lambda: log.stat().st_size > 500, 20, "the first line")
    turn(log, limit=1000)
    assert log.stat().st_size > 500
    turn(log, limit=100)
    assert log.read_text() == ""
    go.touch()
    assert process.wait(20) == 0
    assert log.read_text() == "second\n"
    assert log.with_name("a.log.1").read_text() == "first" * 100 + "\n"
