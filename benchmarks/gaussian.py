"""SNR improvement on Gaussian noise, which the test sets do not contain, on validation windows.

`python -m benchmarks.gaussian DATASET` adds white and pink noise to clean validation windows of a
prepared dataset at several SNRs (zero-mean power), cleans them, and prints the mean SNR improvement
in dB.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgmodel.denoise.denoiser import DEFAULT, Denoiser
from ecgmodel.evaluation.evaluate import read_batches
from ecgmodel.evaluation.metrics import measure
from ecgmodel.noise._drawing import scaled
from ecgmodel.signals.standard import FS
from ecgmodel.steps.training import split_shards
from ecgmodel.store import read_stored
from ecgmodel.support.randomness import generator

SNRS_DB = (-6.0, 0.0, 6.0, 12.0, 18.0)
SLOPES = {"white": 0.0, "pink": 0.5}
"""Spectral slope of each noise colour: amplitude ~ frequency ** -slope."""
WINDOWS = 16
"""Maximum number of windows per recording, evenly spread."""

Rows = NDArray[np.float32]


def main(arguments: Sequence[str] | None = None) -> pd.DataFrame:
    """Measure, print the table, and return the mean SNR improvement by colour and SNR."""
    parser = argparse.ArgumentParser("python -m benchmarks.gaussian", description=__doc__)
    parser.add_argument("dataset", type=Path, help="folder that `ecg-denoise prepare` prints")
    parser.add_argument("--model", default=DEFAULT, help="name or file, as for `Denoiser.load`")
    asked = parser.parse_args(arguments)
    denoiser = Denoiser.load(asked.model)
    shards = split_shards(read_stored(asked.dataset), "validation")
    measured = [
        pd.DataFrame({"colour": colour, "snr_db": snr_db, "gain": gains})
        for shard in shards
        for colour, snr_db, gains in improvements(denoiser, clean_windows(shard), shard.stem)
    ]
    table = pd.concat(measured).groupby(["colour", "snr_db"])["gain"].mean().unstack()
    table = table.loc[list(SLOPES)]
    print(as_markdown(table))
    return table


def improvements(
    denoise: Callable[[Rows, float], NDArray], clean: Rows, name: str
) -> Iterator[tuple[str, float, NDArray[np.float64]]]:
    """Yield colour, SNR (dB) and the SNR improvement of each window, dB.

    Args:
        denoise: Takes `(samples,)` in mV and its sampling rate, Hz.
        clean: `(windows, samples)` in mV at 360 Hz.
        name: Name from which the noise is seeded.
    """
    power = clean.var(axis=1)
    for colour, slope in SLOPES.items():
        noise = coloured(len(clean), clean.shape[1], slope, generator(0, name, colour))
        for snr_db in SNRS_DB:
            noisy = clean + scaled(noise, power, np.full(len(clean), snr_db))
            cleaned = np.stack([denoise(row, FS) for row in noisy])
            yield colour, snr_db, np.asarray(measure(clean, noisy, cleaned)["snr_improvement"])


def coloured(count: int, samples: int, slope: float, rng: np.random.Generator) -> Rows:
    """Return Gaussian noise `(count, samples)` whose amplitude falls as frequency ** -slope."""
    spectrum = np.fft.rfft(rng.normal(size=(count, samples)))
    frequency = np.maximum(np.fft.rfftfreq(samples, 1 / FS), 0.5)
    return np.asarray(np.fft.irfft(spectrum * frequency**-slope, samples), np.float32)


def clean_windows(shard: Path) -> Rows:
    """Return clean windows of a shard, `(windows, samples)` in mV."""
    windows = np.concatenate([batch.clean for batch in read_batches(shard)])
    return np.asarray(
        windows[np.linspace(0, len(windows) - 1, min(WINDOWS, len(windows)), dtype=int)]
    )


def as_markdown(table: pd.DataFrame) -> str:
    """Return the mean SNR improvement in dB as a table, one line per colour."""
    head = ["| SNR, dB | " + " | ".join(f"{snr:g}" for snr in table.columns) + " |"]
    head.append("| --- |" + " ---: |" * table.shape[1])
    lines = [
        f"| {at} | " + " | ".join(f"{x:.1f}" for x in row) + " |" for at, row in table.iterrows()
    ]
    return "\n".join([*head, *lines])


if __name__ == "__main__":
    main()
