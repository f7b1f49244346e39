"""One line on an error: what to do, or where the details of a bug are."""

from __future__ import annotations

import tempfile
import traceback

_OWN = {"ecgmodel", "tasks", "flows"}


def told(error: Exception) -> str:
    """Return one line on an error: what to do, or where the details of a bug are."""
    from ecgmodel.errors import EcgError
    from ecgmodel.support.disk import full_disk
    from ecgmodel.support.extras import missing

    if isinstance(error, EcgError):
        return str(error)
    if full := full_disk(error):
        return str(full)
    if isinstance(error, MemoryError):
        return "The memory is full. Close other programs, or split the recording."
    if isinstance(error, OSError) and error.errno is not None:
        return str(error)
    if isinstance(error, ModuleNotFoundError) and error.name:
        library = error.name.partition(".")[0]
        if library not in _OWN:
            return missing(library)
    return _unexpected(error)


def _unexpected(error: Exception) -> str:
    """Write the details of a bug to a file, and return what to say."""
    words = str(error).strip().partition("\n")[0][:300]
    said = f"Unexpected {type(error).__name__}: {words or 'no message'}."
    details = "".join(traceback.format_exception(error))
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="ecg-denoise-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.write(details)
    except OSError:  # nowhere to write
        return f"{said} Set TMPDIR to a folder that you may write to, to see the details."
    return f"{said} This is a bug, or something that nobody foresaw. Details: {file.name}"
