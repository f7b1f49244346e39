"""A method on the protocol's recordings: what it changed, and the outputs that are worth a look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgmodel.errors import DatasetError
from ecgmodel.evaluation.detection import Counts, detect_beats, match_beats
from ecgmodel.evaluation.evaluate import checked_answer
from ecgmodel.evaluation.metrics import WINDOW
from ecgmodel.protocols._do_no_harm.data import DoNoHarm, HarmRecording, read, read_one
from ecgmodel.protocols._do_no_harm.measures import (
    qrs_amplitudes,
    shape_below,
    st_levels,
    usable_beats,
)
from ecgmodel.protocols._do_no_harm.summing import COUNTED
from ecgmodel.protocols._measured import Measured
from ecgmodel.signals.standard import FS
from ecgmodel.store import Stored

Array = NDArray[Any]
Denoise = Callable[[Array], Array]


@dataclass(frozen=True)
class HarmExample:
    """Two windows of a recording as a method left them; positions are samples of these.

    Attributes:
        what: Why it is shown: the recording's place among all, and by which figure.
        record: Database and record.
        lead: The lead's name.
        start: First sample in the recording at 360 Hz.
        recorded: What the method was given, `(samples,)` mV.
        target: What it should have returned.
        output: What it returned.
        waves: `(n, 3)`: onset, peak and end (J) of the QRS complexes; empty but for qtdb.
        beats: Reference beats.
    """

    what: str
    record: str
    lead: str
    start: int
    recorded: Array
    target: Array
    output: Array
    waves: Array
    beats: Array


def evaluate(method: Denoise, data: DoNoHarm, name: str = "model") -> pd.DataFrame:
    """Clean whole recordings and measure what that changed.

    Args:
        method: Takes `(n, samples)` float32 in mV at 360 Hz and returns the same shape.
        data: The protocol's data.
        name: The method's name in the table.

    Returns:
        One row a figure: `method`, `record`, `subject`, `original_fs` (Hz), `lead`, `at` (sample
        of the window's start or the beat), `quantity`, `value`. Quantities: "shape" (dB, a window
        and lead), "st" (mV) and "qrs" (%), both without sign, a beat and lead; and by record, of
        the first lead, how many beats XQRS "matched", "missed" and "false" ones that it found,
        and the same "..._before".

    Raises:
        ModelError: The method changed the shape or returned NaN or infinite values.
        DatasetError: There is no recording.
    """
    parts = [_measure_one(method, recording, name) for recording in data]
    if not parts:
        raise DatasetError(
            "Expected recordings to measure. Received: none. Prepare the test again."
        )
    return pd.concat(parts, ignore_index=True)


def measure(method: Denoise, prepared: Stored, name: str) -> Measured:
    """Return a method's rows, and parts of the median and of the worst recording."""
    data = read(prepared)
    rows = evaluate(method, data, name)
    return Measured(rows, worth_a_look(rows, method, data, name))


def worth_a_look(
    rows: pd.DataFrame, method: Denoise, data: DoNoHarm, name: str
) -> tuple[HarmExample, ...]:
    """Return a part of the median and the worst recording by shape error, and of the worst by ST.

    Each part is typical of its recording: it begins with the window, or has in it the beat, whose
    figure is nearest to the recording's own.
    """
    shape, st = (rows[rows["quantity"] == quantity] for quantity in ("shape", "st"))
    shapes = shape.groupby("record")["value"].median().sort_values(kind="stable")
    levels = st.groupby("record")["value"].quantile(0.99).sort_values(kind="stable")
    chosen = []
    if len(shapes):
        for place, at in (("median", len(shapes) // 2), ("worst", 0)):
            what = f"{place} recording by shape error, {shapes.iloc[at]:.1f} dB"
            chosen.append((what, _nearest(shape, shapes, at), 0))
    if len(levels):
        what = f"worst recording by ST level, {levels.iloc[-1]:.3f} mV for 99 % of its beats"
        chosen.append((what, _nearest(st, levels, -1), WINDOW // 2))
    found = []
    for what, row, before in chosen:
        recording, lead = read_one(data.folder, str(row["record"])), str(row["lead"])
        output = _clean(method, recording, name)[recording.leads.index(lead)]
        found.append(_example(what, recording, lead, int(row["at"]) - before, output))
    return tuple(found)


def _nearest(rows: pd.DataFrame, figures: pd.Series[float], at: int) -> Any:
    """Return the row of one recording whose value is nearest to the recording's own figure."""
    of_record = rows[rows["record"] == figures.index[at]]
    return of_record.iloc[int(np.argmin((of_record["value"] - figures.iloc[at]).abs()))]


def _clean(method: Denoise, recording: HarmRecording, name: str) -> Array:
    """Return what a method makes of a recording, `(leads, samples)`."""
    given = np.ascontiguousarray(recording.recorded.T)

    def place(row: int) -> str:
        return f"{recording.name}, lead {recording.leads[row]}"

    return checked_answer(method(given), given, name, place)


def _example(what: str, recording: HarmRecording, lead: str, at: int, output: Array) -> HarmExample:
    column = recording.leads.index(lead)
    first = max(0, min(at, len(output) - 2 * WINDOW))
    part = slice(first, first + 2 * WINDOW)
    end = min(part.stop, len(output))
    waves, beats = recording.waves, recording.beats
    return HarmExample(
        what=what,
        record=recording.name,
        lead=lead,
        start=first,
        recorded=recording.recorded[part, column],
        target=recording.target[part, column],
        output=output[part].astype(np.float32),
        waves=waves[(waves[:, 0] >= first) & (waves[:, 2] < end)] - first,
        beats=beats[(beats >= first) & (beats < end)] - first,
    )


def _measure_one(method: Denoise, recording: HarmRecording, name: str) -> pd.DataFrame:
    answer = _clean(method, recording, name)
    parts = [
        part.assign(lead=lead)
        for n, lead in enumerate(recording.leads)
        for part in _changes(recording, n, answer[n])
    ]
    parts.append(_found(recording, answer[0]).assign(lead=recording.leads[0]))
    rows = pd.concat(parts, ignore_index=True)
    rows = rows.assign(
        method=name,
        record=recording.name,
        subject=recording.subject,
        original_fs=recording.original_fs,
    )
    columns = ["method", "record", "subject", "original_fs", "lead", "at", "quantity", "value"]
    return rows[columns]


def _changes(recording: HarmRecording, lead: int, output: Array) -> list[pd.DataFrame]:
    """Return what changed in a lead: its shape by window, ST level and QRS amplitude by beat."""
    target, usable = recording.target[:, lead], recording.usable[:, lead]
    shape = shape_below(target, output, usable)
    waves = recording.waves
    peaks = waves[:, 1] if len(waves) else recording.beats
    usable_st, usable_qrs = (usable_beats(usable, at) for at in (waves[:, 1], peaks))
    st = [np.where(usable_st, st_levels(signal, waves), np.nan) for signal in (target, output)]
    qrs = [qrs_amplitudes(signal, peaks) for signal in (target, output)]
    known = usable_qrs & (qrs[0] > 0)
    change = 100 * np.abs(qrs[1] - qrs[0]) / np.where(known, qrs[0], np.nan)
    return [
        _figures("shape", np.arange(len(shape)) * WINDOW, shape),
        _figures("st", waves[:, 1], np.abs(st[1] - st[0])),
        _figures("qrs", peaks, change),
    ]


def _found(recording: HarmRecording, output: Array) -> pd.DataFrame:
    """Return what XQRS finds in the cleaned first lead and in the recording as it is."""
    if not len(recording.beats):
        return _figures("matched", np.zeros(0, np.int64), np.zeros(0))
    values: dict[str, int] = {}
    for end, found in (("", detect_beats(output, FS)), ("_before", recording.found)):
        counts: Counts = match_beats(recording.beats, found, FS).counts(0, len(output))
        values |= {f"{name}{end}": getattr(counts, name) for name in COUNTED}
    return pd.DataFrame({"at": 0, "quantity": list(values), "value": list(values.values())}).astype(
        {"value": float}
    )


def _figures(quantity: str, at: Array, values: Array) -> pd.DataFrame:
    known = np.isfinite(values)
    return pd.DataFrame({"at": at[known], "value": values[known]}).assign(quantity=quantity)
