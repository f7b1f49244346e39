"""Thin Prefect tasks, each around one call into ecgmodel."""

from ecgmodel.support.telemetry import switch_off as _switch_off_telemetry

_switch_off_telemetry()  # before a module of this package imports Prefect or MLflow
