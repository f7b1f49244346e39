"""The page goes on showing what it showed: at any zoom, hidden, narrow, by keys, in few words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecgmodel.files import read_ecg, write_ecg
from tests.ecgmodel.web.looking import WAIT, open_record, opened, seen, settle
from tests.ecgmodel.web.running import Web

SPEED = "Number(document.getElementById('chart').chart.speed)"
WORDS = """async () => {
    const { number, speed, lasting } = await import("/page/words.js");
    return [number(-0.04), number(-0.06), number(-3, 0), number(NaN), number(-0.4, 0),
        speed(25), speed(24.9), speed(12.5), speed(0.2), speed(0.0036), speed(1e-5), speed(400)];
}"""


def test_numbers_are_said_as_people_write_them(page: Any) -> None:
    assert page.evaluate(WORDS) == [
        *("0.0", "−0.1", "−3", "–", "0"),
        *("25 mm/s", "25 mm/s", "13 mm/s", "12 mm/min", "13 mm/h", "0.9 mm/day", "400 mm/s"),
    ]


def test_the_wheel_zooms_within_limits(page: Any, record: Path) -> None:
    open_record(page, record)
    box = page.locator("#chart").bounding_box()
    page.mouse.move(box["x"] + 600, box["y"] + 150)
    for _ in range(40):
        page.mouse.wheel(0, -900)
    settle(page)
    assert 100 < page.evaluate(SPEED) <= 400.001
    start, end = seen(page)
    assert end - start > 0.2
    for _ in range(40):
        page.mouse.wheel(0, 900)
    settle(page)
    assert seen(page) == (0, 300)


def test_keys_work_as_soon_as_a_recording_is_there(page: Any, record: Path) -> None:
    open_record(page, record)
    page.keyboard.press("ArrowRight")
    settle(page)
    start, end = seen(page)
    assert start == pytest.approx((end - start) / 4)
    page.click("[data-do=in]")  # a button has the focus then
    page.keyboard.press("End")
    settle(page)
    assert seen(page)[1] == pytest.approx(300)
    page.locator("#gain").focus()
    page.keyboard.press("Home")  # what has keys of its own keeps them
    settle(page)
    assert seen(page)[1] == pytest.approx(300)
    assert page.input_value("#gain") == "2.5"


@pytest.mark.parametrize("width", ["0", "30px", "52px", "60px"])
def test_the_view_is_the_same_after_it_was_hidden(page: Any, record: Path, width: str) -> None:
    open_record(page, record)
    page.keyboard.press("n")
    settle(page)
    before = seen(page)
    page.evaluate(f"document.getElementById('chart').style.width = '{width}'")
    settle(page)
    page.evaluate("document.getElementById('result').hidden = true")
    settle(page)
    page.evaluate("document.getElementById('chart').style.width = ''")
    page.evaluate("document.getElementById('result').hidden = false")
    settle(page)
    assert seen(page) == pytest.approx(before)
    assert "25 mm/s" in page.inner_text("#scale-text")


def test_a_short_recording_is_drawn_at_the_papers_speed(
    page: Any, record: Path, tmp_path: Path
) -> None:
    ecg = read_ecg(record)
    short = replace(ecg, signal=ecg.signal[: 3 * round(ecg.fs)], annotations=())
    path, *_ = write_ecg(record, short, tmp_path, comment="", format="edf")
    page.set_input_files("#files", str(path))
    page.locator("#scale-text").get_by_text("mm/").wait_for(timeout=WAIT)
    assert page.inner_text("#about").startswith("3.0 s")
    assert "25 mm/s" in page.inner_text("#scale-text")


@pytest.mark.parametrize("sheet", [False, True])
def test_the_trace_begins_in_the_upper_third_of_a_phone(
    browser: Any, served: Web, record: Path, twelve: Path, sheet: bool
) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
    for page in opened(browser, served.url, **phone):
        open_record(page, twelve if sheet else record)
        settle(page)
        box = page.locator("#chart").bounding_box()
        assert 0 < box["y"] < 844 / 3
        assert box["y"] + box["height"] < 844
        assert page.evaluate("document.documentElement.scrollWidth") == 390
