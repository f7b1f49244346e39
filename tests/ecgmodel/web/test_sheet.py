"""Several leads at once: below each other, or as the sheet of twelve; annotations; doubts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ecgmodel.files import Annotation, read_ecg
from ecgmodel.signals.leads import TWELVE, twelve_leads
from ecgmodel.web.view import page_facts
from tests.ecgmodel.web.looking import open_record, seen, settle

TRACES = """() => {
    const { arranged, recording } = document.getElementById("chart").chart;
    return arranged.traces.map(({ lead, row, from, to }) => [recording.leads[lead], row, from, to]);
}"""
# How many pixels from the left and the top the highest point of a trace is drawn, by lead.
PEAK = """async name => {
    const chart = document.getElementById("chart").chart;
    const { shift } = await import("/page/drawing.js");
    const { ecg, recording } = chart;
    const place = chart.arranged.traces.findIndex(({ lead }) => recording.leads[lead] === name);
    const one = chart.arranged.traces[place];
    const [from, to] = [one.from, one.to].map(share => chart.view.start + share * chart.span);
    const y = ecg.data[1 + 3 * place + 1];
    let best = -1;
    ecg.data[0].forEach((x, i) => {
        if (x >= from && x <= to && (best < 0 || y[i] > y[best])) best = i;
    });
    const up = y[best] + shift(chart, one, "after");
    return [ecg.valToPos(ecg.data[0][best], "x"), ecg.valToPos(up, "y"), y[best]];
}"""
INK = """() => {
    const { ctx, bbox } = document.getElementById("chart").chart.ecg;
    const copy = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    copy.canvas.width = ctx.canvas.width;
    copy.drawImage(ctx.canvas, 0, 0);
    const pixels = copy.getImageData(bbox.left, 0, bbox.width, bbox.top - 3).data;
    return pixels.reduce((sum, value, i) => sum + (i % 4 === 3 && value ? 1 : 0), 0);
}"""


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (TWELVE, list(range(12))),
        (("V6", *TWELVE[:11]), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0]),
        (tuple(f"ECG {name}" for name in TWELVE), list(range(12))),
        (tuple(f"MDC_ECG_LEAD_{name.upper()}" for name in TWELVE), list(range(12))),
        (tuple(f"Lead {name}" for name in TWELVE), list(range(12))),
        (("MLII", *TWELVE[1:]), None),  # a modified lead is another one
        ((*TWELVE[:11], "V5"), None),
        (("I", "II", "III"), None),
        ((*TWELVE, "V1"), None),  # which of the two?
    ],
)
def test_the_twelve_leads_are_known_by_name(names: tuple[str, ...], expected: Any) -> None:
    assert twelve_leads(names) == expected


def test_twelve_leads_are_one_sheet_of_ten_seconds(page: Any, twelve: Path) -> None:
    open_record(page, twelve)
    assert page.input_value("#layout") == "sheet"
    assert seen(page) == pytest.approx((0, 10))
    assert "25 mm/s · 10 mm/mV" in page.inner_text("#scale-text")
    quarter = {0: ("I", "II", "III"), 1: ("aVR", "aVL", "aVF")}
    quarter |= {2: ("V1", "V2", "V3"), 3: ("V4", "V5", "V6")}
    columns = [
        [lead, row, column / 4, (column + 1) / 4]
        for column, leads in quarter.items()
        for row, lead in enumerate(leads)
    ]
    assert page.evaluate(TRACES) == [*columns, ["II", 3, 0, 1]]


def test_each_lead_lies_in_its_row_at_the_papers_scale(page: Any, twelve: Path) -> None:
    open_record(page, twelve)
    settle(page)
    chart = "document.getElementById('chart').chart"
    mm = page.evaluate(f"{chart}.mm")
    height = page.evaluate(f"{chart}.ecg.over.clientHeight") / 4
    level = page.evaluate(f"{chart}.signals.about({chart}.recording.standard[4]).level")
    x, y, value = page.evaluate(PEAK, "aVL")  # second row, second column
    middle = 1.5 * height
    assert middle - y == pytest.approx((value - level) * 10 * mm, abs=1)
    width = page.evaluate(f"{chart}.width")
    assert width / 4 < x < width / 2
    seconds = x / (25 * mm)
    assert (seconds - 0.3) % 0.8 == pytest.approx(0, abs=0.01)


def test_all_leads_lie_below_each_other(page: Any, record: Path) -> None:
    open_record(page, record)
    page.select_option("#layout", "stack")
    settle(page)
    assert page.evaluate(TRACES) == [["ECG1", 0, 0, 1], ["ECG2", 1, 0, 1]]
    assert page.locator("#lead").is_hidden()
    assert "of 2 leads" in page.inner_text("#facts")
    places = [page.evaluate(PEAK, name)[1] for name in ("ECG1", "ECG2")]
    assert places[0] < page.evaluate("document.querySelector('#chart .u-over').clientHeight") / 2
    assert places[0] < places[1]
    page.select_option("#layout", "lead")
    settle(page)
    assert page.evaluate(TRACES) == [["ECG1", 0, 0, 1]]


def test_unreliable_sections_of_all_leads_that_are_seen_are_gone_through(
    page: Any, twelve: Path
) -> None:
    open_record(page, twelve)
    page.keyboard.press("a")
    page.keyboard.press("n")
    assert page.get_by_text("V1: lead off").is_visible()
    page.click("[data-do=paper]")
    page.keyboard.press("Home")
    page.keyboard.press("n")
    settle(page)
    assert seen(page)[0] == pytest.approx(9)
    page.select_option("#layout", "lead")
    page.select_option("#lead", label="II")
    assert page.get_by_text("Every 10 s section of this lead passed").is_visible()
    assert page.locator("#untrusted-go").is_hidden()


def test_beats_and_events_are_drawn_at_their_place(page: Any, twelve: Path) -> None:
    open_record(page, twelve)
    settle(page)
    assert "37 beats (36 N, 1 V) · 1 other" in page.inner_text("#annotations")
    with_beats = page.evaluate(INK)
    page.uncheck("#annotated")
    settle(page)
    assert with_beats > 200
    assert page.evaluate(INK) == 0
    page.check("#annotated")
    page.get_by_role("button", name="0:16.3").click()
    settle(page)
    assert seen(page)[0] == pytest.approx(15.3)
    page.keyboard.press("Home")
    page.keyboard.press("e")
    settle(page)
    assert seen(page)[0] == pytest.approx(2.7 - 1, abs=0.01)  # the V


def test_annotations_are_handed_over_once_each_and_in_order(record: Path) -> None:
    from dataclasses import replace

    notes = (Annotation(9.0, 2.5, "Arousal"), Annotation(1.25, None, "N"), Annotation(2, None, "N"))
    ecg = replace(read_ecg(record), annotations=notes)
    given = page_facts(ecg)["annotations"]
    assert given == {
        "at": [1.25, 2, 9.0],
        "which": [0, 0, 1],
        "texts": ["N", "Arousal"],
        "lasts": [None, None, 2.5],
    }
