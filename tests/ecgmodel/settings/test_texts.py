"""Text settings are taken literally: numbers remain names, and "#" starts no comment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ecgmodel.errors import SettingsError
from ecgmodel.settings.config import Settings, load_as, load_settings
from flows.service.settings import ServedSettings


def value(settings: Settings, name: str) -> Any:
    found: Any = settings
    for part in name.split("."):
        found = found[part] if isinstance(found, dict) else getattr(found, part)
    return found


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        ("store=/tmp/study #2", Path("/tmp/study #2")),
        ("store='/tmp/study #2'", Path("/tmp/study #2")),
        ("store=/tmp/a: b [c]", Path("/tmp/a: b [c]")),
        ("tracking.uri=http://me:pass #1@host", "http://me:pass #1@host"),
        ("tracking.uri=null", None),
        ("tracking.experiment=2024", "2024"),
        ("source.records=[100, 007, 1_000, no, 1e3]", ("100", "007", "1_000", "no", "1e3")),
        ("source.records=[a #1, b]", ("a #1", "b")),
        ("split.test=['own/a #1', own/b]", ("own/a #1", "own/b")),
        ("split.subjects={own/1: 2, own/03: 2}", {"own/1": "2", "own/03": "2"}),
        ("gate.test_set=~", None),
        ("resample.length=null", None),
        ("mix.test.snr_db=[-6, 0.5]", (-6.0, 0.5)),
        ("network.options={dropout: 0.1}", {"dropout": 0.1}),
        ("source.whole_files=yes", True),
    ],
)
def test_a_value_is_parsed_by_the_type_of_its_setting(pair: str, expected: Any) -> None:
    assert value(load_settings(pairs=[pair]), pair.partition("=")[0]) == expected


def test_numeric_names_in_a_file_are_text_and_comments_are_ignored(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "store: /tmp/study  # the second\n"
        "source: {records: [100, 007]}\n"
        "tracking: {experiment: 5, uri: null}\n"
    )
    settings = load_settings(file)
    assert settings.store == Path("/tmp/study")
    assert settings.source.records == ("100", "007")
    assert settings.tracking.experiment == "5"
    assert settings.tracking.uri is None


def test_a_setting_given_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("drift: {recent: 9}\nnetwork: {}\ndrift: {alpha: 0.1}\n")
    with pytest.raises(SettingsError, match=r"mine\.yaml(?s:.*)'drift' is set twice"):
        load_settings(file)


def test_service_settings_are_parsed_the_same_way() -> None:
    pairs = ["service.schedules={sync: 0 2 * * *, sweep: null}", "service.username=007"]
    served = load_as(ServedSettings, pairs=pairs)
    assert served.service.schedules == {"sync": "0 2 * * *", "sweep": None}
    assert served.service.username == "007"


def test_numbers_received_as_names_become_text() -> None:
    tree = {"source": {"records": [100]}, "split": {"subjects": {"own/1": 7}}}
    settings = Settings.model_validate(tree)
    assert settings.source.records == ("100",)
    assert settings.split.subjects == {"own/1": "7"}
