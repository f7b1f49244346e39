"""Intervals are measured by pointer and by keys, and stay on the sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.ecgmodel.web.looking import open_record, seen, settle

LIST = "document.getElementById('chart').chart.calipers.list"

PLACE = """([name, at]) => {
    const chart = document.getElementById("chart").chart;
    const share = (at - chart.view.start) / chart.span;
    const isThere = ({ lead, from, to }) =>
        chart.recording.leads[lead] === name && share >= from && share <= to;
    const { row } = chart.arranged.traces.find(isThere);
    const box = chart.ecg.over.getBoundingClientRect();
    const middle = ((row + 0.5) * box.height) / chart.arranged.rows;
    return [box.left + share * box.width, box.top + middle];
}"""


def place(page: Any, lead: str, at: float) -> tuple[float, float]:
    """Return where on the screen a time of a lead is drawn."""
    found = page.evaluate(PLACE, [lead, at])
    return found[0], found[1]


def measure(page: Any, lead: str, start: float, end: float, name: str = "R-R") -> None:
    """Drag from one time to another."""
    page.select_option("#measure-as", name)
    page.mouse.move(*place(page, lead, start))
    page.mouse.down()
    page.mouse.move(*place(page, lead, end), steps=3)
    page.mouse.up()
    settle(page)


def test_two_marks_tell_duration_rate_and_difference(page: Any, twelve: Path) -> None:
    open_record(page, twelve)
    page.click("#measure")
    before = seen(page)
    measure(page, "aVR", 2.7, 3.5)  # from R peak to R peak
    assert seen(page) == before  # the paper stayed where it was
    cells = page.locator("#measured tbody tr").nth(0).inner_text().split("\t")
    assert cells[1:3] == ["aVR", "0:02.70"]
    assert cells[3] == "800 ms"
    assert cells[4] in ("0.00 mV", "0.01 mV", "−0.01 mV")
    assert cells[5] == "75 bpm"
    measure(page, "I", 0.26, 0.66, "QT")
    assert "QTc 447 ms (Bazett), 431 ms (Fridericia)" in page.inner_text("#measured")
    measure(page, "V5", 7.7 - 0.2, 7.5 + 0.2 - 0.1, "Interval")
    assert len(page.evaluate(LIST)) == 3
    page.mouse.move(*place(page, "II", 8))
    page.click("[data-do=later]")
    page.click("[data-do=earlier]")
    settle(page)
    assert len(page.evaluate(LIST)) == 3  # they stay where they were set
    page.get_by_role("button", name="Remove measurement 2, QT").click()
    settle(page)
    assert [one["name"] for one in page.evaluate(LIST)] == ["R-R", "Interval"]
    page.locator("#measured select").nth(0).select_option("PR")
    settle(page)
    assert page.evaluate(LIST)[0]["name"] == "PR"
    assert "bpm" not in page.locator("#measured tbody tr").nth(0).inner_text()


def test_two_clicks_measure_and_a_mark_can_be_dragged(page: Any, record: Path) -> None:
    open_record(page, record)
    page.click("#measure")
    page.mouse.click(*place(page, "ECG1", 1.0))
    page.mouse.click(*place(page, "ECG1", 2.0))
    settle(page)
    (one,) = page.evaluate(LIST)
    assert one["to"] - one["from"] == pytest.approx(1.0, abs=0.012)
    page.click("#measure")  # pans again, but a mark can still be taken hold of
    page.mouse.move(*place(page, "ECG1", one["to"]))
    page.mouse.down()
    page.mouse.move(*place(page, "ECG1", 2.5), steps=3)
    page.mouse.up()
    settle(page)
    (moved,) = page.evaluate(LIST)
    assert moved["to"] == pytest.approx(2.5, abs=0.012)
    assert moved["from"] == one["from"]
    assert seen(page)[0] == 0


def test_keys_alone_measure(page: Any, record: Path) -> None:
    open_record(page, record)
    page.keyboard.press("m")
    page.keyboard.press("ArrowRight")  # two marks in the middle
    (one,) = page.evaluate(LIST)
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    page.keyboard.press(" ")
    page.keyboard.press("Shift+ArrowLeft")
    settle(page)
    (moved,) = page.evaluate(LIST)
    step = page.evaluate("1 / document.getElementById('chart').chart.perSecond")
    assert moved["to"] - one["to"] == pytest.approx(10 * step, abs=10 / 360)
    assert one["from"] - moved["from"] == pytest.approx(10 * step, abs=1 / 360)
    assert "ms" in page.inner_text("#measure-said")
    page.keyboard.press("Delete")
    settle(page)
    assert page.evaluate(LIST) == []
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowRight")
    settle(page)
    assert seen(page)[0] > 0
