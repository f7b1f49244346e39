"""Training from Parquet shards, compared with Keras's `fit` on arrays in memory.

Both sides have the same network, optimiser, windows, batch size and epochs. The first epoch is left
out, since TensorFlow traces the network in it. The side of the project is the complete training,
with validation, checkpoints and selection of the best weights. CPU time is less affected by other
processes than elapsed time.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._measure import Row, compared, in_turn
from ecgmodel.dataset.shards import ShardWriter
from ecgmodel.support.randomness import generator

GOAL = 0.95
BATCH = 128
Stamp = tuple[float, float]  # elapsed time and CPU time, s


def run(quick: bool, scratch: Path) -> list[Row]:
    """Return the rows for elapsed time and for CPU time."""
    windows, samples, epochs, repeats = (1024, 256, 2, 1) if quick else (16_384, 1024, 2, 7)
    train = _arrays("train", windows, samples)
    validation = _arrays("validation", windows // 8, samples)
    shards = [_written(scratch / f"train-{n}", train, n, 4) for n in range(4)]
    shards_v = [_written(scratch / "validation", validation, 0, 1)]
    folders = (scratch / f"work-{n}" for n in itertools.count())
    found = in_turn(
        repeats,
        lambda: _from_parquet(shards, shards_v, next(folders), epochs),
        lambda: _in_memory(train, validation, epochs),
    )
    what = f"{windows:,} windows of {samples} samples per epoch, conv_autoencoder"
    amount = windows * (epochs - 1)
    rows = []
    for clock, name in enumerate(("time", "CPU time")):
        ours, other = ([stamp[clock] for stamp in side] for side in found)
        rows.append(compared("feeding", f"{what}: {name}", amount, "windows/s", ours, other, GOAL))
    return rows


def _now() -> Stamp:
    return time.perf_counter(), time.process_time()


def _between(start: Stamp, end: Stamp) -> Stamp:
    return end[0] - start[0], end[1] - start[1]


def _arrays(name: str, windows: int, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Return random noisy and clean windows, `(windows, samples, 1)`."""
    rng = generator(0, name)
    clean = np.cumsum(rng.standard_normal((windows, samples, 1), np.float32), axis=1) * 0.05
    return clean + 0.1 * rng.standard_normal(clean.shape, np.float32), clean


def _written(stem: Path, arrays: tuple[np.ndarray, np.ndarray], part: int, parts: int) -> Path:
    """Write a part of the windows as a shard."""
    noisy, clean = (x[part::parts, :, 0] for x in arrays)
    path = stem.with_suffix(".parquet")
    with ShardWriter(path, noisy.shape[1], {}) as shard:
        for rows in _row_groups(len(noisy), shard.rows_per_group):
            shard.write(noisy[rows], clean[rows], _provenance(len(noisy[rows])))
    return path


def _row_groups(rows: int, size: int) -> Iterator[slice]:
    return (slice(at, at + size) for at in range(0, rows, size))


def _provenance(rows: int) -> dict[str, list[Any]]:
    text = ("record", "subject", "lead", "split", "noise_type")
    lists = ("noise_record", "noise_lead", "noise_start")
    return {
        **{name: ["x"] * rows for name in text},
        **{name: [[]] * rows for name in lists},
        **{name: [0] * rows for name in ("start", "copy")},
        **{name: [None] * rows for name in ("target_snr_db", "achieved_snr_db")},
    }


def _from_parquet(shards: list[Path], validation: list[Path], work: Path, epochs: int) -> Stamp:
    """Return the duration of this project's training without the first epoch."""
    from ecgmodel.networks import build_network
    from ecgmodel.training.batches import ShardBatches
    from ecgmodel.training.fit import train
    from ecgmodel.training.settings import TrainingSettings

    ends: list[Stamp] = []
    train(
        lambda: build_network("conv_autoencoder"),
        ShardBatches(shards, BATCH),
        ShardBatches(validation, BATCH, shuffle_rows=0),
        work,
        TrainingSettings(epochs=epochs, batch_size=BATCH, patience=None),
        on_epoch=lambda _epoch, _row: ends.append(_now()),
    )
    return _between(ends[0], ends[-1])


def _in_memory(
    train: tuple[np.ndarray, np.ndarray], validation: tuple[np.ndarray, np.ndarray], epochs: int
) -> Stamp:
    """Return the duration of `fit` on arrays without the first epoch."""
    import keras

    from ecgmodel.networks import build_network
    from ecgmodel.training.averaging import AveragingAdam

    ends: list[Stamp] = []
    stamp = keras.callbacks.LambdaCallback(on_epoch_end=lambda _epoch, _logs: ends.append(_now()))
    keras.utils.set_random_seed(0)
    model = build_network("conv_autoencoder")
    gpu = bool(keras.distribution.list_devices("gpu"))
    model.compile(AveragingAdam(), "mse", jit_compile="auto" if gpu else False)
    model.fit(
        *train,
        batch_size=BATCH,
        epochs=epochs,
        validation_data=validation,
        verbose=0,
        callbacks=[stamp],
    )
    return _between(ends[0], ends[-1])
