"""One recording under two names is found by its signal, and is one subject."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ecgmodel.dataset.doubles import check_doubles, doubles, one_subject
from ecgmodel.errors import DatasetError
from ecgmodel.signals.resampling import to_standard_rate
from ecgmodel.signals.standard import FS as RATE
from tests.ecgmodel.dataset.made import mixed
from tests.wfdb_files import ecg

FS = round(RATE)
RNG = np.random.default_rng(0)


def saved(folder: Path, **signals: np.ndarray) -> dict[str, Path]:
    found = {}
    for name, signal in signals.items():
        np.save(folder / f"{name}.npy", signal.reshape(len(signal), -1).astype(np.float32))
        found[name] = folder / f"{name}.npy"
    return found


def test_another_header_format_order_and_length(tmp_path: Path) -> None:
    one, two = ecg(70, FS), 0.5 * ecg(70, FS, seed=1)
    both = np.stack([one, two], axis=1)
    at_500 = np.stack([np.interp(np.arange(35000) / 500, np.arange(len(one)) / FS, one)], axis=1)
    usable = np.ones(at_500.shape, bool)
    made = {
        "original": both,
        "another_gain": 3 * one + 0.7,
        "inverted_alone": -two,
        "other_order": both[:, ::-1],
        "coarse": np.round(one / 0.02) * 0.02,
        "cut": both[: 20 * FS],
        "noisier": one + 0.01 * RNG.normal(size=len(one)),
        "from_500_hz": to_standard_rate(at_500, usable, 500)[0],
    }
    others = {f"other{i}": ecg(70, FS, seed=10 + i) for i in range(6)}
    found = doubles(saved(tmp_path, **made, **others))
    in_pairs = {name for pair in found for name in pair}
    assert in_pairs == set(made)
    assert ("another_gain", "original") in found
    assert ("inverted_alone", "original") in found
    subjects = one_subject({n: n for n in (*made, *others)}, found, dict.fromkeys(made, 0))
    assert len({subjects[name] for name in made}) == 1
    assert all(subjects[name] == name for name in others)


def test_other_recordings_are_not_alike(tmp_path: Path) -> None:
    hum = 0.5 * np.sin(2 * np.pi * 50 * np.arange(60 * FS) / FS)
    made = {f"r{i}": ecg(60, FS, rate=60 + i % 3, seed=i) + hum for i in range(30)}
    made |= {"flat": np.zeros(60 * FS), "flat_too": np.zeros(60 * FS), "short": ecg(3, FS)}
    pulse = np.tile(np.repeat([0.0, 1.0], FS // 2), 5)  # calibration
    for i in (50, 51):
        made[f"calibrated{i}"] = np.concatenate([pulse, ecg(60, FS, seed=i)])
    assert doubles(saved(tmp_path, **made)) == []


def test_the_subject_of_the_strictest_split_is_kept() -> None:
    owners = {"a": "A", "b": "B", "c": "C", "d": "B", "e": "E"}
    rank = {"A": 3, "B": 0, "C": 2, "E": 3}
    kept = one_subject(owners, [("a", "c"), ("b", "c")], rank)
    assert kept == {"a": "B", "b": "B", "c": "B", "d": "B", "e": "E"}


def dataset(folder: Path, **seconds: float) -> Path:
    """Put shards of one recording, of some seconds, into splits."""
    for split, length in seconds.items():
        shard, _ = mixed(folder, split, name=f"own/{split}", seconds=length)
        (folder / "dataset" / split).mkdir(parents=True)
        shard.rename(folder / "dataset" / split / "a.parquet")
    return folder / "dataset"


@pytest.mark.parametrize("other", [60.0, 80.0])
def test_the_check_finds_a_recording_in_two_splits(tmp_path: Path, other: float) -> None:
    with pytest.raises(DatasetError, match=r"own/train \(train\) and own/test \(test\) are one"):
        check_doubles(dataset(tmp_path, train=60.0, test=other))


def test_the_check_accepts_one_split(tmp_path: Path) -> None:
    check_doubles(dataset(tmp_path, train=60.0))
