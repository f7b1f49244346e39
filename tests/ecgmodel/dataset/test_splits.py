from __future__ import annotations

import pytest

from ecgmodel.dataset.splits import (
    SplitSettings,
    assign_splits,
    copies,
    noise_ranges,
    split_of,
    strictness,
    subject_of,
)
from ecgmodel.errors import SplitError

DEFAULT = SplitSettings()


@pytest.mark.parametrize(
    ("database", "record", "subject"),
    [
        ("mitdb", "202", "mitdb/201"),
        ("qtdb", "sel100", "mitdb/100"),
        ("qtdb", "sel16265", "nsrdb/16265"),
        ("qtdb", "sele0122", "edb/e0121"),
        ("qtdb", "sele0126", "edb/e0124"),
        ("qtdb", "sel17152", "sddb/17152"),
        ("nstdb", "118e_6", "mitdb/118"),
        ("own", "ward/7", "own/ward/7"),
    ],
)
def test_a_subject_has_one_name_in_every_database(database: str, record: str, subject: str) -> None:
    assert subject_of(database, record, DEFAULT) == subject


def test_no_test_subject_trains_under_any_name() -> None:
    for n in (106, 112, 118, 119, 203, 209, 215):
        assert split_of(subject_of("mitdb", str(n), DEFAULT), DEFAULT) == "test"
    for name in [
        "sel123",
        "sel233",
        "sel302",
        "sele0121",
        "sele0122",
        "sel16420",
        "sel32",
        "sel15814",
    ]:
        assert split_of(subject_of("qtdb", name, DEFAULT), DEFAULT) == "test"
    for name in ("sel100", "sel117", "sel232"):
        assert split_of(subject_of("qtdb", name, DEFAULT), DEFAULT) == "held_out"
    assert split_of(subject_of("nsrdb", "16420", DEFAULT), DEFAULT) == "test"
    assert split_of(subject_of("mitdb", "202", DEFAULT), DEFAULT) == "held_out"
    assert split_of(subject_of("mitdb", "123", DEFAULT), DEFAULT) == "test"


def test_subjects_keep_their_splits_when_others_are_added() -> None:
    some = [f"own/{n}" for n in range(40)]
    before = assign_splits(some, DEFAULT)
    after = assign_splits([*some, *(f"own/new{n}" for n in range(40))], DEFAULT)
    assert {subject: after[subject] for subject in some} == before
    assert sorted(set(before.values())) == ["test", "train", "validation"]


def test_names_in_the_settings_take_precedence() -> None:
    settings = SplitSettings(test=("own/a",), validation=("own/b",), train=("own/c",))
    assert assign_splits(["own/a", "own/b", "own/c"], settings) == {
        "own/a": "test",
        "own/b": "validation",
        "own/c": "train",
    }


def test_an_empty_split_names_its_remedy() -> None:
    with pytest.raises(SplitError, match=r"validation split.*split\.validation=\["):
        assign_splits(
            ["own/a", "own/b", "own/c"], SplitSettings(test=("own/a",), train=("own/b", "own/c"))
        )
    with pytest.raises(SplitError, match="Add records"):
        assign_splits(["own/a"], DEFAULT)


def test_noise_is_divided_by_time() -> None:
    assert noise_ranges(650_000) == {
        "train": (0, 260_000),
        "validation": (260_000, 325_000),
        "test": (325_000, 650_000),
    }


def test_the_first_of_identical_recordings_is_kept() -> None:
    same = {"own/a": "5f", "own/b": "07", "own/c": "5f", "own/d": "5f"}
    assert copies(same) == {"own/c": "own/a", "own/d": "own/a"}
    assert copies({"own/a": "5f", "own/b": "07"}) == {}


def test_the_test_split_is_the_strictest() -> None:
    how = SplitSettings(test=("own/t",), validation=("own/v",), train=("own/a",))
    order = sorted(["own/a", "own/v", "own/t"], key=lambda subject: strictness(subject, how))
    assert order == ["own/t", "own/v", "own/a"]
