"""What a method does to recordings that need no cleaning: shape, ST level, QRS, beats found.

Test recordings as they are, no noise added; the target is the recording after a zero-phase
high-pass at 0.5 Hz (Kligfield et al. 2007, AHA/ACC/HRS, allow up to 0.67 Hz for the ST segment).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from ecgmodel.evaluation.metrics import WINDOW, Metric
from ecgmodel.evaluation.summary import DRAWS
from ecgmodel.protocols._do_no_harm.data import DoNoHarm, read_marked, write_one
from ecgmodel.protocols._do_no_harm.measuring import (
    EXAMPLES,
    ROWS,
    evaluate,
    load_examples,
    measure_into,
)
from ecgmodel.protocols._do_no_harm.summing import summed
from ecgmodel.protocols._marks import Goal, against_marks
from ecgmodel.protocols._measured import Measuring, prepare_from
from ecgmodel.protocols._methods import general_networks
from ecgmodel.protocols._page import page_of, publish
from ecgmodel.protocols._plain_page import example_of, with_cost
from ecgmodel.protocols._work import Recordings, Work
from ecgmodel.steps.data import Step
from ecgmodel.store import Stored, Unit
from ecgmodel.store.versions import code_version, library_versions

__all__ = [
    "MARKS",
    "METRICS",
    "NOTES",
    "QUICK",
    "RECORDINGS",
    "TITLE",
    "evaluate",
    "filter_step",
    "load",
    "method_steps",
    "network_step",
    "page_step",
    "prepare",
    "prepare_step",
    "published",
    "read_rows",
    "tables",
    "trained_models",
]

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
MARKS: Mapping[str, Goal] = MappingProxyType(
    {
        "shape": Goal(goal=25.0, first_step=20.0, inclusive=True),
        "st_median": Goal(goal=0.02, first_step=0.02, inclusive=True),
        "st_99": Goal(goal=0.1, first_step=0.1, inclusive=True),
        "qrs": Goal(goal=2.0, first_step=2.0, inclusive=True),
        "f1_loss": Goal(goal=0.001, first_step=0.001, inclusive=True),
    }
)
# Writes `rows.parquet`, see `evaluate`, and `examples.npz`, parts of the median and of the worst
# recording (`_do_no_harm.measuring.load_examples` reads them).
MEASURING = Measuring("do_no_harm", "ecgmodel.protocols._do_no_harm.measuring", measure_into)
filter_step, network_step = MEASURING.filter_step, MEASURING.network_step
method_steps, trained_models = MEASURING.method_steps, general_networks


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
            "modules": code_version("ecgmodel.protocols._do_no_harm.data"),
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
    return prepare_from(work, recordings, prepare_step)


def load(prepared: Stored) -> DoNoHarm:
    """Return the data that `prepare_step` made."""
    return DoNoHarm(prepared.path, tuple(prepared.info["records"]))


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


def page_step(measured: Sequence[Stored], quick: bool = False) -> Step:
    """The benchmark's page, tables and text.

    Args:
        measured: From `filter_step` and `network_step`, in the order of the tables.
        quick: Whether only `QUICK` was measured, which the page then says.
    """
    build = partial(_publish, list(measured), quick)
    return page_of(NAME, __name__, measured, build, quick)


def read_rows(measured: Sequence[Stored]) -> pd.DataFrame:
    """Return the rows of measured methods, one after the other."""
    return pd.concat([pd.read_parquet(m.file(ROWS)) for m in measured], ignore_index=True)


def _publish(measured: Sequence[Stored], quick: bool, into: Path) -> dict[str, Any]:
    from ecgmodel.protocols._do_no_harm import report

    rows = read_rows(measured)
    results = tables(rows)
    name = example_of(results["all"], METRICS, "shape")
    one = next(m for m in measured if m.info["method"] == name)
    examples = load_examples(one.file(EXAMPLES))
    page = report.build(TITLE, NOTES, METRICS, MARKS, results, rows, name, examples)
    page = with_cost(page, measured, results["all"], METRICS, ("shape", "st_median"))
    return publish(page, results, into, quick)


def _prepare(downloads: Sequence[Stored], into: Path) -> dict[str, Any]:
    names = []
    for stored in sorted(downloads, key=lambda s: (s.info["database"], s.info["record"])):
        path = stored.file(str(stored.info["header"]))
        recording = read_marked(path, str(stored.info["database"]), str(stored.info["record"]))
        write_one(recording, into)
        names.append(recording.name)
    return {"records": names}
