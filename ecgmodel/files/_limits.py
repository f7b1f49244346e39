"""How much a file may hold: memory is bounded by its size before anything is allocated."""

from __future__ import annotations

from pathlib import Path

from ecgmodel.errors import MissingFileError, RecordError

# The narrowest formats hold a sample in a byte and a half; compressed ones a tenth of that.
FACTOR = 64
FLOOR = 2**26
HEADER_BYTES = 2**22


def check_values(path: Path, values: int, file_bytes: int) -> None:
    """Raise an error if a file claims more values than its size can hold.

    Args:
        path: The file, for the error.
        values: How many numbers would be read from it, at 8 bytes each.
        file_bytes: Its size, or that of all files of a record.

    Raises:
        RecordError: They would take more than 64 times its bytes, and more than 64 MiB.
    """
    most = max(FLOOR, FACTOR * file_bytes)
    if values < 0 or values * 8 > most:
        raise RecordError(
            f"{path.name} claims to hold {values:,} values in {file_bytes:,} bytes; expected at "
            f"most {most // 8:,}. It is damaged, or made to fill the memory. Get it again."
        )


def check_file(path: Path, most: int | None = None) -> int:
    """Return a file's size, bytes.

    Raises:
        MissingFileError: It is not there.
        RecordError: It is empty, no file, or larger than `most`.
    """
    if not path.exists():
        raise MissingFileError(f"There is no file {path}.")
    if not path.is_file():
        raise RecordError(f"Expected a file. Received: {path}.")
    size = path.stat().st_size
    if not size:
        raise RecordError(f"{path.name} is empty. Leave it out.")
    if most is not None and size > most:
        raise RecordError(f"{path.name} holds {size:,} bytes; expected at most {most:,}.")
    return size
