"""Prefect flows, one per file, with the pipeline's commands and the service."""

from ecgmodel.support.proxies import spare_loopback as _spare_loopback
from ecgmodel.support.telemetry import switch_off as _switch_off_telemetry

_spare_loopback()
_switch_off_telemetry()  # before a module of this package imports Prefect or MLflow
