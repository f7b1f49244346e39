"""What MLflow is told of a training: once, completely, and again where it is not there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ecgmodel.evaluation.headline import Headline
from ecgmodel.settings.config import Settings
from ecgmodel.store.versions import git_commit
from flows import receipts
from flows.train import Training, train
from tasks.tracking import Registry, TrackingError, flatten
from tasks.tracking.describing import with_verdict
from tests.flows import small

First = tuple[Settings, Training]


def test_a_run_holds_settings_dataset_and_where_it_came_from(first: First) -> None:
    settings, result = first
    run = result.tracker.client.get_run(result.run_id)
    assert run.info.status == "FINISHED"
    params = flatten(settings.model_dump(mode="json", exclude={"store", "tracking"}))
    assert {name: run.data.params[name] for name in params} == params
    assert run.data.params["mix.window"] == "512"
    (entry,) = run.inputs.dataset_inputs
    assert entry.dataset.digest == result.dataset.digest[:32]
    assert json.loads(entry.dataset.source)["kind"] == "simulated"
    assert json.loads(entry.dataset.profile) == result.dataset.info["counts"]
    assert len(run.data.tags["prefect.flow_run_id"]) == 36
    if commit := git_commit():
        assert run.data.tags["mlflow.source.git.commit"] == commit


def test_a_run_holds_each_epoch_once_and_the_results(first: First) -> None:
    _, result = first
    client = result.tracker.client
    rows = json.loads(result.model.file("history.json").read_text())["rows"]
    for name in ("loss", "val_loss", "learning_rate"):
        points = client.get_metric_history(result.run_id, name)
        assert [(p.step, p.value) for p in points] == [(r["epoch"], r[name]) for r in rows]
    metrics = client.get_run(result.run_id).data.metrics
    assert metrics.items() >= result.report.info["metrics"].items()
    names = {item.path for item in client.list_artifacts(result.run_id)}
    assert names >= {"report.html", "settings.yaml", "environment.json", "history.json"}
    folders = {name.split("/")[0] for name in result.report.files if "/" in name}
    assert names >= folders


def test_the_pages_state_the_headline_and_link_what_is_looked_at_first(first: First) -> None:
    _, result = first
    client, tracker = result.tracker.client, result.tracker
    found = Headline.from_dict(result.report.info["headline"])
    metrics = client.get_run(result.run_id).data.metrics
    assert {name for name in metrics if "/" in name} == set(result.report.info["metrics"])
    assert metrics["test/snr_improvement"] == found.improvement
    assert metrics["test/best_filter_snr_improvement"] == found.filter_improvement
    note = client.get_run(result.run_id).data.tags["mlflow.note.content"]
    assert found.figure in note
    assert f"({tracker.run_page(result.run_id, 'artifacts/report.html')})" in note
    names = {item.path for item in client.list_artifacts(result.run_id, "tables")}
    assert names >= {"tables/improvement.csv", "tables/cells.csv"}
    tags = client.get_experiment(tracker.experiment).tags
    assert tags["mlflow.experimentKind"] == "custom_model_development"
    version = client.get_model_version(tracker.settings.model, str(result.judged.version))
    assert found.figure in version.description
    assert version.description.count("**Verdict:**") == 1
    assert version.tags["ecg.verdict"][:60] in version.description


def test_a_second_verdict_takes_the_place_of_the_first() -> None:
    first = with_verdict("unet on mitdb\n\n**+8.0 dB**", "refused: too few")
    assert first == "unet on mitdb\n\n**+8.0 dB**\n\n**Verdict:** refused: too few"
    assert with_verdict(first, "promoted").endswith("+8.0 dB**\n\n**Verdict:** promoted")


def test_the_logged_model_holds_the_network_in_both_forms_and_the_code_that_applies_it(
    first: First,
) -> None:
    import mlflow
    from mlflow.artifacts import download_artifacts

    settings, result = first
    mlflow.set_tracking_uri(result.tracker.uri)  # MLflow looks "models:/" up there
    (output,) = result.tracker.client.get_run(result.run_id).outputs.model_outputs
    address = f"models:/{output.model_id}"
    model = Path(download_artifacts(address, tracking_uri=result.tracker.uri))
    exported = small.unit_folder(settings.store, small.EXPORT)
    for file in (result.model.file("model.keras"), exported / "model.onnx"):
        assert (model / "artifacts" / file.name).read_bytes() == file.read_bytes()
    code = model / "code" / "ecgmodel"
    assert (code / "denoise" / "denoiser.py").is_file()
    assert not (code / "models").exists()  # the shipped networks are no part of it
    needed = (model / "requirements.txt").read_text()
    assert "onnxruntime==" in needed
    assert "tensorflow" not in needed


@pytest.mark.parametrize("where", ["another store", "an emptied store"])
def test_a_store_that_does_not_know_the_training_is_told_without_training(
    first: First, store: Path, tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where MLflow puts the artifacts of a database on its own.
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path / 'other.db'}" if where == "another store" else None
    if uri is None:
        shutil.rmtree(store / "mlflow")
    settings = small.small(store, {"tracking": {"uri": uri}})
    with small.counted() as made:
        result = train(settings, small.unit_folder(store, small.PUBLISH))
    assert made == []
    assert result.run_id != first[1].run_id
    run = result.tracker.client.get_run(result.run_id)
    assert small.loss_steps(result.tracker.client, result.run_id) == [1, 2]
    assert len(run.outputs.model_outputs) == 1
    assert run.info.status == "FINISHED"


def test_a_deleted_run_is_logged_again(first: First, store: Path) -> None:
    settings = small.small(store)
    dataset = small.unit_folder(store, small.PUBLISH)
    result = train(settings, dataset)
    result.tracker.client.delete_run(result.run_id)
    with small.counted() as made:
        again = train(settings, dataset)
    assert made == []
    assert again.run_id != result.run_id


def test_a_server_that_does_not_answer_costs_no_training(first: First, store: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{free.getsockname()[1]}"
    how = {"training": {"seed": 5}}
    dataset = small.unit_folder(store, small.PUBLISH)
    silent = small.small(store, how, {"tracking": {"uri": uri, "timeout_s": 1}})
    with small.counted() as made, pytest.raises(TrackingError, match="the same command") as caught:
        train(silent, dataset)
    assert sorted(made) == sorted([small.FIT, small.MEASURE, small.REPORT, small.EXPORT])
    assert uri in str(caught.value)
    with small.counted() as made:
        result = train(small.small(store, how), dataset)
    assert made == ["verdict version 2"]
    assert small.loss_steps(result.tracker.client, result.run_id) == [1, 2]


@pytest.mark.slow
def test_a_server_that_comes_late_is_waited_for(first: First, store: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    tracking = {"uri": f"http://127.0.0.1:{port}", "timeout_s": 2, "retries": 5}
    settings = small.small(store, {"training": {"seed": 6}}, {"tracking": tracking})
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    places = ["--backend-store-uri", f"sqlite:///{tmp_path / 'late.db'}"]
    places += ["--artifacts-destination", str(tmp_path / "artifacts")]
    servers: list[subprocess.Popen[bytes]] = []
    silent = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}

    def come() -> None:
        servers.append(subprocess.Popen([*command, *places], env=silent, start_new_session=True))

    late = threading.Timer(15, come)  # by then the training is over, and the first try has failed
    late.start()
    try:
        result = train(settings, small.unit_folder(store, small.PUBLISH))
        assert small.loss_steps(result.tracker.client, result.run_id) == [1, 2]
        assert result.judged.version == 1
        receipts.keep(settings, result, "as it was")
        assert receipts.find(settings)  # by requests to the server
        _damage(tmp_path / "artifacts")
        assert result.tracker.logged(result.finished) is None
        train(settings, small.unit_folder(store, small.PUBLISH))
        assert result.tracker.logged(result.finished)
        Registry(result.tracker).promote(Registry(result.tracker).version(1), "hand", "a test")
        assert receipts.find(settings) is None
    finally:
        late.cancel()
        for server in servers:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait()


def _damage(artifacts: Path) -> None:
    """Delete and cut files of a run and of its model, behind a server's back."""
    for name in ("figures/loss.png", "code/ecgmodel/denoise/denoiser.py", "dataset.json"):
        next(artifacts.rglob(name)).unlink()
    for name in ("report.html", "model.onnx"):
        next(artifacts.rglob(name)).write_bytes(b"x")
