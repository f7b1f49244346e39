"""Log a trained network as an MLflow model: files, signature and requirements."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.denoise.onnx import FILE
from ecgmodel.models.trained import NETWORK
from ecgmodel.store.versions import PACKAGE, library_versions
from ecgmodel.support.paths import ROOT

if TYPE_CHECKING:
    from mlflow import MlflowClient

SERVED = Path(__file__).with_name("served.py")
# Packages for inference. MLflow adds itself.
LIBRARIES = ("numpy", "onnxruntime", "pandas", "pydantic", "scipy")
_PARTS = frozenset({"MLmodel", "code", "requirements.txt", SERVED.name})
HOW_TO = """Removes noise from an ECG of any length, number of leads and sampling rate, in mV.

- `inputs`: samples `[…]`, or samples by leads `[[…], …]`; or `dataframe_split` and
  `dataframe_records` with one column a lead. A gap is `null`.
- `params`: `fs`, the sampling rate in Hz (50 to 4000; 360 if left out); `untrusted`, how to treat
  unreliable sections: `mark` cleans them, too, `pass` returns the input.
- `predictions` have the shape of the input.

For research; not a medical device."""


def log_model(run_id: str, keras: Path, onnx: Path) -> None:
    """Log a network with an open run, as a model for ECGs of any shape.

    The signature leaves the input shape open, since MLflow would refuse all other shapes.

    Args:
        run_id: The run.
        keras: The network, for training and evaluation.
        onnx: The same, for inference.
    """
    import mlflow.pyfunc

    with mlflow.start_run(run_id=run_id), _contents(keras, onnx) as contents:
        mlflow.pyfunc.log_model(name="model", **contents)


def missing_parts(client: MlflowClient, model_id: str, sizes: Mapping[str, int]) -> set[str]:
    """Return the parts of a logged model that were deleted, or whose size is not as told.

    Args:
        client: MLflow's client.
        model_id: The model.
        sizes: Bytes of the network files, by name, as far as known.
    """
    top = {info.path for info in client.list_logged_model_artifacts(model_id)}
    if "data" in top:  # the layout of earlier code
        return set()
    inside = client.list_logged_model_artifacts(model_id, "artifacts") if "artifacts" in top else []
    found = {info.path.rpartition("/")[2]: info.file_size for info in inside}
    there = {name for name, size in found.items() if size == sizes.get(name, size)}
    return set(_PARTS - top) | {f"artifacts/{name}" for name in {NETWORK, FILE} - there}


def restore_model(
    client: MlflowClient, run_id: str, model_id: str, parts: Iterable[str], keras: Path, onnx: Path
) -> None:
    """Put back parts of a logged model; the others stay as they are.

    Args:
        client: MLflow's client.
        run_id: The run that logged it.
        model_id: The model.
        parts: Result of `missing_parts`.
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
            else:
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
