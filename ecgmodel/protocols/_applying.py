"""What applying a network takes, in a process of its own.

Memory can only be told where nothing else was held before, so `apply_apart` runs this file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import ModelError
from ecgmodel.signals.standard import FS
from ecgmodel.sources import _simulated_ecg
from ecgmodel.support.machine import peak_mb
from ecgmodel.support.paths import ROOT
from ecgmodel.support.quiet import import_keras

Clean = Callable[[NDArray[Any]], NDArray[Any]]
HOUR, WARM_UP, PIECE = 3600.0, 700.0, 60.0
"""Seconds of ECG: of a measurement, cleaned before it (several batches of tiles), simulated."""


class Applied(NamedTuple):
    """What cleaning one lead took.

    Attributes:
        starting: Seconds to load the method and to clean a first piece.
        seconds: To clean the lead after that.
        processor: Seconds of all cores in the same time.
        ecg: Seconds of ECG that were cleaned.
        memory_mb: The most that was held beyond libraries and recording, MB.
    """

    starting: float
    seconds: float
    processor: float
    ecg: float
    memory_mb: float


def apply(make: Callable[[], Clean], ecg: float = HOUR) -> Applied:
    """Clean one lead of simulated ECG at 360 Hz in this process, which should be a new one.

    Args:
        make: Loads the method, which takes `(samples,)` float32 in mV; libraries are loaded before.
        ecg: Seconds of ECG.
    """
    signal = _lead(ecg)
    before = peak_mb()
    start = time.perf_counter()
    clean = make()
    clean(signal[: int(WARM_UP * FS)])
    begun, processor = time.perf_counter(), time.process_time()
    clean(signal)
    seconds, processor = time.perf_counter() - begun, time.process_time() - processor
    return Applied(begun - start, seconds, processor, signal.size / FS, peak_mb() - before)


def apply_apart(model: Path, window: int | None, overlap: float, ecg: float = HOUR) -> Applied:
    """Clean one lead of simulated ECG by a network, in tiles, in a process of its own.

    Args:
        model: A `.keras` file.
        window: Samples of a tile; None where the file fixes it.
        overlap: Share of a tile that the next one covers too.
        ecg: Seconds of ECG.

    Raises:
        ModelError: The process failed; the message holds the end of what it said.
    """
    command = [sys.executable, "-m", __name__, str(model), str(window or 0), str(overlap), str(ecg)]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )
    if done.returncode:
        raise ModelError(f"{model} could not be applied by itself:\n{done.stderr[-3000:]}")
    return Applied(**json.loads(done.stdout.splitlines()[-1]))


def _lead(ecg: float) -> NDArray[np.float32]:
    """Return simulated ECG, the same minute again and again; what beats in it is no matter."""
    minute = _simulated_ecg.simulate(0, 1, PIECE).signal[:, 0].astype(np.float32)
    lead: NDArray[np.float32] = np.resize(minute, int(ecg * FS))
    return lead


def main(model: str, window: str, overlap: str, ecg: str) -> None:
    """Print what a network takes, as JSON; the arguments are those of `apply_apart`."""
    import_keras()
    from ecgmodel.denoise.tiles import from_keras

    applied = apply(lambda: from_keras(model, int(window) or None, float(overlap)), float(ecg))
    print(json.dumps(applied._asdict()))


if __name__ == "__main__":
    main(*sys.argv[1:])
