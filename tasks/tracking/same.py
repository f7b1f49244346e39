"""Recognise a repeated training: other code changes its key, but not its weights."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from ecgmodel.models.trained import NETWORK, WEIGHTS
from ecgmodel.store import MANIFEST, Store, Stored, is_intact, read_stored
from tasks.tracking.store import TrackingError

_Version = TypeVar("_Version")


def with_weights(
    versions: Iterable[_Version], fetch: Callable[[_Version], Stored], model: Stored
) -> _Version | None:
    """Return the first version with the weights of a training.

    Args:
        versions: The candidates, newest first.
        fetch: Returns a version's network.
        model: The training.
    """
    wanted = _sha256(model.file(NETWORK))
    for version in versions:
        with suppress(TrackingError, OSError):  # its files may have been deleted
            if _sha256(fetch(version).file(NETWORK)) == wanted:
                return version
    return None


def trained_here(training: str, store: Store) -> Stored | None:
    """Return a training if it is in the store, complete, by its key (first digits)."""
    for manifest in (store.root / "train").glob(f"*-{training[:16]}/{MANIFEST}"):
        with suppress(OSError, ValueError, KeyError):
            stored = read_stored(manifest.parent)
            if is_intact(stored):
                return stored
    return None


def _sha256(keras: Path) -> str:
    """Return the hash of the weights in a `.keras` file; its other members contain dates."""
    with zipfile.ZipFile(keras) as members:
        return hashlib.sha256(members.read(WEIGHTS)).hexdigest()
