"""Benchmark protocols, one a file; a new file is a new one. `Protocol` says what it offers."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from typing import Any

from ecgmodel.errors import unknown_name
from ecgmodel.protocols._work import Recordings, TrainingWork, Work
from ecgmodel.steps.data import Step
from ecgmodel.store import Stored
from ecgmodel.support import plugins

PACKAGE = "protocols"


class Protocol(typing.Protocol):
    """What a file of `ecgmodel/protocols` offers.

    Attributes:
        TITLE: What it is, a line.
        NOTES: What has to be known to read its numbers, a sentence or more each.
        RECORDINGS: By database the records that it needs whole, `()` for all of them.
        QUICK: The few that a minute-long version takes.
    """

    TITLE: str
    NOTES: Sequence[str]
    RECORDINGS: Recordings
    QUICK: Recordings

    def prepare(self, work: Work, recordings: Recordings) -> Stored:
        """Make the test, from downloads on."""

    def trained_models(self) -> Mapping[str, Any]:
        """Return the committed networks by name, as `method_steps` takes them."""

    def method_steps(self, prepared: Stored, models: Mapping[str, Any]) -> list[Step]:
        """Return the steps that measure the methods, one a method."""

    def page_step(self, measured: Sequence[Stored], quick: bool) -> Step:
        """Return the step that writes `benchmark.html`, `benchmark.md` and tables.

        If only `QUICK` was measured, they say that their numbers are not the benchmark's.
        """


@typing.runtime_checkable
class Trains(typing.Protocol):
    """What a protocol offers too that trains networks on a training part of its own."""

    def recipes(self) -> Sequence[str]:
        """Return the names of the networks that can be trained."""

    def fit_steps(
        self, work: TrainingWork, prepared: Stored, names: Sequence[str]
    ) -> Sequence[Step]:
        """Return the steps that train networks again, those of `names`."""

    def fitted_models(self, names: Sequence[str], fitted: Sequence[Stored]) -> Mapping[str, Any]:
        """Return what `fit_steps` made for the same names, as `method_steps` takes it."""

    def keep(self, models: Mapping[str, Any]) -> None:
        """Put what `fitted_models` gave in the place of the committed networks."""


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
    return typing.cast(Protocol, plugins.load(PACKAGE, check(name).replace("-", "_"), "benchmark"))
