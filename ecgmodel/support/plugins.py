"""Plugins: every module of a package is available under its file name."""

from __future__ import annotations

import importlib
from types import ModuleType

from ecgmodel.errors import unknown_name
from ecgmodel.support.paths import PACKAGE


def names(package: str) -> tuple[str, ...]:
    """Return the names of the plugins in `ecgmodel/<package>`, without importing them.

    Files whose name starts with an underscore are shared helpers, not plugins.
    """
    return tuple(sorted(p.stem for p in (PACKAGE / package).glob("[!_]*.py")))


def check(package: str, name: str, kind: str) -> str:
    """Return `name` if it is a plugin of `ecgmodel/<package>`.

    Raises:
        UnknownNameError: There is no such plugin; the message lists the nearest names.
    """
    if name not in names(package):
        raise unknown_name(kind, name, names(package))
    return name


def load(package: str, name: str, kind: str) -> ModuleType:
    """Import and return the module `ecgmodel/<package>/<name>.py`.

    Raises:
        UnknownNameError: There is no such plugin; the message lists the nearest names.
    """
    return importlib.import_module(
        f"ecgmodel.{package.replace('/', '.')}.{check(package, name, kind)}"
    )
