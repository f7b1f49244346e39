"""The whole pipeline: recordings in, a trained, tested and registered denoiser out."""

from __future__ import annotations

from prefect import flow

from ecgmodel.settings.config import Settings
from ecgmodel.settings.preflight import check_places
from ecgmodel.store import Store
from flows.naming import concluded, everything, named
from flows.prepare import prepare
from flows.protocol_tests import check_protocols
from flows.starting import checked_start
from flows.train import Training, train
from tasks.tracking import check_tracking


@flow(name="pipeline", flow_run_name=named(everything))
def pipeline(settings: Settings, trigger: str = "by hand") -> Training:
    """Prepare the dataset, then train on it.

    Args:
        settings: All settings.
        trigger: What started the run; logged in MLflow.
    """
    check_places(settings)
    check_tracking(settings.tracking, Store(settings.store))
    check_protocols(settings, Store(settings.store))
    checked_start(settings, Store(settings.store))
    made = train(settings, prepare(settings, announce=False).path, trigger)
    return concluded(made, made.outcome)
