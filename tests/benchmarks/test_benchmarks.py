from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import inference
from benchmarks.__main__ import main
from benchmarks._measure import Row, as_markdown, in_turn
from ecgmodel.protocols._applying import Applied


def test_the_table_has_a_row_for_each_measurement(tmp_path: Path) -> None:
    out, scratch = tmp_path / "table.md", tmp_path / "scratch"
    scratch.mkdir()
    rows = main(["mixing", "scaling", "--quick", "--out", str(out), "--scratch", str(scratch)])
    assert [row.benchmark for row in rows] == ["mixing"] * 2 + ["scaling"] * 3
    assert all(row.goal for row in rows)
    lines = out.read_text().splitlines()
    assert "the results are not meaningful" in lines[0]
    assert [line.split(" | ")[0] for line in lines[-5:]] == [
        *["| mixing"] * 2,
        *["| scaling"] * 3,
    ]
    assert list(scratch.iterdir()) == []


def test_times_are_extrapolated_to_a_day_and_only_the_shipped_network_has_goals() -> None:
    def applied(seconds: float, ecg: float) -> list[Applied]:
        return [Applied(1.0, seconds * how, 2 * seconds * how, ecg, 200.0) for how in (3, 1, 2)]

    reference = applied(5.0, 7200.0)  # 10 s for two hours: 120 s a day
    slow = inference._row("tcdae", applied(50.0, 7200.0), reference)
    assert slow.measured == "tcdae: a day of one lead, extrapolated from 2 h"
    assert slow.ours.startswith("1200.0 s (best 600.0), 2400.0 s of CPU time; 200 MB")
    assert (slow.ratio, slow.goal, slow.reached) == ("0.10 (CPU time 0.10)", "", "")
    own = inference._row(inference.GENERAL, applied(4.0, 86_400.0), reference)
    assert (own.measured, own.ratio[:5]) == ("general: a day of one lead", "15.00")
    assert own.reached == "yes"
    assert inference._row(inference.GENERAL, applied(6.0, 86_400.0), reference).reached != "yes"


@pytest.mark.slow
def test_every_method_is_applied(tmp_path: Path) -> None:
    rows = main(["inference", "--quick", "--scratch", str(tmp_path)])
    names = (inference.GENERAL, inference.KERAS, *inference.PUBLISHED, *inference.FILTERS)
    assert [row.measured.split(":")[0] for row in rows] == list(names)
    assert [bool(row.goal) for row in rows] == [True, *[False] * (len(names) - 1)]


def test_sides_alternate() -> None:
    order: list[str] = []

    def side(name: str) -> float:
        order.append(name)
        return float(len(order))

    assert in_turn(2, lambda: side("a"), lambda: side("b")) == [[1, 3], [2, 4]]
    assert order == ["a", "b", "a", "b"]


def test_the_table_is_markdown() -> None:
    text = as_markdown([Row("b", "m", "1 s", goal="under 2 s", reached="yes")])
    assert text.splitlines()[1:] == [
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| b | m | 1 s |  |  | under 2 s | yes |",
    ]


def test_an_unknown_benchmark_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["mixin"])
    assert "'mixin'" in capsys.readouterr().err
