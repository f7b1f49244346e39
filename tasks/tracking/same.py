"""A training that was made again: other code gives it another key, and the same weights."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from ecgmodel.models.trained import NETWORK, WEIGHTS
from ecgmodel.store import Stored
from tasks.tracking.store import TrackingError

_Version = TypeVar("_Version")


def with_weights(
    versions: Iterable[_Version], fetch: Callable[[_Version], Stored], model: Stored
) -> _Version | None:
    """Return the first version that holds the weights of a training.

    Args:
        versions: Those that may, the newest first.
        fetch: Gives a version's network.
        model: The training.
    """
    wanted = _sha256(model.file(NETWORK))
    for version in versions:
        with suppress(TrackingError, OSError):  # its files may be gone
            if _sha256(fetch(version).file(NETWORK)) == wanted:
                return version
    return None


def _sha256(keras: Path) -> str:
    """Return the hash of the weights of a `.keras` file, whose other members hold dates."""
    with zipfile.ZipFile(keras) as members:
        return hashlib.sha256(members.read(WEIGHTS)).hexdigest()
