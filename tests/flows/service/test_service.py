"""The service as a team uses it: up, a new dataset retrains, what dies goes on, down."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import psutil
import pytest
import yaml
from click.testing import CliRunner, Result
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import FlowRun
from pydantic import ValidationError

from ecgmodel.cli.main import cli
from ecgmodel.settings.config import TrackingSettings, load_as
from ecgmodel.store import Store
from flows.service.deploying import deploy
from flows.service.servers import ServiceError, answers, mlflow_server
from flows.service.settings import ServedSettings, ServiceSettings
from tasks.tracking import Registry, Tracker
from tests.flows.service.running import Service, running
from tests.flows.small import SMALL
from tests.wfdb_files import ecg, write_record

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def told() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """The address of a webhook, and what it was told."""
    said: list[dict[str, str]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook", said
        server.shutdown()


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, told: tuple[str, list[dict[str, str]]]
) -> Iterator[Service]:
    """A service that the tests of this file share."""
    with running(tmp_path_factory.mktemp("service"), webhook=told[0]) as service:
        yield service


def registry(service: Service) -> Registry:
    store = Store(service.state / "store")
    return Registry(Tracker(TrackingSettings(uri=service.mlflow_url), store))


def is_done(service: Service, run: object) -> bool:
    state = service.run(run).state
    return bool(state and state.is_completed())


def artifacts(service: Service, run: FlowRun) -> dict[str, str]:
    """Return what a run's page shows, by key."""
    wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]))
    with service.client() as client:
        found = client.read_artifacts(artifact_filter=wanted)
    return {str(artifact.key): str(artifact.data) for artifact in found}


def events(service: Service, name: str) -> list[dict[str, Any]]:
    """Return the events of a name."""
    with service.client() as client:
        asked = {"filter": {"event": {"name": [name]}}}
        return list(client.request("POST", "/events/filter", json=asked).json()["events"])


def schedules(service: Service) -> dict[str, list[tuple[str, bool]]]:
    """Return cron and activity of each deployment's schedules."""
    with service.client() as client:
        found = client.read_deployments()
    return {d.name: [(s.schedule.cron, s.active) for s in d.schedules] for d in found}


def declared() -> list[dict[str, Any]]:
    return list(yaml.safe_load(Path("prefect.yaml").read_text())["deployments"])


@pytest.fixture
def invoke() -> Iterator[Callable[..., Result]]:
    """Run a command that does little in this process, which spares the imports."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield lambda service, command: CliRunner().invoke(cli, [command, "--config", str(service.file)])
    for number, handler in before.items():
        signal.signal(number, handler)


def test_everything_answers_and_is_deployed(
    service: Service, invoke: Callable[..., Result]
) -> None:
    said = service.command("status")
    assert said.returncode == 0, said.stdout + said.stderr
    for name in [one["name"] for one in declared()]:
        assert f"\n{name} " in said.stdout
    assert said.stdout.count("answers") == 2
    assert "champion    none yet" in said.stdout
    assert "retrain-on-drift      by hand or by event" in said.stdout
    again = invoke(service, "up")
    assert again.exit_code == 0
    assert "The service is already running." in again.output


def test_another_schedule_takes_the_place_of_the_one_before(service: Service) -> None:
    """What `up` deploys takes its place again: see the killed supervisor below."""
    changed = "service.schedules={prepare: '1 1 * * *', train: null, retrain-on-drift: '2 2 1 * *'}"
    deploy(load_as(ServedSettings, service.file, (changed,)), os.environ)
    now = schedules(service)
    assert now["prepare"] == [("1 1 * * *", True)]
    assert [active for _, active in now["train"]] == [False]
    assert now["retrain-on-drift"] == [("2 2 1 * *", True)]


def test_a_new_dataset_is_trained_on_by_itself(service: Service) -> None:
    prepared = service.start("prepare/prepare")
    service.until(lambda: is_done(service, prepared), "the dataset")
    service.until(lambda: service.runs("retrain"), "the retraining")
    (retrained,) = service.runs("retrain")
    service.until(lambda: is_done(service, retrained), "the end of the retraining")
    trigger = artifacts(service, retrained)["trigger"]
    assert "by a new dataset: simulated" in trigger
    (version,) = registry(service).versions()
    assert version.tags["ecg.dataset"] in trigger
    assert version.verdict.startswith(("promoted", "refused"))
    # One value is enough; what it sets is no matter to the dataset, which so is no news.
    again = service.start("prepare/prepare", settings={"training": {"epochs": 3}})
    service.until(lambda: is_done(service, again), "the dataset, cached")
    assert service.run(again).name == "prepare simulated"
    assert len(service.runs("retrain")) == 1
    assert service.run(retrained).name == "retrain conv_autoencoder on simulated"
    said = service.run(retrained).state
    assert said is not None
    assert str(said.message).startswith(("version 1 in use: ", "version 1 refused: "))
    past = service.command("history")  # the service's own file says where its models are
    assert f"version 1    {'in use' if version.verdict.startswith('p') else '':<7}" in past.stdout


def test_status_says_who_promoted_and_finds_the_service(service: Service) -> None:
    said = service.command("promote", "1", "--reason", "for a look")
    assert said.returncode == 0, said.stderr
    shown = service.command("status").stdout  # beside all that is scheduled for weeks
    assert re.search(r"^retrain conv_autoencoder on simulated +Completed", shown, re.M)
    assert re.search(r"version 1, put into use by hand \(.+\), .+ UTC: for a look$", shown, re.M)


def test_a_wrong_name_is_refused_on_the_runs_page_and_a_webhook_is_told(
    service: Service, told: tuple[str, list[dict[str, str]]]
) -> None:
    refusal = "There is no setting 'mix.sed'. Nearest: mix.seed"
    run = service.start("prepare/prepare", settings={"mix": {"sed": 3}})
    event = {
        **{"event": "ecg.model.promoted", "occurred": datetime.now(UTC).isoformat()},
        **{"id": str(uuid4()), "resource": {"prefect.resource.id": "ecg.model.ecg-denoiser.7"}},
        "payload": {"version": 7, "reason": "It is better."},
    }
    with service.client() as client:
        client.request("POST", "/events", json=[event])

    def texts() -> list[str]:
        return [said["body"] for said in told[1]]

    def told_of_both() -> bool:
        return "Version 7: It is better." in texts() and any(refusal in text for text in texts())

    service.until(told_of_both, "both notifications")
    state = service.run(run).state
    assert state is not None
    assert state.is_failed()
    assert refusal in str(state.message)
    subjects = {said["body"]: said["subject"] for said in told[1]}
    assert subjects["Version 7: It is better."] == "A new model is in use"
    (failure,) = (text for text in subjects if refusal in text)
    assert subjects[failure] == f"{service.run(run).name} failed"


def test_worker_and_run_killed_at_once_lose_nothing(service: Service) -> None:
    more = {**SMALL, "training": {"epochs": 40, "batch_size": 32, "patience": None}}
    run = service.start("retrain/train", settings=more)
    checkpoints = service.state / "store" / "train"
    service.until(lambda: list(checkpoints.glob("*.partial/checkpoints/*")), "the first epoch")
    worker = psutil.Process(service.pid("worker"))
    for process in [worker, *worker.children(recursive=True)]:
        process.kill()
    service.until(lambda: is_done(service, run), "the run's second attempt")
    assert service.run(run).labels["ecg.attempts"] == 2
    assert service.pid("worker") != worker.pid
    versions = [v for v in registry(service).versions() if v.run_id]
    assert len(versions) == 2
    client = registry(service).tracker.client
    steps = [m.step for m in client.get_metric_history(versions[0].run_id, "loss")]
    assert steps == list(range(1, 41))


def test_recordings_that_drift_retrain_by_themselves(service: Service, tmp_path: Path) -> None:
    version, *_ = registry(service).versions()
    registry(service).promote(version, "hand", "for this test")
    rng = np.random.default_rng(0)
    for number in range(12):  # large, noisy, and of another rate than those of the training
        signal = ecg(20, 250, rate=60 + 3 * number, seed=number)
        noisy = 3 * signal + 0.3 * rng.standard_normal(len(signal))
        write_record(tmp_path / "in", f"p{number}", noisy, 250)
    few = {**SMALL, "drift": {"min_recordings": 3, "alpha": 0.05}}  # three recordings train
    before = {run.id for run in service.runs("retrain")}
    places = {"recordings": str(tmp_path / "in"), "out": str(tmp_path / "out")}
    cleaned = service.start("denoise/denoise", settings=few, **places)
    service.until(lambda: is_done(service, cleaned), "the cleaned recordings")
    assert len(list((tmp_path / "out").glob("*.hea"))) == 12
    assert artifacts(service, cleaned)["drift"].startswith("# Drift: drift")

    def started() -> list[FlowRun]:
        return [run for run in service.runs("retrain") if run.id not in before]

    service.until(started, "the retraining")
    (retrained,) = started()
    service.until(lambda: is_done(service, retrained), "the end of the retraining")
    said = artifacts(service, retrained)["trigger"]
    assert "by drift: Drift between 12 incoming and 3 training recordings" in said
    (event,) = events(service, "ecg.drift.detected")
    assert event["id"] in said
    assert event["resource"]["prefect.resource.id"] == f"ecg.drift.{version.number}"
    assert retrained.created is not None
    waited = retrained.created - datetime.fromisoformat(event["occurred"])
    assert waited < timedelta(minutes=10)  # no schedule is so near


def test_a_supervisor_that_was_killed_leaves_nothing_that_up_cannot_mend(
    service: Service,
) -> None:
    os.kill(service.pid("supervisor"), signal.SIGKILL)
    orphans = {process.pid for process in service.processes()}
    assert orphans
    said = service.command("up", "--detach")
    assert said.returncode == 0, said.stdout + said.stderr
    assert not orphans & {process.pid for process in service.processes()}
    assert len(registry(service).versions()) == 2
    timed = {one["name"]: one.get("schedules", ()) for one in declared()}
    assert schedules(service) == {
        name: [(one["cron"], one["active"]) for one in planned] for name, planned in timed.items()
    }


def test_down_leaves_no_process(service: Service, invoke: Callable[..., Result]) -> None:
    assert "Stopped." in service.command("down").stdout
    assert service.processes() == []
    assert not answers(f"http://127.0.0.1:{service.prefect_port}/api/health")
    assert invoke(service, "down").output.strip() == "The service was not running."
    said = service.command("status")
    assert said.returncode == 3
    assert said.stdout.count("does not answer") == 2


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"schedules": {"train": "often"}}, "train: expected cron like '0 2 [*] [*] [*]'"),
        ({"timezone": "Mars/North"}, "expected a zone like Europe/Berlin, received 'Mars/North'"),
    ],
)
def test_times_that_do_not_exist_are_refused_at_the_door(
    setting: dict[str, object], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        ServiceSettings.model_validate(setting)


def test_pages_seen_from_elsewhere_may_talk_to_mlflow(tmp_path: Path) -> None:
    beyond = ServiceSettings.model_validate(
        {"host": "0.0.0.0", "password": "twelve characters", "names": ["ecg.example.org"]}
    )
    variables = mlflow_server(beyond.model_copy(update={"state": tmp_path})).environment
    assert "ecg.example.org:*" in variables["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    origins = variables["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"].split(",")
    assert "https://ecg.example.org" in origins
    assert "*" not in origins
    assert "MLFLOW_SERVER_ALLOWED_HOSTS" not in mlflow_server(ServiceSettings()).environment


@pytest.mark.parametrize("which", ["prefect_port", "mlflow_port"])
def test_a_port_that_is_taken_is_named_with_its_setting(
    which: str, tmp_path: Path, invoke: Callable[..., Result]
) -> None:
    service = Service(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", getattr(service, which)))
        taken.listen()
        said = invoke(service, "up")
    assert isinstance(said.exception, ServiceError)
    assert f"--set service.{which}={getattr(service, which) + 1}" in str(said.exception)
    assert service.processes() == []


def test_other_machines_are_served_only_with_a_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, invoke: Callable[..., Result]
) -> None:
    service = Service(tmp_path, host="0.0.0.0")
    monkeypatch.delenv("ECG_PASSWORD", raising=False)
    assert "set a password in the environment variable ECG_PASSWORD" in str(
        invoke(service, "up").exception
    )
    monkeypatch.setenv("ECG_PASSWORD", "short")
    assert "12 characters" in str(invoke(service, "up").exception)
    assert not (service.state / "service.json").exists()


def test_a_schedule_of_an_unknown_deployment_is_refused(tmp_path: Path) -> None:
    from ecgmodel.errors import SettingsError
    from flows.service.deploying import render
    from flows.service.settings import ServedSettings

    whole = yaml.safe_load(Path("prefect.yaml").read_text())
    settings = ServedSettings.model_validate({"service": {"schedules": {"prepar": "0 1 * * *"}}})
    with pytest.raises(SettingsError, match="prepare"):
        render(whole, settings)
    schedules = {"prepare": "0 1 * * *", "train": None, "denoise": "5 * * * *"}
    settings = ServedSettings.model_validate({"service": {"schedules": schedules}})
    made = {d["name"]: d["schedules"] for d in render(whole, settings)["deployments"]}
    assert [s["cron"] for s in made["prepare"]] == ["0 1 * * *"]
    assert [s["active"] for s in made["train"]] == [False]
    assert [s["cron"] for s in made["denoise"]] == ["5 * * * *"]
    assert [s["slug"] for s in made["prepare"]] == ["nightly: 0 1 * * * UTC"]
    assert [s["slug"] for s in made["train"]] == ["weekly: off"]
    assert json.dumps(made)
