"""Peak memory is that of this process, without its parent's."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest

from ecgmodel.support.machine import cores, peak_mb


def test_the_peak_stays_after_memory_is_released() -> None:
    before = peak_mb()
    size = int(before + 100) * 1_000_000
    np.ones(size, np.uint8).sum()
    assert peak_mb() > before + 90


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a child's peak starts at zero")
def test_the_peak_excludes_the_parent_process() -> None:
    held = np.ones(400_000_000, np.uint8)
    code = "from ecgmodel.support.machine import peak_mb; print(peak_mb())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 100
    assert held.size / 1e6 < peak_mb()


def test_cores_as_text() -> None:
    assert re.fullmatch(r"1 CPU core|\d+ CPU cores", cores())
