"""Random numbers derived from a seed and names, independent of the order of work."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence


def generator(seed: int, *names: object) -> np.random.Generator:
    """Return a generator that depends on nothing but the seed and the names.

    Args:
        seed: The configured seed.
        *names: Identifiers of the draw (record, lead, window, copy). Their order matters; each
            is hashed as `str`.

    Example:
        >>> generator(0, "mitdb/100", 1).random() == generator(0, "mitdb/100", 1).random()
        True
    """
    text = "\x1f".join([str(seed), *map(str, names)])
    key: Any = _Key(text)
    return np.random.Generator(np.random.Philox(key))


def uniforms(seed: int, name: str, *counters: np.ndarray | int) -> np.ndarray:
    """Return numbers in [0, 1), each a function of the seed, the name and its own counters.

    The number of a row does not depend on the other rows of the call.

    Args:
        seed: The configured seed.
        name: Identifier of the draw.
        *counters: Non-negative integers or integer arrays that broadcast together.

    Returns:
        A float64 array of the broadcast shape, from the SplitMix64 finaliser (Steele, Lea and
        Flood 2014, OOPSLA, https://doi.org/10.1145/2660193.2660195) chained over the counters.

    Example:
        >>> bool(uniforms(0, "a", np.arange(5))[3] == uniforms(0, "a", 3))
        True
    """
    text = f"{seed}\x1f{name}"
    key = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
    state = np.full(1, key, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for counter in counters:
            state = _mixed(state + np.asarray(counter, dtype=np.uint64) * _GOLDEN)
    shape = np.broadcast_shapes(*(np.shape(counter) for counter in counters))
    return np.asarray(((state >> np.uint64(11)).astype(np.float64) / 2**53).reshape(shape))


class _Key(ISeedSequence):
    """The hash of a text as the key of a Philox generator.

    `Philox(key=...)` reads entropy from the system without using it, which triples the time.
    """

    def __init__(self, text: str) -> None:
        self._key = hashlib.blake2b(text.encode(), digest_size=16).digest()

    def generate_state(self, n_words: int, dtype: Any = np.uint64) -> Any:
        """Return the key, two words of 64 bits."""
        return np.frombuffer(self._key, dtype=dtype, count=n_words)


_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mixed(x: Any) -> Any:
    x = x + _GOLDEN
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
