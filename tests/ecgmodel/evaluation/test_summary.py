"""Means, intervals over subjects, the worst record, and the table for a terminal."""

import numpy as np
import pandas as pd
import pytest

from ecgmodel.errors import DatasetError
from ecgmodel.evaluation import summary as tables

from .made import LEVELS, result_table

METHODS = ("none", "wavelet", "model")


@pytest.fixture(scope="module")
def table():
    return result_table(METHODS)


def test_means_and_medians_are_computed_by_cell(table):
    summary = tables.summarise(table)
    cell = table.query("method == 'model' and noise_type == 'ma' and snr_db == 0")
    row = summary.query(
        "method == 'model' and noise_type == 'ma' and snr_db == 0 and metric == 'snr_improvement'"
    ).iloc[0]
    assert row["mean"] == pytest.approx(cell["snr_improvement"].mean())
    assert row["median"] == pytest.approx(cell["snr_improvement"].median())
    assert (row["subjects"], row["segments"]) == (5, 10)
    assert row["low"] < row["mean"] < row["high"]


def test_the_worst_record_has_the_worst_mean(table):
    summary = tables.summarise(table, ()).set_index(["method", "metric"])
    records = table[table["method"] == "model"].groupby("record").mean(numeric_only=True)
    gain, error = (summary.loc[("model", name)] for name in ("snr_improvement", "rmse"))
    assert gain["worst_record"] == records["snr_improvement"].idxmin()
    assert error["worst_record"] == records["rmse"].idxmax()
    assert error["worst_mean"] == pytest.approx(records["rmse"].max())


def test_cells_are_sorted_with_no_noise_last(table):
    summary = tables.summarise(table.sample(frac=1, random_state=0))
    cells = summary.query("metric == 'rmse'").drop_duplicates(["noise_type", "snr_db"])
    assert list(cells["noise_type"]) == ["bw"] * 3 + ["ma"] * 3 + ["none"]
    assert list(cells["snr_db"][:3]) == list(LEVELS)


def test_the_interval_widens_with_the_spread_between_subjects_not_within():
    rng = np.random.default_rng(0)
    subjects = np.repeat(np.arange(20), 100)
    within = rng.normal(size=(2000, 1))
    between = np.repeat(rng.normal(size=20), 100)[:, None]
    narrow = np.subtract(*tables.subject_interval(within, subjects)[::-1])
    wide = np.subtract(*tables.subject_interval(between, subjects)[::-1])
    assert narrow < 0.2 < wide
    assert wide == pytest.approx(2 * 1.96 * between.std() / np.sqrt(20), rel=0.15)


def test_the_interval_has_its_nominal_coverage():
    rng = np.random.default_rng(1)
    hits = 0
    for seed in range(200):
        values = np.repeat(rng.normal(size=30), 3)[:, None] + rng.normal(size=(90, 1))
        low, high = tables.subject_interval(values, np.repeat(np.arange(30), 3), 500, seed)
        hits += bool(low[0] <= 0 <= high[0])
    assert 0.88 <= hits / 200 <= 0.98


def test_the_interval_depends_on_the_seed_and_not_on_row_order(table):
    first = tables.summarise(table, seed=3)
    again = tables.summarise(table.sort_values(["method", "start"], kind="stable"), seed=3)
    for end in ("low", "high"):
        both = [tables.pivot(s, "rmse", end)[list(METHODS)] for s in (first, again)]
        np.testing.assert_allclose(both[0], both[1], atol=1e-12)


def test_two_subjects_give_no_interval():
    summary = tables.summarise(result_table(METHODS, subjects=2))
    assert summary["low"].isna().all()
    assert summary["mean"].notna().any()


def test_by_original_sampling_rate(table):
    rates = tables.summarise(table, ("original_fs",)).query("metric == 'rmse'")
    assert set(rates["original_fs"]) == {250.0, 360.0}
    assert set(rates.query("original_fs == 250")["subjects"]) == {1}


def test_compare_pairs_the_segments(table):
    result = tables.compare(table, "model", "wavelet")
    wide = table.dropna(subset=["snr_improvement"]).pivot(
        index=["record", "start", "noise_type", "snr_db"],
        columns="method",
        values="snr_improvement",
    )
    assert result["mean"] == pytest.approx((wide["model"] - wide["wavelet"]).mean())
    assert result["low"] < result["mean"] < result["high"]
    assert result["subjects"] == 5


def test_the_best_method_is_found(table):
    assert tables.best_method(table, ["none", "wavelet"]) == "wavelet"


def test_a_table_without_the_needed_columns_is_refused(table):
    with pytest.raises(DatasetError, match="subject"):
        tables.summarise(table.drop(columns="subject"))
    with pytest.raises(DatasetError, match="rows: 0"):
        tables.summarise(table.iloc[:0])


def test_the_text_table_is_aligned_and_stars_the_best(table):
    text = tables.as_text(tables.summarise(table))
    lines = text.splitlines()
    rows = [line for line in lines if line.startswith(("bw", "ma", "all"))]
    assert len(rows) == 7
    assert all(line.rstrip().endswith("*") for line in rows)  # the model is the last and best
    assert len({line.index("*") for line in rows}) == 1
    assert any(line.startswith("RMSE") for line in lines)
    assert any(line.startswith("no noise") and "20.0" in line for line in lines)
    assert max(map(len, lines)) < 100


def test_pivot_keeps_the_cell_without_noise(table):
    wide = tables.pivot(tables.summarise(table), "snr_out")
    assert list(wide.columns) == list(METHODS)
    assert len(wide) == 7
    assert isinstance(wide.index, pd.MultiIndex)
    assert wide.iloc[-1]["model"] == pytest.approx(20.0)
