"""What of others comes with the page is named with version and licence, and is what it was."""

from __future__ import annotations

import hashlib
import json

from ecgmodel.web.report import VENDOR


def test_every_file_of_others_is_as_published() -> None:
    libraries = json.loads((VENDOR / "vendored.json").read_text())
    listed: dict[str, str] = {}
    for library in libraries.values():
        assert {"version", "license", "source", "integrity"} < set(library)
        listed |= library["files"]
    there = {file.name: file for file in VENDOR.iterdir() if file.name != "vendored.json"}
    assert set(listed) == set(there)
    for name, file in there.items():
        assert f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}" == listed[name], name


def test_it_is_the_version_that_is_named() -> None:
    version = json.loads((VENDOR / "vendored.json").read_text())["uplot"]["version"]
    assert f"(v{version})" in (VENDOR / "uPlot.iife.min.js").read_text()[:100]
    assert "MIT License" in (VENDOR / "uPlot.LICENSE").read_text()
