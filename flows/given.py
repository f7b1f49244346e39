"""Parameters of deployed flows: short in a form, and whole when the flow begins.

A run is given the settings that differ for it, such as `{"training": {"epochs": 3}}`. They are laid
over the service's own, which stand in the file that the variable ECG_SETTINGS names, and those over
the deployment's preset, which the variable ECG_PRESET names.
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

VARIABLE, PRESET_VARIABLE = "ECG_SETTINGS", "ECG_PRESET"


def laid_over(given: Any) -> Settings:
    """Return all settings of a run: those that it was given over the service's own.

    Args:
        given: Whole settings, which stay as they are; or a tree with some of them; or nothing.

    Raises:
        SettingsError: A name or value has no meaning; the message names the nearest ones.

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
    """Return the service's settings, on the preset of the run's deployment."""
    file, preset = os.environ.get(VARIABLE), os.environ.get(PRESET_VARIABLE)
    try:
        tree: dict[str, Any] | None = yaml.safe_load(Path(file).read_text()) if file else None
    except OSError as error:
        raise SettingsError(
            f"The service's settings {file} cannot be read: {error.strerror}. Start the service "
            "again: it writes them."
        ) from error
    return {**({presets.PRESET: preset} if preset else {}), **(tree or {})}


def named_options(given: Any) -> Any:
    """Return options of a cleaning as they were given.

    Raises:
        UnknownNameError: There is no such option.
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

# The schemas are what a page's form shows: one field each, whatever the type behind it.
GivenSettings = Annotated[Settings, BeforeValidator(laid_over), _TREE]
GivenOptions = Annotated[CleaningOptions | None, BeforeValidator(named_options), _TREE]
GivenFolder = Annotated[Path, _TEXT]
GivenDataset = Annotated[Path | None, BeforeValidator(lambda given: given or None), _TEXT]
GivenPaths = Annotated[Path | list[Path], _TEXT]
