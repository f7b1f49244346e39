"""The errors a user can meet. Each says what was expected, what came, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class EcgError(Exception):
    """Base of every error that this project raises on purpose."""


class SettingsError(EcgError, ValueError):
    """A setting has no meaning: a wrong name, type or value."""


class UnknownNameError(SettingsError, KeyError):
    """A database, record, architecture or noise type that does not exist."""

    __str__ = Exception.__str__  # KeyError would print the message in quotes


class RecordError(EcgError, ValueError):
    """A recording cannot be used: its header lies, or its samples say nothing."""


class MissingFileError(RecordError, FileNotFoundError):
    """A file of a recording is not there."""


class HintNeededError(RecordError):
    """A file does not say what it holds; the user has to.

    Attributes:
        option: What to give, as an option of the command: "--fs", "--unit", "--gain",
            "--column" or "--time-column".
    """

    def __init__(self, option: str, message: str) -> None:
        super().__init__(message)
        self.option = option

    def __reduce__(self) -> tuple[type[HintNeededError], tuple[str, str]]:
        return type(self), (self.option, str(self))


class MissingLibraryError(EcgError, ModuleNotFoundError):
    """A library is not installed; the message says which extra of the package brings it."""


class SourceError(EcgError, OSError):
    """A source did not give what it lists, and asking again cannot change that."""


class PassingSourceError(SourceError, ConnectionError):
    """A source failed for a reason that may pass (timeout, 5xx, cut-off body): worth a retry."""


class DiskFullError(EcgError, OSError):
    """A disk has no space left: nobody's bad record, and no use to try again before there is."""


class SplitError(EcgError, ValueError):
    """Subjects cannot be divided into training, validation and test as asked."""


class DatasetError(EcgError, ValueError):
    """A dataset's files do not fit together, or a leak was found in them."""


class ModelError(EcgError, ValueError):
    """A network cannot be built, loaded or applied as asked."""


class NothingNewError(EcgError, ValueError):
    """The network to start from has learned this very dataset already."""


class SignalError(EcgError, ValueError):
    """A signal cannot be cleaned: its shape, its numbers or its rate."""


class StoreInUseError(EcgError, RuntimeError):
    """A store cannot be cleared while a process works on it."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """Return the error for a name that does not exist, with the nearest names that do.

    Args:
        kind: What was asked for, e.g. "database".
        name: The name that was given.
        known: The names that exist.
    """
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known[:12]
    return UnknownNameError(f"Unknown {kind} {name!r}. Nearest: {', '.join(near) or '(none)'}.")
