"""Unusable folders are refused before a run starts; the error names setting and path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ecgmodel.dataset.shards import schema
from ecgmodel.errors import SettingsError
from ecgmodel.evaluation.settings import EvaluationSettings
from ecgmodel.settings.config import Settings
from ecgmodel.settings.preflight import check_places, check_test
from ecgmodel.store import Store, Stored, Unit


def dataset(store: Path, length: int = 11_520, target: str = "highpass") -> Stored:
    def build(into: Path) -> dict[str, Any]:
        (into / "test").mkdir()
        rows = schema(length, {"target": target}).empty_table()
        pq.write_table(rows, into / "test" / "own-p1.parquet")
        return {}

    return Store(store).make(Unit("dataset", f"{length} {target}", {}), build)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"store": "{}/file/store"}, r"store=.*/file/store: .*/file is a file\. Name a folder"),
        ({"store": "{}/file"}, r"store=.*/file: .*/file is a file"),
        ({"source": {"kind": "folder", "path": "{}/gone"}}, r"source\.path=.*/gone does not exist"),
        (
            {"source": {"kind": "folder", "path": "{}", "noise_path": "{}/file"}},
            r"source\.noise_path=.*/file is a file, not a folder",
        ),
        (
            {"source": {"kind": "physionet", "base_url": "{}/gone"}},
            r"source\.base_url=.*/gone does not exist",
        ),
        (
            {"source": {"kind": "folder", "path": "{}", "base_url": "file://{}/gone"}},
            r"source\.base_url=.*/gone does not exist",
        ),
        ({"gate": {"test_set": "{}"}}, r"gate\.test_set=.* is not a dataset .*prints as Dataset"),
        ({"gate": {"test_set": "champoin"}}, r"gate\.test_set=champoin is not a dataset"),
    ],
)
def test_an_unusable_folder_is_refused(tree: dict[str, Any], message: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: filled(inner) for name, inner in value.items()}
        return value.replace("{}", str(tmp_path))

    with pytest.raises(SettingsError, match=message):
        check_places(Settings.model_validate({"store": tmp_path / "store", **filled(tree)}))


@pytest.mark.parametrize("chosen", [None, "champion", "challenger", "a dataset"])
def test_usable_folders_are_accepted_and_none_is_created(
    chosen: str | None, tmp_path: Path
) -> None:
    if chosen == "a dataset":
        chosen = str(dataset(tmp_path / "other").path)
    store = tmp_path / "not" / "yet"
    check_places(Settings.model_validate({"store": store, "gate": {"test_set": chosen}}))
    assert not store.parent.exists()


def test_a_test_set_that_does_not_fit_the_networks_is_refused(tmp_path: Path) -> None:
    short = dataset(tmp_path, length=1000)
    gate = {"store": tmp_path, "gate": {"test_set": str(short.path)}}
    with pytest.raises(SettingsError, match=r"gate\.test_set.*own-p1.*1000 samples.*window=1024"):
        check_places(Settings.model_validate(gate))
    check_test(short, EvaluationSettings(window=512), "highpass")
    other = dataset(tmp_path, target="as_recorded")
    with pytest.raises(SettingsError, match=r"'as_recorded'.*resample\.target='highpass'"):
        check_test(other, EvaluationSettings(), "highpass")
