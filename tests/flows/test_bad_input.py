"""Bad input: one bad record is omitted and reported; what cannot work stops the run early."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecgmodel.errors import (
    DatasetError,
    RecordError,
    SettingsError,
    SplitError,
    UnknownNameError,
)
from ecgmodel.settings.config import Settings
from flows.explaining import explain
from flows.pipeline import pipeline
from flows.prepare import prepare
from flows.train import Training
from tests.flows import small
from tests.wfdb_files import write_record

First = tuple[Settings, Training]
OWN = {"test": ["own/sim02", "own/sim06"], "validation": ["own/sim04"]}


@pytest.fixture
def own(first: First, tmp_path: Path) -> Settings:
    """Settings for six good records in a folder of the user's own."""
    downloads = first[0].store / "download"
    for name in small.RECORDS:
        small.copy_record(downloads, name, tmp_path / "own")
    for name in small.NOISE:
        small.copy_record(downloads, name, tmp_path / "noise")
    folders = {"kind": "folder", "path": tmp_path / "own", "noise_path": tmp_path / "noise"}
    return small.small(tmp_path / "store", {"source": folders, "split": OWN})


def test_one_bad_record_among_many_is_left_out_and_reported(own: Settings) -> None:
    assert own.source.path
    with (own.source.path / "sim03.dat").open("r+b") as file:
        file.truncate(1000)
    dataset = prepare(own)
    (left_out,) = dataset.info["left_out"]
    assert left_out["record"] == "own/sim03"
    assert "sim03" in left_out["reason"]
    assert "own/sim03" not in dataset.info["splits"]
    assert not [one for one in explain(own) if one.stage == "dataset" and one.reasons]


def test_records_that_say_nothing_are_left_out_by_name(own: Settings) -> None:
    assert own.source.path
    write_record(own.source.path, "flat", np.zeros(4000), 128.0)
    write_record(own.source.path, "missing", np.full(4000, np.nan), 128.0)
    generous = own.source.model_copy(update={"max_bad_share": 0.25})
    dataset = prepare(own.model_copy(update={"source": generous}))
    reasons = {item["record"]: item["reason"] for item in dataset.info["left_out"]}
    assert set(reasons) == {"own/flat", "own/missing"}
    assert "every sample is missing" in reasons["own/missing"]


@pytest.mark.parametrize("good", [4, 0])
def test_too_many_bad_records_stop_the_run_with_their_reasons(own: Settings, good: int) -> None:
    assert own.source.path
    for number in range(good + 1, 7):
        header = own.source.path / f"sim{number:02d}.hea"
        header.write_text(header.read_text().replace(f"sim{number:02d}.dat 212", "nothing"))
    with pytest.raises(
        DatasetError, match=rf"{6 - good} of 6 records(?s:.*)max_bad_share(?s:.*)06"
    ):
        prepare(own)


def test_a_share_of_bad_records_counts_each_record_once(own: Settings) -> None:
    # Two of six fail in the resampling: a third, which is more than 0.3 allows.
    assert own.source.path
    for name in ("sim01", "sim03"):
        write_record(own.source.path, name, np.zeros(4000), 128.0)
    less = own.source.model_copy(update={"max_bad_share": 0.3})
    with pytest.raises(DatasetError, match="2 of 6 records"):
        prepare(own.model_copy(update={"source": less}))


def test_a_split_without_subjects_names_the_remedy(tmp_path: Path) -> None:
    settings = small.small(tmp_path / "store", {"source": {"simulated": {"subjects": 3}}})
    with pytest.raises(SplitError, match=r"validation.*--set 'split\.validation=\["):
        prepare(settings)


def test_a_noise_recording_that_is_too_short_is_named(tmp_path: Path) -> None:
    settings = small.small(tmp_path / "store", {"source": {"simulated": {"noise_minutes": 0.2}}})
    with pytest.raises(RecordError, match=r"Noise record 'bw'.*mix\.test\.segment_s"):
        prepare(settings)


def test_an_unknown_record_names_the_nearest(tmp_path: Path) -> None:
    settings = small.small(tmp_path / "store", {"source": {"records": ["sim1"]}})
    with pytest.raises(UnknownNameError, match="sim01"):
        prepare(settings)


def test_names_of_nobody_stop_the_run_before_any_download(own: Settings) -> None:
    named = own.split.model_copy(update={"test": ("sim02",)})
    with (
        small.counted() as made,
        pytest.raises(UnknownNameError, match=r"split\.test.*'sim02'.*Nearest: own/sim02"),
    ):
        prepare(own.model_copy(update={"split": named}))
    assert made == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"tracking": {"uri": "http://127.0.0.1:9", "timeout_s": 1}},
            r"tracking\.uri=http://127\.0\.0\.1:9 does not answer.*tracking\.retries",
        ),
        (
            {"gate": {"rules": ["primary", "qrs_stress"]}, "source": {"base_url": "{}"}},
            r"gate\.rules.*protocol qrs-stress.*source\.base_url=.*Remove the rule",
        ),
        ({"store": "{}/file"}, r"store=.*/file is a file"),
        ({"gate": {"test_set": "{}"}}, r"gate\.test_set=.* is not a dataset"),
    ],
)
def test_what_would_fail_at_the_end_fails_before_the_first_download(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    tree = json.loads(json.dumps(changes).replace("{}", str(tmp_path)))
    settings = small.small(tmp_path / "store", tree)
    with small.counted() as made, pytest.raises(SettingsError, match=message):
        pipeline(settings)
    assert made == []


def test_a_recording_under_two_names_counts_once_where_it_does_least_harm(own: Settings) -> None:
    assert own.source.path
    folder = own.source.path  # sim02 tests, "a copy" would train
    for suffix in ("hea", "dat", "atr"):
        copy = (folder / f"sim02.{suffix}").read_bytes().replace(b"sim02", b"acopy")
        (folder / f"acopy.{suffix}").write_bytes(copy)
    train = own.split.model_copy(update={"train": ("own/acopy",)})
    dataset = prepare(own.model_copy(update={"split": train}))
    assert "own/acopy" not in dataset.info["splits"]
    assert dataset.info["splits"]["own/sim02"] == "test"
    (left_out,) = dataset.info["left_out"]
    assert left_out["record"] == "own/acopy"
    assert "identical to own/sim02" in left_out["reason"]


def test_a_recording_with_another_name_gain_and_lead_is_one_subject(
    own: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    assert own.source.path
    folder = own.source.path  # sim02 tests, the other would train
    shutil.copyfile(folder / "sim02.dat", folder / "other.dat")
    first, *signals = (folder / "sim02.hea").read_text().replace("sim02", "other").splitlines()
    changed = [re.sub(r" \d+(\.\d+)?(\(|/)", r" 100\2", line, count=1) for line in signals]
    (folder / "other.hea").write_text("\n".join([first, *changed, ""]))
    dataset = prepare(own)
    assert dataset.info["splits"]["own/sim02"] == "test"
    assert "own/other" not in dataset.info["splits"]
    records = {r["record"]: (r["subject"], r["split"]) for r in dataset.info["records"]}
    assert records["own/other"] == records["own/sim02"] == ("own/sim02", "test")
    assert "own/other and own/sim02 have the same signal" in caplog.text


def test_a_record_name_cannot_leave_the_folder(tmp_path: Path) -> None:
    settings = small.small(tmp_path / "store", {"source": {"records": ["../sim01"]}})
    with pytest.raises(RecordError, match=r"\.\./sim01"):
        prepare(settings)
