"""A network whose first weights follow from the seed alone, whatever else runs in the process.

Keras draws the seeds that a layer was not given from Python's global generator, and another
thread that draws from it in the same moment (Prefect's do, for the jitter of their waits) would
make another network. So every seed is written into the network's configuration.
"""

from __future__ import annotations

from typing import Any

import keras

from ecgmodel.support.randomness import generator

_LARGEST = 2**31 - 1


def seeded(model: keras.Model, seed: int) -> keras.Model:
    """Return the same network, new, with a seed for each initialiser and layer that had none.

    Args:
        model: A network that its configuration describes whole, as any that can be saved.
        seed: What all seeds follow from, together with the place that each has in the network.

    Example:
        >>> network = seeded(build_network("conv_autoencoder"), seed=0)
    """
    return type(model).from_config(_filled(model.get_config(), seed, "network"))


def _filled(config: Any, seed: int, place: str) -> Any:
    """Return a configuration with a number wherever a "seed" is None."""
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
