"""A network as one `.onnx` file that says of itself how it is applied; onnxruntime runs it.

The file's metadata hold what applying takes, so nothing else is needed beside it: no Keras, no
TensorFlow, no recipe.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ecgmodel.denoise.tiles import Floats, TiledNetwork
from ecgmodel.errors import MissingFileError, ModelError
from ecgmodel.support.machine import core_count

FILE = "model.onnx"
"""What such a file is called."""
KEY = "ecg-denoiser"
"""Under which a file's metadata hold `Facts`, as JSON."""
PART = 8  # tiles that a thread cleans at once: what they need fits into its core's cache
PARTS = 4  # of a batch, for each thread: enough that none waits long for the last


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
        path: An `.onnx` file that `ecgmodel.training.exporting` wrote.
        threads: Processor threads; None takes one a core.

    Raises:
        MissingFileError: There is no such file.
        ModelError: It is no such network.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(f"There is no network at {path}. Expected an .onnx file.")
    session = _session(path)
    text = session.get_modelmeta().custom_metadata_map.get(KEY)
    try:
        facts = Facts.model_validate_json(text or "{}")
    except ValidationError as error:
        raise ModelError(
            f"{path} does not say how it is applied: expected metadata {KEY!r} with "
            f"{', '.join(Facts.model_fields)}. Received: {text!r}. Export the .keras file again."
        ) from error
    place = session.get_inputs()[0].name
    threads = threads or core_count()
    pool = ThreadPoolExecutor(threads, "tiles") if threads > 1 else None

    def run(tiles: Floats) -> NDArray[Any]:
        return np.asarray(session.run(None, {place: tiles})[0])

    def apply(tiles: Floats) -> NDArray[Any]:
        # Threads that take whole tiles need not wait for each other after every operation.
        parts = [np.ascontiguousarray(tiles[i : i + PART]) for i in range(0, len(tiles), PART)]
        results: Iterable[NDArray[Any]] = pool.map(run, parts) if pool else map(run, parts)
        return np.concatenate(list(results))

    return TiledNetwork(apply, facts.window, facts.overlap, PARTS * PART * threads), facts


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a class of error for each way to fail
        raise ModelError(
            f"{path} cannot be loaded: {str(error).splitlines()[0]} Expected an .onnx file."
        ) from error
