"""The main job: recordings in, a trained, tested and logged denoiser out."""

from __future__ import annotations

from prefect import flow

from ecgmodel.config import Settings
from flows.prepare import prepare
from flows.train import Training, train


@flow(name="pipeline")
def pipeline(settings: Settings) -> Training:
    """Prepare the dataset, then train on it."""
    return train(settings, prepare(settings).path)
