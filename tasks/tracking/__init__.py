"""All use of MLflow: runs of trainings, and the model registry."""

from tasks.tracking.benchmarks import log_page
from tasks.tracking.finished import Finished
from tasks.tracking.first import ensure_champion
from tasks.tracking.live import LiveLog
from tasks.tracking.people import lineage, recordings, version_start
from tasks.tracking.registry import TAKEN_BACK, Change, How, Registry, RegistryError, Version
from tasks.tracking.restoring import restore
from tasks.tracking.runs import Tracker, flatten, training_name
from tasks.tracking.store import TrackingError, check_tracking, reaching, warm_up

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
    "check_tracking",
    "ensure_champion",
    "flatten",
    "lineage",
    "log_page",
    "reaching",
    "recordings",
    "restore",
    "training_name",
    "version_start",
    "warm_up",
]
