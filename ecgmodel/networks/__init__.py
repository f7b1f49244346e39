"""Networks by name: what an architecture asks of a window, building one, loading one.

An architecture is a file of `ecgmodel/networks` that offers

- `Settings`, a frozen pydantic model of its own settings,
- `stride(settings) -> int`, what a window's length must be divisible by, and
- `build(settings) -> keras.Model`, a network from `(windows, samples, 1)` in mV to the same.

Settings are checked where no network is needed, so its file does not import Keras at the top;
layers of its own stand in a file `_*.py` beside it, which `build` imports.
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
    """What a file of `ecgmodel/networks` offers."""

    Settings: type[BaseModel]

    def stride(self, settings: Any) -> int:
        """Return what a window's length must be divisible by."""

    def build(self, settings: Any) -> keras.Model:
        """Return a new, untrained network."""


def architecture(name: str) -> Architecture:
    """Return an architecture by its file's name.

    Raises:
        UnknownNameError: There is none; the message gives the nearest names.
    """
    return cast(Architecture, plugins.load(PACKAGE, name, KIND))


def build_network(name: str, options: Mapping[str, Any] | None = None) -> keras.Model:
    """Return a new, untrained network.

    Args:
        name: The architecture.
        options: Its own settings; those not named keep their defaults.

    Raises:
        UnknownNameError: There is no such architecture.
        pydantic.ValidationError: It has no such setting, or a value is out of range.

    Example:
        >>> build_network("conv_autoencoder", {"dropout": 0.1}).count_params()
        4337
    """
    module = architecture(name)
    return module.build(module.Settings.model_validate(dict(options or {})))


def check_window(name: str, options: Mapping[str, Any], window: int) -> None:
    """Check that an architecture can take windows of a length.

    Args:
        name: The architecture.
        options: Its own settings.
        window: Samples a window.

    Raises:
        UnknownNameError: There is no such architecture.
        ModelError: Its strides do not divide the window; the message gives the nearest lengths.
    """
    module = architecture(name)
    stride = module.stride(module.Settings.model_validate(dict(options)))
    if window >= stride and window % stride == 0:
        return
    below = window - window % stride
    nearest = f"{below} and {below + stride}" if below > 0 else str(stride)
    raise ModelError(
        f"A window of {window} samples does not fit {name}: expected a multiple of its stride, "
        f"{stride}. Nearest: {nearest}."
    )


def load_network(path: Path | str) -> keras.Model:
    """Return a saved network, ready to be applied.

    Nothing in the file is run: it may name only Keras's layers and those of the architectures.

    Args:
        path: A `.keras` file.

    Raises:
        MissingFileError: There is no such file.
        ModelError: It is no saved network, or it needs a layer that no architecture here has.
    """
    import keras

    path = Path(path)
    if not path.is_file():
        raise MissingFileError(f"There is no network at {path}. Expected a file model.keras.")
    if not zipfile.is_zipfile(path):
        raise ModelError(f"{path} is no saved network: expected a .keras file, which is a zip.")
    for file in sorted(Path(__file__).parent.glob("*.py")):  # so that their layers are known
        importlib.import_module(f"ecgmodel.{PACKAGE}.{file.stem}")
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises TypeError, ValueError, KeyError, OSError alike
        raise ModelError(
            f"{path} cannot be loaded as a network: {str(error).splitlines()[0]} "
            "Was it saved by another version, or with layers that ecgmodel/networks lacks?"
        ) from error


def start_from(
    network: keras.Model, path: Path | str, described: Mapping[str, Any] | None = None
) -> keras.Model:
    """Return a network with the weights of a saved one of the same architecture.

    Args:
        network: A new network.
        path: A `.keras` file.
        described: The "architecture" and "options" of the saved network, if they are known.

    Raises:
        MissingFileError: There is no such file.
        ModelError: It is no saved network, or its weights have other shapes; the message says which
            settings fit.
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
            f"The weights of {path} do not fit the network of the settings: expected "
            f"{_counted(ours)}. Received: {_counted(theirs)}. Set {fitting}, or "
            "training.start_from=null for new weights."
        )
    network.set_weights(weights)
    return network


def _counted(shapes: Sequence[tuple[int, ...]]) -> str:
    """Return shapes of weights in words, the first ones written out."""
    total = sum(math.prod(shape) for shape in shapes)
    return f"{total:,} weights in {len(shapes)} arrays, {', '.join(map(str, shapes[:4]))}, ..."
