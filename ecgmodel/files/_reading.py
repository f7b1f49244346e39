"""Any file as a recording in millivolts."""

from __future__ import annotations

from pathlib import Path

from ecgmodel.errors import EcgError, RecordError
from ecgmodel.files._ecg import Ecg, Hints, check_ecg
from ecgmodel.files._finding import format_of, load


def read_ecg(path: str | Path, hints: Hints | None = None) -> Ecg:
    """Read a recording in any of the formats.

    Args:
        path: The file; a WFDB record's header, samples, annotations or bare name.
        hints: What the user says where the file does not.

    Raises:
        HintNeededError: The file does not say its rate, its unit or which channels are ECG leads,
            and the hints do not either.
        MissingFileError: A file is not there.
        RecordError: It is no recording, or it is damaged.
    """
    path, hints = Path(path).expanduser(), hints or Hints()
    name = format_of(path)
    try:
        return check_ecg(load(name).read(path, hints), path)
    except EcgError:
        raise
    except (OSError, UnicodeError) as error:
        raise RecordError(f"{path.name} cannot be read ({error}).") from error
    except Exception as error:  # the formats' libraries raise whatever damaged bytes lead to
        raise RecordError(
            f"{path.name} is no recording that can be read as {name} ({error!r}). Get it again, or "
            "save it anew by the program that it comes from."
        ) from error
