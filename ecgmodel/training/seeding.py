"""Initial weights that depend only on the seed, not on other threads of the process.

Keras draws missing seeds of layers from Python's global random generator. Another thread that uses
it at the same time, as Prefect's do to add jitter to waits, changes the network. Therefore every
seed is set explicitly in the network's configuration.
"""

from __future__ import annotations

from typing import Any

import keras

from ecgmodel.support.randomness import generator

_LARGEST = 2**31 - 1


def seeded(model: keras.Model, seed: int) -> keras.Model:
    """Return a new copy of a network, with a seed for each initialiser and layer without one.

    Args:
        model: A network that can be recreated from its configuration.
        seed: Base of all seeds; each also depends on its position in the network.

    Example:
        >>> network = seeded(build_network("conv_autoencoder"), seed=0)
    """
    return type(model).from_config(_filled(model.get_config(), seed, "network"))


def _filled(config: Any, seed: int, place: str) -> Any:
    """Return a configuration in which each "seed" that was None has a value."""
    if isinstance(config, dict):
        return {
            name: int(generator(seed, f"{place}/seed").integers(1, _LARGEST))
            if name == "seed" and value is None
            else _filled(value, seed, f"{place}/{name}")
            for name, value in config.items()
        }
    if isinstance(config, list | tuple):
        return type(config)(_filled(v, seed, f"{place}/{i}") for i, v in enumerate(config))
    return config
