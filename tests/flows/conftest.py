"""What the tests of flows share: a failing server with a small pipeline's records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ecgmodel.settings.config import Settings
from flows.train import Training
from tests.flows import small
from tests.mirror_server import MirrorServer


@pytest.fixture
def mirror(first: tuple[Settings, Training], tmp_path: Path) -> Iterator[MirrorServer]:
    """A server on loopback with six records of ECG and two of noise."""
    root = small.make_mirror(first[0].store / "download", tmp_path / "mirror")
    with MirrorServer(root) as server:
        yield server
