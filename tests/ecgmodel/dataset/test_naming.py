"""Names in settings must be listed by the sources; unknown ones get the nearest name."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from ecgmodel.dataset.naming import check_split_names, choose_names
from ecgmodel.dataset.splits import SplitSettings
from ecgmodel.errors import RecordError, UnknownNameError

OWN = {"own": ["a00", "a01", "ward/a02"]}
BOTH = {"nsrdb": ["16265"], "mitdb": ["100", "201", "202"]}


@pytest.mark.parametrize(
    ("split", "listed", "message"),
    [
        ({"test": ["a00"]}, OWN, r"split\.test names the subject 'a00'.*Nearest: own/a00"),
        ({"train": ["own/a0"]}, OWN, r"split\.train names.*Nearest: own/a0[01]"),
        ({"validation": ["own/a03"]}, OWN, r"split\.validation names the subject 'own/a03'"),
        ({"validation": ["a02"]}, OWN, "Nearest: own/ward/a02"),
        ({"subjects": {"a00": "x"}}, OWN, r"split\.subjects names.*'a00'.*Nearest: own/a00"),
        ({"subjects": {"own/a00": "x"}, "test": ["own/a00"]}, OWN, "Name its subject, 'x'"),
        ({"test": ["mitdb/202"]}, BOTH, "Name its subject, 'mitdb/201'"),
        ({"test": ["mitbd/100"]}, BOTH, "Nearest: mitdb/100"),
    ],
)
def test_an_unknown_name_is_refused(
    split: dict[str, Any], listed: dict[str, list[str]], message: str
) -> None:
    with pytest.raises(UnknownNameError, match=message):
        check_split_names(SplitSettings.model_validate(split), listed)


@pytest.mark.parametrize(
    ("split", "listed"),
    [
        ({"test": ["own/a00"], "train": ["own/ward/a02"]}, OWN),
        ({"subjects": {"own/a00": "x", "own/a01": "x"}, "test": ["x"]}, OWN),
        ({"test": ["mitdb/201"]}, BOTH),
        ({"test": ["mitdb/100"]}, {"qtdb": ["sel100"]}),  # one person in both databases
    ],
)
def test_a_known_name_is_accepted(
    split: dict[str, Any], listed: dict[str, list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    check_split_names(SplitSettings.model_validate(split), listed)
    assert not caplog.records


def test_a_name_from_a_database_outside_this_run_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        check_split_names(SplitSettings(test=("mitdb/106",)), OWN)
    assert "split.test names mitdb/106, which has no effect in this run" in caplog.text


def test_records_are_chosen_from_every_database_that_lists_them() -> None:
    assert choose_names((), BOTH) == {"nsrdb": ("16265",), "mitdb": ("100", "201", "202")}
    assert choose_names(("202", "mitdb/100"), BOTH) == {"nsrdb": (), "mitdb": ("100", "202")}


def test_an_unlisted_record_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match=r"source\.records.*'1O0'.*nsrdb, mitdb.*Near.*100"):
        choose_names(("100", "1O0"), BOTH)
    with pytest.raises(RecordError, match=r"\.\./100"):
        choose_names(("../100",), BOTH)
