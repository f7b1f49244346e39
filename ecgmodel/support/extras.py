"""Libraries that come with an extra of the package, and what to say where one is missing."""

from __future__ import annotations

from importlib.util import find_spec

from ecgmodel.errors import MissingLibraryError

# Which extra brings a library; all others come with the extra "pipeline".
_EXTRAS = {
    "parquet": {"pyarrow"},
    "web": {"bokeh", "fastapi", "jinja2", "multipart", "prometheus_client", "starlette", "uvicorn"},
}


def need(library: str) -> None:
    """See that a library is installed.

    Raises:
        MissingLibraryError: It is not; the message says which extra brings it.
    """
    if find_spec(library) is None:
        raise MissingLibraryError(missing(library), name=library)


def missing(library: str) -> str:
    """Return what to say where a library is not installed."""
    extra = next((extra for extra, names in _EXTRAS.items() if library in names), "pipeline")
    return (
        f"{library} is not installed; it comes with the extra [{extra}]. Install the package with "
        f"it, for example `pip install '.[{extra}]'` in a checkout."
    )
