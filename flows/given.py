"""Parameters of deployed flows: a run states only the settings that differ.

A parameter such as `{"training": {"epochs": 3}}` overrides the service's settings (the file in
the variable ECG_SETTINGS), which override the deployment's preset (the variable ECG_PRESET).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator, ValidationError, WithJsonSchema

from ecgmodel.denoise.files import CleaningOptions
from ecgmodel.errors import SettingsError, unknown_name
from ecgmodel.files import Hints
from ecgmodel.settings import presets
from ecgmodel.settings.config import Settings, explain
from flows.service.settings import PRESET, SETTINGS_FILE


def laid_over(given: Any) -> Settings:
    """Return all settings of a run: the given ones on top of the service's.

    Args:
        given: Complete settings, which are returned unchanged; a tree with some of them; or None.

    Raises:
        SettingsError: A name or value is unknown; the message names the nearest ones.

    Example:
        >>> laid_over({"training": {"epochs": 3}}).training.epochs
        3
    """
    if isinstance(given, Settings):
        return given
    tree = {} if given is None else given
    if not isinstance(tree, Mapping):
        raise SettingsError(
            f'settings: expected a map such as {{"training": {{"epochs": 3}}}}. Received: {given!r}'
        )
    try:
        return Settings.model_validate(presets.merged(_own(), tree, Settings))
    except ValidationError as error:
        raise SettingsError(explain(error)) from error


def _own() -> dict[str, Any]:
    """Return the service's settings on top of the deployment's preset."""
    file, preset = os.environ.get(SETTINGS_FILE), os.environ.get(PRESET)
    try:
        tree: dict[str, Any] | None = yaml.safe_load(Path(file).read_text()) if file else None
    except OSError as error:
        raise SettingsError(
            f"The service's settings {file} cannot be read: {error.strerror}. Restart the service, "
            "which writes the file."
        ) from error
    return {**({presets.PRESET: preset} if preset else {}), **(tree or {})}


def named_options(given: Any) -> Any:
    """Return the given options for cleaning files.

    Raises:
        UnknownNameError: An option is unknown.
    """
    if isinstance(given, Mapping):
        for kind, tree in ((CleaningOptions, given), (Hints, given.get("hints", {}))):
            known = [field.name for field in fields(kind)]
            for name in tree:
                if name not in known:
                    raise unknown_name("option", name, known)
    return given


_TREE = WithJsonSchema({"type": "object"})
_TEXT = WithJsonSchema({"type": "string"})

# The schemas define the form on Prefect's page: one field each, whatever the type behind it.
GivenSettings = Annotated[Settings, BeforeValidator(laid_over), _TREE]
GivenOptions = Annotated[CleaningOptions | None, BeforeValidator(named_options), _TREE]
GivenFolder = Annotated[Path, _TEXT]
GivenDataset = Annotated[Path | None, BeforeValidator(lambda given: given or None), _TEXT]
GivenPaths = Annotated[Path | list[Path], _TEXT]
