"""Best, median and worst segments: from different records, re-read, stored without pickles."""

import numpy as np
import pytest

from ecgmodel.errors import DatasetError
from ecgmodel.evaluation import baselines, examples
from ecgmodel.evaluation.evaluate import evaluate_method
from ecgmodel.support.dataclass_files import load, save

from .made import ecg, result_table, write_shard


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    rng = np.random.default_rng(0)
    shards = [
        write_shard(folder / f"{name}.parquet", f"mitdb/{name}", [ecg(rng), ecg(rng)])
        for name in ("106", "112", "118")
    ]
    clean_many = baselines.load("butterworth")
    return evaluate_method(clean_many, shards, "butterworth"), clean_many, shards


def test_examples_are_three_records_at_the_middle_snr(measured):
    chosen = examples.choose(measured[0], "butterworth")
    assert list(chosen["role"]) == ["best", "median", "worst"]
    assert chosen["record"].nunique() == 3
    assert set(chosen["snr_db"]) == {0.0}
    assert chosen["snr_improvement"].is_monotonic_decreasing


def test_best_and_worst_have_extreme_improvements():
    table = result_table(("none", "model"))
    chosen = examples.choose(table, "model", snr_db=6.0).set_index("role")
    rows = table.query("method == 'model' and snr_db == 6")["snr_improvement"]
    assert chosen.loc["worst", "snr_improvement"] == rows.min()
    assert chosen.loc["best", "snr_improvement"] == rows.max()


def test_a_single_record_gives_different_segments():
    chosen = examples.choose(result_table(("model",), subjects=1), "model")
    assert len(chosen) == 3
    assert len(chosen.drop_duplicates(["start", "noise_type"])) == 3


def test_an_snr_without_segments_is_refused(measured):
    with pytest.raises(DatasetError, match=r"at 40 dB.*-6\.0, 0\.0, 6\.0"):
        examples.choose(measured[0], "butterworth", snr_db=40)


def test_signals_match_the_table(measured):
    table, clean_many, shards = measured
    chosen = examples.choose(table, "butterworth")
    for example, (_, row) in zip(
        examples.collect(chosen, clean_many, shards), chosen.iterrows(), strict=True
    ):
        assert (example.record, example.start) == (row["record"], row["start"])
        noise = example.noisy.astype(float) - example.original
        snr = 10 * np.log10(example.original.var() / noise.var())
        assert snr == pytest.approx(row["snr_db"], abs=0.02)
        np.testing.assert_allclose(example.denoised, clean_many(example.noisy[None])[0], atol=1e-6)


def test_examples_are_equal_after_saving_and_loading(measured, tmp_path):
    table, clean_many, shards = measured
    before = examples.collect(examples.choose(table, "butterworth"), clean_many, shards)
    save(before, tmp_path / "examples.npz")
    after = load(tmp_path / "examples.npz", examples.Example)  # which refuses pickles
    for one, other in zip(before, after, strict=True):
        assert (one.role, one.record, one.snr_db) == (other.role, other.record, other.snr_db)
        assert isinstance(other.start, int)
        np.testing.assert_array_equal(one.noisy, other.noisy)


def test_a_segment_missing_from_the_shards_is_named(measured):
    table, clean_many, shards = measured
    chosen = examples.choose(table, "butterworth").assign(record="mitdb/999")
    with pytest.raises(DatasetError, match="mitdb/999"):
        examples.collect(chosen, clean_many, shards)
