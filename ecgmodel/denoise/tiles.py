"""Application of a network with a fixed window length to signals of any length, in tiles."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from ecgmodel.errors import ModelError, SettingsError
from ecgmodel.support.machine import core_count

Floats = NDArray[np.float32]
Apply = Callable[[Floats], NDArray[Any]]

BATCH = 128  # faster than 64 and 256 on two CPU cores, for small and large networks
OVERLAP = 0.5
LEAST_ROWS = 8
"""Minimum number of signals per thread."""


class TiledNetwork:
    """Cleans signals at the network's sampling rate, in overlapping tiles.

    Tiles start every `hop = window * (1 - overlap)` samples and are cross-faded with weights that
    sum to one at every sample (a squared sine; at an overlap of 0.5 the Hann window), so that there
    are no steps at their borders. The signal is mirrored at both ends, so that its ends are cleaned
    with as much context as its middle. Memory use is the signal and one batch of tiles.

    Missing samples (NaN or infinite) are linearly interpolated for the network and NaN in the
    result.

    Args:
        apply: The network: float32 `(n, window, 1)` in mV to `(n, window, 1)` in mV.
        window: Window length of the network, samples.
        overlap: Overlap of adjacent tiles, from 0 (no cross-fade) to below 1.
        batch: Maximum number of tiles per call of the network.

    Raises:
        SettingsError: `window` or `batch` is below 1, or `overlap` is outside [0, 1).

    Example:
        >>> same = TiledNetwork(lambda tiles: tiles, window=1024)
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
        self.network = apply
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
            ModelError: The signal is not 1- or 2-dimensional, or the network changes the shape.
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

    def clean_many(self, segments: ArrayLike) -> Floats:
        """Clean many signals of one length; tiles of several signals share a batch.

        Args:
            segments: `(n, samples)` in mV.

        Returns:
            The cleaned segments, float32, of the same shape.

        Raises:
            ModelError: `segments` is not 2-dimensional, or the network changes the shape.
        """
        rows = np.asarray(segments)
        if rows.ndim != 2:
            raise ModelError(
                f"Expected segments of shape (n, samples). Received: shape={rows.shape}"
            )
        return self._clean_rows(rows)

    def apply(self, tiles: Floats) -> Floats:
        """Run the network on tiles `(n, window)` in batches, and return the cleaned tiles.

        Raises:
            ModelError: The network changes the shape.
        """
        results = [self._apply(tiles[i : i + self.batch]) for i in range(0, len(tiles), self.batch)]
        return np.concatenate(results) if len(results) != 1 else results[0]

    def _clean_rows(self, rows: NDArray[Any]) -> Floats:
        """Return the cleaned rows `(rows, samples)`."""
        gaps = ~np.isfinite(rows)
        source = bridge_gaps(rows.astype(np.float32), gaps)
        cleaned = np.zeros(source.shape, dtype=np.float32)
        if not cleaned.size:
            return cleaned
        tiling, done = Tiling(self, len(rows)), 0
        step = self.hop * max(1, self.batch // len(rows))
        for start in range(0, source.shape[1], step):
            piece = tiling.push(source[:, start : start + step])
            cleaned[:, done : done + piece.shape[1]] = piece
            done += piece.shape[1]
        cleaned[:, done:] = tiling.finish()
        cleaned[gaps] = np.nan
        return cleaned

    def _apply(self, tiles: Floats) -> Floats:
        result = np.asarray(self.network(tiles[..., None]), dtype=np.float32)
        if result.shape != (*tiles.shape, 1):
            raise ModelError(
                f"Expected the network to return the shape of its input, {(*tiles.shape, 1)}. "
                f"Received: shape={result.shape}. Choose a denoiser for windows of {self.window} "
                "samples."
            )
        return result[..., 0]


class Tiling:
    """Cleans a stream of several rows; the result does not depend on the chunks.

    A sample is returned once all tiles that cover it are cleaned, at most `window` samples later.

    Args:
        tiled: The network, applied in tiles.
        rows: Number of rows.
    """

    def __init__(self, tiled: TiledNetwork, rows: int) -> None:
        self.tiled = tiled
        self._source = np.zeros((rows, 0), np.float32)  # samples that later tiles may need
        self._first = 0  # its first sample
        self._start = tiled.hop - tiled.window  # of the next tile
        # Sums of the tiles from the next one's start on.
        self._open = np.zeros((rows, tiled.window - tiled.hop), np.float32)

    def push(self, rows: Floats) -> Floats:
        """Process further finite samples `(rows, n)`, and return the available cleaned ones."""
        self._source = np.concatenate([self._source, rows], axis=1)
        window, hop = self.tiled.window, self.tiled.hop
        seen = self._first + self._source.shape[1]
        if seen <= window - hop:  # too few to mirror the start
            return self._source[:, :0]
        ready = max(0, (seen - window - self._start) // hop + 1)
        cleaned = self._clean(ready, seen)
        # Mirroring at the end needs up to one window.
        keep = max(self._first, min(self._start, seen - window))
        self._source = self._source[:, keep - self._first :].copy()
        self._first = keep
        return cleaned

    def finish(self) -> Floats:
        """Return the remaining cleaned samples; the signal is mirrored at its end."""
        seen = self._first + self._source.shape[1]
        before = max(0, self._start)  # samples already returned
        left = -(-(seen - self._start) // self.tiled.hop) if seen else 0
        return self._clean(left, seen)[:, : seen - before]

    def _clean(self, tiles: int, samples: int) -> Floats:
        """Clean the next tiles of each row, and return the samples covered by no later tile."""
        window, hop = self.tiled.window, self.tiled.hop
        rows = len(self._source)
        length = tiles * hop + window - hop
        total = np.zeros((rows, length), np.float32)
        total[:, : window - hop] = self._open
        at_once = max(1, self.tiled.batch // max(1, rows))
        for first in range(0, tiles, at_once):
            numbers = np.arange(first, min(first + at_once, tiles))
            cut = self._cut(self._start + numbers * hop, samples).reshape(-1, window)
            faded = (self.tiled.apply(cut) * self.tiled.weights).reshape(rows, -1, window)
            for place, number in enumerate(numbers):
                total[:, number * hop : number * hop + window] += faded[:, place]
        outside = max(0, -self._start)  # samples before the first one
        self._start += tiles * hop
        self._open = total[:, tiles * hop :].copy()
        return total[:, min(outside, tiles * hop) : tiles * hop]

    def _cut(self, starts: NDArray[np.int64], samples: int) -> Floats:
        """Return the tiles `(rows, tiles, window)`, mirrored beyond the ends of the signal."""
        window = self.tiled.window
        if starts[0] >= 0 and starts[-1] + window <= samples:
            tiles: Floats = sliding_window_view(self._source, window, axis=1)
            return tiles[:, starts - self._first]
        index = mirrored(starts[:, None] + np.arange(window), samples)
        return self._source[:, index - self._first]


def mirrored(index: NDArray[np.int64], samples: int) -> NDArray[np.int64]:
    """Return the indices of a signal that is mirrored at both ends, as often as needed.

    Args:
        index: Any indices, also below 0 or above `samples`.
        samples: The signal's length.
    """
    period = max(1, 2 * (samples - 1))
    place: NDArray[np.int64] = np.abs((index + samples - 1) % period - (samples - 1))
    return place


def crossfade(window: int, hop: int) -> Floats:
    """Return tile weights `(window,)` that sum to one over tiles with a spacing of `hop`."""
    rise = np.sin(np.pi * (np.arange(window) + 0.5) / window) ** 2
    total = np.bincount(np.arange(window) % hop, weights=rise, minlength=hop)
    return (rise / total[np.arange(window) % hop]).astype(np.float32)


def bridge_gaps(rows: Floats, gaps: NDArray[np.bool_]) -> Floats:
    """Linearly interpolate the samples flagged in `gaps`; a row without samples becomes zero.

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


class _SideBySide(TiledNetwork):
    """Tiles of a Keras network; signals are distributed over cores, as operations use one each."""

    def clean_many(self, segments: ArrayLike) -> Floats:
        """Clean many signals of one length, distributed over the cores."""
        rows = np.asarray(segments)
        parts = min(core_count(), len(rows) // LEAST_ROWS)
        if rows.ndim != 2 or parts < 2:
            return super().clean_many(rows)
        with ThreadPoolExecutor(parts) as pool:
            return np.concatenate(list(pool.map(super().clean_many, np.array_split(rows, parts))))


def keras_tiles(
    model: Any, window: int, overlap: float = OVERLAP, batch: int = BATCH
) -> TiledNetwork:
    """Return a Keras model, applied in tiles.

    Args:
        model: A `keras.Model` from `(n, window, 1)` to `(n, window, 1)`, in mV.
        window: Window length of the model, samples.
        overlap: As for `TiledNetwork`.
        batch: As for `TiledNetwork`.
    """
    import keras

    if keras.backend.backend() == "tensorflow":
        model.jit_compile = False  # graph mode is faster for convolutions on CPUs

    def apply(tiles: Floats) -> NDArray[Any]:
        # Each new batch size may recompile the network: use only powers of two and `batch`.
        size = min(batch, 1 << (len(tiles) - 1).bit_length())
        padded = np.concatenate([tiles, np.zeros((size - len(tiles), window, 1), np.float32)])
        return np.asarray(model.predict_on_batch(padded))[: len(tiles)]

    model.make_predict_function()  # before several threads call it
    return _SideBySide(apply, window, overlap, batch)


def from_keras(
    path: str | Path, window: int | None = None, overlap: float = OVERLAP, batch: int = BATCH
) -> TiledNetwork:
    """Return a saved `.keras` model, applied in tiles.

    Args:
        path: The model file.
        window: Window length, samples; optional if the model has a fixed one.
        overlap: As for `TiledNetwork`.
        batch: As for `TiledNetwork`.

    Raises:
        MissingFileError: There is no such file.
        ModelError: The file is not a Keras model, or the window is unknown or contradicts it.
    """
    from ecgmodel.networks import load_network

    model = load_network(path)
    if len(model.input_shape) != 3 or model.input_shape[2] != 1:
        raise ModelError(
            f"{path} has the input shape {model.input_shape}. Expected (windows, samples, 1), a "
            "network for single leads."
        )
    fixed = model.input_shape[1]
    if window is None and fixed is None:
        raise ModelError(f"{path} accepts windows of any length. Give one with `window`.")
    if None not in (window, fixed) and window != fixed:
        raise ModelError(
            f"{path} expects windows of {fixed} samples. Received: window={window}. Omit `window`."
        )
    return keras_tiles(model, int(window or fixed), overlap, batch)
