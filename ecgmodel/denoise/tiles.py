"""A network that knows one window length, applied to signals of any length at its rate."""

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

BATCH = 128  # on two CPU cores faster than 64 and than 256, for small and larger networks
OVERLAP = 0.5
LEAST_ROWS = 8
"""Signals that are worth a thread of their own."""


class TiledNetwork:
    """Cleans signals at the rate its network was trained for, in overlapping tiles.

    Tiles start every `hop = window * (1 - overlap)` samples and are cross-faded with weights that
    sum to one at every sample (a squared sine, which at an overlap of a half is the Hann window),
    so that seams do not show. Before the first and after the last sample the signal is mirrored,
    so that the ends are cleaned with as much context as the middle. Beside the signal, memory
    holds one batch of tiles, however long it is.

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

    def apply(self, tiles: Floats) -> Floats:
        """Run the network on `(n, window)` tiles, a batch at a time, and return as many.

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
                f"The network must return the shape that it is given, {(*tiles.shape, 1)}. "
                f"Received: shape={result.shape}. Is it a denoiser for windows of {self.window}?"
            )
        return result[..., 0]


class Tiling:
    """Cleans rows that come in piece by piece: what comes out does not depend on the pieces.

    A sample comes out once every tile that covers it was cleaned, at most `window` samples after
    it came in.

    Args:
        tiled: The network and how its tiles lie.
        rows: How many signals there are.
    """

    def __init__(self, tiled: TiledNetwork, rows: int) -> None:
        self.tiled = tiled
        self._source = np.zeros((rows, 0), np.float32)  # what later tiles may need
        self._first = 0  # where it starts
        self._start = tiled.hop - tiled.window  # of the next tile
        # Sums of the tiles from the next one's start on.
        self._open = np.zeros((rows, tiled.window - tiled.hop), np.float32)

    def push(self, rows: Floats) -> Floats:
        """Take further samples `(rows, n)`, finite, and return the cleaned ones that are done."""
        self._source = np.concatenate([self._source, rows], axis=1)
        window, hop = self.tiled.window, self.tiled.hop
        seen = self._first + self._source.shape[1]
        if seen <= window - hop:  # too few to mirror the beginning
            return self._source[:, :0]
        ready = max(0, (seen - window - self._start) // hop + 1)
        cleaned = self._clean(ready, seen)
        # A tile at the end mirrors up to a window before it.
        keep = max(self._first, min(self._start, seen - window))
        self._source = self._source[:, keep - self._first :].copy()
        self._first = keep
        return cleaned

    def finish(self) -> Floats:
        """Return the rest of the cleaned samples; the last of them are mirrored."""
        seen = self._first + self._source.shape[1]
        before = max(0, self._start)  # what came out
        left = -(-(seen - self._start) // self.tiled.hop) if seen else 0
        return self._clean(left, seen)[:, : seen - before]

    def _clean(self, tiles: int, samples: int) -> Floats:
        """Clean the next tiles of each row, and return what no further tile covers."""
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
        outside = max(0, -self._start)  # what lies before the first sample
        self._start += tiles * hop
        self._open = total[:, tiles * hop :].copy()
        return total[:, min(outside, tiles * hop) : tiles * hop]

    def _cut(self, starts: NDArray[np.int64], samples: int) -> Floats:
        """Return the tiles `(rows, tiles, window)`, mirrored where one reaches outside."""
        window = self.tiled.window
        if starts[0] >= 0 and starts[-1] + window <= samples:
            tiles: Floats = sliding_window_view(self._source, window, axis=1)
            return tiles[:, starts - self._first]
        index = mirrored(starts[:, None] + np.arange(window), samples)
        return self._source[:, index - self._first]


def mirrored(index: NDArray[np.int64], samples: int) -> NDArray[np.int64]:
    """Return where a signal is read for places before its start and after its end.

    Args:
        index: Places, from any number below 0 to any number above `samples`.
        samples: The signal's length; it is mirrored at both ends, as often as needed.
    """
    period = max(1, 2 * (samples - 1))
    place: NDArray[np.int64] = np.abs((index + samples - 1) % period - (samples - 1))
    return place


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


class _SideBySide(TiledNetwork):
    """Tiles of a Keras network: its operations use one core each, so signals are shared out."""

    def clean_many(self, stretches: ArrayLike) -> Floats:
        """Clean many signals of one length, a part of them on each core."""
        rows = np.asarray(stretches)
        parts = min(core_count(), len(rows) // LEAST_ROWS)
        if rows.ndim != 2 or parts < 2:
            return super().clean_many(rows)
        with ThreadPoolExecutor(parts) as pool:
            return np.concatenate(list(pool.map(super().clean_many, np.array_split(rows, parts))))


def keras_tiles(
    model: Any, window: int, overlap: float = OVERLAP, batch: int = BATCH
) -> TiledNetwork:
    """Return what applies a Keras model.

    Args:
        model: A `keras.Model` from `(n, window, 1)` to `(n, window, 1)`, in mV.
        window: Samples that the model sees at once.
        overlap: As for `TiledNetwork`.
        batch: As for `TiledNetwork`.
    """
    import keras

    if keras.backend.backend() == "tensorflow":
        model.jit_compile = False  # graph mode is the faster one for convolutions on CPUs

    def apply(tiles: Floats) -> NDArray[Any]:
        # A new batch size may compile the network anew: only powers of two and `batch` occur.
        size = min(batch, 1 << (len(tiles) - 1).bit_length())
        padded = np.concatenate([tiles, np.zeros((size - len(tiles), window, 1), np.float32)])
        return np.asarray(model.predict_on_batch(padded))[: len(tiles)]

    model.make_predict_function()  # before threads ask for it at once
    return _SideBySide(apply, window, overlap, batch)


def from_keras(
    path: str | Path, window: int | None = None, overlap: float = OVERLAP, batch: int = BATCH
) -> TiledNetwork:
    """Return what applies a saved `.keras` file.

    Args:
        path: The model file.
        window: Samples that the model sees at once; may be left out where the model fixes it.
        overlap: As for `TiledNetwork`.
        batch: As for `TiledNetwork`.

    Raises:
        MissingFileError: There is no such file.
        ModelError: The file is no Keras model, or neither it nor the caller names the window.
    """
    from ecgmodel.networks import load_network

    model = load_network(path)
    if len(model.input_shape) != 3 or model.input_shape[2] != 1:
        raise ModelError(
            f"{path} takes {model.input_shape}. Expected (windows, samples, 1): one lead at a time."
        )
    fixed = model.input_shape[1]
    if window is None and fixed is None:
        raise ModelError(f"{path} takes windows of any length: say which with `window`.")
    if None not in (window, fixed) and window != fixed:
        raise ModelError(f"{path} takes windows of {fixed} samples. Received: window={window}")
    return keras_tiles(model, int(window or fixed), overlap, batch)
