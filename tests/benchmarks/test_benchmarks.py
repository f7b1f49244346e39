from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks._measure import Row, as_markdown, in_turn


def test_the_table_has_a_row_for_each_measurement(tmp_path: Path) -> None:
    out, scratch = tmp_path / "table.md", tmp_path / "scratch"
    scratch.mkdir()
    rows = main(["mixing", "scaling", "--quick", "--out", str(out), "--scratch", str(scratch)])
    assert [row.benchmark for row in rows] == ["mixing"] * 2 + ["scaling"] * 3
    assert all(row.goal and row.reached for row in rows)
    lines = out.read_text().splitlines()
    assert "the figures mean nothing" in lines[0]
    assert [line.split(" | ")[0] for line in lines[-5:]] == [
        *["| mixing"] * 2,
        *["| scaling"] * 3,
    ]
    assert list(scratch.iterdir()) == []


def test_sides_take_turns() -> None:
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
