"""Samples of WFDB signal files, as stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import MissingFileError, RecordError


def decoded(header: Any, folder: Path, name: str, first: int, last: int) -> list[NDArray[Any]]:
    """Return each signal's samples, in ADC units, from one frame to before another.

    Signals are not moved by their skew.

    Args:
        header: The header of a single-segment record as parsed by wfdb.
        folder: The folder of its signal files.
        name: The record's name, for errors.
        first: The first frame.
        last: The frame after the last.

    Raises:
        MissingFileError: A signal file is missing.
        RecordError: Header and data disagree.
    """
    from wfdb.io import _signal

    try:  # wfdb.rdrecord would parse the header again for each piece, and refuse some dates
        return list(
            _signal._rd_segment(
                file_name=header.file_name,
                dir_name=str(folder.absolute()),
                pn_dir=None,
                fmt=header.fmt,
                n_sig=header.n_sig,
                sig_len=last if header.sig_len is None else header.sig_len,
                byte_offset=header.byte_offset,
                samps_per_frame=header.samps_per_frame,
                skew=header.skew,
                init_value=header.init_value,
                sampfrom=first,
                sampto=last,
                channels=list(range(header.n_sig)),
                ignore_skew=True,
            )
        )
    except FileNotFoundError as error:
        raise MissingFileError(f"{name}: a signal file is missing ({error}).") from error
    except Exception as error:  # wfdb raises various errors on damaged files
        raise RecordError(
            f"{name}: header and data disagree ({error}). Download the record again."
        ) from error


def is_missing(digital: NDArray[Any], fmt: str) -> NDArray[np.bool_]:
    """Return which samples of a format are missing."""
    from wfdb.io._signal import INVALID_SAMPLE_VALUE

    value = INVALID_SAMPLE_VALUE[fmt]
    return np.zeros(digital.shape, bool) if value is None else np.asarray(digital == value)
