"""A network that knows one window length, applied to a recording of any length."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgmodel.architectures import load_network
from ecgmodel.errors import ModelError, SettingsError

Floats = NDArray[np.float32]
Apply = Callable[[Floats], NDArray[Any]]

BATCH = 128  # on two CPU cores faster than 64 and than 256, for small and larger networks
OVERLAP = 0.5


class Denoiser:
    """Cleans recordings at the rate its network was trained for, in overlapping tiles.

    Tiles start every `hop = window * (1 - overlap)` samples and are cross-faded with weights that
    sum to one at every sample (a squared sine, which at an overlap of a half is the Hann window),
    so that seams do not show. Before the first and after the last sample the signal is mirrored,
    so that the ends are cleaned with as much context as the middle. Memory holds a few copies of
    the signal and one batch of tiles, however long the recording.

    Missing samples (NaN or infinite) are bridged by straight lines for the network and are NaN in
    the result.

    Args:
        apply: The network: float32 `(n, window, 1)` in mV to `(n, window, 1)` in mV.
        window: Samples that the network sees at once.
        overlap: Share of a tile that the next one covers too, from 0 (no cross-fade) to below 1.
        batch: Most tiles handed to the network at once.

    Raises:
        SettingsError: `window` or `batch` is below 1, or `overlap` is outside [0, 1).

    Example:
        >>> same = Denoiser(lambda tiles: tiles, window=1024)
        >>> same(np.zeros((5000, 2))).shape
        (5000, 2)
    """

    def __init__(
        self, apply: Apply, window: int, overlap: float = OVERLAP, batch: int = BATCH
    ) -> None:
        if window < 1 or batch < 1 or not 0 <= overlap < 1:
            raise SettingsError(
                "Expected window >= 1, batch >= 1 and 0 <= overlap < 1. "
                f"Received: window={window}, batch={batch}, overlap={overlap}"
            )
        self.apply = apply
        self.window = window
        self.batch = batch
        self.hop = max(1, round(window * (1 - overlap)))
        self.weights = crossfade(window, self.hop)

    def __call__(self, signal: ArrayLike) -> Floats:
        """Clean one recording.

        Args:
            signal: `(samples,)` or `(samples, leads)` in mV, of any length.

        Returns:
            The cleaned signal, float32, of the same shape.

        Raises:
            ModelError: The signal has another number of axes, or the network changes the shape.
        """
        array = np.asarray(signal)
        if array.ndim not in (1, 2):
            raise ModelError(
                "Expected a signal of shape (samples,) or (samples, leads). "
                f"Received: shape={array.shape}"
            )
        if array.ndim == 1:
            row: Floats = self._clean_rows(array[None, :])[0]
            return row
        return np.ascontiguousarray(self._clean_rows(array.T).T)

    def clean_many(self, stretches: ArrayLike) -> Floats:
        """Clean many signals of one length; tiles of several signals share a batch.

        Args:
            stretches: `(n, samples)` in mV.

        Returns:
            The cleaned stretches, float32, of the same shape.

        Raises:
            ModelError: `stretches` has not two axes, or the network changes the shape.
        """
        rows = np.asarray(stretches)
        if rows.ndim != 2:
            raise ModelError(
                f"Expected stretches of shape (n, samples). Received: shape={rows.shape}"
            )
        return self._clean_rows(rows)

    def _clean_rows(self, rows: NDArray[Any]) -> Floats:
        """Return the cleaned rows `(rows, samples)`."""
        gaps = ~np.isfinite(rows)
        source = bridge_gaps(rows.astype(np.float32), gaps)
        cleaned = np.zeros(source.shape, dtype=np.float32)
        for row, start in self._batches(*source.shape):
            tiles = _cut(source, row, start, self.window)
            faded = self._apply(tiles) * self.weights
            _overlap_add(cleaned, faded, row, start)
        cleaned[gaps] = np.nan
        return cleaned

    def _batches(self, rows: int, samples: int) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        """Yield the row and the first sample of the tiles of one batch after another.

        The first tile starts before sample 0, and the last ends after the last sample, so that
        every sample lies under a full set of overlapping tiles and their weights sum to one.
        """
        before = self.window - self.hop
        positions = -(-(samples + before) // self.hop) if samples else 0
        for first in range(0, rows * positions, self.batch):
            tile = np.arange(first, min(first + self.batch, rows * positions))
            yield tile // positions, tile % positions * self.hop - before

    def _apply(self, tiles: Floats) -> Floats:
        """Run the network on `(n, window)` tiles and return as many."""
        result = np.asarray(self.apply(tiles[..., None]), dtype=np.float32)
        if result.shape != (*tiles.shape, 1):
            raise ModelError(
                f"The network must return the shape that it is given, {(*tiles.shape, 1)}. "
                f"Received: shape={result.shape}. Is it a denoiser for windows of {self.window}?"
            )
        return result[..., 0]


def crossfade(window: int, hop: int) -> Floats:
    """Return tile weights `(window,)` that sum to one over tiles that start every `hop` samples."""
    rise = np.sin(np.pi * (np.arange(window) + 0.5) / window) ** 2
    total = np.bincount(np.arange(window) % hop, weights=rise, minlength=hop)
    return (rise / total[np.arange(window) % hop]).astype(np.float32)


def bridge_gaps(rows: Floats, gaps: NDArray[np.bool_]) -> Floats:
    """Draw straight lines over the samples marked in `gaps`; a row of gaps alone becomes zero.

    Args:
        rows: `(rows, samples)`; changed in place.
        gaps: True where a sample is missing, of the same shape.
    """
    for row in np.flatnonzero(gaps.any(axis=1)):
        missing = gaps[row]
        known = np.flatnonzero(~missing)
        wanted = np.flatnonzero(missing)
        rows[row, wanted] = np.interp(wanted, known, rows[row, known]) if known.size else 0.0
    return rows


def _cut(source: Floats, row: NDArray[Any], start: NDArray[Any], window: int) -> Floats:
    """Cut tiles out of rows that are mirrored at both ends as often as needed."""
    samples = source.shape[1]
    index = start[:, None] + np.arange(window)
    period = max(1, 2 * (samples - 1))
    index = np.abs((index + samples - 1) % period - (samples - 1))
    tiles: Floats = source[row[:, None], index]
    return tiles


def _overlap_add(cleaned: Floats, tiles: Floats, row: NDArray[Any], start: NDArray[Any]) -> None:
    """Add each tile to its place; what lies outside the signal is dropped."""
    samples, window = cleaned.shape[1], tiles.shape[1]
    for tile, r, s in zip(tiles, row, start, strict=True):
        first, last = max(s, 0), min(s + window, samples)
        cleaned[r, first:last] += tile[first - s : last - s]


def keras_denoiser(
    model: Any, window: int, overlap: float = OVERLAP, batch: int = BATCH
) -> Denoiser:
    """Return a denoiser around a Keras model.

    Args:
        model: A `keras.Model` from `(n, window, 1)` to `(n, window, 1)`, in mV.
        window: Samples that the model sees at once.
        overlap: As for `Denoiser`.
        batch: As for `Denoiser`.
    """
    import keras

    if keras.backend.backend() == "tensorflow":
        model.jit_compile = False  # graph mode is the faster one for convolutions on CPUs

    def apply(tiles: Floats) -> NDArray[Any]:
        # A new batch size may compile the network anew: only powers of two and `batch` occur.
        size = min(batch, 1 << (len(tiles) - 1).bit_length())
        padded = np.concatenate([tiles, np.zeros((size - len(tiles), window, 1), np.float32)])
        return np.asarray(model.predict_on_batch(padded))[: len(tiles)]

    return Denoiser(apply, window, overlap, batch)


def from_keras(
    path: str | Path, window: int | None = None, overlap: float = OVERLAP, batch: int = BATCH
) -> Denoiser:
    """Return a denoiser around a saved `.keras` file.

    Args:
        path: The model file.
        window: Samples that the model sees at once; may be left out where the model fixes it.
        overlap: As for `Denoiser`.
        batch: As for `Denoiser`.

    Raises:
        MissingFileError: There is no such file.
        ModelError: The file is no Keras model, or neither it nor the caller names the window.
    """
    model = load_network(path)
    fixed = model.input_shape[1]
    if window is None and fixed is None:
        raise ModelError(f"{path} takes windows of any length: say which with `window`.")
    if None not in (window, fixed) and window != fixed:
        raise ModelError(f"{path} takes windows of {fixed} samples. Received: window={window}")
    return keras_denoiser(model, int(window or fixed), overlap, batch)
