"""What is printed measures right on paper: 25 mm are a second, 10 mm a millivolt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecgmodel.denoise.denoiser import Denoiser
from ecgmodel.files import read_ecg
from tests.ecgmodel.paths import box, lines_of
from tests.ecgmodel.web.looking import open_record, settle
from tests.ecgmodel.web.test_calipers import measure

GRID, BLACK, MARK = (0.898, 0.655, 0.6), (0.0, 0.0, 0.0), (0.416, 0.173, 0.569)


def strokes(pdf: Path, colour: tuple[float, ...]) -> list[list[np.ndarray]]:
    return [lines for own, lines in lines_of(pdf) if np.allclose(own, colour, atol=0.005)]


@pytest.mark.parametrize("format", ["A4", "Letter"])
def test_the_sheet_measures_right_on_paper(
    page: Any, twelve: Path, denoiser: Denoiser, tmp_path: Path, format: str
) -> None:
    open_record(page, twelve)
    page.click("#measure")
    measure(page, "II", 1.1, 1.9)
    pdf = tmp_path / "sheet.pdf"
    page.pdf(path=pdf, format=format, landscape=True)
    (grid,) = strokes(pdf, GRID)
    left, low, right, high = box(grid)
    assert right - left == pytest.approx(250, abs=0.05)
    assert high - low == pytest.approx(140, abs=0.05)
    lines = sorted({round(float(line[0, 0]), 2) for line in grid if np.ptp(line[:, 0]) < 0.01})
    assert np.diff(lines) == pytest.approx(5, abs=0.02)
    black = strokes(pdf, BLACK)
    pulses = [lines for lines in black if len(lines[0]) == 6]
    assert len(pulses) == 4
    for pulse in pulses:
        left_, low, right_, high = box(pulse)
        assert high - low == pytest.approx(10, abs=0.02)
        assert right_ - left_ == pytest.approx(8, abs=0.02)
    # The rhythm strip is lead II as it was cleaned, sample by sample.
    strip = max((lines[0] for lines in black if len(lines[0]) > 1000), key=len)
    ecg = read_ecg(twelve)
    lead = ecg.leads.index("II")
    clean = denoiser.clean(ecg.signal, ecg.fs, adc_ranges=ecg.adc_ranges).signal[:2501, lead]
    assert len(strip) == len(clean)
    assert (strip[:, 0] - left) / 25 == pytest.approx(np.arange(2501) / 250, abs=0.003)
    up = np.sign(strip[np.argmax(clean), 1] - strip[0, 1])
    drawn = up * (strip[:, 1] - strip[0, 1]) / 10
    assert drawn == pytest.approx(clean - clean[0], abs=0.005)
    marks = strokes(pdf, MARK)
    assert len(marks) == 2  # II in its column, and in the rhythm strip
    for mark in marks:
        left_, _, right_, _ = box(mark)
        assert (right_ - left_) / 25 == pytest.approx(0.8, abs=0.012)


def test_many_leads_go_on_more_than_one_page(page: Any, twelve: Path, tmp_path: Path) -> None:
    open_record(page, twelve)
    page.select_option("#layout", "stack")
    settle(page)
    pdf = tmp_path / "stack.pdf"
    page.pdf(path=pdf, format="A4", landscape=True)
    assert len(strokes(pdf, GRID)) == 2
    assert pdf.read_bytes().count(b"/Type /Page\n") == 2
    page.select_option("#layout", "lead")
    page.keyboard.press("End")
    settle(page)
    page.pdf(path=pdf, format="A4", landscape=True)
    assert pdf.read_bytes().count(b"/Type /Page\n") == 1
    left, _, right, _ = box(strokes(pdf, GRID)[0])
    assert right - left == pytest.approx(250, abs=0.05)
    assert page.locator("#print").inner_text() == ""  # nothing of it is left
