"""Pictures of `do-no-harm`: the recordings that are typical and worst, true to scale."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ecgmodel.evaluation.figures import NARROW
from ecgmodel.evaluation.metrics import WINDOW
from ecgmodel.protocols._do_no_harm.figures import example_figure, spread_figure
from ecgmodel.protocols._do_no_harm.measures import shape_below
from ecgmodel.protocols._do_no_harm.measuring import (
    HarmExample,
    evaluate,
    worth_a_look,
)
from ecgmodel.protocols.do_no_harm import PROTOCOL
from ecgmodel.support.dataclass_files import load, save
from tests.ecgmodel.protocols.test_do_no_harm import made, stored

NAMES = ("qtdb/sel123", "qtdb/sel302", "mitdb/106")
HEIGHTS = (1.0, 0.5, 2.0)


@pytest.fixture(scope="module")
def rows_and_examples(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[pd.DataFrame, tuple[HarmExample, ...]]:
    """The same small error in three recordings, the smaller the beats the worse."""
    folder = tmp_path_factory.mktemp("harm")
    recordings = (made(name, height=h) for name, h in zip(NAMES, HEIGHTS, strict=True))
    data = stored(folder, *recordings)
    ripple = 0.02 * np.sin(2 * np.pi * 20 * np.arange(20 * 1024) / 360)

    def method(x: np.ndarray) -> np.ndarray:
        return x + ripple.astype(np.float32)

    rows = evaluate(method, data, "made")
    examples = worth_a_look(rows, method, data, "made")
    save(examples, folder / "examples.npz")
    return rows, load(folder / "examples.npz", HarmExample)


def test_the_median_and_the_worst_recording_are_shown(rows_and_examples) -> None:
    rows, examples = rows_and_examples
    assert [(e.what.split(",")[0], e.record) for e in examples[:2]] == [
        ("median recording by shape error", "qtdb/sel123"),
        ("worst recording by shape error", "qtdb/sel302"),
    ]
    for one in examples[:2]:
        shape = rows[(rows["record"] == one.record) & (rows["quantity"] == "shape")]["value"]
        assert one.what.endswith(f", {shape.median():.1f} dB")
        usable = np.ones(len(one.target), bool)
        assert len(one.target) == 2 * WINDOW
        here = shape_below(one.target, one.output, usable)
        assert here.min() == pytest.approx(shape.median(), abs=1.5)
        assert len(one.waves) >= 5
        assert all(one.target[mark] > 0.3 for mark in one.waves[:, 1])


def test_the_worst_by_st_has_its_beat_inside(rows_and_examples) -> None:
    rows, (*_, one) = rows_and_examples
    st = rows[rows["quantity"] == "st"]
    figures = st.groupby("record")["value"].quantile(0.99)
    assert one.record == figures.idxmax()
    assert one.what.endswith(f", {figures.max():.3f} mV for 99 % of its beats")
    marks = one.start + one.waves[:, 1]
    here = st[(st["record"] == one.record) & st["at"].isin(marks)]["value"]
    assert (here - figures.max()).abs().min() == pytest.approx(0, abs=1e-4)


def test_outputs_are_drawn_over_targets_true_to_scale(rows_and_examples) -> None:
    one = rows_and_examples[1][0]
    axes = example_figure(one).axes[0]
    box = axes.get_window_extent()
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    ratio = (box.width / (right - left)) / (box.height / (high - low))
    assert ratio == pytest.approx(2.5, rel=0.01)  # 25 mm/s to 10 mm/mV
    target, output = axes.lines[0].get_ydata(), axes.lines[2].get_ydata()
    np.testing.assert_allclose(output - target, one.output - one.target, atol=1e-5)
    extents = [(line.get_ydata().min(), line.get_ydata().max()) for line in axes.lines[:4]]
    assert min(low for low, _ in extents) > low
    assert extents[1][0] > max(extents[0][1], extents[2][1])  # recorded lies above
    assert min(extents[0][0], extents[2][0]) > extents[3][1]  # the difference below


def test_qrs_and_st_are_shaded_where_they_are_annotated(rows_and_examples) -> None:
    one = rows_and_examples[1][0]
    patches = example_figure(one).axes[0].patches
    whole = [wave for wave in one.waves if wave[2] + 0.07 * 360 < len(one.target)]
    assert len(patches) == 2 * len(whole)
    starts = sorted(patch.get_x() for patch in patches)
    assert starts[0] == pytest.approx((one.start + one.waves[0, 0]) / 360)
    assert starts[1] == pytest.approx((one.start + one.waves[0, 2]) / 360 + 0.05)
    assert 0 < len(example_figure(one, width=NARROW).axes[0].patches) < len(patches)


def test_without_annotated_waves_the_surroundings_of_beats_are_shaded(rows_and_examples) -> None:
    one = replace(rows_and_examples[1][0], waves=np.zeros((0, 3), np.int64))
    patches = example_figure(one).axes[0].patches
    assert len(one.beats) - 2 <= len(patches) <= len(one.beats)
    inside = [beat for beat in one.beats if beat >= 0.06 * 360]
    assert patches[0].get_x() == pytest.approx((one.start + inside[0]) / 360 - 0.06)
    assert patches[0].get_width() == pytest.approx(0.12)


def test_the_spread_goes_through_the_medians_of_the_table(rows_and_examples) -> None:
    rows = rows_and_examples[0]
    better = rows.assign(method="ours")
    better.loc[better["quantity"] == "shape", "value"] += 10
    both = pd.concat([rows, better], ignore_index=True)
    figure = spread_figure(both, PROTOCOL.goals, "ours")
    tables = PROTOCOL.tables(both, draws=0)["all"].set_index(["method", "metric"])["mean"]
    for axes, metric in zip(figure.axes, ("shape", "st_median"), strict=True):
        curves = {line.get_label(): line for line in axes.lines}
        for method in ("made", "ours"):
            values, share = curves[method].get_data()
            assert values[np.argmax(share >= 50)] == pytest.approx(tables[method, metric])
    crosses = [
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in figure.axes[1].lines
        if line.get_marker() == "+"
    ]
    assert crosses == [(0.02, 50.0), (0.1, 99.0)]
