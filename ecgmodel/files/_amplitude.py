"""Numbers of a file as millivolts, or a question where their unit cannot be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import HintNeededError
from ecgmodel.files._ecg import Hints
from ecgmodel.support.units import millivolts

# What 98 % of a surface ECG's samples span. Of numbers without a unit only this is taken for mV;
# a stated unit is believed up to the offsets of electrodes that are recorded without a high-pass.
LEAST_MV, MOST_MV = 0.05, 20.0
MOST_STATED_MV = 1000.0


@dataclass(frozen=True)
class Scaled:
    """Leads in millivolts.

    Attributes:
        signal: `(samples, leads)` float64, mV, NaN where missing.
        scales: Per lead, how many mV one of the file's units is.
        remarks: What was taken for granted.
    """

    signal: NDArray[np.float64]
    scales: tuple[float, ...]
    remarks: tuple[str, ...]


def to_millivolts(
    raw: NDArray[Any], units: Sequence[str | None], leads: Sequence[str], hints: Hints, path: Path
) -> Scaled:
    """Return a file's numbers in mV.

    Args:
        raw: `(samples, leads)`, in the file's units.
        units: Per lead, the unit that the file states; None where it states none.
        leads: Names of the leads, for errors.
        hints: What the user says.
        path: The file, for errors.

    Raises:
        HintNeededError: The unit is not told, or cannot be the one that is.
    """
    signal = raw.astype(np.float64)
    missing = ~np.isfinite(signal)
    remarks = [f"{int(np.isinf(signal).sum())} infinite samples count as missing"]
    remarks = remarks if np.isinf(signal).any() else []
    signal[missing] = np.nan
    scales = [
        _scale(signal[:, i], units[i], lead, hints, path, remarks) for i, lead in enumerate(leads)
    ]
    signal *= np.asarray(scales)
    return Scaled(signal, tuple(scales), tuple(remarks))


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
            remarks.append(f"{name}: {hints.unit} as told, where the file says {unit}")
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
            f"{path.name}, lead {name}: it spans {span:g} {unit}, which no ECG does. Say by "
            "--unit (mV, uV or V) what its numbers are.",
        )
    counts = bool(len(finite)) and bool(np.all(finite == np.round(finite)))
    if LEAST_MV <= span <= MOST_MV and not counts:
        remarks.append(f"{name}: no unit is stated; taken for mV, since it spans {span:.3g}")
        return 1.0
    kind = "whole numbers that span" if counts else "numbers that span"
    raise HintNeededError(
        "--unit",
        f"{path.name}, lead {name}: no unit is stated, and it holds {kind} {span:g}. Say by "
        "--unit (mV, uV or V) what they are; of a converter's steps by --gain how many a mV has.",
    )
