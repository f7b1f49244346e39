"""What people see of a verdict."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib.image
import pytest

from ecgmodel.promotion.judging import Candidate, Verdict, compare_sides, judge
from ecgmodel.promotion.publishing import publish_verdict
from ecgmodel.promotion.settings import GateSettings
from tests.ecgmodel.promotion.made import CHEAP, candidate, no_filter, table

GATE = GateSettings()


def published(new: Candidate, old: Candidate | None, into: Path) -> Verdict:
    floor = no_filter(new.table)
    verdict = judge(new, old, floor, GATE, ("Test set: <the> champion's.",))
    publish_verdict(verdict, compare_sides(new, old, floor)[0], GATE, into)
    return verdict


def test_sentence_rules_and_cells_are_there(tmp_path: Path) -> None:
    new = candidate("version 2", table(gain=6.0, by_subject={4: -0.5}), CHEAP, "db/1")
    verdict = published(new, candidate("version 1", table()), tmp_path)
    assert Verdict.from_json((tmp_path / "verdict.json").read_text()) == verdict
    text = (tmp_path / "verdict.md").read_text()
    assert text.startswith("# version 2: promoted")
    assert verdict.reason in text
    assert "Left out for both, since one of them was trained on them: db/1." in text
    assert len(re.findall(r"\| passed \|", text)) == len(verdict.findings)
    assert re.search(r"\| bw \| 6 \| \d\.\d \| \d\.\d \| \+0\.9 \|", text)
    page = (tmp_path / "verdict.html").read_text()
    assert "&lt;the&gt; champion" in page
    assert not re.search(r"(src|href)=.?https?:", page)
    picture = matplotlib.image.imread(tmp_path / "verdict.png")
    assert picture.shape[1] > 1000
    assert picture[..., :3].std() > 0.05


@pytest.mark.parametrize("case", ["first", "few subjects", "nobody left", "no figures"])
def test_every_kind_of_verdict_can_be_shown(case: str, tmp_path: Path) -> None:
    rows = table(2 if case == "few subjects" else 10, gain=1.0)
    if case == "no figures":
        rows["snr_improvement"] = float("nan")
    seen = [f"db/{n}" for n in range(10)] if case == "nobody left" else []
    old = None if case == "first" else candidate("version 1", rows)
    verdict = published(candidate("version 2", rows, CHEAP, *seen), old, tmp_path)
    assert verdict.promoted == (case == "first")
    assert verdict.reason in (tmp_path / "verdict.md").read_text()
