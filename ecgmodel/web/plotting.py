"""The plotting library's scripts, which come out of its installed package."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ecgmodel.errors import MissingLibraryError
from ecgmodel.support.extras import missing

PLOTTING = ("bokeh.min.js", "bokeh-api.min.js")


def scripts() -> Path:
    """Return the folder with `PLOTTING`.

    Raises:
        MissingLibraryError: bokeh is not installed.
    """
    spec = importlib.util.find_spec("bokeh")
    places = spec.submodule_search_locations if spec else None
    if not places:
        raise MissingLibraryError(missing("bokeh"), name="bokeh")
    return Path(next(iter(places))) / "server" / "static" / "js"
