"""Limits on the content of a file, checked before memory is allocated."""

from __future__ import annotations

from pathlib import Path

from ecgmodel.errors import MissingFileError, RecordError

# Uncompressed formats use at least 1.5 bytes per sample, compressed ones a tenth of that.
FACTOR = 64
FLOOR = 2**26
HEADER_BYTES = 2**22


def check_values(path: Path, values: int, file_bytes: int) -> None:
    """Check that a file does not claim more values than plausible for its size.

    Args:
        path: The file, for the error.
        values: Number of values to read, at 8 bytes each.
        file_bytes: Size of the file, or of all files of a record, bytes.

    Raises:
        RecordError: The values would need more than 64 times the file's size and more than 64 MiB.
    """
    most = max(FLOOR, FACTOR * file_bytes)
    if values < 0 or values * 8 > most:
        raise RecordError(
            f"{path.name} claims to hold {values:,} values in {file_bytes:,} bytes. Expected at "
            f"most {most // 8:,}. It is damaged or malicious: obtain it again from a "
            "trusted source."
        )


def check_file(path: Path, most: int | None = None) -> int:
    """Return a file's size, bytes.

    Raises:
        MissingFileError: The file does not exist.
        RecordError: It is empty, not a file, or larger than `most`.
    """
    if not path.exists():
        raise MissingFileError(f"The file {path} does not exist. Check its name.")
    if not path.is_file():
        raise RecordError(f"{path} is not a file. Give the path of a recording.")
    size = path.stat().st_size
    if not size:
        raise RecordError(f"{path.name} is empty. Leave it out.")
    if most is not None and size > most:
        raise RecordError(
            f"{path.name} has {size:,} bytes. Expected at most {most:,}. Check that it is a "
            "recording."
        )
    return size
