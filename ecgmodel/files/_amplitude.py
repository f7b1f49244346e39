"""Conversion of a file's numbers to millivolts, or a question if their unit is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import HintNeededError
from ecgmodel.files._ecg import Hints
from ecgmodel.support import samples
from ecgmodel.support.samples import LazySamples, Samples, is_small, spans
from ecgmodel.support.units import millivolts

# Plausible range of 98 % of the samples of a surface ECG, mV. Numbers without a unit are taken as
# mV only within it; a stated unit is accepted up to electrode offsets without a high-pass.
LEAST_MV, MOST_MV = 0.05, 20.0
MOST_STATED_MV = 1000.0
PIECES = 64
"""Of a recording that is larger than memory, from which its range is taken."""


@dataclass(frozen=True)
class Scaled:
    """Leads in millivolts.

    Attributes:
        signal: `(samples, leads)` float64, mV, NaN where missing; converted piece by piece.
        scales: The file's unit of each lead, mV.
        remarks: Assumptions and corrections.
    """

    signal: Samples
    scales: tuple[float, ...]
    remarks: tuple[str, ...]


def to_millivolts(
    raw: Samples, units: Sequence[str | None], leads: Sequence[str], hints: Hints, path: Path
) -> Scaled:
    """Return a file's numbers in mV.

    Args:
        raw: `(samples, leads)`, in the file's units.
        units: The unit of each lead as stated by the file, None if it states none.
        leads: Names of the leads, for errors.
        hints: Information from the user.
        path: The file, for errors.

    Raises:
        HintNeededError: The unit is unknown or implausible.
    """
    infinite = sum(int(np.isinf(raw[part]).sum()) for part in spans(raw.shape))
    remarks = [f"{infinite} infinite samples treated as missing"] if infinite else []
    seen = _some(raw)
    scales = [
        _scale(seen[:, i], units[i], lead, hints, path, remarks) for i, lead in enumerate(leads)
    ]

    def read(start: int, stop: int) -> NDArray[np.float64]:
        piece = raw[start:stop].astype(np.float64)
        piece[~np.isfinite(piece)] = np.nan
        return piece * np.asarray(scales)

    return Scaled(LazySamples((len(raw), len(leads)), read), tuple(scales), tuple(remarks))


def _some(raw: Samples) -> NDArray[np.float64]:
    """Return all samples of a short recording, and pieces spread over a long one."""
    if is_small(raw.shape):
        return raw[:].astype(np.float64)
    length = max(1, samples.PIECE // raw.shape[1] // PIECES)
    starts = np.linspace(0, len(raw) - length, PIECES).astype(int)
    return np.concatenate([raw[start : start + length] for start in starts]).astype(np.float64)


def _scale(
    lead: NDArray[np.float64],
    unit: str | None,
    name: str,
    hints: Hints,
    path: Path,
    remarks: list[str],
) -> float:
    stated = millivolts(unit)
    if hints.scale is not None:
        if stated not in (None, hints.scale):
            remarks.append(f"{name}: unit {hints.unit} as given, the file states {unit}")
        return hints.scale
    if stated is None and hints.gain is not None:
        return 1 / hints.gain
    finite = lead[np.isfinite(lead)]
    span = float(np.subtract(*np.percentile(finite, [99, 1]))) if len(finite) else 0.0
    if stated is not None:
        if span * stated <= MOST_STATED_MV:
            return stated
        raise HintNeededError(
            "--unit",
            f"{path.name}, lead {name}: the range of {span:g} {unit} is too large for an ECG. Give "
            "the correct unit with --unit (mV, uV or V).",
        )
    integers = bool(len(finite)) and bool(np.all(finite == np.round(finite)))
    if LEAST_MV <= span <= MOST_MV and not integers:
        remarks.append(f"{name}: no unit stated; mV assumed, since the range is {span:.3g}")
        return 1.0
    kind = "integers" if integers else "numbers"
    raise HintNeededError(
        "--unit",
        f"{path.name}, lead {name}: the file states no unit for these {kind} with a range of "
        f"{span:g}. Give it with --unit (mV, uV or V), or the ADC units per mV with --gain.",
    )
