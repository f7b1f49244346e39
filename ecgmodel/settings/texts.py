"""YAML parsed by the types of the settings: the value of a text setting is taken literally.

`records: [100, 007, no]` names three records, and `--set 'store=/tmp/study #2'` a folder with a
"#" in its name. Plain YAML would read numbers, a boolean and a comment.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, SecretStr

TEXT = "tag:yaml.org,2002:str"
NOTHING = "tag:yaml.org,2002:null"
_MERGE = "tag:yaml.org,2002:merge"
_HASH = "\ue000"  # placeholder for "#" in values without comments
_QUOTES = ("'", '"')


def parse(text: str, kind: Any) -> Any:
    """Return a YAML document parsed by the types of the settings.

    Args:
        text: The document.
        kind: A model of settings, or the type of one of its fields.

    Raises:
        yaml.YAMLError: The text is not valid YAML, or contains a setting twice.

    Example:
        >>> from ecgmodel.settings.config import Settings
        >>> parse("source: {records: [100, 007]}", Settings)
        {'source': {'records': ['100', '007']}}
    """
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _as_typed(node, kind)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def parse_value(text: str, kind: Any) -> Any:
    """Return the value of a single setting; "#" does not start a comment in it.

    Args:
        text: The value as typed.
        kind: The type of the setting.

    Raises:
        yaml.YAMLError: The setting is not a text, and the value is not valid YAML.

    Example:
        >>> parse_value("/tmp/study #2", Path)
        '/tmp/study #2'
    """
    text = text.strip()
    if _is_text(kind) and text and not (text[0] in _QUOTES and text[-1] == text[0]):
        return None if _accepts_none(kind) and text in ("null", "~") else text
    return parse(text.replace("#", _HASH), kind)


def kind_of(model: Any, names: list[str]) -> Any:
    """Return the type of a setting by its path, `Any` if it does not exist."""
    for name in names:
        model = _member(model, name)
    return model


def _as_typed(node: yaml.Node, kind: Any) -> None:
    """Tag as strings the scalars whose setting is a text."""
    if isinstance(node, yaml.ScalarNode):
        node.value = node.value.replace(_HASH, "#")
        if _is_text(kind) and not (node.tag == NOTHING and _accepts_none(kind)):
            node.tag = TEXT
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _as_typed(item, _item(kind))
    elif isinstance(node, yaml.MappingNode):
        _mapping_as_typed(node, kind)


def _mapping_as_typed(node: yaml.MappingNode, kind: Any) -> None:
    seen: set[str] = set()
    for key, value in node.value:
        if key.tag == _MERGE:
            _as_typed(value, kind)
            continue
        _as_typed(key, str)
        if key.value in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"{key.value!r} is set twice", key.start_mark
            )
        seen.add(key.value)
        _as_typed(value, _member(kind, key.value))


def _options(kind: Any) -> tuple[Any, ...]:
    """Return the members of a union; of any other type, the type itself."""
    is_union = get_origin(kind) in (Union, types.UnionType)
    return get_args(kind) if is_union else (kind,)


def _accepts_none(kind: Any) -> bool:
    return type(None) in _options(kind)


def _is_text(kind: Any) -> bool:
    """Return whether a setting accepts only text, so that its value is not parsed as YAML."""
    wanted = [option for option in _options(kind) if option is not type(None)]
    return bool(wanted) and all(
        option in (str, Path, SecretStr)
        or (
            get_origin(option) is Literal
            and all(isinstance(name, str) for name in get_args(option))
        )
        for option in wanted
    )


def _item(kind: Any) -> Any:
    """Return the type of a sequence's items."""
    for option in _options(kind):
        if get_origin(option) in (tuple, list) and (inner := get_args(option)):
            return inner[0]
    return Any


def _member(kind: Any, name: str) -> Any:
    """Return the type of a group's setting, or of a mapping's values."""
    for option in _options(kind):
        if isinstance(option, type) and issubclass(option, BaseModel):
            field = option.model_fields.get(name)
            return field.annotation if field else Any
        if get_origin(option) in (dict, Mapping) and (inner := get_args(option)):
            return inner[1]
    return Any
