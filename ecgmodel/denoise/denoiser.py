"""The denoiser: cleans ECG of any rate, length and number of leads, whole or as a stream."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgmodel.denoise.levels import Levelling
from ecgmodel.denoise.onnx import FILE, Facts, read_onnx
from ecgmodel.denoise.streams import BRIDGE_S, Bridging, Resampling, ratio_to
from ecgmodel.denoise.tiles import TiledNetwork, Tiling
from ecgmodel.denoise.trust import Assessment, Cleaned, Marks, Untrusted, Window
from ecgmodel.errors import MissingFileError, SignalError
from ecgmodel.support.numbers import as_number
from ecgmodel.support.paths import MODELS, shipped_names
from ecgmodel.support.samples import Samples, Writable

LOWEST_FS, HIGHEST_FS = 50.0, 4000.0
MOST_LEADS = 256
DEFAULT = "default"

Array = NDArray[np.float64]


class Denoiser:
    """Removes baseline wander, muscle artifact and electrode motion from ECG recordings.

    A signal is resampled to 360 Hz, cleaned in overlapping, cross-faded tiles, and resampled back.
    Missing samples (NaN, infinite or masked) stay missing; for the network they are interpolated.
    Samples more than 20 mV from their lead's baseline cannot be ECG. The output there is
    interpolated, and `clean` flags it "out of range". Components below 0.5 Hz are removed with the
    noise.

    For research; not a medical device.

    Args:
        tiled: The network, applied in tiles.
        facts: The network's metadata.
        threads: CPU threads for all other work; None uses one per core.

    Example:
        >>> denoiser = Denoiser.load()
        >>> clean = denoiser(noisy, fs=250)  # (samples,) or (samples, leads), mV
    """

    def __init__(self, tiled: TiledNetwork, facts: Facts, threads: int | None = None) -> None:
        self.tiled = tiled
        self.facts = facts
        self.threads = threads

    @classmethod
    def load(cls, model: str | Path = DEFAULT, threads: int | None = None) -> Denoiser:
        """Load a network.

        Args:
            model: An `.onnx` file exported by this project, or the name of a shipped network.
            threads: CPU threads; None uses one per core.

        Raises:
            MissingFileError: There is no such file or shipped network.
            ModelError: The file is not such a network.
        """
        return cls(*read_onnx(network_path(model), threads), threads)

    def __call__(self, signal: ArrayLike, fs: float) -> NDArray[Any]:
        """Clean a recording.

        Args:
            signal: `(samples,)` or `(samples, leads)` in mV; missing samples are NaN or masked.
            fs: Sampling rate, 50 to 4,000 Hz.

        Returns:
            The cleaned signal in mV, of the same shape and rate; float32 for float32, else float64.

        Raises:
            SignalError: The signal has another shape or is not numeric, or the rate is out of
                range.
        """
        array, fs = _checked(signal), _rate(fs)
        columns = _columns(array)
        cleaned = np.empty(columns.shape, np.float32 if array.dtype == np.float32 else np.float64)
        self._clean(columns, fs, cleaned)
        return cleaned.reshape(array.shape)

    def clean(
        self,
        signal: ArrayLike,
        fs: float,
        *,
        untrusted: Untrusted = "mark",
        adc_ranges: Iterable[tuple[float, float] | None] | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Cleaned:
        """Clean a recording, and assess the reliability of every 10 s of each lead.

        Args:
            signal: As in `__call__`.
            fs: As in `__call__`.
            untrusted: Treatment of unreliable sections: "mark" cleans and flags them, "pass"
                returns the input there.
            adc_ranges: Lowest and highest value of each lead's ADC, mV, None where unknown; they
                improve the detection of clipping.
            progress: Called with each completed share of the work; the shares sum to 1.

        Raises:
            SignalError: As in `__call__`; or the number of ADC ranges differs from that of the
                leads, or `untrusted` is invalid.
        """
        array, fs = _checked(signal), _rate(fs)
        columns = _columns(array)
        cleaned = np.empty(columns.shape, np.float32 if array.dtype == np.float32 else np.float64)
        windows = self.clean_into(
            cleaned, columns, fs, untrusted=untrusted, adc_ranges=adc_ranges, progress=progress
        )
        return Cleaned(
            signal=cleaned.reshape(array.shape),
            noise=(columns - cleaned).reshape(array.shape),
            windows=windows,
        )

    def clean_into(
        self,
        cleaned: Writable,
        signal: Samples,
        fs: float,
        *,
        untrusted: Untrusted = "mark",
        adc_ranges: Iterable[tuple[float, float] | None] | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> tuple[Window, ...]:
        """Clean a signal that may be larger than memory; else as `clean`.

        Args:
            cleaned: Room for the cleaned signal, of the shape of `signal`.
            signal: `(samples, leads)` in mV, missing samples NaN; read piece by piece, twice.
            fs: As in `__call__`.
            untrusted: As in `clean`.
            adc_ranges: As in `clean`.
            progress: As in `clean`.

        Returns:
            The assessment of each section of 10 s, by lead and time.

        Raises:
            SignalError: As in `clean`.
        """
        fs = _rate(fs)
        given = None if adc_ranges is None else tuple(adc_ranges)
        assessment = Assessment(fs, untrusted, given, self.threads)
        assessment.check_adc_ranges(signal.shape[1])
        out_of_range = Marks(signal.shape)
        self._clean(signal, fs, cleaned, out_of_range, progress)
        return assessment.of(signal, cleaned, out_of_range)

    def stream(self, chunks: Iterable[ArrayLike], fs: float) -> Iterator[NDArray[Any]]:
        """Clean a signal in chunks; the concatenated output equals that of `__call__`.

        The output is exactly `latency(fs)` samples behind the input, until the end. Memory use is
        constant.

        Args:
            chunks: Chunks `(n,)` or `(n, leads)` in mV, of any sizes.
            fs: As in `__call__`.

        Yields:
            One chunk for each input chunk, possibly empty, and the remaining samples at the end.

        Raises:
            SignalError: As in `__call__`; or a chunk has another number of leads than the first.
        """
        pipe: _Pipe | None = None
        shape: tuple[int, ...] = ()
        fs = _rate(fs)
        behind = self.latency(fs)
        for chunk in chunks:
            piece = _checked(chunk)
            if pipe is None:
                pipe, shape = _Pipe(self.tiled, fs, _leads(piece)), piece.shape[1:]
                held = np.zeros((0, _leads(piece)))
            if piece.shape[1:] != shape:
                raise SignalError(
                    f"Expected chunks of shape (n, {', '.join(map(str, shape))}), like the first. "
                    f"Received: {piece.shape}."
                )
            held = np.concatenate([held, pipe.push(_columns(piece))])
            due = max(0, pipe.seen - behind) - (pipe.done - len(held))
            out, held = held[:due], held[due:]
            yield out.reshape(-1, *shape)
        if pipe is not None:
            yield np.concatenate([held, pipe.finish()]).reshape(-1, *shape)

    def latency(self, fs: float) -> int:
        """Return the latency of `stream`, samples at the rate `fs`, Hz.

        It is the sum of the network's window, 1 s of look-ahead for interpolation, 0.1 s blocks of
        the range check, and the length of the resampling filters.
        """
        fs = _rate(fs)
        return _Pipe(self.tiled, fs, 1).latency

    def _clean(
        self,
        signal: Samples,
        fs: float,
        cleaned: Writable,
        out_of_range: Marks | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> None:
        samples, leads = signal.shape
        if not samples * leads:
            return
        pipe, done = _Pipe(self.tiled, fs, leads, out_of_range), 0
        for start in range(0, samples + 1, pipe.step):
            piece = signal[start : start + pipe.step]
            parts = [pipe.push(piece)]
            if start + pipe.step > samples:
                parts.append(pipe.finish())
            for part in parts:
                cleaned[done : done + len(part)] = part
                done += len(part)
            if progress:
                progress(len(piece) / samples)


def network_path(model: str | Path) -> Path:
    """Return the file of a network, given by its path or the name of a shipped network.

    Raises:
        MissingFileError: There is no such file or shipped network.
    """
    shipped = MODELS / model / FILE
    path = shipped if Path(model).name == str(model) and shipped.is_file() else Path(model)
    if not path.is_file():
        names = ", ".join(shipped_names())
        raise MissingFileError(
            f"There is no network {str(model)!r}. Expected the path of an .onnx file, or the name "
            f"of a shipped network: {names}."
        )
    return path


def network_label(model: str | Path) -> str:
    """Return a network's label in headers and reports: its name and the start of its sha256.

    Raises:
        MissingFileError: There is no such file or shipped network.
    """
    path = network_path(model)
    name = path.parent.name if path.is_relative_to(MODELS) else path.name
    return f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"


class _Pipe:
    """The processing chain: range check, interpolation, 360 Hz, network, original rate.

    Args:
        tiled: The network.
        fs: The signal's rate, Hz.
        leads: Number of leads.
        out_of_range: Receives the samples that cannot be ECG.
    """

    def __init__(
        self,
        tiled: TiledNetwork,
        fs: float,
        leads: int,
        out_of_range: Marks | None = None,
    ) -> None:
        ratio = ratio_to(fs)
        self.seen = self.done = 0
        self.step = max(1, round(tiled.hop * max(1, tiled.batch // leads) / ratio))
        reach = max(1, round(BRIDGE_S * fs))
        self._levelling = Levelling(leads, fs)
        self._out_of_range, self._levelled = out_of_range, 0
        self._bridging = Bridging(leads, reach)
        self._there = None if ratio == 1 else Resampling(leads, ratio)
        self._back = None if ratio == 1 else Resampling(leads, 1 / ratio)
        self._tiling = Tiling(tiled, leads)
        self._missing = np.zeros((0, leads), bool)
        self.latency = reach + tiled.window
        if self._there and self._back:
            at_360 = tiled.window + self._back.reach + 2
            self.latency = reach + self._there.reach + math.ceil(at_360 / ratio) + 4
        self.latency += self._levelling.block - 1

    def push(self, signal: NDArray[Any]) -> Array:
        """Process `(n, leads)` samples, and return the cleaned samples available so far."""
        signal = signal.astype(np.float64)
        missing = ~np.isfinite(signal)
        signal[missing] = np.nan
        self._missing = np.concatenate([self._missing, missing])
        self.seen += len(signal)
        x = self._bridging.push(self._level(*self._levelling.push(signal)))
        x = self._there.push(x) if self._there else x
        x = self._network(x)
        return self._out(self._back.push(x) if self._back else x)

    def finish(self) -> Array:
        """Return the rest."""
        x = self._bridging.push(self._level(*self._levelling.finish()))
        x = np.concatenate([x, self._bridging.finish()])
        if self._there:
            x = np.concatenate([self._there.push(x), self._there.finish()])
        x = np.concatenate([self._network(x), self._tiling.finish().T.astype(np.float64)])
        if self._back:
            x = np.concatenate([self._back.push(x), self._back.finish(self.seen)])
        return self._out(x)

    def _level(self, x: Array, out: NDArray[np.bool_]) -> Array:
        """Record the out-of-range samples."""
        if self._out_of_range is not None:
            self._out_of_range.add(self._levelled, out)
        self._levelled += len(out)
        return x

    def _network(self, x: Array) -> Array:
        return self._tiling.push(np.ascontiguousarray(x.T, np.float32)).T.astype(np.float64)

    def _out(self, x: Array) -> Array:
        """Restore the missing samples."""
        x = x.copy()
        x[self._missing[: len(x)]] = np.nan
        self._missing = self._missing[len(x) :]
        self.done += len(x)
        return x


def _rate(fs: float) -> float:
    """Return a sampling rate after a check of its range.

    Raises:
        SignalError: It is no number, or out of range.
    """
    number = as_number(fs)
    if number is None or not LOWEST_FS <= number <= HIGHEST_FS:
        raise SignalError(
            f"Expected a sampling rate from {LOWEST_FS:g} to {HIGHEST_FS:,g} Hz. Received: "
            f"fs={fs!r}. Give the rate in Hz, or resample the signal first."
        )
    return number


def _checked(signal: ArrayLike) -> NDArray[Any]:
    """Return a signal as an array after a check of its shape and type.

    Raises:
        SignalError: The signal is invalid.
    """
    try:
        array = np.asarray(signal)
    except ValueError as error:
        raise SignalError(f"The signal is not an array of numbers: {error}.") from error
    if array.ndim not in (1, 2):
        raise SignalError(
            "Expected a signal of shape (samples,) or (samples, leads). Received: "
            f"shape={array.shape}."
        )
    if array.dtype.kind not in "iuf":
        raise SignalError(f"Expected a signal of real numbers, mV. Received: dtype={array.dtype}.")
    if array.ndim == 2 and array.shape[1] > MOST_LEADS:
        raise SignalError(
            f"Expected at most {MOST_LEADS} leads. Received: {array.shape[1]}, from shape "
            f"{array.shape}. For a signal (leads, samples) pass signal.T."
        )
    if isinstance(signal, np.ma.MaskedArray):
        dtype = np.float32 if array.dtype == np.float32 else np.float64
        return np.where(np.ma.getmaskarray(signal), dtype(np.nan), array.astype(dtype))
    return array


def _leads(signal: NDArray[Any]) -> int:
    return 1 if signal.ndim == 1 else signal.shape[1]


def _columns(signal: NDArray[Any]) -> NDArray[Any]:
    return signal[:, None] if signal.ndim == 1 else signal
