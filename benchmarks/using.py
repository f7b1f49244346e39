"""Time and memory of cleaning in typical use: the command, long recordings, and streams.

Each measurement is a separate process. Recordings of different length are compared after a first
piece, which loads and warms up; memory is the peak beyond libraries and, for whole recordings,
input and output.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks._measure import Row, in_turn, python, seconds, spans, yes_or_no

HOUR = 3600.0
COMMAND_S, LINEAR, FLAT_MB = 3.0, 0.1, 50.0
RATES = (128, 250, 360, 500, 1000)
FS = 360


class Took(NamedTuple):
    """Duration and memory of a cleaning.

    Attributes:
        seconds: Elapsed time, s.
        memory_mb: Peak memory beyond that before the cleaning, MB.
    """

    seconds: float
    memory_mb: float


def run(quick: bool, scratch: Path) -> list[Row]:
    """Return the rows of the command, of recordings of different length, and of streams."""
    repeats = 1 if quick else 3
    return [
        _command(scratch, 60.0 if quick else HOUR / 2, 1 if quick else 5),
        *_lengths(repeats, (0.05, 0.1) if quick else (1.0, 24.0)),
        *_streams((0.05, 0.1) if quick else (1.0, 168.0)),
        _latency(),
    ]


def _command(scratch: Path, ecg: float, repeats: int) -> Row:
    """Return the row of the command on a WFDB record, including its start-up."""
    python("-m", "benchmarks.using", "record", str(scratch), str(ecg))
    again = (
        "-m",
        "ecgmodel.cli.main",
        "denoise",
        str(scratch / "r"),
        "--out",
        str(scratch / "out"),
    )
    times = [seconds(partial(python, *again)) for _ in range(repeats)]
    return Row(
        "using",
        f"`ecg-denoise denoise`, a record of {ecg / 60:g} min with one lead at {FS} Hz",
        spans(times),
        goal=f"under {COMMAND_S:g} s",
        reached=yes_or_no(statistics.median(times) < COMMAND_S),
    )


def _lengths(repeats: int, hours: tuple[float, float]) -> list[Row]:
    """Return the row that tests whether time is linear in the length of a recording."""
    sides = [partial(_apart, "whole", str(h)) for h in hours]
    short, long = in_turn(repeats, *sides)
    each = [
        statistics.median(t.seconds for t in found) / h
        for found, h in zip((short, long), hours, strict=True)
    ]
    ratio = each[1] / each[0]
    return [
        Row(
            "using",
            f"`Denoiser`, one lead of {hours[1]:g} h against {hours[0]:g} h",
            f"{each[1]:.3f} s per hour; {long[0].memory_mb:,.0f} MB",
            f"{each[0]:.3f} s per hour; {short[0].memory_mb:,.0f} MB",
            f"{ratio:.2f}",
            f"at most {1 + LINEAR:g}",
            yes_or_no(ratio <= 1 + LINEAR),
        )
    ]


def _streams(hours: tuple[float, float]) -> list[Row]:
    """Return the row that tests whether memory is constant in the length of a stream."""
    short, long = (_apart("stream", str(h)) for h in hours)
    more = long.memory_mb - short.memory_mb
    return [
        Row(
            "using",
            f"`Denoiser.stream`, pieces of 1 s, {hours[1]:g} h against {hours[0]:g} h",
            f"{long.memory_mb:,.0f} MB; {hours[1] * HOUR / long.seconds:,.0f} times real time",
            f"{short.memory_mb:,.0f} MB; {hours[0] * HOUR / short.seconds:,.0f} times real time",
            f"{more:+,.0f} MB",
            f"at most {FLAT_MB:+g} MB",
            yes_or_no(more <= FLAT_MB),
        )
    ]


def _latency() -> Row:
    """Return the row of the latency of a stream."""
    from ecgmodel.denoise.denoiser import Denoiser

    denoiser = Denoiser.load()
    behind = ", ".join(f"{denoiser.latency(fs) / fs:.2f} s at {fs} Hz" for fs in RATES)
    return Row("using", "`Denoiser.latency`", behind)


def _apart(how: str, hours: str) -> Took:
    return Took(*json.loads(python("-m", "benchmarks.using", how, hours).printed.splitlines()[-1]))


def _whole(hours: float) -> Took:
    from ecgmodel.denoise.denoiser import Denoiser
    from ecgmodel.support.machine import peak_mb

    denoiser, signal = Denoiser.load(), _lead(hours)
    denoiser(signal[: int(700 * FS)], FS)
    before, began = peak_mb(), time.perf_counter()
    denoiser(signal, FS)
    took = time.perf_counter() - began
    return Took(took, max(0.0, peak_mb() - before - signal.nbytes / 1e6))


def _stream(hours: float) -> Took:
    from ecgmodel.denoise.denoiser import Denoiser
    from ecgmodel.support.machine import peak_mb

    denoiser, minute = Denoiser.load(), _lead(1 / 60)

    def chunks() -> Iterator[NDArray[np.float32]]:
        for second in range(int(hours * HOUR)):
            at = second % 60 * FS
            yield minute[at : at + FS]

    before, began = peak_mb(), time.perf_counter()
    samples = sum(len(piece) for piece in denoiser.stream(chunks(), FS))
    if samples != int(hours * HOUR) * FS:
        raise RuntimeError(
            f"Expected {int(hours * HOUR) * FS} samples from the stream. Received: {samples}"
        )
    return Took(time.perf_counter() - began, peak_mb() - before)


def _lead(hours: float) -> NDArray[np.float32]:
    """Return simulated ECG, the same minute repeated."""
    from ecgmodel.sources import _simulated_ecg

    minute = _simulated_ecg.simulate(0, 1, 60.0).signal[:, 0].astype(np.float32)
    return np.resize(minute, int(hours * HOUR * FS))


def _record(folder: Path, ecg: float) -> None:
    import wfdb

    wfdb.wrsamp(
        "r",
        fs=FS,
        units=["mV"],
        sig_name=["II"],
        p_signal=_lead(ecg / HOUR)[:, None].astype(np.float64),
        fmt=["16"],
        write_dir=str(folder),
    )


if __name__ == "__main__":
    if sys.argv[1] == "record":
        _record(Path(sys.argv[2]), float(sys.argv[3]))
    else:
        measure = {"whole": _whole, "stream": _stream}[sys.argv[1]]
        print(json.dumps(measure(float(sys.argv[2]))))
