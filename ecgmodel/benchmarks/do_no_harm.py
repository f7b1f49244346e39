"""What a method does to recordings that need no cleaning: shape, ST level, QRS, beats found.

Test recordings as they are, no noise added; the target is the recording after a zero-phase
high-pass at 0.5 Hz (Kligfield et al. 2007, AHA/ACC/HRS, allow up to 0.67 Hz for the ST segment).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgmodel import registry
from ecgmodel.benchmarks._do_no_harm.data import (
    DoNoHarm,
    Recording,
    read_marked,
    write_one,
)
from ecgmodel.benchmarks._do_no_harm.measures import (
    qrs_amplitudes,
    shape_below,
    st_levels,
    usable_beats,
)
from ecgmodel.benchmarks._do_no_harm.summing import COUNTED, summed
from ecgmodel.benchmarks._marks import Mark, against_marks
from ecgmodel.benchmarks._measured import TILE, general_networks, measure_step
from ecgmodel.benchmarks._page import Page, page_of, publish
from ecgmodel.benchmarks._plain_page import best_lead, cell_section, section
from ecgmodel.benchmarks._work import Recordings, Work
from ecgmodel.errors import DatasetError
from ecgmodel.evaluation.detection import Counts, detect_beats, match_beats
from ecgmodel.evaluation.evaluate import checked_answer
from ecgmodel.evaluation.metrics import WINDOW, Metric
from ecgmodel.evaluation.summary import DRAWS
from ecgmodel.signals.resampling import FS
from ecgmodel.steps import Step
from ecgmodel.store import Stored, Unit
from ecgmodel.versions import code_version, library_versions

Array = NDArray[Any]
Denoise = Callable[[Array], Array]

NAME = "do-no-harm"
TITLE = "Do no harm: test recordings without added noise"
RECORDINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "mitdb": ("106", "112", "118", "119", "203", "209", "215"),
        "qtdb": (
            *("sel123", "sel233", "sel302", "sel307", "sel820", "sel853", "sel16420"),
            *("sel16795", "sele0106", "sele0121", "sel32", "sel49", "sel14046", "sel15814"),
        ),
    }
)
QUICK: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"mitdb": ("106",), "qtdb": ("sel123", "sel302", "sele0106")}
)
NOTES = (
    "Whole recordings of 21 test subjects, every lead, chosen before any model was run: mitdb at "
    "360 Hz, qtdb at 250 Hz. Only flat, clipped or missing samples are left out; noise of a "
    "recording's own is not, and a method that removes it is charged for it. Hence medians.",
    f"Shape: the error above 0.5 Hz in consecutive windows of {WINDOW} samples, against the "
    "target's power there.",
    "ST level: mean of J+50 to J+70 ms less mean of the 20 ms before the QRS onset; its change is "
    "that from target to output, without its sign. Onset and J are qtdb's automatic marks pu1, "
    "taken for both leads; leads without a gain in their header count 200 steps per mV.",
    "QRS amplitude: peak to peak within 60 ms of a beat's mark (pu1 in qtdb, atr in mitdb).",
    "F1 of XQRS on the first lead, before less after, so a gain is negative; sel32 and sel49 have "
    "no reference beats.",
)
METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "shape": Metric("Shape error below the target, median", "dB", True, 1),
        "st_median": Metric("Change of ST level, median", "mV", False, 4),
        "st_99": Metric("Change of ST level, 99 % of beats", "mV", False, 3),
        "qrs": Metric("Change of QRS amplitude, median", "%", False, 2),
        "f1_loss": Metric("Loss in F1 of XQRS", "", False, 4),
    }
)
MARKS: Mapping[str, Mark] = MappingProxyType(
    {
        "shape": Mark(goal=25.0, first_step=20.0, inclusive=True),
        "st_median": Mark(goal=0.02, first_step=0.02, inclusive=True),
        "st_99": Mark(goal=0.1, first_step=0.1, inclusive=True),
        "qrs": Mark(goal=2.0, first_step=2.0, inclusive=True),
        "f1_loss": Mark(goal=0.001, first_step=0.001, inclusive=True),
    }
)
ROWS = "rows.parquet"
STAGE, MODULE = "do_no_harm", "ecgmodel.benchmarks.do_no_harm"


def prepare_step(downloads: Sequence[Stored]) -> Step:
    """The protocol's recordings and targets at 360 Hz, with their marks.

    Args:
        downloads: Records of mitdb and qtdb, whole files with their `atr` and `pu1` marks.
    """
    unit = Unit(
        "do_no_harm_test",
        f"{len(downloads)} records",
        {},
        {f"record {s.info['database']}/{s.info['record']}": s.ref for s in downloads},
        {
            "modules": code_version("ecgmodel.benchmarks._do_no_harm.data"),
            "libraries": library_versions("numpy", "scipy", "wfdb"),
        },
    )
    return Step(unit, partial(_prepare, list(downloads)))


def prepare(work: Work, recordings: Recordings = RECORDINGS) -> Stored:
    """Make the test, from downloads on; what is in the store is not made again.

    Args:
        work: Who does it.
        recordings: `RECORDINGS` or `QUICK`.
    """
    downloads = [one for found in work.download(recordings).values() for one in found]
    (prepared,) = work.do("prepare", [prepare_step(downloads)])
    return prepared


def trained_models() -> dict[str, Path]:
    """Return the committed networks for continuous ECG, by name: those of `leak-free`."""
    return general_networks()


def load(prepared: Stored) -> DoNoHarm:
    """Return the data that `prepare_step` made."""
    return DoNoHarm(prepared.path, tuple(prepared.info["records"]))


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


def tables(rows: pd.DataFrame, draws: int = DRAWS, seed: int = 0) -> dict[str, pd.DataFrame]:
    """Return what a page shows, as tidy tables.

    Args:
        rows: From `evaluate`, of one method or of several one after the other.
        draws: Bootstrap draws over subjects.
        seed: Of the draws.

    Returns:
        "all", "by_rate" (with `original_fs`) and "by_record" (with `record`, no intervals): see
        `summing.summed`. "marks": see `_marks.against_marks`. "published": empty.
    """
    everything = summed(rows, (), METRICS, draws, seed)
    return {
        "all": everything,
        "by_rate": summed(rows, ("original_fs",), METRICS, draws, seed),
        "by_record": summed(rows, ("record",), METRICS, 0, seed),
        "published": published(),
        "marks": against_marks(everything, MARKS, METRICS),
    }


def published() -> pd.DataFrame:
    """Return no rows: nobody published figures of this protocol."""
    return pd.DataFrame(columns=["method", "original_fs", "metric", "mean", "std", "low", "high"])


def method_steps(prepared: Stored, models: Mapping[str, Path] | None = None) -> list[Step]:
    """Measure the raw signal, every classical filter, and networks in tiles of `TILE` samples.

    Args:
        prepared: From `prepare_step`.
        models: By name, a `.keras` file.
    """
    steps = [baseline_step(name, prepared) for name in registry.names("evaluation/baselines")]
    steps.sort(key=lambda step: step.unit.name != "none")
    return steps + [network_step(n, path, TILE, prepared) for n, path in (models or {}).items()]


def page_step(measured: Sequence[Stored]) -> Step:
    """The benchmark's page, tables and text.

    Args:
        measured: From `baseline_step` and `network_step`, in the order of the tables.
    """
    return page_of(NAME, MODULE, measured, partial(_publish, list(measured)))


def baseline_step(name: str, prepared: Stored) -> Step:
    """What one classical filter does; "none" is the raw signal."""
    return measure_step(STAGE, MODULE, prepared, measure, name)


def network_step(
    name: str, model: Path, window: int, prepared: Stored, overlap: float = 0.5
) -> Step:
    """What a network does, applied to whole leads in tiles.

    Args:
        name: What the tables call it.
        model: A `.keras` file.
        window: Samples that it sees at once.
        prepared: From `prepare_step`.
        overlap: Share of a tile that the next one covers too.
    """
    return measure_step(STAGE, MODULE, prepared, measure, name, (model, window, overlap))


def measure(method: Denoise, name: str, prepared: Stored, into: Path) -> None:
    """Write a method's rows."""
    evaluate(method, load(prepared), name).to_parquet(into / ROWS, index=False)


def read_rows(measured: Sequence[Stored]) -> pd.DataFrame:
    """Return the rows of measured methods, one after the other."""
    return pd.concat([pd.read_parquet(m.file(ROWS)) for m in measured], ignore_index=True)


def _publish(measured: Sequence[Stored], into: Path) -> dict[str, Any]:
    results = tables(read_rows(measured))
    names = list(MARKS)
    sections = [section("All recordings", NOTES[0], results["all"], METRICS, names, "interval")]
    for rate, part in results["by_rate"].groupby("original_fs"):
        sections.append(section(f"{rate:g} Hz", "", part, METRICS, names, "interval"))
    for metric in names:
        cells = results["by_record"].query("metric == @metric")
        sections.append(
            cell_section(METRICS[metric], cells, "record", sorted(set(cells["record"])))
        )
    lead = best_lead(results["all"], METRICS, "shape")
    return publish(Page(TITLE, lead, NOTES, sections), results, into)


def _prepare(downloads: Sequence[Stored], into: Path) -> dict[str, Any]:
    names = []
    for stored in sorted(downloads, key=lambda s: (s.info["database"], s.info["record"])):
        path = stored.file(str(stored.info["header"]))
        recording = read_marked(path, str(stored.info["database"]), str(stored.info["record"]))
        write_one(recording, into)
        names.append(recording.name)
    return {"records": names}


def _measure_one(method: Denoise, recording: Recording, name: str) -> pd.DataFrame:
    given = np.ascontiguousarray(recording.recorded.T)

    def place(row: int) -> str:
        return f"{recording.name}, lead {recording.leads[row]}"

    answer = checked_answer(method(given), given, name, place)
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


def _changes(recording: Recording, lead: int, output: Array) -> list[pd.DataFrame]:
    """Return what changed in a lead: its shape by window, ST level and QRS amplitude by beat."""
    target, usable = recording.target[:, lead], recording.usable[:, lead]
    shape = shape_below(target, output, usable)
    waves = recording.waves
    marks = waves[:, 1] if len(waves) else recording.beats
    usable_st, usable_qrs = (usable_beats(usable, at) for at in (waves[:, 1], marks))
    st = [np.where(usable_st, st_levels(signal, waves), np.nan) for signal in (target, output)]
    qrs = [qrs_amplitudes(signal, marks) for signal in (target, output)]
    known = usable_qrs & (qrs[0] > 0)
    change = 100 * np.abs(qrs[1] - qrs[0]) / np.where(known, qrs[0], np.nan)
    return [
        _figures("shape", np.arange(len(shape)) * WINDOW, shape),
        _figures("st", waves[:, 1], np.abs(st[1] - st[0])),
        _figures("qrs", marks, change),
    ]


def _found(recording: Recording, output: Array) -> pd.DataFrame:
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
