"""Any ECG in, a clean one out: any rate, length and number of leads, whole or while it comes in."""

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
from ecgmodel.denoise.trust import Assessment, Cleaned, Untrusted
from ecgmodel.errors import MissingFileError, SignalError
from ecgmodel.support.places import MODELS, shipped_names

LOWEST_FS, HIGHEST_FS = 50.0, 4000.0
MOST_LEADS = 256
DEFAULT = "default"

Array = NDArray[np.float64]


class Denoiser:
    """Takes drift, muscle noise and electrode motion out of ECG recordings.

    A signal is brought to 360 Hz, cleaned in overlapping tiles whose seams do not show, and
    brought back. Missing samples (NaN, infinite or masked) stay missing; the network sees them
    bridged, and so samples that lie more than 20 mV from their lead's level, which no ECG does:
    what comes out there is made up, and `clean` says where ("out of range"). What lies below 0.5 Hz
    is taken away with the noise.

    For research; not a medical device.

    Args:
        tiled: The network and how its tiles lie.
        facts: What is known of it.
        threads: Processor threads of what else is done; None takes one a core.

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
        """Return a denoiser.

        Args:
            model: An `.onnx` file that this project wrote, or the name of a shipped one.
            threads: Processor threads; None takes one a core.

        Raises:
            MissingFileError: There is no such file or name.
            ModelError: The file is no such network.
        """
        return cls(*read_onnx(network_path(model), threads), threads)

    def __call__(self, signal: ArrayLike, fs: float) -> NDArray[Any]:
        """Clean a recording.

        Args:
            signal: `(samples,)` or `(samples, leads)` in mV, NaN or masked where a sample is
                missing.
            fs: Its sampling rate, 50 to 4,000 Hz.

        Returns:
            The cleaned signal in mV, of the same shape and rate; float32 for float32, else float64.

        Raises:
            SignalError: The signal has another shape or is no numbers, or the rate is out of range.
        """
        return self._whole(signal, fs, None).signal

    def clean(
        self,
        signal: ArrayLike,
        fs: float,
        *,
        untrusted: Untrusted = "mark",
        rails: Iterable[tuple[float, float] | None] | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Cleaned:
        """Clean a recording, and say of every 10 s of each lead how far to trust it.

        Args:
            signal: As for a call.
            fs: As for a call.
            untrusted: What to do where the network is not to be trusted: "mark" cleans there too
                and says so, "pass" gives the input back there.
            rails: Per lead, the lowest and highest value that its converter gives, mV; where they
                are known, clipping is told better.
            progress: Called with each further share of the work (all are 1) that is done.

        Raises:
            SignalError: As for a call, there are not as many rails as leads, or `untrusted` is
                another word.
        """
        given = None if rails is None else tuple(rails)
        assessment = Assessment(fs, untrusted, given, self.threads)
        return self._whole(signal, fs, assessment, progress)

    def stream(self, chunks: Iterable[ArrayLike], fs: float) -> Iterator[NDArray[Any]]:
        """Clean a signal while it comes in; all pieces together equal the whole that a call gives.

        What comes out is `latency(fs)` samples behind what went in, to the sample, until the end.
        Memory does not grow.

        Args:
            chunks: Pieces `(n,)` or `(n, leads)` in mV, of any sizes.
            fs: As for a call.

        Yields:
            One piece for each that came in, maybe empty, and what is left at the end.

        Raises:
            SignalError: As for a call, or a piece has another number of leads than the first.
        """
        pipe: _Pipe | None = None
        shape: tuple[int, ...] = ()
        behind = self.latency(fs)
        for chunk in chunks:
            piece = _checked(chunk, fs)
            if pipe is None:
                pipe, shape = _Pipe(self.tiled, fs, _leads(piece)), piece.shape[1:]
                held = np.zeros((0, _leads(piece)))
            if piece.shape[1:] != shape:
                raise SignalError(
                    f"Expected pieces of one shape (n, {', '.join(map(str, shape))}). Received: "
                    f"{piece.shape}."
                )
            held = np.concatenate([held, pipe.push(_columns(piece))])
            due = max(0, pipe.seen - behind) - (pipe.done - len(held))
            out, held = held[:due], held[due:]
            yield out.reshape(-1, *shape)
        if pipe is not None:
            yield np.concatenate([held, pipe.finish()]).reshape(-1, *shape)

    def latency(self, fs: float) -> int:
        """Return how many samples `stream` is behind, at a rate in Hz.

        They are the network's window, a second in which a gap may end, a tenth of one that is
        levelled at once, and the reach of filters.
        """
        _check_rate(fs)
        return _Pipe(self.tiled, fs, 1).latency

    def _whole(
        self,
        signal: ArrayLike,
        fs: float,
        assessment: Assessment | None,
        progress: Callable[[float], None] | None = None,
    ) -> Cleaned:
        array = _checked(signal, fs)
        if assessment:
            assessment.check_rails(_leads(array))
        dtype = np.float32 if array.dtype == np.float32 else np.float64
        columns = _columns(array)
        samples, leads = columns.shape
        cleaned = np.empty(columns.shape, dtype)
        out_of_range = np.zeros(columns.shape if assessment else (0, 0), bool)
        if columns.size:
            pipe = _Pipe(self.tiled, fs, leads, out_of_range if assessment else None)
            done = 0
            step = pipe.step
            for start in range(0, samples + 1, step):
                piece = columns[start : start + step]
                parts = [pipe.push(piece)]
                if start + step > samples:
                    parts.append(pipe.finish())
                for part in parts:
                    cleaned[done : done + len(part)] = part
                    done += len(part)
                if progress:
                    progress(len(piece) / samples)
        found = assessment.of(columns, cleaned, out_of_range) if assessment else None
        return Cleaned(
            signal=cleaned.reshape(array.shape),
            noise=(columns - cleaned).reshape(array.shape) if assessment else np.zeros(0),
            windows=found or (),
        )


def network_path(model: str | Path) -> Path:
    """Return a network's file: a shipped one's by name, any other as it is.

    Raises:
        MissingFileError: There is no such file or name.
    """
    shipped = MODELS / model / FILE
    path = shipped if Path(model).name == str(model) and shipped.is_file() else Path(model)
    if not path.is_file():
        names = ", ".join(shipped_names())
        raise MissingFileError(
            f"There is no network {str(model)!r}. Expected the path of an .onnx file, or the name "
            f"of a shipped one: {names}."
        )
    return path


def network_label(model: str | Path) -> str:
    """Return how headers and pages name a network: by its name and the start of its sha256.

    Raises:
        MissingFileError: There is no such file or name.
    """
    path = network_path(model)
    name = path.parent.name if path.is_relative_to(MODELS) else path.name
    return f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"


class _Pipe:
    """A signal on its way: levelled, gaps bridged, to 360 Hz, through the network, and back.

    Args:
        tiled: The network.
        fs: The signal's rate, Hz.
        leads: How many leads it has.
        out_of_range: Is told of all samples `(samples, leads)` which cannot be ECG.
    """

    def __init__(
        self,
        tiled: TiledNetwork,
        fs: float,
        leads: int,
        out_of_range: NDArray[np.bool_] | None = None,
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
        """Take `(n, leads)` and return the cleaned samples that are done."""
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
        """Note what is out of range."""
        if self._out_of_range is not None:
            self._out_of_range[self._levelled : self._levelled + len(out)] = out
        self._levelled += len(out)
        return x

    def _network(self, x: Array) -> Array:
        return self._tiling.push(np.ascontiguousarray(x.T, np.float32)).T.astype(np.float64)

    def _out(self, x: Array) -> Array:
        """Put the gaps back in."""
        x = x.copy()
        x[self._missing[: len(x)]] = np.nan
        self._missing = self._missing[len(x) :]
        self.done += len(x)
        return x


def _check_rate(fs: float) -> None:
    if not (isinstance(fs, int | float | np.number) and LOWEST_FS <= fs <= HIGHEST_FS):
        raise SignalError(
            f"Expected a sampling rate from {LOWEST_FS:g} to {HIGHEST_FS:,g} Hz. Received: "
            f"fs={fs!r}. Is it in Hz? Resample a signal outside of that first."
        )


def _checked(signal: ArrayLike, fs: float) -> NDArray[Any]:
    """Return a signal as an array.

    Raises:
        SignalError: It cannot be one.
    """
    _check_rate(fs)
    try:
        array = np.asarray(signal)
    except ValueError as error:
        raise SignalError(f"The signal is no array of numbers: {error}.") from error
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
            f"{array.shape}. Is it (leads, samples)? Give signal.T."
        )
    if isinstance(signal, np.ma.MaskedArray):
        dtype = np.float32 if array.dtype == np.float32 else np.float64
        return np.where(np.ma.getmaskarray(signal), dtype(np.nan), array.astype(dtype))
    return array


def _leads(signal: NDArray[Any]) -> int:
    return 1 if signal.ndim == 1 else signal.shape[1]


def _columns(signal: NDArray[Any]) -> NDArray[Any]:
    return signal[:, None] if signal.ndim == 1 else signal
