"""Everything that speaks with MLflow: runs of trainings, and the registry of models."""

from tasks.tracking.benchmarks import log_page
from tasks.tracking.live import LiveLog
from tasks.tracking.registry import TAKEN_BACK, Change, How, Registry, RegistryError, Version
from tasks.tracking.runs import Finished, Tracker, flatten, training_name
from tasks.tracking.store import TrackingError, reaching, warm_up

__all__ = [
    "TAKEN_BACK",
    "Change",
    "Finished",
    "How",
    "LiveLog",
    "Registry",
    "RegistryError",
    "Tracker",
    "TrackingError",
    "Version",
    "flatten",
    "log_page",
    "reaching",
    "training_name",
    "warm_up",
]
