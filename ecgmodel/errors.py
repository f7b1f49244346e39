"""Typed errors. Each message names the expected and the received value, and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class EcgError(Exception):
    """Base of every error that this project raises on purpose."""


class SettingsError(EcgError, ValueError):
    """A setting is invalid: unknown name, wrong type or value out of range."""


class UnknownNameError(SettingsError, KeyError):
    """A database, record, architecture or noise type that does not exist."""

    __str__ = Exception.__str__  # KeyError would print the message in quotes


class RecordError(EcgError, ValueError):
    """A recording cannot be used: header and data disagree, or no sample is usable."""


class MissingFileError(RecordError, FileNotFoundError):
    """A file of a recording is missing."""


class HintNeededError(RecordError):
    """A file lacks information that the user has to supply, e.g. its sampling rate.

    Attributes:
        options: The command's options that supply it: "--fs", "--unit", "--gain", "--column",
            "--time-column".
    """

    def __init__(self, options: str | Sequence[str], message: str) -> None:
        super().__init__(message)
        self.options = (options,) if isinstance(options, str) else tuple(options)

    def __reduce__(self) -> tuple[type[HintNeededError], tuple[tuple[str, ...], str]]:
        return HintNeededError, (self.options, str(self))

    @classmethod
    def joined(cls, errors: Sequence[HintNeededError]) -> HintNeededError:
        """Return one error for all that several ask for."""
        options = dict.fromkeys(option for error in errors for option in error.options)
        return cls(tuple(options), " ".join(dict.fromkeys(map(str, errors))))


class LeadsNeededError(HintNeededError):
    """No channel of a file says that it is an ECG lead.

    Attributes:
        candidates: Numbers (from 1) of the channels that may be leads.
    """

    def __init__(self, message: str, candidates: Sequence[int]) -> None:
        super().__init__("--column", message)
        self.candidates = tuple(candidates)


class MissingLibraryError(EcgError, ModuleNotFoundError):
    """A library is not installed; the message names the extra of the package that includes it."""


class SourceError(EcgError, OSError):
    """A source did not deliver a file that it lists; a retry would fail too."""


class TransientSourceError(SourceError, ConnectionError):
    """A source failed temporarily (timeout, 5xx, truncated body); a retry may succeed."""


class DiskFullError(EcgError, OSError):
    """The disk is full. The record is not at fault, and retries fail until space is freed."""


class SplitError(EcgError, ValueError):
    """Subjects cannot be divided into training, validation and test as configured."""


class DatasetError(EcgError, ValueError):
    """A dataset's files are inconsistent, or a leak between splits was found."""


class ModelError(EcgError, ValueError):
    """A network cannot be built, loaded or applied."""


class AlreadyTrainedError(EcgError, ValueError):
    """The initial network was already trained on this dataset."""


class SignalError(EcgError, ValueError):
    """A signal cannot be cleaned: wrong shape, type or sampling rate."""


class StoreInUseError(EcgError, RuntimeError):
    """Nothing can be deleted from a store while another process uses it."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """Return the error for an unknown name; its message lists the nearest known names.

    Args:
        kind: What the name stands for, e.g. "database".
        name: The unknown name.
        known: All valid names.
    """
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known[:12]
    return UnknownNameError(f"Unknown {kind} {name!r}. Nearest: {', '.join(near) or '(none)'}.")
