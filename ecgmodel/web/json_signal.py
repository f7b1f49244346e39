"""A signal that comes as JSON, and goes as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import HintNeededError, SignalError
from ecgmodel.files import Ecg, Hints
from ecgmodel.support.units import millivolts

KEYS = ("signal", "fs", "unit", "leads")
MOST_FS = 1e6  # what is more can be no sampling rate of anything
_NUMBERS = {int, float, type(None)}


@dataclass(frozen=True)
class JsonSignal:
    """What came.

    Attributes:
        ecg: The recording, mV.
        unit: The unit that it came in.
        is_flat: Whether it was one list of numbers.
    """

    ecg: Ecg
    unit: str
    is_flat: bool

    def write(self, path: Path, cleaned: NDArray[Any], facts: dict[str, Any]) -> None:
        """Write the answer: the signal as it came, in its unit, null where a sample is missing."""
        signal = cleaned[:, 0] if self.is_flat else cleaned
        signal = signal / (millivolts(self.unit) or 1.0)
        values = signal.astype(object)
        values[~np.isfinite(signal)] = None
        text = json.dumps({"signal": values.tolist(), "unit": self.unit, **facts}, allow_nan=False)
        path.write_text(text)


def read_json(path: Path, hints: Hints) -> JsonSignal:
    """Return a signal of JSON.

    Raises:
        SignalError: It is no JSON, or no signal.
        HintNeededError: The sampling rate is missing.
    """
    try:
        given = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise SignalError(f"The body is not JSON: {error}.") from error
    if not isinstance(given, dict) or "signal" not in given or set(given) - set(KEYS):
        had = sorted(given)[:10] if isinstance(given, dict) else type(given).__name__
        raise SignalError(
            f"Expected a JSON object with {', '.join(KEYS)}, of which signal and fs are needed. "
            f"Received: {had}."
        )
    fs, unit = given.get("fs", hints.fs), given.get("unit", hints.unit or "mV")
    if fs is None:
        raise HintNeededError("--fs", "The sampling rate is missing. Give fs, in Hz.")
    if isinstance(fs, bool) or not isinstance(fs, int | float) or not 0 < fs < MOST_FS:
        raise SignalError(f"Expected a number of Hz as fs. Received: {str(fs)[:40]}.")
    if not isinstance(unit, str) or millivolts(unit) is None:
        raise SignalError(f"Expected a unit of mV, uV or V. Received: {str(unit)[:40]!r}.")
    signal = _array(given["signal"])
    is_flat = signal.ndim == 1
    signal = (signal[:, None] if is_flat else signal) * (millivolts(unit) or 1.0)
    leads = _names(given.get("leads"), signal.shape[1])
    return JsonSignal(Ecg(signal, float(fs), leads, (None,) * len(leads)), unit, is_flat)


def _array(rows: Any) -> NDArray[np.float64]:
    """Return lists as an array `(samples,)` or `(samples, leads)`."""
    expected = "Expected signal as a list of numbers, or of lists of one number a lead."
    if not isinstance(rows, list) or not rows:
        raise SignalError(f"{expected} Received: {str(rows)[:40]}.")
    kinds = set(map(type, rows))
    if kinds == {list}:
        lengths = set(map(len, rows))
        if len(lengths) > 1 or 0 in lengths:
            raise SignalError(f"{expected} Received: lists of {sorted(lengths)[:5]} numbers.")
        kinds = {kind for row in rows for kind in map(type, row)}
    if not kinds <= _NUMBERS:
        raise SignalError(f"{expected} Received: {', '.join(sorted(k.__name__ for k in kinds))}.")
    try:
        return np.array(rows, np.float64)
    except (OverflowError, ValueError) as error:
        raise SignalError(f"{expected} {error}.") from error


def _names(names: Any, count: int) -> tuple[str, ...]:
    if names is None:
        return tuple(f"lead {number}" for number in range(1, count + 1))
    if not isinstance(names, list) or not all(isinstance(n, str) and len(n) < 100 for n in names):
        raise SignalError(f"Expected leads as a list of names. Received: {str(names)[:100]}.")
    if len(names) != count:
        raise SignalError(f"Expected a name for each of {count} leads. Received: {len(names)}.")
    return tuple(names)
