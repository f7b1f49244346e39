"""A new EDF+ or BDF+ file of a recording that came in another format."""

from __future__ import annotations

from datetime import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import edfio
import numpy as np

from ecgmodel.files._channels import is_ecg
from ecgmodel.files._ecg import Ecg
from ecgmodel.files._edf import ENDS, digital_of, plain_text
from ecgmodel.files._edf_layout import Kind

# Records last a whole number of seconds, the fewest that hold a whole number of samples.
_MOST_SECONDS = (1, 2, 5, 10, 100, 1000)
_CLASSES: dict[str, tuple[Any, Any, type]] = {
    "EDF": (edfio.Edf, edfio.EdfSignal, np.int16),
    "BDF": (edfio.Bdf, edfio.BdfSignal, np.int32),
}
_YEARS = range(1985, 2085)
_SEPARATORS = {0: " ", 0x14: " ", 0x15: " "}


def write_new(name: str, ecg: Ecg, into: Path, comment: str, kind: Kind) -> None:
    """Write an uninterrupted file with annotations (EDF+C, BDF+C).

    The physical range of each lead is symmetric and a tenth wider than its signal, in 16 bits
    (EDF) or 24 (BDF). A missing sample is the lowest number, which the digital range leaves out.
    The last record is filled up with such; the annotation "Recording ends" says where. The rate is
    kept to 1e-6 Hz. What is unknown of patient and recording is "X".

    Raises:
        RecordError: The signal's range does not fit into the header.
    """
    rate = _rate(ecg.fs)
    per_record = rate.numerator
    missing = -len(ecg.signal) % per_record
    file_class, signal_class, dtype = _CLASSES[kind.name]
    signals = []
    for lead, label in zip(ecg.signal.T, ecg.leads, strict=True):
        padded = np.pad(lead, (0, missing), constant_values=np.nan)
        digital, limit = digital_of(padded, kind, into)
        signal = signal_class.from_digital(
            np.maximum(digital, -kind.largest).astype(dtype),
            float(rate),
            label=plain_text(label if is_ecg(label) else f"ECG {label}", 16),
            physical_dimension="mV",
            physical_range=(-limit, limit),
            digital_range=(-kind.largest, kind.largest),
            prefiltering=plain_text(comment, 80),
        )
        signal.digital[np.isnan(padded)] = -kind.largest - 1  # it is refused when it is handed in
        signals.append(signal)
    notes = [
        edfio.EdfAnnotation(
            annotation.at_s, annotation.duration_s, annotation.text.translate(_SEPARATORS)
        )
        for annotation in ecg.annotations
        if 0 <= annotation.at_s <= len(ecg.signal) / ecg.fs
    ]
    start = ecg.start if ecg.start and ecg.start.year in _YEARS else None
    made = file_class(
        signals,
        recording=edfio.Recording(startdate=start.date() if start else None),
        starttime=start.time() if start else time(),
        data_record_duration=rate.denominator,
        annotations=[*notes, edfio.EdfAnnotation(len(ecg.signal) / float(rate), None, ENDS)],
    )
    made.write(into / f"{name}.{kind.name.lower()}")


def _rate(fs: float) -> Fraction:
    """Return a rate as samples over seconds."""
    for most in _MOST_SECONDS:
        rate = Fraction(fs).limit_denominator(most)
        if abs(float(rate) - fs) <= 1e-9 * fs:
            return rate
    return rate
