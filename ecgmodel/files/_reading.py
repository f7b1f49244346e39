"""Reading of a recording in any format, in millivolts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import EcgError, HintNeededError, LeadsNeededError, RecordError
from ecgmodel.files._ecg import Ecg, Hints, Recording, check_ecg, in_memory
from ecgmodel.files._finding import format_of, load
from ecgmodel.files._lookalikes import check_lookalikes
from ecgmodel.support.samples import LazySamples, is_small


def read_ecg(path: str | Path, hints: Hints | None = None) -> Ecg:
    """Read a recording in any supported format.

    Args:
        path: The file; for a WFDB record its header, signal or annotation file or its bare name.
        hints: Information that the file lacks.

    Raises:
        HintNeededError: Sampling rate, unit or ECG leads are unknown from both file and hints; it
            names all that is missing.
        MissingFileError: A file is missing.
        RecordError: The file is not a recording, or is damaged.
    """
    return in_memory(open_ecg(path, hints))


def open_ecg(path: str | Path, hints: Hints | None = None) -> Recording:
    """Open a recording that may be larger than memory; see `read_ecg`.

    The samples of a long recording are read when a piece of them is asked for, which may raise the
    errors of `read_ecg`.
    """
    path, hints = Path(path).expanduser(), hints or Hints()
    name = format_of(path)
    with _damage(path, name):
        recording = _read(load(name), path, hints)
        if is_small(recording.signal.shape):
            return in_memory(recording)

    def read(start: int, stop: int) -> NDArray[np.float64]:
        with _damage(path, name):
            return recording.signal[start:stop]

    samples, leads = recording.signal.shape
    return replace(recording, signal=LazySamples((samples, leads), read))


def _read(module: ModuleType, path: Path, hints: Hints) -> Recording:
    try:
        return check_lookalikes(check_ecg(module.read(path, hints), path), path)
    except HintNeededError as error:
        raise _all_missing(module, path, hints, error) from error


def _all_missing(
    module: ModuleType, path: Path, hints: Hints, error: HintNeededError
) -> HintNeededError:
    """Return an error that asks at once for all that is missing.

    The file is read again with a stand-in for each answer, to see what it lacks besides.
    """
    found: list[HintNeededError] = []
    while answer := _stand_in(error, hints):
        found.append(error)
        hints = replace(hints, **answer)
        try:
            module.read(path, hints)
        except HintNeededError as further:
            error = further
        except EcgError:
            break
        else:
            break
    return HintNeededError.joined(found) if len(found) > 1 else error


def _stand_in(error: HintNeededError, hints: Hints) -> dict[str, Any]:
    """Return an answer to a question, in fields of the hints; empty if there is none."""
    option = error.options[0]
    if isinstance(error, LeadsNeededError) and not hints.columns:
        return {"columns": error.candidates} if error.candidates else {}
    if option == "--fs" and hints.fs is None:
        return {"fs": 250.0}
    if option in ("--unit", "--gain") and hints.unit is None and hints.gain is None:
        return {"gain": 200.0} if option == "--gain" else {"unit": "mV"}
    return {}


@contextmanager
def _damage(path: Path, name: str) -> Iterator[None]:
    """Convert the errors of a format's library on damaged files to RecordError."""
    try:
        yield
    except EcgError:
        raise
    except (OSError, UnicodeError) as error:
        raise RecordError(
            f"{path.name} cannot be read ({error}). Check its permissions and content."
        ) from error
    except Exception as error:  # the libraries raise various errors
        raise RecordError(
            f"{path.name} cannot be read as {name} ({error!r}). Obtain the file again, or export "
            "it again from its recording software."
        ) from error
