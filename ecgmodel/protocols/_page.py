"""A benchmark's page: sections of a sentence, a table and figures, as HTML, Markdown and text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from ecgmodel.evaluation.report import template

TEMPLATE = "benchmark.html"
AGAINST_GOALS = "Against the goals"
"""The section that a quick version leaves out."""


@dataclass(frozen=True)
class Row:
    """A line of a table.

    Attributes:
        cells: A text a column; an empty one is left blank.
        notes: What stands small below each text, as many; () for nothing.
        own: Whether it is one of this project's own, which is set off.
        best: Columns in which it is the best.
    """

    cells: tuple[str, ...]
    notes: tuple[str, ...] = ()
    own: bool = False
    best: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        title: Its heading.
        text: What the reader has to know, a sentence or two.
        columns: Of the table.
        rows: By heading of a group ("" for none), its lines.
        pictures: By what they show, addresses as from `evaluation.figures.variants`.
    """

    title: str
    text: str = ""
    columns: tuple[str, ...] = ()
    rows: Mapping[str, Sequence[Row]] | None = None
    pictures: Mapping[str, Mapping[str, str]] | None = None


@dataclass(frozen=True)
class Page:
    """All of a benchmark.

    Attributes:
        title: What it is.
        lead: The result in one sentence.
        notes: What has to be known to read the numbers.
        sections: In order.
    """

    title: str
    lead: str
    notes: Sequence[str]
    sections: Sequence[Section]


def publish(
    page: Page, tables: Mapping[str, pd.DataFrame], into: Path, quick: bool
) -> dict[str, Any]:
    """Write `benchmark.html`, `benchmark.md` and a CSV file a table; return facts of the manifest.

    Args:
        page: What to show.
        tables: By file name; a column `method`, `metric` and `mean` in "all".
        into: A folder.
        quick: Whether few records were measured: the page says so, and compares with no goal.
    """
    page = _as_quick(page) if quick else page
    (into / "benchmark.html").write_text(as_html(page), encoding="utf-8")
    (into / "benchmark.md").write_text(as_markdown(page), encoding="utf-8")
    for name, table in tables.items():
        table.to_csv(into / f"{name}.csv", index=False)
    means = tables["all"].dropna(subset=["mean"])
    named = zip(means["method"], means["metric"], means["mean"], strict=True)
    return {
        "title": page.title,
        "quick": quick,
        "text": "\n\n".join([page.lead, *(as_text(s) for s in page.sections[:2] if s.rows)]),
        "means": {f"{method}/{metric}": float(mean) for method, metric, mean in named},
    }


def _as_quick(page: Page) -> Page:
    lead = (
        "Quick version: few records were measured, so these are not the benchmark's figures and "
        "cannot be quoted or set beside its goals and published rows. The notes below tell of the "
        f"whole benchmark. {page.lead}"
    )
    sections = [one for one in page.sections if one.title != AGAINST_GOALS]
    return replace(
        page, title=f"Quick version, no result: {page.title}", lead=lead, sections=sections
    )


def as_html(page: Page) -> str:
    """Return a page that needs nothing else: no scripts, no outside address."""
    return template(Path(__file__).with_name(TEMPLATE)).render(page=page)


def as_markdown(page: Page) -> str:
    """Return the same without pictures, in Markdown."""
    lines = [f"# {page.title}", "", page.lead, ""]
    for section in page.sections:
        if not section.rows:
            continue
        lines += [f"## {section.title}", "", section.text, ""]
        lines.append(f"| {' | '.join(section.columns)} |")
        lines.append("| --- |" + " ---: |" * (len(section.columns) - 1))
        for group, rows in section.rows.items():
            lines += [f"| **{group}** |" + " |" * (len(section.columns) - 1)] if group else []
            lines += [_markdown_row(row) for row in rows]
        lines.append("")
    return "\n".join([*lines, *(f"- {note}" for note in page.notes), ""])


def as_text(section: Section) -> str:
    """Return one section's table for a terminal, the best of each column starred."""
    lines = [list(section.columns)]
    for group, rows in (section.rows or {}).items():
        lines += [[group, *[""] * (len(section.columns) - 1)]] if group else []
        lines += [
            [f"{text}{'*' if at in row.best else ' '}" for at, text in enumerate(row.cells)]
            for row in rows
        ]
    widths = [max(len(line[at]) for line in lines) for at in range(len(section.columns))]
    return "\n".join(
        "  ".join(
            text.ljust(width) if at == 0 else text.rjust(width)
            for at, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _markdown_row(row: Row) -> str:
    texts = [
        (f"**{text}**" if at in row.best else text) + (f" ({note})" if note else "")
        for at, (text, note) in enumerate(
            zip(row.cells, row.notes or [""] * len(row.cells), strict=True)
        )
    ]
    return f"| {' | '.join(texts)} |"
