"""The sheet: one moment of all leads, true to scale on paper, where most noise was removed."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from ecgmodel.denoise.trust import Window
from ecgmodel.evaluation.before_after import before_after_figure, noisiest
from ecgmodel.evaluation.encoding import save, save_pages
from ecgmodel.evaluation.sheet import Drawn, panels_of, sheet_pages
from ecgmodel.files import Annotation
from ecgmodel.signals.leads import TWELVE
from tests.ecgmodel.paths import box, lines_of

FS, SECONDS = 200, 40
INK, GRID = (0.122, 0.137, 0.157), (0.937, 0.749, 0.722)


def made(leads: tuple[str, ...], doubtful: tuple[int, ...] = ()) -> Drawn:
    """Return a recording whose third section is the noisiest; lead 0 has steps of 1 mV."""
    time = np.arange(FS * SECONDS) / FS
    cleaned = np.stack([np.sin(2 * np.pi * time + lead) for lead in range(len(leads))], axis=1)
    cleaned[:, 0] = np.where(time % 1 < 0.5, 0.0, 1.0)
    noise = np.where((time >= 20) & (time < 30), 0.5, 0.1) * np.sin(40 * time)
    windows = [
        Window(lead, at * 10 * FS, (at + 1) * 10 * FS, 0.5, 0.9, 3.0, "clipped" * (at in doubtful))
        for lead in range(len(leads))
        for at in range(SECONDS // 10)
    ]
    notes = (Annotation(21.5, None, "N"), Annotation(35.0, None, "V"))
    noisy = cleaned + noise[:, None]
    return Drawn(noisy, cleaned, windows, FS, leads, notes, name="ward/p1", label="a network")


def test_all_leads_show_the_moment_from_which_most_noise_was_removed() -> None:
    assert noisiest(made(("I", "II", "III")), 10) == 20 * FS
    assert noisiest(made(("I",)), 6) == 22 * FS
    assert noisiest(made(("I", "II"), doubtful=(2,)), 10) in (0, 10 * FS, 30 * FS)
    assert noisiest(made(("I", "II"), doubtful=(0, 1, 2, 3)), 10) == 20 * FS
    assert noisiest(made(("I",)), 100) == 0


def test_twelve_leads_lie_in_four_columns_over_a_rhythm_strip() -> None:
    names = (*TWELVE[6:], *TWELVE[:6])
    panels = panels_of(names)
    assert [(names[p.lead], p.row, p.first) for p in panels[:4]] == [
        *(("I", 0, 0), ("II", 1, 0), ("III", 2, 0), ("aVR", 0, 0.25)),
    ]
    assert (names[panels[-1].lead], panels[-1].row, panels[-1].last) == ("II", 3, 1)
    assert [(p.lead, p.row) for p in panels_of(("a", "b", "c"))] == [(0, 0), (1, 1), (2, 2)]


def test_a_plot_of_twelve_leads_is_one_sheet(tmp_path: Path) -> None:
    import matplotlib.image

    figure = before_after_figure(made(TWELVE))
    width, height = figure.get_size_inches() * 25.4
    assert (round(width), height < width) == (268, True)
    shown = {text.get_text() for text in figure.axes[0].texts}
    assert {*TWELVE, "0:00:20", "0:00:29"} <= shown
    assert "0:00:30" not in shown
    image = matplotlib.image.imread(save(figure, tmp_path / "p.png"))
    assert image.shape[0] < 1100
    assert image.shape[1] < 1800
    many = before_after_figure(made(tuple(f"E{n}" for n in range(40))))
    assert any("24 more leads" in text.get_text() for text in many.axes[0].texts)


def test_a_pdf_measures_right_on_paper(tmp_path: Path) -> None:
    drawn = made(("II", "V1", "V5"))
    pdf = save_pages(sheet_pages(drawn, 20 * FS), tmp_path / "p.pdf")
    (page,) = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", pdf.read_bytes())
    assert [float(side) * 25.4 / 72 for side in page] == pytest.approx([297, 210], abs=0.01)
    strokes = lines_of(pdf)
    grid = [lines for colour, lines in strokes if np.allclose(colour, GRID, atol=0.005)]
    left, low, right, high = box([line for lines in grid for line in lines])
    assert right - left == pytest.approx(250, abs=0.02)
    assert high - low == pytest.approx(105, abs=0.02)
    black = [lines[0] for colour, lines in strokes if np.allclose(colour, INK, atol=0.005)]
    pulses = [line for line in black if len(line) == 6]
    assert len(pulses) == 3
    for pulse in pulses:
        assert np.ptp(pulse[:, 1]) == pytest.approx(10, abs=0.01)
        assert np.sort(np.diff(pulse[:, 0]))[-1] == pytest.approx(5, abs=0.01)
    steps = next(line for line in black if len(line) > 1000)
    assert np.ptp(steps[:, 1]) == pytest.approx(10, abs=0.01)  # 1 mV
    rising = steps[np.flatnonzero(np.diff(steps[:, 1]) > 5), 0]
    assert np.diff(rising) == pytest.approx(25, abs=0.01)  # 1 s
    again = save_pages(sheet_pages(drawn, 20 * FS), tmp_path / "q.pdf")
    assert again.read_bytes() == pdf.read_bytes()


def test_many_leads_fill_pages_and_annotations_stand_at_their_time() -> None:
    pages = list(sheet_pages(made(tuple(f"E{n}" for n in range(20))), 20 * FS))
    assert len(pages) == 3
    texts = [{text.get_text(): text for text in page.axes[0].texts} for page in pages]
    assert "page 2 of 3" in " ".join(texts[1])
    assert "E8" in texts[1]
    left = (297 - 260) / 2 + 10
    assert texts[0]["N"].get_position()[0] == pytest.approx(left + 1.5 * 25)
    assert "V" not in texts[0]


def test_unreliable_sections_are_named() -> None:
    figure = before_after_figure(made(("I", "II", "III"), doubtful=(2,)), start=15 * FS)
    texts = [text for text in figure.axes[0].texts if text.get_text() == "unreliable: clipped"]
    assert len(texts) == 3
    boxes = [patch for patch in figure.axes[0].patches if patch.get_alpha()]
    assert {box.get_x() for box in boxes} == {4 + 10 + 5 * 25}
    assert {box.get_width() for box in boxes} == {125}


def test_gaps_and_short_recordings_are_drawn() -> None:
    drawn = made(("I", "II", "III"))
    signal = drawn.signal[: 3 * FS].copy()
    signal[100:200] = np.nan
    signal[:, 1] = np.nan
    windows = [Window(lead, 0, 3 * FS, 0.5, 0.9, 3.0, "") for lead in range(3)]
    short = Drawn(signal, signal, windows, FS, ("I", "II", "III"))
    assert noisiest(short, 10) == 0
    lines = before_after_figure(short).axes[0].get_lines()
    longest = max(len(line.get_xdata()) for line in lines)
    assert longest == 3 * FS
