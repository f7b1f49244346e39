"""Benchmark protocols, one a file that offers `PROTOCOL`; a new file is a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecgmodel.errors import unknown_name
from ecgmodel.support import plugins

if TYPE_CHECKING:
    from ecgmodel.protocols._protocol import Protocol

PACKAGE = "protocols"


def names() -> tuple[str, ...]:
    """Return the names of all protocols as people write them ("qt-bw"), without importing any."""
    return tuple(name.replace("_", "-") for name in plugins.names(PACKAGE))


def check(name: str) -> str:
    """Return a protocol's name if there is one of that name.

    Raises:
        UnknownNameError: There is none; the message gives the nearest.
    """
    if name not in names():
        raise unknown_name("benchmark", name, names())
    return name


def load(name: str) -> Protocol:
    """Import and return a protocol.

    Args:
        name: A name from `names()`.

    Raises:
        UnknownNameError: There is none of that name; the message gives the nearest.
    """
    module = plugins.load(PACKAGE, check(name).replace("-", "_"), "benchmark")
    protocol: Protocol = module.PROTOCOL
    return protocol
