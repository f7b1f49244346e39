"""A trained network as a model of MLflow: what it holds, what it takes, and what it needs."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.denoise.onnx import FILE
from ecgmodel.models.trained import NETWORK
from ecgmodel.store.versions import PACKAGE, library_versions
from ecgmodel.support.places import ROOT

SERVED = Path(__file__).with_name("served.py")
# What applying the network needs. MLflow adds itself.
LIBRARIES = ("numpy", "onnxruntime", "pandas", "pydantic", "scipy")
HOW_TO = """Takes noise out of an ECG of any length, number of leads and rate, in mV.

- `inputs`: samples `[…]`, or samples by leads `[[…], …]`; or `dataframe_split` and
  `dataframe_records` with one column a lead. A gap is `null`.
- `params`: `fs`, the sampling rate in Hz (50 to 4000; 360 if left out); `untrusted`, what to do
  where the network is not to be trusted: `mark` cleans there too, `pass` gives the input back.
- `predictions` have the shape of what went in.

For research; not a medical device."""


def log_model(run_id: str, keras: Path, onnx: Path) -> None:
    """Log a network with an open run as a model that takes any ECG.

    Its signature names no shape of the input, since MLflow would then refuse all others.

    Args:
        run_id: The run.
        keras: The network, for what trains and measures.
        onnx: The same, for what applies it.
    """
    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import DataType, ParamSchema, ParamSpec, Schema, TensorSpec

    params = [
        ParamSpec("fs", DataType.double, 360.0),
        ParamSpec("untrusted", DataType.string, "mark"),
    ]
    outputs = Schema([TensorSpec(np.dtype(np.float64), (-1, -1))])
    with mlflow.start_run(run_id=run_id), TemporaryDirectory() as folder:
        mlflow.pyfunc.log_model(
            name="model",
            python_model=str(SERVED),
            artifacts={NETWORK: str(keras), FILE: str(onnx)},
            code_paths=[str(_code(Path(folder)))],
            signature=ModelSignature(outputs=outputs, params=ParamSchema(params)),
            input_example=(example(), {"fs": 360.0, "untrusted": "mark"}),
            pip_requirements=[f"{n}=={v}" for n, v in library_versions(*LIBRARIES).items()],
        )


def networks(model: Path) -> dict[str, Path]:
    """Return the network's files of a model, by their names; older ones have the Keras file alone.

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
    """Copy the library's code, without the networks that come with it."""
    ignored = shutil.ignore_patterns("__pycache__", "models")
    return Path(shutil.copytree(ROOT / PACKAGE, folder / PACKAGE, ignore=ignored))
