"""A training's progress on its page; a server that is away never stops it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.settings import PREFECT_API_URL, temporary_settings

from tasks.following import KEY, Following

pytestmark = pytest.mark.usefixtures("prefect_server")


class Rows:
    """Takes the rows of epochs, as a tracking store's log does."""

    def __init__(self) -> None:
        self.rows: list[Mapping[str, float]] = []

    def open(self) -> str:
        return "run"

    def __call__(self, rows: Sequence[Mapping[str, float]]) -> None:
        self.rows += rows


def row(epoch: int) -> dict[str, float]:
    return {"epoch": epoch, "loss": 0.5, "val_loss": 0.25, "learning_rate": 0.001}


@task
def training(following: Following, done: int, until: int) -> None:
    following([row(epoch) for epoch in range(1, done + 1)])
    for epoch in range(done + 1, until + 1):
        following([row(epoch)])


@flow
def following_flow(following: Following, done: int, until: int) -> Any:
    training.submit(following, done, until).result()  # in a thread of its own, as `fit` is
    following.finish()
    from prefect import runtime

    return runtime.flow_run.id


def shown(run: Any) -> tuple[float, str]:
    wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run]))
    with get_client(sync_client=True) as client:
        (one,) = client.read_artifacts(artifact_filter=wanted)
    assert one.key == KEY
    return float(one.data), str(one.description)


def test_progress_ends_at_the_last_epoch() -> None:
    log = Rows()
    percent, text = shown(following_flow(Following(log, 4), 0, 4))
    assert percent == 100
    assert text == "Training: 4 epochs: loss 0.5, validation loss 0.25, learning rate 0.001."
    assert [int(r["epoch"]) for r in log.rows] == [1, 2, 3, 4]


def test_a_training_that_stops_early_or_was_resumed_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "prefect.task_runs"):
        percent, text = shown(following_flow(Following(Rows(), 9), 3, 5))
    assert percent == 100
    assert "5 epochs, stopped early (of 9)" in text
    lines = [r.getMessage() for r in caplog.records if "epoch" in r.getMessage()]
    assert any(line.startswith("resumed after epoch 3 of 9: loss 0.5") for line in lines)
    assert any(line.startswith("epoch 4 of 9") and line.endswith("left") for line in lines)


def test_a_server_that_is_away_is_asked_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = [1000.0]
    following = Following(Rows(), 40, clock=lambda: now[0])

    def failures(seconds: int) -> int:
        """Show an epoch each second, and return how often the server was asked in vain."""
        caplog.clear()
        for _ in range(seconds):
            now[0] += 1
            following._show("an epoch", 10)
        return sum("The progress is not shown" in r.getMessage() for r in caplog.records)

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert failures(60) == 1
        assert failures(60) == 1
