"""Parts that pages share say who is best, where our own network is, and which goals it reaches."""

from __future__ import annotations

import pandas as pd

from ecgmodel.evaluation.metrics import Metric
from ecgmodel.protocols._goals import Goal, against_goals
from ecgmodel.protocols._page import Row
from ecgmodel.protocols._sections import Part, Results, across, best_lead, each, goals, summary

METRICS = {
    "f1_6": Metric("F1 at 6 dB", "", True, 4),
    "st": Metric("Change of ST level", "mV", False, 3),
}
TABLE = pd.DataFrame(
    [
        {"method": method, "metric": metric, "mean": mean, "low": mean, "high": mean + 0.1}
        for metric, means in (("st", (0.0, 0.03, 0.01)), ("f1_6", (0.7, 0.8, 0.95)))
        for method, mean in zip(("none", "fir", "default"), means, strict=True)
    ]
)


def results(table: pd.DataFrame = TABLE, primary: str = "f1_6", **more: pd.DataFrame) -> Results:
    return Results(METRICS, primary, {"all": table, **more}, table)


def rows(part: Part, found: Results) -> list[Row]:
    return list(part(found).rows[""])


def test_the_lead_names_the_best_and_our_own() -> None:
    assert best_lead(results()) == "F1 at 6 dB: best is default with 0.9500."
    assert best_lead(results(primary="st")) == (
        "Change of ST level: best is no filter with 0.000 mV; default has 0.010 mV."
    )
    others = TABLE[TABLE["method"] != "default"]
    assert best_lead(results(others)) == "F1 at 6 dB: best is fir with 0.8000."
    assert best_lead(results(TABLE[TABLE["metric"] == "st"])) == "Nothing was measured."


def test_goals_stand_in_the_order_of_the_metrics() -> None:
    limits = {"st": Goal(goal=0.02, first_step=0.02), "f1_6": Goal(goal=0.96, first_step=0.84)}
    found = results(goals=against_goals(TABLE, limits, METRICS))
    assert [row.cells for row in rows(goals(), found)] == [
        ("F1 at 6 dB", "0.9500", "0.84", "reached", "0.96", "not reached"),
        ("Change of ST level, mV", "0.010", "0.02", "reached", "0.02", "reached"),
    ]
    none = results(goals=against_goals(TABLE, {}, METRICS))
    assert goals()(none).rows is None


def test_what_rounds_to_zero_has_no_sign() -> None:
    losses = TABLE[TABLE["metric"] == "st"].assign(mean=-0.00001)
    found = results(losses, "st")
    assert rows(summary("All", "", ("st",)), found)[0].cells[1] == "0.000"


def test_our_own_is_set_off_and_no_filter_has_its_name() -> None:
    lines = rows(summary("All"), results())
    assert [(row.cells[0], row.own) for row in lines] == [
        ("no filter", False),
        ("fir", False),
        ("default", True),
    ]
    assert lines[2].notes == ("", "0.9500 to 1.0500", "0.010 to 0.110")
    by_level = across("by_level", "snr_db", "f1_6", heading="{:g} dB")
    section = by_level(results(by_level=TABLE.assign(snr_db=6.0)))
    assert (section.title, section.columns) == ("F1 at 6 dB", ("Method", "6 dB"))
    assert section.rows[""][2].own
    assert section.rows[""][2].best == {1}


def test_cells_stand_in_order_in_groups_and_one_by_one() -> None:
    parts = [TABLE.assign(level=level, noise=n) for level, n in ((6, "ma"), (0, "ma"), (6, "bw"))]
    found = results(by_cell=pd.concat(parts))
    section = across(
        *("by_cell", "level", "f1_6"), order=(6, 0, -6), groups="noise", labels={"ma": "muscle"}
    )(found)
    assert section.columns == ("Method", "6", "0")
    assert section.rows["muscle"][0].cells[1:] == ("0.7000", "0.7000")
    assert section.rows["bw"][0].cells[1:] == ("0.7000", "")
    titles = [one.title for one in each("by_cell", "noise", "noise {}")(results(by_cell=parts[0]))]
    assert titles == ["noise ma"]
