"""A network as one `.onnx` file that says of itself how it is applied; onnxruntime runs it.

The file's metadata hold what applying takes, so nothing else is needed beside it: no Keras, no
TensorFlow, no recipe.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ecgmodel.errors import MissingFileError, ModelError
from ecgmodel.tiles import Floats, TiledNetwork

FILE = "model.onnx"
"""What such a file is called."""
KEY = "ecg-denoiser"
"""Under which a file's metadata hold `Facts`, as JSON."""
BATCH = 32  # tiles of 4,096 samples: what they need fits into a processor's cache


class Facts(BaseModel):
    """How a network is applied, and which it is."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str = Field(min_length=1, description="What messages and tables call it.")
    fs: float = Field(gt=0, description="The rate that it was trained for, Hz.")
    window: int = Field(ge=1, description="Samples that it sees at once.")
    overlap: float = Field(ge=0, lt=1, description="Share of a tile that the next covers too.")
    sha256: str = Field("", description="Of the `.keras` file that it was made from.")


def read_onnx(path: Path | str, threads: int | None = None) -> tuple[TiledNetwork, Facts]:
    """Return what applies a network, and what is known of it.

    Args:
        path: An `.onnx` file that `ecgmodel.exporting` wrote.
        threads: Processor threads; None takes one a core.

    Raises:
        MissingFileError: There is no such file.
        ModelError: It is no such network.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(f"There is no network at {path}. Expected an .onnx file.")
    session = _session(path, threads)
    text = session.get_modelmeta().custom_metadata_map.get(KEY)
    try:
        facts = Facts.model_validate_json(text or "{}")
    except ValidationError as error:
        raise ModelError(
            f"{path} does not say how it is applied: expected metadata {KEY!r} with "
            f"{', '.join(Facts.model_fields)}. Received: {text!r}. Export the .keras file again."
        ) from error
    place = session.get_inputs()[0].name

    def apply(tiles: Floats) -> NDArray[Any]:
        return np.asarray(session.run(None, {place: np.ascontiguousarray(tiles)})[0])

    return TiledNetwork(apply, facts.window, facts.overlap, BATCH), facts


def _session(path: Path, threads: int | None) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if threads:
        options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a class of error for each way to fail
        raise ModelError(
            f"{path} cannot be loaded: {str(error).splitlines()[0]} Expected an .onnx file."
        ) from error
