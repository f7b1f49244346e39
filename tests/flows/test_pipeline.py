"""The whole pipeline: a second run only checks, and real recordings go through."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ecgmodel.networks import load_network
from ecgmodel.settings.config import Settings
from flows.pipeline import pipeline
from flows.prepare import prepare
from flows.train import Training, train
from tests.flows import small

First = tuple[Settings, Training]


def test_running_again_does_nothing_but_check(first: First) -> None:
    settings, before = first
    with small.counted() as made:
        prepared = prepare(settings, return_state=True)
        trained = train(settings, prepared.result().path, return_state=True)
    assert made == []
    # What a source lists, and whether a training is logged, is asked anew each time.
    asked = {"list simulated", "list simnoise"}
    states = small.task_states(prepared.state_details.flow_run_id, len(small.PREPARED | asked))
    assert {name for name, state in states.items() if state == "Cached"} == small.PREPARED
    assert states.keys() - small.PREPARED == asked
    asked = {"log to MLflow", "register", "fetch version 1"}
    states = small.task_states(trained.state_details.flow_run_id, len(small.TRAINED) + len(asked))
    assert {name for name, state in states.items() if state == "Cached"} == small.TRAINED
    assert states.keys() - small.TRAINED == asked
    again = trained.result()
    assert again.run_id == before.run_id
    runs = again.tracker.client.search_runs([again.tracker.experiment])
    assert [run.info.run_id for run in runs] == [before.run_id]


def test_running_again_imports_nothing_that_works(first: First, tmp_path: Path) -> None:
    settings, before = first
    command = small.run_command(settings, tmp_path / "again")
    text = command.wait()
    assert command.made == []
    assert command.modules & {"tensorflow", "keras", "matplotlib"} == set()
    assert "prefect" in command.modules
    assert before.run_id in text
    assert "SIMULATED" in text


def test_the_saved_network_opens_in_keras(first: First) -> None:
    import keras

    path = first[1].model.file("model.keras")
    load_network(path)  # registers the layers, which a worker that did not train has not seen
    network = keras.saving.load_model(path)
    assert network.predict(np.zeros((2, 256, 1)), verbose=0).shape == (2, 256, 1)


def test_the_flow_run_names_the_mlflow_run_and_shows_the_result(first: First) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import (
        ArtifactFilter,
        ArtifactFilterFlowRunId,
        ArtifactFilterKey,
    )

    settings, before = first
    state = train(settings, before.dataset.path, return_state=True)
    wanted = ArtifactFilter(
        flow_run_id=ArtifactFilterFlowRunId(any_=[state.state_details.flow_run_id]),
        key=ArtifactFilterKey(any_=["training", "result", "mlflow-run"]),
    )
    with get_client(sync_client=True) as client:
        found = {a.key: str(a.data) for a in client.read_artifacts(artifact_filter=wanted)}
    assert sorted(found) == ["mlflow-run", "result", "training"]
    assert before.run_id in found["mlflow-run"]
    assert before.run_id in found["training"]
    assert "simulated" in found["training"]
    rows = json.loads(found["result"])
    assert {(row["noise"], row["SNR"]) for row in rows} >= {("bw", 0.0), ("ma", 6.0)}


def test_real_recordings_become_a_tested_model(
    prefect_server: None, physionet: Path, tmp_path: Path
) -> None:
    changes = {
        "source": {
            "kind": "physionet",
            "base_url": str(physionet),
            "clean": ["mitdb"],
            "records": ["101", "115", "109", "106", "201"],
        },
        "resample": {"length": 60_000},
    }
    settings = small.small(tmp_path / "store", changes)
    result = pipeline(settings)
    info = result.dataset.info
    assert info["leak_check"] == "passed"
    assert not info["source"]["simulated"]
    assert info["splits"] == {
        "mitdb/101": "train",
        "mitdb/115": "train",
        "mitdb/109": "validation",
        "mitdb/106": "test",
    }
    # By the convention of this database, 201 neither trains nor tests.
    assert [item["record"] for item in info["left_out"]] == ["mitdb/201"]
    assert {r["original_fs"] for r in info["records"]} == {360.0}
    assert result.report.file("report.html").stat().st_size > 10_000
    assert result.model.file("model.keras").is_file()
    with small.counted() as made:
        assert pipeline(settings).run_id == result.run_id
    assert made == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("database", "records"),
    [("nsrdb", ["16265", "17052", "18184"]), ("qtdb", [])],
)
def test_databases_of_other_rates_and_lengths_go_through(
    prefect_server: None, physionet: Path, tmp_path: Path, database: str, records: list[str]
) -> None:
    source = {"kind": "physionet", "base_url": str(physionet), "clean": [database]}
    changes = {"source": source | {"records": records}, "resample": {"length": 60_000}}
    result = pipeline(small.small(tmp_path / "store", changes))
    rates = {record["original_fs"] for record in result.dataset.info["records"]}
    assert rates == {128.0 if database == "nsrdb" else 250.0}
    assert result.dataset.info["leak_check"] == "passed"
