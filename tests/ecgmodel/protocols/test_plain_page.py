"""Parts that pages share say who is best, where our own network is, and which marks it reaches."""

from __future__ import annotations

import pandas as pd

from ecgmodel.evaluation.metrics import Metric
from ecgmodel.protocols._marks import Goal, against_marks
from ecgmodel.protocols._plain_page import best_lead, cell_section, marks_section, section

METRICS = {
    "f1_6": Metric("F1 at 6 dB", "", True, 4),
    "st": Metric("Change of ST level", "mV", False, 3),
}
TABLE = pd.DataFrame(
    [
        {"method": method, "metric": metric, "mean": mean, "std": 0.1}
        for metric, means in (("st", (0.0, 0.03, 0.01)), ("f1_6", (0.7, 0.8, 0.95)))
        for method, mean in zip(("none", "fir", "default"), means, strict=True)
    ]
)


def test_the_lead_names_the_best_and_our_own() -> None:
    assert best_lead(TABLE, METRICS, "f1_6") == "F1 at 6 dB: best is default with 0.9500."
    assert best_lead(TABLE, METRICS, "st") == (
        "Change of ST level: best is no filter with 0.000 mV; default has 0.010 mV."
    )
    others = TABLE[TABLE["method"] != "default"]
    assert best_lead(others, METRICS, "f1_6") == "F1 at 6 dB: best is fir with 0.8000."
    assert best_lead(others, METRICS, "other") == "Nothing was measured."


def test_marks_stand_in_the_order_of_the_metrics() -> None:
    limits = {"st": Goal(goal=0.02, first_step=0.02), "f1_6": Goal(goal=0.96, first_step=0.84)}
    marks = against_marks(TABLE, limits, METRICS)
    assert [row.cells for row in marks_section("default", marks, METRICS).rows[""]] == [
        ("F1 at 6 dB", "0.9500", "0.84", "reached", "0.96", "not reached"),
        ("Change of ST level, mV", "0.010", "0.02", "reached", "0.02", "reached"),
    ]


def test_what_rounds_to_zero_has_no_sign() -> None:
    losses = TABLE[TABLE["metric"] == "st"].assign(mean=-0.00001)
    assert section("All", "", losses, METRICS, ["st"]).rows[""][0].cells[1] == "0.000"


def test_our_own_is_set_off_and_no_filter_has_its_name() -> None:
    rows = section("All", "", TABLE, METRICS, ["f1_6", "st"]).rows[""]
    assert [(row.cells[0], row.own) for row in rows] == [
        ("no filter", False),
        ("fir", False),
        ("default", True),
    ]
    cells = TABLE[TABLE["metric"] == "f1_6"].assign(snr_db=6)
    by_level = cell_section(METRICS["f1_6"], cells, "snr_db", [6])
    assert (by_level.title, by_level.rows[""][2].own) == ("F1 at 6 dB", True)
    assert by_level.rows[""][2].best == {1}
