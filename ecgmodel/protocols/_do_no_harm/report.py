"""The protocol's page: tables by rate and record, how errors are spread, and outputs to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd

from ecgmodel.evaluation.figures import variants
from ecgmodel.evaluation.metrics import Metric
from ecgmodel.evaluation.summary import method_label
from ecgmodel.protocols._do_no_harm.figures import example_figure, spread_figure
from ecgmodel.protocols._do_no_harm.measuring import HarmExample
from ecgmodel.protocols._marks import Goal
from ecgmodel.protocols._page import Page, Section
from ecgmodel.protocols._plain_page import best_lead, cell_section, marks_section, section


def build(
    title: str,
    notes: Sequence[str],
    metrics: Mapping[str, Metric],
    marks: Mapping[str, Goal],
    tables: Mapping[str, pd.DataFrame],
    rows: pd.DataFrame,
    name: str,
    examples: Sequence[HarmExample],
) -> Page:
    """Return the page.

    Args:
        title: The protocol's.
        notes: The protocol's.
        metrics: What the columns mean.
        marks: What is to be reached, by metric.
        tables: From `do_no_harm.tables`.
        rows: What they were made of.
        name: The method whose examples are shown.
        examples: What it made of recordings.
    """
    names = list(marks)
    picture = variants(partial(spread_figure, rows, marks, name))
    sections = [
        section("All recordings", notes[0], tables["all"], metrics, names, "interval"),
        Section(
            "How the errors are spread",
            "Over all windows and beats. Shape: the further to the right the better. ST level: "
            "the further to the left the better.",
            pictures={"A line a method, and the goals": picture},
        ),
        marks_section(name, tables["marks"], metrics),
        _traces(name, examples),
    ]
    for rate, part in tables["by_rate"].groupby("original_fs"):
        sections.append(section(f"{rate:g} Hz", "", part, metrics, names, "interval"))
    for metric in names:
        cells = tables["by_record"].query("metric == @metric")
        records = sorted(set(cells["record"]))
        sections.append(cell_section(metrics[metric], cells, "record", records))
    return Page(title, best_lead(tables["all"], metrics, "shape"), notes, sections)


def _traces(name: str, examples: Sequence[HarmExample]) -> Section:
    pictures = {
        f"The {one.what}: {one.record} {one.lead}": variants(partial(example_figure, one))
        for one in examples
    }
    return Section(
        f"What {method_label(name)} makes of it",
        "Two windows that are typical of the recording; the target in pale behind the output. "
        "Shaded: QRS complexes (in mitdb 60 ms to both sides of a beat's mark), and in green where "
        "the ST level is read (qtdb alone is marked for it).",
        pictures=pictures,
    )
