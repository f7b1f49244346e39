"""Networks in ONNX files with metadata for their application, run by onnxruntime.

The file is self-contained: no Keras, TensorFlow or recipe is needed.
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
from ecgmodel.support.telemetry import switch_off as switch_off_telemetry

FILE = "model.onnx"
"""The usual name of such a file."""
KEY = "ecg-denoiser"
"""The metadata key of `Facts`, stored as JSON."""
PART = 8  # tiles per call of a thread: they fit into the core's cache
PARTS = 4  # calls per thread and batch, which balances the load


class Facts(BaseModel):
    """The metadata of a network: its name, and the parameters for its application."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str = Field(min_length=1, description="Its name in messages and tables.")
    fs: float = Field(gt=0, description="Sampling rate of its training data, Hz.")
    window: int = Field(ge=1, description="Window length, samples.")
    overlap: float = Field(ge=0, lt=1, description="Overlap of adjacent tiles, share of a tile.")
    sha256: str = Field("", description="sha256 of the original `.keras` file.")


def read_onnx(path: Path | str, threads: int | None = None) -> tuple[TiledNetwork, Facts]:
    """Return a network, applied in tiles, and its metadata.

    Args:
        path: An `.onnx` file written by `ecgmodel.training.exporting`.
        threads: CPU threads; None uses one per core.

    Raises:
        MissingFileError: There is no such file.
        ModelError: The file is not such a network.
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
            f"{path} was not exported by this project. Expected the metadata {KEY!r} with "
            f"{', '.join(Facts.model_fields)}. Received: {text!r}. Export the .keras file again."
        ) from error
    place = session.get_inputs()[0].name
    threads = threads or core_count()
    pool = ThreadPoolExecutor(threads, "tiles") if threads > 1 else None

    def run(tiles: Floats) -> NDArray[Any]:
        return np.asarray(session.run(None, {place: tiles})[0])

    def apply(tiles: Floats) -> NDArray[Any]:
        # Parallel over tiles, so that threads need not synchronise after every operation.
        parts = [np.ascontiguousarray(tiles[i : i + PART]) for i in range(0, len(tiles), PART)]
        results: Iterable[NDArray[Any]] = pool.map(run, parts) if pool else map(run, parts)
        return np.concatenate(list(results))

    return TiledNetwork(apply, facts.window, facts.overlap, PARTS * PART * threads), facts


def _session(path: Path) -> Any:
    switch_off_telemetry()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common base class
        raise ModelError(
            f"{path} cannot be loaded: {str(error).splitlines()[0]} Expected an .onnx file."
        ) from error
