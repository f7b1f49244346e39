from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from ecgmodel.dataset.mix_settings import MixSettings, fitted
from ecgmodel.dataset.mixing import Cell, add_noise
from ecgmodel.dataset.shards import read_metadata
from ecgmodel.errors import RecordError
from ecgmodel.noise._part import Noise
from tests.ecgmodel.dataset.made import EVEN, mixed, mixing, noise_part


def table(shard: Path) -> pd.DataFrame:
    frame = pd.read_parquet(shard)
    frame["noise_start"] = [tuple(x) for x in frame["noise_start"]]
    return frame


def signals(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return np.stack(frame["noisy"].to_list()), np.stack(frame["clean"].to_list())


def measured_snr(frame: pd.DataFrame) -> np.ndarray:
    noisy, clean = (x.astype(np.float64) for x in signals(frame))
    return 10 * np.log10(clean.var(axis=1) / (noisy - clean).var(axis=1))


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_row_has_exactly_the_snr_that_it_states(tmp_path: Path, split: str) -> None:
    frame = table(mixed(tmp_path, split)[0])
    with_noise = frame[frame["noise_type"] != "none"]
    snr = measured_snr(with_noise)
    np.testing.assert_allclose(snr, with_noise["target_snr_db"], atol=0.01)
    np.testing.assert_allclose(snr, with_noise["achieved_snr_db"], atol=1e-3)
    noisy, clean = signals(frame[frame["noise_type"] == "none"])
    np.testing.assert_array_equal(noisy, clean)
    assert frame[frame["noise_type"] == "none"]["target_snr_db"].isna().all()


def test_the_noise_has_no_offset(tmp_path: Path) -> None:
    noisy, clean = signals(table(mixed(tmp_path)[0]))
    np.testing.assert_allclose((noisy - clean).mean(axis=1), 0, atol=1e-5)


def test_training_rows_have_random_type_and_snr(tmp_path: Path) -> None:
    shard, info = mixed(tmp_path, mix=mixing(copies=3, unmixed=0.2, snr_db=(-6, 18)), seconds=300)
    frame = table(shard)
    assert len(frame) == info["rows"] == 2 * 105 * 3
    shares = frame["noise_type"].value_counts(normalize=True)
    assert shares["none"] == pytest.approx(0.2, abs=0.05)
    assert (abs(shares.drop("none") - 0.2) < 0.06).all()
    levels = frame["target_snr_db"].dropna()
    assert levels.between(-6, 18).all()
    assert levels.std() == pytest.approx(24 / 12**0.5, rel=0.1)  # evenly between the two
    copies = frame[frame["noise_type"] == "bw"].groupby(["lead", "start"])["noise_start"]
    assert (copies.nunique() == copies.size()).all()


def test_test_rows_contain_the_full_grid_for_each_segment(tmp_path: Path) -> None:
    shard, info = mixed(tmp_path, "test", mixing({"segment_s": 16, "snr_db": (0, 6)}))
    frame = table(shard)
    assert info["length"] == 5760 == len(frame["clean"][0])
    for _, segment in frame.groupby(["lead", "start"]):
        cells = segment[["noise_type", "target_snr_db"]].fillna(-99)
        assert len(cells.drop_duplicates()) == len(segment) == 1 + 4 * 2
        assert len({row.tobytes() for row in segment["clean"]}) == 1
        by_type = segment[segment["noise_type"] != "none"].groupby("noise_type")["noise_start"]
        assert (by_type.nunique() == 1).all()


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_each_split_keeps_to_its_part_of_the_noise(tmp_path: Path, split: str) -> None:
    shard, info = mixed(tmp_path, split, mixing({"segment_s": 16}))
    frame = table(shard)
    low, high = noise_part(split).ranges["bw"]
    starts = np.concatenate([np.asarray(s, int) for s in frame["noise_start"]])
    assert starts.min() >= low
    assert starts.max() + info["length"] <= high


def test_the_same_settings_give_the_same_bytes(tmp_path: Path) -> None:
    first, _ = mixed(tmp_path)
    mixed(tmp_path, name="own/other")
    again, _ = mixed(tmp_path)
    assert first.read_bytes() == again.read_bytes()
    assert (
        mixed(tmp_path, mix=mixing().model_copy(update={"seed": 1}))[0].read_bytes()
        != first.read_bytes()
    )


@pytest.mark.parametrize("split", ["train", "test"])
def test_more_types_or_levels_do_not_change_the_other_rows(tmp_path: Path, split: str) -> None:
    two = {"bw": 1, "ma": 1}
    few = table(
        mixed(tmp_path, split, mixing({"types": tuple(two), "snr_db": (0, 6)}, types=two))[0]
    )
    for more in (
        mixing({"types": ("em", "ma", "bw"), "snr_db": (0, 6)}, types={"em": 1, **two}),
        mixing({"types": tuple(two), "snr_db": (-12, 0, 6)}, types=two),
    ):
        many = table(mixed(tmp_path, split, more)[0])
        known = ["lead", "start", "copy", "noise_type", "target_snr_db"]
        both = few.merge(many, on=known, suffixes=("_few", "_many"))
        assert len(both) > 0.5 * len(few)
        assert (both["noise_start_few"] == both["noise_start_many"]).all()
        np.testing.assert_array_equal(
            np.stack(both["noisy_few"].to_list()), np.stack(both["noisy_many"].to_list())
        )


def test_the_gate_is_applied_and_reported(tmp_path: Path) -> None:
    from ecgmodel.signals.quality import QualitySettings

    _, info = mixed(tmp_path, gate=QualitySettings())
    gate = info["gate"]
    assert gate["seen"] == 42
    assert gate["kept"] + sum(gate["left_out"].values()) == 42
    assert gate["beat_classes"]["not annotated"]["seen"] == 42
    assert info["pieces"] == gate["kept"]


def test_shards_are_readable_without_this_project(tmp_path: Path) -> None:
    shard, info = mixed(tmp_path)
    field = pq.read_schema(shard).field("noisy")
    assert str(field.type) == "fixed_size_list<element: float not null>[1024]"
    assert not field.nullable
    query = f"select count(*), min(len(noisy)), max(target_snr_db) <= 24 from '{shard}'"
    assert duckdb.sql(query).fetchall() == [(info["rows"], 1024, True)]
    kept = pyarrow.dataset.dataset(shard).to_table(columns=["record", "noise_type"])
    assert kept.num_rows == info["rows"]
    metadata = read_metadata(shard)
    assert (metadata["fs"], metadata["units"], metadata["original_fs"]) == (360.0, "mV", 360.0)
    assert metadata["settings"]["train"]["copies"] == 2


def test_a_noise_recording_shorter_than_a_window_is_named(tmp_path: Path) -> None:
    part = noise_part("validation", samples=9_000)
    with pytest.raises(RecordError, match=r"'ma'.*900 samples.*1024.*longer noise"):
        part.cut("ma", 1024, np.random.default_rng(0))


def test_noise_pieces_contain_usable_samples_only() -> None:
    part = noise_part("train")
    part.recordings["em"].usable[5_000:32_000] = False
    for seed in range(50):
        start = part.cut("em", 1024, np.random.default_rng(seed)).origins[0].start
        assert start + 1024 <= 5_000


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_the_unit_of_the_noise_does_not_matter(unit: float) -> None:
    clean = np.sin(np.arange(1000.0))
    noise = Noise(unit * np.random.default_rng(0).normal(size=1000), ())
    _, _, achieved = add_noise([Cell(clean, noise, 0, 0, "x", 6.0)])
    assert achieved[0] == pytest.approx(6.0, abs=0.01)


def test_add_noise_by_hand() -> None:
    clean = np.array([1.0, -1.0, 1.0, -1.0], np.float32)
    noise = Noise(np.array([3.0, 3.0, 1.0, 1.0]), ())
    noisy, _, achieved = add_noise([Cell(clean, noise, 0, 0, "x", 20 * np.log10(2))])
    np.testing.assert_allclose(noisy[0], [1.5, -0.5, 0.5, -1.5], atol=1e-6)
    np.testing.assert_allclose(achieved, 6.0206, atol=1e-3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"test": {"snr_db": []}}, "at least one finite SNR"),
        ({"test": {"snr_db": [float("nan")]}}, "finite SNR"),
        ({"test": {"snr_db": [float("inf")]}}, "finite SNR"),
        ({"test": {"types": ["bm"]}}, "Unknown noise type 'bm'. Nearest: .*bw"),
        ({"train": {"types": {"bm": 1}}}, "Unknown noise type 'bm'. Nearest: .*bw"),
        ({"train": {"types": {"bw": -1}}}, "bw: expected a share of 0 or more"),
        ({"train": {"types": {"bw": 0}}}, "at least one type above 0"),
        ({"train": {"on_top": {"hum": 2}}}, "hum: expected a share of windows, 0 to 1"),
        ({"train": {"snr_db": [6, 0]}}, "the lower first"),
    ],
)
def test_invalid_settings_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MixSettings.model_validate(settings)


def test_types_are_drawn_in_proportion_to_their_weights(tmp_path: Path) -> None:
    mix = mixing(types={**EVEN, "em": 3, "mixed": 0}, unmixed=0, copies=4)
    shares = table(mixed(tmp_path, mix=mix, seconds=300)[0])["noise_type"].value_counts(True)
    assert shares["em"] == pytest.approx(0.6, abs=0.06)
    assert shares["bw"] == pytest.approx(0.2, abs=0.06)
    assert "mixed" not in shares


def test_rows_name_the_synthetic_types_added_on_top(tmp_path: Path) -> None:
    mix = mixing(on_top={"hum": 0.5}, unmixed=0.2, copies=4)
    frame = table(mixed(tmp_path, mix=mix, seconds=120)[0])
    with_hum = frame["noise_type"].str.endswith("hum")
    assert with_hum.mean() == pytest.approx(0.5, abs=0.1)
    assert set(frame.loc[with_hum, "noise_type"]) == {*(f"{n}+hum" for n in EVEN), "hum"}
    noisy = frame[frame["noise_type"] != "none"]
    np.testing.assert_allclose(measured_snr(noisy), noisy["target_snr_db"], atol=0.01)


def test_every_noise_type_can_be_tested(tmp_path: Path) -> None:
    types = ("bw", "wander", "hum", "pops", "gaussian")
    _, info = mixed(tmp_path, "test", mixing({"types": types, "segment_s": 16}))
    assert {n: info["rows_by_noise"][n] for n in types} == dict.fromkeys(types, 6 * 5)


def test_a_recording_of_ten_seconds_is_one_segment(tmp_path: Path) -> None:
    mix = fitted(MixSettings(), [3600] * 5)
    assert mix.window == 3584
    _, trains = mixed(tmp_path, "train", mix, seconds=10)
    assert (trains["length"], trains["rows"]) == (3584, 2)
    _, tests = mixed(tmp_path, "test", mix, seconds=10)
    assert (tests["length"], tests["rows"]) == (3584, 2 * 21)


def test_windows_fit_nine_of_ten_recordings() -> None:
    mix = MixSettings()
    assert fitted(mix, [650_000] * 3).window == mix.window
    assert fitted(mix, [3600] + [650_000] * 19).window == mix.window
    assert fitted(mix, [3600] * 5 + [650_000] * 5).window == 3584
    assert fitted(mix, [500] * 5).window == 1024
