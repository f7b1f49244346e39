"""Optional libraries, and the message that names the extra to install."""

from __future__ import annotations

from importlib.util import find_spec

from ecgmodel.errors import MissingLibraryError

# Libraries by extra; all others belong to the extra "pipeline".
_EXTRAS = {
    "parquet": {"pyarrow"},
    "web": {"fastapi", "multipart", "prometheus_client", "starlette", "uvicorn"},
}


def need(library: str) -> None:
    """Check that a library is installed.

    Raises:
        MissingLibraryError: It is not installed; the message names the extra that includes it.
    """
    if find_spec(library) is None:
        raise MissingLibraryError(missing(library), name=library)


def missing(library: str) -> str:
    """Return the message for a library that is not installed."""
    extra = next((extra for extra, names in _EXTRAS.items() if library in names), "pipeline")
    return (
        f"{library} is not installed. It is part of the extra [{extra}]: install it with "
        f"`pip install 'ecg-denoiser[{extra}]'` in the same environment."
    )
