"""The protocol's page: F1 by level as a picture and tables, and a few seconds of the records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from ecgmodel.evaluation.figures import variants
from ecgmodel.evaluation.metrics import Metric
from ecgmodel.evaluation.summary import method_label
from ecgmodel.protocols._marks import Goal
from ecgmodel.protocols._page import Page, Section
from ecgmodel.protocols._plain_page import best_lead, cell_section, marks_section
from ecgmodel.protocols._qrs_stress.figures import excerpt_figure, f1_figure
from ecgmodel.protocols._qrs_stress.measuring import Excerpt
from ecgmodel.protocols._qrs_stress.records import LEVELS, PEOPLE, person_and_level

BY_LEVEL = ("sensitivity", "predictivity", "timing", "snr_improvement")


def build(
    title: str,
    notes: Sequence[str],
    metrics: Mapping[str, Metric],
    marks: Mapping[str, Goal],
    tables: Mapping[str, pd.DataFrame],
    name: str,
    excerpts: Sequence[Excerpt],
) -> Page:
    """Return the page.

    Args:
        title: The protocol's.
        notes: The protocol's.
        metrics: What the columns mean.
        marks: What is to be reached, by metric.
        tables: From `qrs_stress.tables`.
        name: The method whose excerpts are shown.
        excerpts: What it made of the records.
    """
    sections = [
        _f1(tables["by_level"], metrics, marks, name, notes[0]),
        marks_section(
            name,
            tables["marks"],
            metrics,
            "Below 18 dB the first step is the best F1 of no filter and the classical filters.",
        ),
        _traces(name, excerpts),
    ]
    for metric in BY_LEVEL:
        cells = tables["by_level"].query("metric == @metric")
        sections.append(cell_section(metrics[metric], cells, "snr_db", list(LEVELS)))
    records = tables["by_record"].query("metric == 'f1'")
    names = sorted(set(records["record"]), key=_person_then_level)
    sections.append(cell_section(metrics["f1"], records, "record", names, "F1 by record"))
    return Page(title, best_lead(tables["all"], metrics, "f1_0"), notes, sections)


def _f1(
    by_level: pd.DataFrame,
    metrics: Mapping[str, Metric],
    marks: Mapping[str, Goal],
    name: str,
    words: str,
) -> Section:
    cells = by_level[by_level["metric"] == "f1"]
    levels = [level for level in LEVELS if level in set(cells["snr_db"])]
    table = cell_section(metrics["f1"], cells, "snr_db", levels)
    at_level = {level: marks[f"f1_{level}"] for level in LEVELS}
    picture = variants(partial(f1_figure, cells, at_level, name))
    columns = ("Method", *(f"{level} dB" for level in levels))
    return Section("F1 by level", words, columns, table.rows, {"F1 and the marks": picture})


def _traces(name: str, excerpts: Sequence[Excerpt]) -> Section:
    pictures: dict[str, Any] = {}
    for person in PEOPLE:
        of_person = [e for e in excerpts if person_and_level(e.record)[0] == person]
        of_person.sort(key=lambda excerpt: -excerpt.level)
        if of_person:
            pictures[f"Record {person}"] = variants(partial(excerpt_figure, of_person))
    return Section(
        f"What {method_label(name)} makes of it",
        "Seconds that were fixed before any method ran, at falling levels; each signal less its "
        "median, the recovered clean lead in pale behind.",
        pictures=pictures,
    )


def _person_then_level(record: str) -> tuple[str, int]:
    person, level = person_and_level(record)
    return person, -level
