"""Presets: named settings, one file each; the first line of a file describes it.

A preset overrides the defaults; a settings file and `--set` override the preset. To add a preset,
add a file.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel

from ecgmodel.errors import unknown_name

FOLDER = Path(__file__).parent
PRESET, DEFAULT = "preset", "quick"
RENAMED: Mapping[str, str] = {
    "mix.noise_types": "mix.test.types",
    "mix.snr_db": "mix.test.snr_db",
    "mix.stretch_s": "mix.test.segment_s",
    "mix.stretches_per_lead": "mix.test.segments_per_lead",
    "mix.unmixed_share": "mix.train.unmixed",
    "mix.copies": "mix.train.copies",
    "training.fresh.snr_db": "mix.train.snr_db",
    "training.fresh.weights": "mix.train.types",
    "training.fresh.unmixed": "mix.train.unmixed",
    "training.fresh.wander": "mix.train.on_top.wander",
    "training.fresh.hum": "mix.train.on_top.hum",
    "training.fresh.pops": "mix.train.on_top.pops",
    "training.fresh.gaussian": "mix.train.on_top.gaussian",
    "training.fresh": "training.augmentation",
}
"""Former names of settings, which are still accepted; the first match applies."""
_log = logging.getLogger("ecg")


def names() -> tuple[str, ...]:
    """Return the names of all presets, the default one first."""
    found = sorted(file.stem for file in FOLDER.glob("*.yaml"))
    return tuple(sorted(found, key=lambda name: name != DEFAULT))


def described() -> dict[str, str]:
    """Return a one-line description of each preset by name."""
    return {name: _file(name).read_text().splitlines()[0].lstrip("# ") for name in names()}


def check(name: str) -> str:
    """Return the name of a preset.

    Raises:
        UnknownNameError: It does not exist; the message gives the nearest names.
    """
    if name not in names():
        raise unknown_name("preset", name, names())
    return name


def complete(given: Mapping[str, Any], kind: type[BaseModel]) -> dict[str, Any]:
    """Return settings under their current names, completed by the values of their preset.

    Groups are merged; any other value, including a map of options, replaces the preset's.

    Args:
        given: A tree of settings; its "preset" names the preset.
        kind: The settings model, which defines the groups.

    Raises:
        UnknownNameError: The preset does not exist.
    """
    tree = _with_current_names(given, kind)
    name = str(tree.get(PRESET) or DEFAULT)
    under = yaml.safe_load(_file(check(name)).read_text()) or {}
    return merged(under, tree, kind)


def group(kind: type[BaseModel] | None, name: str) -> type[BaseModel] | None:
    """Return the model of a group of settings, None if the name is a single value."""
    field = kind.model_fields.get(name) if kind else None
    candidates = (field.annotation, *get_args(field.annotation)) if field else ()
    for one in candidates:
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one
    return None


def default_of(kind: type[BaseModel], path: tuple[str, ...]) -> Any:
    """Return the default of a setting, None if the setting does not exist or has no default."""
    field = kind.model_fields.get(path[0])
    value = field.get_default(call_default_factory=True) if field else None
    for name in path[1:]:
        value = getattr(value, name, None)
    return value


def _file(name: str) -> Path:
    return FOLDER / f"{name}.yaml"


def merged(
    under: Mapping[str, Any], over: Mapping[str, Any], kind: type[BaseModel] | None
) -> dict[str, Any]:
    """Return a tree of settings overridden by another one.

    Args:
        under: The tree that is overridden.
        over: The tree that overrides; groups are merged, other values are replaced.
        kind: The settings model, which defines the groups.
    """
    both = {**under, **over}
    for name in {*under, *over}:
        inner = group(kind, name)
        if inner and isinstance(under.get(name), Mapping) and isinstance(over.get(name), Mapping):
            both[name] = merged(under[name], over[name], inner)
    return both


def _with_current_names(given: Mapping[str, Any], kind: type[BaseModel]) -> dict[str, Any]:
    """Return a copy with former names of settings replaced, with a warning for each."""
    tree: dict[str, Any] = copy.deepcopy(dict(given))
    for old, new in RENAMED.items():
        *path, last = old.split(".")
        branch: Any = tree
        for part in path:
            branch = branch.get(part) if isinstance(branch, dict) else None
        if isinstance(branch, dict) and last in branch:
            _log.warning("The setting %s is now called %s. Rename it in your settings.", old, new)
            value = branch.pop(last)
            if not _has(given, new):
                _move(tree, tuple(new.split(".")), value, kind)
    return tree


def _move(tree: dict[str, Any], path: tuple[str, ...], value: Any, kind: type[BaseModel]) -> None:
    """Set a value; if it is a part of a map, the map's other entries keep their defaults."""
    branch, known = tree, default_of(kind, path)
    for depth, part in enumerate(path[:-1], 1):
        rest = default_of(kind, path[:depth])
        branch = branch.setdefault(part, dict(rest) if isinstance(rest, Mapping) else {})
    if isinstance(known, Mapping) and isinstance(value, Mapping):
        value = {**known, **value}
    branch[path[-1]] = value


def _has(tree: Any, name: str) -> bool:
    for part in name.split("."):
        if not isinstance(tree, Mapping) or part not in tree:
            return False
        tree = tree[part]
    return True
