"""The check of a dataset detects every kind of leak between splits."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ecgmodel.dataset.checks import NOISE, check_dataset
from ecgmodel.dataset.splits import SPLITS, noise_ranges
from ecgmodel.errors import DatasetError
from tests.ecgmodel.dataset.made import NOISE_SAMPLES, mixed

RANGES = noise_ranges(NOISE_SAMPLES)
LENGTHS = dict.fromkeys(("bw", "ma", "em"), NOISE_SAMPLES)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tmp = tmp_path_factory.mktemp("good")
    dataset = tmp / "dataset"
    for split in SPLITS:
        shard, _ = mixed(tmp, split, name=f"own/{split}")
        (dataset / split).mkdir(parents=True)
        shutil.copyfile(shard, dataset / split / f"own-{split}.parquet")
    offer(dataset, {split: RANGES[split] for split in ("train", "validation")})
    return dataset


@pytest.fixture
def dataset(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "dataset"))


def offer(dataset: Path, ranges: dict[str, tuple[int, int]]) -> None:
    """Write the noise offered for mixing on the fly, from these samples of each split."""
    rows = [
        {"record": name, "lead": 0, "split": split, "start": low, "samples": [0.0] * (high - low)}
        for name in LENGTHS
        for split, (low, high) in ranges.items()
    ]
    pq.write_table(pa.Table.from_pylist(rows), dataset / NOISE)


def relabel(shard: Path, column: str, value: str) -> None:
    table = pq.read_table(shard)
    at = table.schema.get_field_index(column)
    values = pa.array([value] * len(table), table.schema.field(at).type)
    pq.write_table(table.set_column(at, table.schema.field(at), values), shard)


def test_a_good_dataset_passes_and_is_described(dataset: Path) -> None:
    found = check_dataset(dataset, LENGTHS, deep=True)
    assert found["subjects"] == {split: [f"own/{split}"] for split in SPLITS}
    for name in LENGTHS:
        assert tuple(found["noise"][name]["train"]) == RANGES["train"]
    assert found["snr_measured"]


def test_a_subject_in_two_splits_is_a_leak(dataset: Path) -> None:
    relabel(dataset / "test" / "own-test.parquet", "subject", "own/train")
    with pytest.raises(
        DatasetError, match=r"Leak between splits: subject own/train is in train.*test"
    ):
        check_dataset(dataset)


def test_a_row_in_the_folder_of_another_split_is_refused(dataset: Path) -> None:
    (dataset / "test" / "own-test.parquet").rename(dataset / "train" / "own-test.parquet")
    with pytest.raises(DatasetError, match=r"own-test\.parquet contains a row of split 'test'"):
        check_dataset(dataset)


def test_training_rows_with_noise_of_the_test_half_are_a_leak(
    dataset: Path, tmp_path: Path
) -> None:
    other, _ = mixed(tmp_path, "test", name="own/train")
    relabel(other, "split", "train")
    shutil.copyfile(other, dataset / "train" / "own-other.parquet")
    with pytest.raises(DatasetError, match=r"Leak between splits: of noise (bw|ma|em)"):
        check_dataset(dataset)


@pytest.mark.parametrize("train", [(0, RANGES["test"][0] + 5000), RANGES["test"]])
def test_offered_noise_that_the_test_uses_is_a_leak(dataset: Path, train: tuple[int, int]) -> None:
    offer(dataset, {"train": train})
    with pytest.raises(DatasetError, match=r"Leak between splits: of noise (bw|ma|em)"):
        check_dataset(dataset)


def test_noise_outside_a_splits_part_is_refused(dataset: Path) -> None:
    for split in ("validation", "test"):
        shard = dataset / split / f"own-{split}.parquet"
        table = pq.read_table(shard)
        pq.write_table(table.filter(pa.compute.is_null(table["target_snr_db"])), shard)
    offer(dataset, {"train": (0, RANGES["train"][1] + 1)})
    with pytest.raises(DatasetError, match=r"Its part is 0 to"):
        check_dataset(dataset, LENGTHS)


def test_noise_labelled_test_is_not_offered(dataset: Path) -> None:
    offer(dataset, {"train": RANGES["train"], "test": RANGES["test"]})
    with pytest.raises(DatasetError, match=r"noise\.parquet contains noise of split 'test'"):
        check_dataset(dataset)


def test_a_dataset_without_noise_is_refused(dataset: Path) -> None:
    (dataset / NOISE).unlink()
    with pytest.raises(DatasetError, match=r"noise\.parquet is missing"):
        check_dataset(dataset)
