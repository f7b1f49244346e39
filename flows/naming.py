"""Names of flow runs and the messages of their final states."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from prefect import runtime
from prefect.states import Completed

from ecgmodel.denoise.files import find
from ecgmodel.errors import EcgError
from ecgmodel.settings.config import Settings
from flows.temporary_server import is_temporary

_Result = TypeVar("_Result")
_KEY = re.compile(r"-[0-9a-f]{16}$")  # the key at the end of a store folder's name


def named(name: Callable[[Mapping[str, Any]], str]) -> Callable[[], str]:
    """Turn a function of a run's parameters into Prefect's `flow_run_name`."""
    return lambda: name(runtime.flow_run.parameters)


def this_flow_run() -> dict[str, str]:
    """Return id, name and URL of the current flow run."""
    run = runtime.flow_run
    known = {"id": run.id, "name": run.name, "url": None if is_temporary() else run.ui_url}
    # A temporary server has no UI; Prefect then writes "None" into the URL.
    return {n: str(v) for n, v in known.items() if v and not str(v).startswith("None")}


def preparing(given: Mapping[str, Any]) -> str:
    """Name a run that prepares a dataset, e.g. "prepare mitdb"."""
    return f"prepare {_databases(given['settings'])}"


def training(given: Mapping[str, Any]) -> str:
    """Name a run that trains, e.g. "train strided_unet on mitdb"."""
    return f"train {_network_on(given)}"


def retraining(given: Mapping[str, Any]) -> str:
    """Name a run that prepares and trains, started by an event or by hand."""
    return f"retrain {_network_on(given)}"


def everything(given: Mapping[str, Any]) -> str:
    """Name a run of the whole pipeline."""
    return f"make {_network_on(given)}"


def denoising(given: Mapping[str, Any]) -> str:
    """Name a run that denoises, e.g. "denoise 3 recordings with default"."""
    paths, model = given["recordings"], str(given["model"]).removeprefix("models:/")
    try:
        found = len(find(paths if isinstance(paths, list) else [paths], given["out"]))
        what = f"{found} recording{'' if found == 1 else 's'}"
    except (EcgError, OSError):  # the flow itself reports the error
        what = "recordings"
    return f"denoise {what} with {model}"


def evaluating(given: Mapping[str, Any]) -> str:
    """Name a run that evaluates a file, e.g. "evaluate model.keras on mitdb"."""
    return f"evaluate {Path(given['model']).name} on {_dataset(given['dataset_folder'])}"


def benchmarking(given: Mapping[str, Any]) -> str:
    """Name a run of a benchmark, e.g. "benchmark qt-bw (quick)"."""
    return f"benchmark {given['protocol']}{' (quick)' if given['quick'] else ''}"


def concluded(value: _Result, message: str) -> _Result:
    """Return a flow's result as a completed state whose message is shown on the run's page.

    The caller of the flow receives the value.
    """
    return cast("_Result", Completed(message=message, data=value))


def _network_on(given: Mapping[str, Any]) -> str:
    settings: Settings = given["settings"]
    folder = given.get("dataset_folder") or given.get("dataset")
    data = _dataset(folder) if folder else _databases(settings)
    return f"{settings.network.architecture} on {data}"


def _databases(settings: Settings) -> str:
    return "+".join(settings.source.clean_databases)


def _dataset(folder: str | Path) -> str:
    return _KEY.sub("", Path(folder).name)
