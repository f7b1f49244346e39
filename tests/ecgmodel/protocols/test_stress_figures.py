"""Pictures of `qrs-stress` show the figures of its tables, and the beats that were found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ecgmodel.evaluation.figures import NARROW
from ecgmodel.protocols._goals import Goal
from ecgmodel.protocols._qrs_stress.data import collect, read, write
from ecgmodel.protocols._qrs_stress.figures import LANES, excerpt_figure, f1_figure
from ecgmodel.protocols._qrs_stress.measuring import EXCERPT_AT_S, Excerpt, measure
from ecgmodel.protocols.qrs_stress import PROTOCOL
from ecgmodel.steps.data import Step
from ecgmodel.store import Store, Stored, Unit
from ecgmodel.support.dataclass_files import load, save
from tests.ecgmodel.protocols.made_stress import EVERY, MINUTE, beats_at, write_person

FIRST = 17 * MINUTE + round(EXCERPT_AT_S * 360)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    folder = tmp_path_factory.mktemp("nstdb")
    write_person(folder, "118", 17.6, (24, 12, 0))
    data = collect({name: folder / name for name in ("118e24", "118e12", "118e00")})
    step = Step(Unit("test", "118", {}), lambda into: write(data, into))
    return step.run(Store(folder / "store"))


@pytest.fixture(scope="module")
def excerpts(prepared: Stored, tmp_path_factory: pytest.TempPathFactory) -> tuple[Excerpt, ...]:
    """What a method leaves that takes one beat away and puts one between two others."""
    data = read(prepared)
    clean = data.clean["118"]
    beats = data.leads["118e12"].beats
    inside = beats[(beats > FIRST + EVERY) & (beats < FIRST + 2000)]
    change = beats_at(inside[[3]] + EVERY // 2, len(clean)) - beats_at(inside[[1]], len(clean))
    path = tmp_path_factory.mktemp("measured") / "examples.npz"
    found = measure(lambda x: x * 0 + clean + change.astype(np.float32), prepared, "made")
    save(found.examples, path)
    return load(path, Excerpt)


def test_excerpts_hold_the_beats_by_kind(prepared: Stored, excerpts: tuple[Excerpt, ...]) -> None:
    assert [e.record for e in excerpts] == ["118e00", "118e12"]  # 24 dB is not shown
    for excerpt in excerpts:
        assert excerpt.start == FIRST
        reference = excerpt.reference
        known = read(prepared).leads[excerpt.record]
        np.testing.assert_array_equal(excerpt.noisy, known.noisy[FIRST : FIRST + 8 * 360])
        assert set(reference + FIRST) <= set(known.beats)
        assert len(excerpt.missed) == len(excerpt.false) == 1
        assert len(excerpt.found) == len(reference)
        gone, more = excerpt.missed[0], excerpt.false[0]
        assert more - gone == pytest.approx(2.5 * EVERY, abs=10)
        assert excerpt.cleaned[gone] < 0.2 < excerpt.cleaned[more]


def test_the_lanes_show_them(excerpts: tuple[Excerpt, ...]) -> None:
    axes = excerpt_figure(excerpts).axes[1]
    lanes = {line.get_label(): line.get_xdata() for line in axes.lines}
    excerpt = excerpts[1]
    np.testing.assert_allclose(lanes["reference beat"], excerpt.reference / 360)
    np.testing.assert_allclose(lanes["missed"], excerpt.missed / 360)
    np.testing.assert_allclose(lanes["false"], excerpt.false / 360)
    assert len(lanes["found"]) == len(excerpt.found) - 1
    noisy, cleaned = (line.get_ydata() for line in (axes.lines[0], axes.lines[2]))
    assert noisy.min() > cleaned.max()
    low, high = axes.get_ylim()
    assert (cleaned.min() - low) / (high - low) > max(LANES.values())  # beats hide no signal


def test_a_narrow_one_shows_half_of_the_seconds(excerpts: tuple[Excerpt, ...]) -> None:
    assert excerpt_figure(excerpts).axes[0].get_xlim() == (0, 8)
    narrow = excerpt_figure(excerpts, width=NARROW).axes[0]
    assert narrow.get_xlim() == (0, 4)
    lanes = {line.get_label(): line.get_xdata() for line in narrow.lines}
    assert 0 < len(lanes["reference beat"]) < len(excerpts[0].reference)


def test_an_unknown_clean_lead_is_left_out(excerpts: tuple[Excerpt, ...]) -> None:
    unknown = replace(excerpts[0], clean=np.full_like(excerpts[0].clean, np.nan))
    axes = excerpt_figure([unknown]).axes[0]
    assert np.isfinite(axes.get_ylim()).all()


def test_f1_and_its_goals_are_drawn_as_they_are_and_above_no_filter() -> None:
    table = pd.DataFrame(
        [
            {"method": method, "snr_db": level, "mean": base + more}
            for method, more in (("none", 0.0), ("fir", 0.01), ("ours", 0.2))
            for level, base in ((6, 0.7), (0, 0.5))
        ]
    )
    goals = {6: Goal(goal=0.95, first_step=0.8), 0: Goal(goal=0.9, first_step=0.6)}
    figure = f1_figure(table, goals, "ours")
    straight, above = figure.axes
    lines = {line.get_label(): line for line in straight.lines}
    assert list(lines) == ["no filter", "fir", "ours"]
    assert list(lines["ours"].get_xdata()) == [0, 6]
    np.testing.assert_allclose(lines["ours"].get_ydata(), [0.7, 0.9])
    np.testing.assert_allclose(above.lines[2].get_ydata(), [0.2, 0.2])
    heights = [
        sorted(path.vertices[0, 1] for path in lines.get_paths())
        for axes in (straight, above)
        for lines in axes.collections[:1]
    ]
    np.testing.assert_allclose(heights, [[0.9, 0.95], [0.25, 0.4]])
    alone = f1_figure(table[table["method"] == "ours"], goals, "ours")
    assert len(alone.axes) == 1


def test_the_page_shows_them(prepared: Stored, tmp_path: Path) -> None:
    store = Store(tmp_path)
    measured = [PROTOCOL.filter_step(name, prepared).run(store) for name in ("none", "fir")]
    html = PROTOCOL.page_step(measured).run(store).file("benchmark.html").read_text()
    assert "What fir makes of it" in html
    assert "<h3>Record 118</h3>" in html
    assert "Record 119" not in html
    assert html.count("data:image/svg+xml") == 8  # two pictures, two widths, two themes
    assert "no filter" in html
