"""Files of dataclasses with arrays: an `.npz` without pickles."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Item = TypeVar("Item", bound="DataclassInstance")
FACTS = "facts"


def save(items: Sequence[Any], path: Path) -> None:
    """Write dataclasses whose fields are arrays, numbers, texts, or tuples of these."""
    arrays: dict[str, Any] = {}
    facts: list[dict[str, Any]] = []
    for n, item in enumerate(items):
        values = {field.name: getattr(item, field.name) for field in fields(item)}
        signals = {k: v for k, v in values.items() if isinstance(v, np.ndarray)}
        arrays |= {f"{n}.{name}": signal for name, signal in signals.items()}
        facts.append({k: v for k, v in values.items() if k not in signals})
    text = json.dumps(facts, default=lambda number: number.item())
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **{FACTS: np.array(text)}, **arrays)


def load(path: Path, kind: type[Item]) -> tuple[Item, ...]:
    """Read what `save` wrote.

    Args:
        path: The file.
        kind: The class of the items.
    """
    found = []
    with np.load(path, allow_pickle=False) as file:
        for n, facts in enumerate(json.loads(str(file[FACTS]))):
            plain = {k: tuple(v) if isinstance(v, list) else v for k, v in facts.items()}
            rest = [field.name for field in fields(kind) if field.name not in plain]
            found.append(kind(**plain, **{name: file[f"{n}.{name}"] for name in rest}))
    return tuple(found)
