"""The published files of a verdict."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib.image
import pytest

from ecgmodel.promotion.figures import gain_figure
from ecgmodel.promotion.judging import Candidate, Verdict, compare_sides, judge, primary_gain
from ecgmodel.promotion.publishing import by_cell, publish_verdict
from ecgmodel.promotion.stating import Reported, state
from ecgmodel.settings.gate import GateSettings
from tests.ecgmodel.promotion.made import CHEAP, candidate, filters, no_filter, table

GATE = GateSettings()


def published(new: Candidate, old: Candidate | None, into: Path) -> Verdict:
    floor = no_filter(new.table)
    classical = filters(new.table)
    verdict = judge(new, old, floor, GATE, ("Test set: <the> champion's.",), classical)
    comparison, _ = compare_sides(new, old, floor, classical)
    own = Reported("db 1234abcd", new.table, classical)
    verdict = state(verdict, comparison, "db 1234abcd", own, draws=100, seed=0)
    publish_verdict(verdict, comparison, GATE, into)
    return verdict


def test_a_verdict_has_reason_rules_and_cells(tmp_path: Path) -> None:
    new = candidate("version 2", table(gain=6.0, by_subject={4: -0.5}), CHEAP, "db/1")
    verdict = published(new, candidate("version 1", table()), tmp_path)
    assert Verdict.from_json((tmp_path / "verdict.json").read_text()) == verdict
    text = (tmp_path / "verdict.md").read_text()
    assert text.startswith("# version 2: promoted")
    assert verdict.reason in text
    assert "Excluded, since challenger or champion was trained on them: db/1." in text
    assert len(re.findall(r"\| passed \|", text)) == len(verdict.findings)
    assert re.search(r"\| bw \| 6 \| \d\.\d\d \| \d\.\d\d \(\+0\.94\) \|", text)
    page = (tmp_path / "verdict.html").read_text()
    assert "&lt;the&gt; champion" in page
    assert not re.search(r"(src|href)=.?https?:", page)
    assert page.count("prefers-color-scheme: dark)") == 3  # the style, and two widths of the figure
    assert len(re.findall(r'<td class="text">passed</td>', page)) == len(verdict.findings)
    picture = matplotlib.image.imread(tmp_path / "verdict.png")
    assert picture.shape[1] > 1000
    assert picture[..., :3].std() > 0.05


@pytest.mark.parametrize("case", ["first", "few subjects", "none left", "no figures"])
def test_every_kind_of_verdict_can_be_published(case: str, tmp_path: Path) -> None:
    rows = table(2 if case == "few subjects" else 10, gain=1.0)
    if case == "no figures":
        rows["snr_improvement"] = float("nan")
    seen = [f"db/{n}" for n in range(10)] if case == "none left" else []
    old = None if case == "first" else candidate("version 1", rows)
    verdict = published(candidate("version 2", rows, CHEAP, *seen), old, tmp_path)
    assert verdict.promoted == (case == "first")
    assert verdict.reason in (tmp_path / "verdict.md").read_text()


@pytest.mark.parametrize(("subjects", "has_interval"), [(7, False), (8, True)])
def test_an_interval_is_shown_only_if_the_gate_used_one(
    subjects: int, has_interval: bool, tmp_path: Path
) -> None:
    new = candidate("version 2", table(subjects, gain=6.0))
    old = candidate("version 1", table(subjects))
    comparison, _ = compare_sides(new, old, no_filter(new.table))
    gain = primary_gain(comparison, GATE)
    assert gain is not None
    axes = gain_figure(gain, by_cell(comparison), GATE).axes[0]
    labels = axes.get_legend_handles_labels()[1]
    assert ("95 % interval of the mean" in labels) == has_interval
    points = axes.collections[-1].get_offsets()
    assert len(points) == subjects
    verdict = published(new, old, tmp_path)
    assert ("95 % interval over" in verdict.reason) == has_interval
    page = (tmp_path / "verdict.html").read_text()
    assert ("No confidence interval: it requires at least 8 test subjects." in page) != has_interval


def test_a_gain_below_the_minimum_is_not_rounded_up_to_it(
    tmp_path: Path,
) -> None:
    new = candidate("version 2", table(gain=5.0496))
    verdict = published(new, candidate("version 1", table()), tmp_path)
    assert not verdict.promoted
    row = "| primary | mean gain in SNR improvement | +0.0496 | +0.05 | FAILED |"
    assert row in (tmp_path / "verdict.md").read_text()
