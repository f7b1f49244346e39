"""Charts and traces show the data, and are reproducible."""

import base64
import re
from itertools import pairwise

import numpy as np
import pytest

from ecgmodel.errors import SettingsError
from ecgmodel.evaluation import figures, traces
from ecgmodel.evaluation.encoding import data_uri, encode, save
from ecgmodel.evaluation.examples import Example
from ecgmodel.evaluation.summary import summarise

from .made import at_snr, ecg, noise, result_table

HISTORY = {"loss": [0.5, 0.2, 0.1, 0.05], "val_loss": [0.4, 0.2, 0.15, 0.18]}


@pytest.fixture(scope="module")
def summary():
    return summarise(result_table(("none", "butterworth", "wavelet", "model")))


@pytest.fixture(scope="module")
def example():
    rng = np.random.default_rng(0)
    clean = ecg(rng)
    denoised = clean.copy()
    denoised[5000:5400] += 0.5
    noisy = at_snr(clean, noise("ma", rng), 6)
    what = {"method": "model", "record": "mitdb/106", "subject": "106", "lead": "MLII"}
    return Example(
        "best",
        **what,
        start=0,
        noise_type="ma",
        snr_db=6.0,
        snr_improvement=9.0,
        fs=360.0,
        original=clean,
        noisy=noisy,
        denoised=denoised,
    )


def test_loss_curves_mark_the_best_epoch():
    axes = figures.loss_curves(HISTORY).axes[0]
    assert [len(line.get_xdata()) for line in axes.lines[:2]] == [4, 4]
    assert "best epoch 3" in axes.texts[0].get_text()


def test_loss_curves_show_that_initial_weights_were_best():
    axes = figures.loss_curves({**HISTORY, "start": [0.1]}).axes[0]
    found = [text.get_text() for text in axes.texts]
    assert found == ["initial weights 0.1; no epoch improved on them"]
    assert any(line.get_xydata().tolist() == [[0.0, 0.1]] for line in axes.lines)


def test_loss_curves_without_validation_or_with_one_epoch():
    assert "best epoch 1" in figures.loss_curves({"loss": [0.3]}).axes[0].texts[0].get_text()
    with pytest.raises(SettingsError, match="loss"):
        figures.loss_curves({"accuracy": [1.0]})


@pytest.mark.parametrize(
    "draw", [figures.snr_curves, figures.gain_curves, figures.improvement_dots]
)
def test_charts_have_a_panel_per_noise_type_and_a_line_per_method(draw, summary):
    figure = draw(summary, "model")
    assert len(figure.axes) == 2
    for axes in figure.axes:
        labels = axes.get_legend_handles_labels()[1]
        assert labels == ["butterworth", "wavelet", "model"]
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()


def test_a_method_has_the_same_style_in_both_charts(summary):
    styles = figures.method_styles(["none", "butterworth", "model"], "model")
    assert list(styles) == ["none", "butterworth", "model"]
    assert styles["model"]["linewidth"] > styles["butterworth"]["linewidth"]
    assert len({style["color"] for style in styles.values()}) == 3


def test_a_method_has_the_same_colour_among_any_others():
    few = figures.method_styles(["none", "neurokit", "ours"], "ours")
    every = ["none", *figures.PLACES, "ours"]
    many = figures.method_styles(every, "ours")
    assert list(many) == every
    assert few["neurokit"] == many["neurokit"]
    assert few["ours"] == many["ours"]
    assert len({style["color"] for style in many.values()}) == len(every)
    assert len({style["marker"] for style in many.values() if "marker" in style}) == len(every) - 1
    bold = figures.method_styles(["none", "neurokit", "fir"], "fir")
    assert bold["fir"]["color"] == many["fir"]["color"]
    assert bold["fir"]["linewidth"] > bold["neurokit"]["linewidth"]
    unknown = figures.method_styles(["fir", "new", "newer", "ours"], "ours")
    assert len({style["color"] for style in unknown.values()}) == 4


def test_drawn_gains_match_the_table(summary):
    axes = figures.gain_curves(summary, "model").axes[0]
    (curve,) = (line for line in axes.lines if line.get_label() == "model")
    chosen = summary[(summary["metric"] == "snr_improvement") & (summary["method"] == "model")]
    noise = figures.pivot(chosen, "snr_improvement").index[0][0]
    known = chosen[chosen["noise_type"] == noise].sort_values("snr_db")
    np.testing.assert_allclose(curve.get_ydata(), known["mean"])
    assert list(curve.get_xdata()) == list(known["snr_db"])


def test_the_section_contains_the_largest_error(example):
    for seconds in (6.0, 3.0):
        first, last = traces.worst_section(example, seconds)
        assert first <= 5000
        assert last >= 5400
        assert last - first == seconds * 360


def test_the_section_has_the_stated_scale(example):
    figure = traces.section_figure(example)
    axes = figure.axes[0]
    box = axes.get_window_extent()
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    per_second, per_mv = box.width / (x1 - x0), box.height / (y1 - y0)
    assert per_second / per_mv == pytest.approx(25 / 10, rel=0.01)
    assert "10 mm/mV" in axes.get_xlabel()


def test_strips_do_not_overlap_and_lie_on_the_paper(example):
    axes = traces.segment_figure(example).axes[0]
    strips = [line.get_ydata() for line in axes.lines if len(line.get_ydata()) == 11520]
    assert len(strips) == 3
    for upper, lower in pairwise(strips):
        assert upper.min() > lower.max()
    assert axes.get_ylim()[0] < min(map(np.min, strips))
    assert axes.get_ylim()[1] > max(map(np.max, strips))


def test_the_calibration_pulse_is_complete_and_covers_no_label(example):
    faint = {name: getattr(example, name) * 0.05 for name in ("original", "noisy", "denoised")}
    for one in (example, Example(**{**vars(example), **faint})):
        figure = traces.section_figure(one)
        figure.canvas.draw()
        axes = figure.axes[0]
        (pulse,) = (line for line in axes.lines if np.ptp(line.get_ydata()) == 1.0)
        assert pulse.get_ydata().max() < axes.get_ylim()[1]
        box = pulse.get_window_extent()
        names = [text for text in axes.texts if text.get_text() in faint]
        assert len(names) == 3
        assert not any(box.overlaps(text.get_window_extent()) for text in names)


def test_large_amplitudes_have_a_lower_scale(example):
    loud = Example(**{**vars(example), "noisy": example.noisy * 20})
    assert "10 mm/mV" not in traces.section_figure(loud).axes[0].get_xlabel()


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_saved_figures_are_reproducible(summary, tmp_path, ending):
    first, second = (
        save(figures.improvement_dots(summary, "model"), tmp_path / f"{i}.{ending}")
        for i in range(2)
    )
    assert len(first.read_bytes()) > 5000
    assert first.read_bytes() == second.read_bytes()


def test_the_layout_has_no_digits_that_depend_on_the_process(summary):
    figure = figures.improvement_dots(summary, "model")
    encode(figure, "svg")
    for axes in figure.axes:
        bounds = axes.get_position().bounds
        assert bounds == tuple(round(value, 6) for value in bounds)


def numbered(uri):
    """Return an SVG whose ids, hashes of style too, are numbers in order of appearance."""
    svg = base64.b64decode(uri.partition("base64,")[2]).decode()
    known = {}
    return re.sub(r"\b[mhpC][0-9a-f_]{10,}", lambda m: known.setdefault(m[0], str(len(known))), svg)


@pytest.mark.parametrize("which", ["snr", "gain", "loss", "section"])
def test_the_dark_variant_is_what_the_dark_theme_draws(which, summary, example):
    draw = {
        "snr": lambda **look: figures.snr_curves(summary, "model", **look),
        "gain": lambda **look: figures.improvement_dots(summary, "model", **look),
        "loss": lambda **look: figures.loss_curves(HISTORY, **look),
        "section": lambda **look: traces.section_figure(example, 4.0, **look),
    }[which]
    shown = figures.variants(draw)
    drawn = data_uri(draw(theme=figures.DARK, width=figures.WIDE))
    assert numbered(shown["wide_dark"]) == numbered(drawn)
    assert shown["wide_light"] != shown["wide_dark"]
