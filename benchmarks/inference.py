"""Speed and memory of cleaning one lead, for networks and classical filters.

Each method runs in a separate process: the shipped network (`ecgmodel/models/default`) with
`Denoiser` and with Keras; published networks with Keras, in tiles of the same length; and the
filters. Published networks have random weights, which do not affect their speed. Slow methods clean
a shorter lead, and times are extrapolated to a day. Time is measured after the first tiles, which
compile the network; memory is the peak beyond libraries and recording. CPU time is less affected by
other processes than elapsed time.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import yaml

from benchmarks._measure import ROOT, Row, in_turn, python, yes_or_no
from ecgmodel.protocols._applying import Applied, Clean, apply

DAY = 86_400.0
GOAL_S, GOAL_RATIO = 10.0, 5.0
GENERAL, REFERENCE, KERAS = "general", "deepfilter", "general by Keras"
PUBLISHED = ("fcn_dae", REFERENCE, "tcdae", "conv_autoencoder")
FILTERS = ("butterworth", "wavelet", "neurokit")
# Hours of ECG cleaned by slow methods; all others clean a day.
HOURS = {REFERENCE: 2.0, "tcdae": 1.0}
SHIPPED = ROOT / "ecgmodel" / "models" / "default"


def run(quick: bool, scratch: Path) -> list[Row]:
    """Return a row per method, with the two goals of the shipped network first."""
    repeats = 1 if quick else 3
    names = (GENERAL, KERAS, *PUBLISHED, *FILTERS)
    python("-m", "benchmarks.inference", "make", str(scratch))
    sides = [partial(_in_process, name, scratch, quick) for name in names]
    found = dict(zip(names, in_turn(repeats, *sides), strict=True))
    return [_row(name, applied, found[REFERENCE]) for name, applied in found.items()]


def _in_process(name: str, scratch: Path, quick: bool) -> Applied:
    ecg = 900.0 if quick else 3600 * HOURS.get(name, 24.0)
    ran = python("-m", "benchmarks.inference", "apply", str(scratch), name, str(ecg))
    return Applied(**json.loads(ran.printed.splitlines()[-1]))


def _a_day(found: list[Applied]) -> tuple[float, float]:
    """Return the median elapsed time and CPU time for a day of ECG, s."""
    days = [DAY / one.ecg for one in found]
    return (
        statistics.median(one.seconds * day for one, day in zip(found, days, strict=True)),
        statistics.median(one.processor * day for one, day in zip(found, days, strict=True)),
    )


def _row(name: str, found: list[Applied], reference: list[Applied]) -> Row:
    (seconds, processor), (other, others_processor) = _a_day(found), _a_day(reference)
    least = min(one.seconds * DAY / one.ecg for one in found)
    memory = statistics.median(one.memory_mb for one in found)
    starting = statistics.median(one.starting for one in found)
    ratio, cleaned = other / seconds, found[0].ecg / 3600
    is_general = name == GENERAL
    return Row(
        "inference",
        f"{name}: a day of one lead"
        + ("" if cleaned == 24 else f", extrapolated from {cleaned:g} h"),
        f"{seconds:.1f} s (best {least:.1f}), {processor:.1f} s of CPU time; "
        f"{memory:,.0f} MB; start-up {starting:.1f} s",
        f"{REFERENCE} {other:.1f} s",
        f"{ratio:.2f} (CPU time {others_processor / processor:.2f})",
        f"under {GOAL_S:g} s, and at least {GOAL_RATIO:g} times as fast" if is_general else "",
        yes_or_no(seconds < GOAL_S and ratio >= GOAL_RATIO) if is_general else "",
    )


def _tiling() -> tuple[int, float]:
    """Return length (samples) and overlap of the tiles of the shipped network."""
    read = yaml.safe_load((SHIPPED / "recipe.yaml").read_text())
    return int(read["mix"]["window"]), float(read["evaluation"]["overlap"])


def _make(scratch: Path) -> None:
    """Save each published network with random weights."""
    from ecgmodel.networks import build_network

    for name in PUBLISHED:
        build_network(name).save(scratch / f"{name}.keras")


def _loader(name: str, scratch: Path) -> Callable[[], Clean]:
    """Import the libraries of a method, and return the function that loads it."""
    if name in FILTERS:
        from ecgmodel.evaluation import baselines

        method = baselines.load(name)
        method(np.zeros((1, 3600)))  # some import their libraries here
        return lambda: lambda signal: method(signal[None])[0]
    if name == GENERAL:
        from ecgmodel.denoise.denoiser import Denoiser
        from ecgmodel.signals.standard import FS

        return lambda: partial(Denoiser.load(), fs=FS)
    from ecgmodel.support.quiet import import_keras

    import_keras()
    from ecgmodel.denoise.tiles import from_keras

    file = SHIPPED / "model.keras" if name == KERAS else scratch / f"{name}.keras"
    return lambda: from_keras(file, *_tiling())


if __name__ == "__main__":
    if sys.argv[1] == "make":
        _make(Path(sys.argv[2]))
    else:
        loader = _loader(sys.argv[3], Path(sys.argv[2]))
        print(json.dumps(apply(loader, float(sys.argv[4]))._asdict()))
