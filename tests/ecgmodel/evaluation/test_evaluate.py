"""Evaluation of test shards gives a table with one row per segment."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ecgmodel.errors import DatasetError, MissingFileError, ModelError
from ecgmodel.evaluation import baselines, metrics
from ecgmodel.evaluation.evaluate import count_segments, evaluate_method, read_batches

from .made import SAMPLES, ecg, write_shard


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    rng = np.random.default_rng(0)
    return [
        write_shard(folder / "a.parquet", "mitdb/106", [ecg(rng), ecg(rng)]),
        write_shard(folder / "b.parquet", "qtdb/sel32", [ecg(rng)], original_fs=250),
    ]


def test_one_row_per_segment_with_its_identity(shards):
    seen = []
    table = evaluate_method(baselines.load("none"), shards, "none", progress=seen.append)
    assert len(table) == count_segments(shards) == sum(seen) == 21
    assert list(table["original_fs"].unique()) == [360.0, 250.0]
    assert table.loc[table["noise_type"] == "none", "snr_db"].isna().all()
    assert set(metrics.METRICS) <= set(table)


def test_no_filter_gives_no_improvement_at_the_stated_snr(shards):
    table = evaluate_method(baselines.load("none"), shards, "none")
    noisy = table[table["noise_type"] != "none"]
    np.testing.assert_allclose(noisy["snr_improvement"], 0, atol=1e-12)
    white = noisy[noisy["noise_type"] == "ma"]  # the same noise power in every window
    np.testing.assert_allclose(white["snr_in"], white["snr_db"], atol=1.5)


def test_a_perfect_method_has_no_error(shards):
    truth = {}
    for shard in shards:
        for batch in read_batches(shard):
            truth.update((x.tobytes(), y) for x, y in zip(batch.noisy, batch.clean, strict=True))
    table = evaluate_method(lambda rows: np.stack([truth[r.tobytes()] for r in rows]), shards)
    assert table["rmse"].max() == 0
    assert table["snr_out"].isna().all()  # never infinite


def test_methods_receive_whole_segments_in_batches(shards):
    shapes = []

    def method(rows):
        shapes.append(rows.shape)
        return rows

    evaluate_method(method, shards)
    assert {samples for _, samples in shapes} == {SAMPLES}
    assert max(rows for rows, _ in shapes) == 8  # a row group, never the shard


def test_a_failing_method_is_named_with_the_segment(shards):
    with pytest.raises(ModelError, match=r"'lost'.*mitdb/106"):
        evaluate_method(lambda rows: rows * np.nan, shards, "lost")
    with pytest.raises(ModelError, match="shape"):
        evaluate_method(lambda rows: rows[:, :-1], shards, "short")


def test_a_shard_with_a_wrong_snr_is_refused(shards, tmp_path):
    table = pq.read_table(shards[0])
    column = table.column_names.index("target_snr_db")
    louder = pa.array([None if v is None else v + 3 for v in table["target_snr_db"].to_pylist()])
    wrong = tmp_path / "wrong.parquet"
    pq.write_table(table.set_column(column, "target_snr_db", louder), wrong)
    with pytest.raises(DatasetError, match=r"stated SNR is -3 dB.*measured SNR -6\.000 dB"):
        evaluate_method(baselines.load("none"), [wrong])


def test_files_other_than_test_shards_are_refused(tmp_path, shards):
    with pytest.raises(MissingFileError, match="nowhere"):
        evaluate_method(baselines.load("none"), [tmp_path / "nowhere.parquet"])
    other = tmp_path / "other.parquet"
    pq.write_table(pq.read_table(shards[0], columns=["record"]), other)
    with pytest.raises(DatasetError, match="noisy"):
        evaluate_method(baselines.load("none"), [other])
    with pytest.raises(DatasetError, match="No test segments"):
        evaluate_method(baselines.load("none"), [])


def test_a_filter_improves_real_recordings_with_real_noise(physionet, tmp_path):
    import wfdb

    clean = wfdb.rdrecord(str(physionet / "mitdb/1.0.0/109"), sampto=4 * SAMPLES).p_signal[:, 0]
    clean = baselines.load("butterworth")(clean[None])[0].reshape(4, SAMPLES)
    path = str(physionet / "nstdb/1.0.0/bw")
    wander = wfdb.rdrecord(path, sampfrom=400_000, sampto=400_000 + SAMPLES).p_signal[:, 0]
    noises = {"bw": wander - wander.mean()}
    shard = write_shard(tmp_path / "109.parquet", "mitdb/109", list(clean), ("bw",), 360, noises)
    table = evaluate_method(baselines.load("butterworth"), [shard], "butterworth")
    assert table[table["snr_db"] == 0]["snr_improvement"].mean() > 10
