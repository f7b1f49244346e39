"""Things chosen by name, one a file: a module put into a package is found by its file name."""

from __future__ import annotations

import importlib
from types import ModuleType

from ecgmodel.errors import unknown_name
from ecgmodel.support.places import PACKAGE


def names(package: str) -> tuple[str, ...]:
    """Return the names that `ecgmodel/<package>` offers, without importing any of them.

    Files that start with an underscore are shared parts, not offers.
    """
    return tuple(sorted(p.stem for p in (PACKAGE / package).glob("[!_]*.py")))


def check(package: str, name: str, kind: str) -> str:
    """Return `name` if `ecgmodel/<package>` offers it.

    Raises:
        UnknownNameError: It does not; the message gives the nearest names.
    """
    if name not in names(package):
        raise unknown_name(kind, name, names(package))
    return name


def load(package: str, name: str, kind: str) -> ModuleType:
    """Import and return the module `ecgmodel/<package>/<name>.py`.

    Raises:
        UnknownNameError: There is none; the message gives the nearest names.
    """
    return importlib.import_module(
        f"ecgmodel.{package.replace('/', '.')}.{check(package, name, kind)}"
    )
