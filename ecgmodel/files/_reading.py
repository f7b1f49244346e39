"""Reading of a recording in any format, in millivolts."""

from __future__ import annotations

from pathlib import Path

from ecgmodel.errors import EcgError, RecordError
from ecgmodel.files._ecg import Ecg, Hints, check_ecg
from ecgmodel.files._finding import format_of, load


def read_ecg(path: str | Path, hints: Hints | None = None) -> Ecg:
    """Read a recording in any supported format.

    Args:
        path: The file; for a WFDB record its header, signal or annotation file or its bare name.
        hints: Information that the file lacks.

    Raises:
        HintNeededError: Sampling rate, unit or ECG leads are unknown from both file and hints.
        MissingFileError: A file is missing.
        RecordError: The file is not a recording, or is damaged.
    """
    path, hints = Path(path).expanduser(), hints or Hints()
    name = format_of(path)
    try:
        return check_ecg(load(name).read(path, hints), path)
    except EcgError:
        raise
    except (OSError, UnicodeError) as error:
        raise RecordError(
            f"{path.name} cannot be read ({error}). Check its permissions and content."
        ) from error
    except Exception as error:  # the formats' libraries raise various errors on damaged files
        raise RecordError(
            f"{path.name} cannot be read as {name} ({error!r}). Obtain the file again, or export "
            "it again from its recording software."
        ) from error
