"""Networks by name: check a window's length, build a network, load a network.

An architecture is a file of `ecgmodel/networks` that defines

- `Settings`, a frozen pydantic model of its options,
- `stride(settings) -> int`, of which a window's length must be a multiple, and
- `build(settings) -> keras.Model`, a network from `(windows, samples, 1)` in mV to the same.

The file must not import Keras at the top, since settings are validated without it. Custom layers
go into a file `_*.py` in the same folder, imported inside `build`.
"""

from __future__ import annotations

import importlib
import json
import math
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from pydantic import BaseModel

from ecgmodel.errors import MissingFileError, ModelError
from ecgmodel.support import plugins

if TYPE_CHECKING:
    import keras

PACKAGE, KIND = "networks", "architecture"


class Architecture(Protocol):
    """The interface of a file of `ecgmodel/networks`."""

    Settings: type[BaseModel]

    def stride(self, settings: Any) -> int:
        """Return the number of which a window's length must be a multiple."""

    def build(self, settings: Any) -> keras.Model:
        """Return a new, untrained network."""


def architecture(name: str) -> Architecture:
    """Return an architecture by the name of its file.

    Raises:
        UnknownNameError: There is no such architecture; the message lists the nearest names.
    """
    return cast(Architecture, plugins.load(PACKAGE, name, KIND))


def build_network(name: str, options: Mapping[str, Any] | None = None) -> keras.Model:
    """Return a new, untrained network.

    Args:
        name: The architecture.
        options: Its options; the others keep their defaults.

    Raises:
        UnknownNameError: There is no such architecture.
        pydantic.ValidationError: An option is unknown, or its value is out of range.

    Example:
        >>> build_network("conv_autoencoder", {"dropout": 0.1}).count_params()
        4337
    """
    module = architecture(name)
    return module.build(module.Settings.model_validate(dict(options or {})))


def check_window(name: str, options: Mapping[str, Any], window: int) -> None:
    """Check that an architecture accepts windows of a length.

    Args:
        name: The architecture.
        options: Its options.
        window: Window length, samples.

    Raises:
        UnknownNameError: There is no such architecture.
        ModelError: The window is no multiple of the stride; the message gives the nearest lengths.
    """
    module = architecture(name)
    stride = module.stride(module.Settings.model_validate(dict(options)))
    if window >= stride and window % stride == 0:
        return
    below = window - window % stride
    nearest = f"{below} and {below + stride}" if below > 0 else str(stride)
    raise ModelError(
        f"{name} does not accept windows of {window} samples. Expected a multiple of "
        f"{stride}. Nearest: {nearest}."
    )


def load_network(path: Path | str) -> keras.Model:
    """Return a saved network, ready for inference.

    No code in the file is executed: only layers of Keras and of `ecgmodel/networks` are allowed.

    Args:
        path: A `.keras` file.

    Raises:
        MissingFileError: There is no such file.
        ModelError: The file is not a saved network, or contains an unknown layer.
    """
    import keras

    path = Path(path)
    if not path.is_file():
        raise MissingFileError(f"There is no network at {path}. Expected a .keras file.")
    if not zipfile.is_zipfile(path):
        raise ModelError(f"{path} is not a saved network. Expected a .keras file (a zip archive).")
    for file in sorted(Path(__file__).parent.glob("*.py")):  # registers their layers
        importlib.import_module(f"ecgmodel.{PACKAGE}.{file.stem}")
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises TypeError, ValueError, KeyError or OSError
        raise ModelError(
            f"{path} cannot be loaded as a network: {str(error).splitlines()[0]} It may be "
            "damaged, saved by another version of Keras, or use layers that are not in "
            "ecgmodel/networks."
        ) from error


def save_network(network: keras.Model, path: Path) -> None:
    """Save a network as a `.keras` file whose bytes depend on the network alone.

    Keras notes the date in the file, so that the same network would not be the same content.

    Args:
        network: The network, without an optimiser.
        path: A `.keras` file; it is replaced.
    """
    network.save(path)
    with zipfile.ZipFile(path) as saved:
        parts = {name: saved.read(name) for name in saved.namelist()}
    facts = json.loads(parts["metadata.json"])
    parts["metadata.json"] = json.dumps({"keras_version": facts["keras_version"]}).encode()
    with zipfile.ZipFile(path, "w") as undated:
        for name, data in parts.items():
            undated.writestr(zipfile.ZipInfo(name), data)


def start_from(
    network: keras.Model, path: Path | str, described: Mapping[str, Any] | None = None
) -> keras.Model:
    """Return a network with the weights of a saved one of the same architecture.

    Args:
        network: A new network.
        path: A `.keras` file.
        described: The "architecture" and "options" of the saved network, if known.

    Raises:
        MissingFileError: There is no such file.
        ModelError: The file is not a saved network, or its weights have other shapes; the message
            gives the settings that fit.
    """
    weights = load_network(path).get_weights()
    theirs, ours = ([w.shape for w in side] for side in (weights, network.get_weights()))
    if theirs != ours:
        fitting = (
            f"network.architecture={described['architecture']} and "
            f"network.options={json.dumps(dict(described['options']))}"
            if described
            else "that network's network.architecture and network.options"
        )
        raise ModelError(
            f"The weights of {path} do not fit the configured network. Expected "
            f"{_counted(ours)}. Received: {_counted(theirs)}. Set {fitting}, or "
            "training.start_from=null to start from new weights."
        )
    network.set_weights(weights)
    return network


def _counted(shapes: Sequence[tuple[int, ...]]) -> str:
    """Return a summary of weight shapes for a message."""
    total = sum(math.prod(shape) for shape in shapes)
    return f"{total:,} weights in {len(shapes)} arrays, {', '.join(map(str, shapes[:4]))}, ..."
