"""Does denoising help a beat detector: XQRS on 118 and 119 under the noise of electrodes.

The Noise Stress Test Database (Moody, Muldrow and Goal 1984, CinC 11:381-384) adds noise `em` to
two recordings at six levels; scored are the stretches whose noise lies in the half that never
trains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from ecgmodel.errors import DatasetError
from ecgmodel.evaluation.detection import Counts
from ecgmodel.evaluation.metrics import Metric
from ecgmodel.protocols._marks import Goal, against_marks
from ecgmodel.protocols._measured import Measuring, prepare_from
from ecgmodel.protocols._methods import general_networks
from ecgmodel.protocols._page import page_of, publish
from ecgmodel.protocols._plain_page import example_of, with_cost
from ecgmodel.protocols._qrs_stress.data import QrsStress, collect, read, write
from ecgmodel.protocols._qrs_stress.measuring import (
    EXCERPTS,
    ROWS,
    evaluate,
    load_excerpts,
    measure_into,
)
from ecgmodel.protocols._qrs_stress.records import LEVELS, PEOPLE, record_name
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

NAME = "qrs-stress"
TITLE = "Beats found under electrode motion (XQRS on nstdb 118 and 119)"
RECORDINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"nstdb": tuple(record_name(person, level) for person in PEOPLE for level in LEVELS)}
)
QUICK: Mapping[str, tuple[str, ...]] = MappingProxyType({"nstdb": ("118e00", "118e06", "118e24")})
NOTES = (
    "Scored are the noisy stretches that start at 17, 21, 25 and 29 minutes, 994 beats of two "
    "people: their noise lies in the half of em that never trains. Two people give no interval.",
    "XQRS of wfdb runs over the whole lead MLII as a method returns it; its beats are paired with "
    "the reference beats by wfdb's compare_annotations, 150 ms apart at most.",
    "Levels are nominal (QRS amplitude against noise RMS): 24 dB is 12 dB of zero-mean power.",
    "SNR is against the clean lead as it can be recovered from the records at 24 and 0 dB, wander "
    "of its own included: a high-pass filter loses that, which shows where there is little noise.",
)
METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "f1": Metric("F1", "", True, 4),
        "sensitivity": Metric("Sensitivity", "", True, 4),
        "predictivity": Metric("Positive predictivity", "", True, 4),
        "timing": Metric("Median timing error of matched beats", "ms", False, 1),
        "snr_in": Metric("SNR in (zero-mean)", "dB", True, 2),
        "snr_improvement": Metric("SNR improvement", "dB", True, 2),
        **{f"f1_{level}": Metric(f"F1 at {level} dB", "", True, 4) for level in LEVELS},
    }
)
# The first step is the best F1 of the raw signal and of every classical filter here. At 24 and
# 18 dB, where FIR finds all beats and invents none, it is the goal: raw has 2 errors in 994 beats,
# one more gives .9985, two more .9980.
MARKS: Mapping[str, Goal] = MappingProxyType(
    {
        "f1_24": Goal(goal=0.9984, first_step=0.9984, inclusive=True),
        "f1_18": Goal(goal=0.9984, first_step=0.9984, inclusive=True),
        "f1_12": Goal(goal=0.99, first_step=0.9744, inclusive=True),
        "f1_6": Goal(goal=0.95, first_step=0.8376, inclusive=True),
        "f1_0": Goal(goal=0.88, first_step=0.6987, inclusive=True),
        "f1_-6": Goal(goal=0.75, first_step=0.5686, inclusive=True),
    }
)
# Writes `stretches.parquet`, see `evaluate`, and `excerpts.npz`, a few seconds of each record
# (`_qrs_stress.measuring.load_excerpts` reads them).
MEASURING = Measuring("qrs_stress", "ecgmodel.protocols._qrs_stress.measuring", measure_into)
filter_step, network_step = MEASURING.filter_step, MEASURING.network_step
method_steps, trained_models = MEASURING.method_steps, general_networks


def prepare_step(downloads: Sequence[Stored]) -> Step:
    """The protocol's noisy and clean leads, and their reference beats.

    Args:
        downloads: Records of nstdb, whole files with their `atr` marks.
    """
    unit = Unit(
        "qrs_stress_test",
        f"{len(downloads)} records",
        {},
        {f"record {s.info['record']}": s.ref for s in downloads},
        {
            "modules": code_version("ecgmodel.protocols._qrs_stress.data"),
            "libraries": library_versions("numpy", "wfdb"),
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


def load(prepared: Stored) -> QrsStress:
    """Return the data that `prepare_step` made."""
    return read(prepared.path)


def tables(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return what a page shows, as tidy tables: no intervals, since two people give none.

    Args:
        rows: From `evaluate`, of one method or of several one after the other.

    Returns:
        "all": the marked metrics on the held-out stretches, both people pooled. "by_level" (with
        `snr_db`) and "by_record" (with `snr_db` and `record`): all metrics on those stretches.
        "all_stretches" (with `snr_db`): on every noisy stretch. One row a method, cell and metric
        with `mean` (the pooled figure), `std`, `low`, `high` (NaN), `beats`. "marks": see
        `_marks.against_marks`. "published": empty.

    Raises:
        DatasetError: There is no row of a held-out stretch.
    """
    scored = rows[rows["held_out"].astype(bool)]
    if scored.empty:
        raise DatasetError(
            "Expected rows of stretches that start at 17 min or later; there is none."
        )
    by_level = _pooled(scored, "snr_db")
    flat = by_level[by_level["metric"] == "f1"].copy()
    flat["metric"] = [f"f1_{level}" for level in flat.pop("snr_db")]
    return {
        "all": flat.reset_index(drop=True),
        "by_level": by_level,
        "by_record": _pooled(scored, "snr_db", "record"),
        "all_stretches": _pooled(rows, "snr_db"),
        "published": published(),
        "marks": against_marks(flat, MARKS, METRICS),
    }


def published() -> pd.DataFrame:
    """Return no rows: nobody published F1 of XQRS on these stretches."""
    return pd.DataFrame(columns=["method", "snr_db", "metric", "mean", "std", "low", "high"])


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
    from ecgmodel.protocols._qrs_stress import report

    results = tables(read_rows(measured))
    name = example_of(results["all"], METRICS, "f1_0")
    one = next(m for m in measured if m.info["method"] == name)
    excerpts = load_excerpts(one.file(EXCERPTS))
    page = report.build(TITLE, NOTES, METRICS, MARKS, results, name, excerpts)
    names = [f"f1_{level}" for level in (12, 6, 0, -6)]
    page = with_cost(page, measured, results["all"], METRICS, names)
    return publish(page, results, into, quick)


def _prepare(downloads: Sequence[Stored], into: Path) -> dict[str, Any]:
    paths = {str(s.info["record"]): s.file(str(s.info["header"])) for s in downloads}
    return write(collect(paths), into)


def _pooled(rows: pd.DataFrame, *by: str) -> pd.DataFrame:
    """Return the figures of each method and cell, its stretches and people pooled."""
    found = []
    for keys, group in rows.groupby(["method", *by], sort=False):
        cell = dict(zip(("method", *by), keys, strict=True))
        counts = Counts(*(int(group[name].sum()) for name in ("matched", "missed", "false")))
        nothing = {"std": np.nan, "low": np.nan, "high": np.nan}
        beats = counts.matched + counts.missed
        found += [
            cell | {"metric": metric, "mean": value, "beats": beats, **nothing}
            for metric, value in _figures(counts, group).items()
        ]
    return pd.DataFrame(found)


def _figures(counts: Counts, group: pd.DataFrame) -> dict[str, float]:
    errors = np.concatenate([np.asarray(e, np.float64) for e in group["errors_ms"]])
    return {
        "f1": counts.f1,
        "sensitivity": counts.sensitivity,
        "predictivity": counts.predictivity,
        "timing": float(np.median(np.abs(errors))) if len(errors) else np.nan,
        "snr_in": float(group["snr_in"].mean()),
        "snr_improvement": float((group["snr_out"] - group["snr_in"]).mean()),
    }
