"""A benchmark's page, and the same as Markdown and as text."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from ecgmodel.protocols._page import Page, Row, Section, as_html, as_markdown, as_text, publish

TABLE = Section(
    "Result",
    "Means.",
    ("Method", "SSD"),
    {
        "published": [Row(("old", "3.4"), ("", "6.5"))],
        "": [Row(("<new>", "2.9"), ("", "5.1"), True, {1})],
    },
)
PAGE = Page("Beats", "It is better.", ["Few people."], [TABLE])


def test_the_page_needs_nothing_else_and_escapes_what_it_shows() -> None:
    page = as_html(PAGE)
    assert "&lt;new&gt;" in page
    assert '<tr class="own">' in page
    assert '<td class="best">2.9<small>5.1</small></td>' in page
    assert "<small>6.5</small>" in page
    assert not re.search(r"(src|href)=\"(?!data:)|url\(|<script", page)


def test_markdown_and_text_hold_the_same_table() -> None:
    markdown = as_markdown(PAGE)
    assert "| **published** | |" in markdown
    assert "| old | 3.4 (6.5) |" in markdown
    assert "| <new> | **2.9** (5.1) |" in markdown
    assert as_text(TABLE).splitlines() == [
        "Method      SSD",
        "published",
        "old        3.4",
        "<new>      2.9*",
    ]


def test_tables_are_written_beside_it(tmp_path: Path) -> None:
    table = pd.DataFrame({"method": ["new"], "metric": ["ssd"], "mean": [2.9]})
    facts = publish(PAGE, {"all": table}, tmp_path, quick=False)
    assert facts["means"] == {"new/ssd": 2.9}
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "all.csv",
        "benchmark.html",
        "benchmark.md",
    ]
