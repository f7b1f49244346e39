"""Log a trained network as an MLflow model: files, signature and requirements."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.denoise.onnx import FILE
from ecgmodel.models.trained import NETWORK
from ecgmodel.store.versions import PACKAGE, library_versions
from ecgmodel.support.paths import ROOT
from tasks.tracking.artifact_files import (
    SEAL,
    Files,
    altered,
    files_at,
    local_hashes,
    read_seal,
    seal,
)
from tasks.tracking.store import TrackingStore

if TYPE_CHECKING:
    from mlflow import MlflowClient

SERVED = Path(__file__).with_name("served.py")
# Packages for inference. MLflow adds itself.
LIBRARIES = ("numpy", "onnxruntime", "pandas", "pydantic", "scipy")
_NETWORKS = (f"artifacts/{NETWORK}", f"artifacts/{FILE}")
_PARTS = ("MLmodel", "code", "requirements.txt", SERVED.name, *_NETWORKS)
HOW_TO = """Removes noise from an ECG of any length, number of leads and sampling rate, in mV.

- `inputs`: samples `[…]`, or samples by leads `[[…], …]`; or `dataframe_split` and
  `dataframe_records` with one column a lead. A gap is `null`.
- `params`: `fs`, the sampling rate in Hz (50 to 4000; 360 if left out); `untrusted`, how to treat
  unreliable sections: `mark` cleans them, too, `pass` returns the input.
- `predictions` have the shape of the input.

For research; not a medical device."""


@dataclass(frozen=True)
class Examined:
    """What lies of a logged model.

    Attributes:
        missing: The parts that were deleted or altered.
        files: Hashes of its files that lie on this machine, by path.
    """

    missing: Set[str]
    files: Mapping[Path, str]


def log_model(run_id: str, keras: Path, onnx: Path) -> str:
    """Log a network with an open run, as a model for ECGs of any shape, and return its id.

    The signature leaves the input shape open, since MLflow would refuse all other shapes.

    Args:
        run_id: The run.
        keras: The network, for training and evaluation.
        onnx: The same, for inference.
    """
    import mlflow.pyfunc

    with mlflow.start_run(run_id=run_id), _contents(keras, onnx) as contents:
        return str(mlflow.pyfunc.log_model(name="model", **contents).model_id)


def examine(tracker: TrackingStore, model_id: str, networks: Files) -> Examined:
    """Compare the files of a logged model with its seal; earlier code set none.

    Args:
        tracker: The tracking store.
        model_id: The model.
        networks: What the store knows of the network files, by name.
    """
    model = tracker.client.get_logged_model(model_id)
    location = str(model.artifact_location)
    if not tracker.holds(location):
        return Examined(frozenset(), {})
    there = files_at(location, tracker.uri)
    now, ours = seal(there), seal({f"artifacts/{name}": file for name, file in networks.items()})
    wanted = {**(read_seal(model.tags) or {part: now.get(part) for part in _PARTS}), **ours}
    # The layout of earlier code is left as it is.
    missing = set() if any(name.startswith("data/") for name in there) else altered(there, wanted)
    return Examined(frozenset(missing), local_hashes(location, there))


def seal_model(tracker: TrackingStore, model_id: str) -> None:
    """Note what a logged model consists of, so that a file that changes later is noticed."""
    location = str(tracker.client.get_logged_model(model_id).artifact_location)
    if tracker.holds(location):
        known = json.dumps(seal(files_at(location, tracker.uri)))
        tracker.client.set_logged_model_tags(model_id, {SEAL: known})


def restore_model(
    client: MlflowClient, run_id: str, model_id: str, parts: Iterable[str], keras: Path, onnx: Path
) -> None:
    """Put back parts of a logged model; the others stay as they are.

    Args:
        client: MLflow's client.
        run_id: The run that logged it.
        model_id: The model.
        parts: The missing ones, as `examine` tells them.
        keras: The network, for training and evaluation.
        onnx: The same, for inference.
    """
    import mlflow.pyfunc
    from mlflow.models import Model

    with TemporaryDirectory() as folder, _contents(keras, onnx) as contents:
        package = Path(folder) / "model"
        described = Model(run_id=run_id, model_id=model_id)
        mlflow.pyfunc.save_model(str(package), mlflow_model=described, **contents)
        for part in parts:
            above = str(Path(part).parent) if "/" in part else None
            if (package / part).is_dir():
                client.log_model_artifacts(model_id, str(package / part), part)
            elif (package / part).is_file():  # else of an MLflow that packed more
                client.log_model_artifact(model_id, str(package / part), above)


@contextmanager
def _contents(keras: Path, onnx: Path) -> Iterator[dict[str, Any]]:
    """Provide what MLflow packs into a model."""
    from mlflow.models import ModelSignature
    from mlflow.types import DataType, ParamSchema, ParamSpec, Schema, TensorSpec

    params = [
        ParamSpec("fs", DataType.double, 360.0),
        ParamSpec("untrusted", DataType.string, "mark"),
    ]
    outputs = Schema([TensorSpec(np.dtype(np.float64), (-1, -1))])
    with TemporaryDirectory() as folder:
        yield {
            "python_model": str(SERVED),
            "artifacts": {NETWORK: str(keras), FILE: str(onnx)},
            "code_paths": [str(_code(Path(folder)))],
            "signature": ModelSignature(outputs=outputs, params=ParamSchema(params)),
            "input_example": (example(), {"fs": 360.0, "untrusted": "mark"}),
            "pip_requirements": [f"{n}=={v}" for n, v in library_versions(*LIBRARIES).items()],
        }


def networks(model: Path) -> dict[str, Path]:
    """Return a model's network files by name; older models have only the Keras file.

    Args:
        model: The model's folder.
    """
    places = (model / folder / name for folder in ("artifacts", "data") for name in (NETWORK, FILE))
    return {place.name: place for place in places if place.is_file()}


def example() -> NDArray[Any]:
    """Return a second of two leads with a beat, `(360, 2)`, mV."""
    time = np.arange(360) / 360
    qrs, t = (np.exp(-(((time - at) / width) ** 2)) for at, width in ((0.4, 0.015), (0.7, 0.06)))
    beat = 1.2 * qrs + 0.3 * t
    return np.round(np.stack([beat, beat / 2], axis=1), 3)


def _code(folder: Path) -> Path:
    """Copy the library's code, without the shipped networks."""
    ignored = shutil.ignore_patterns("__pycache__", "models")
    return Path(shutil.copytree(ROOT / PACKAGE, folder / PACKAGE, ignore=ignored))
