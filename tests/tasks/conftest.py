"""One small pipeline run that the tests of this folder copy, so that each need not make its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecgmodel.settings.config import Settings
from flows.train import Training
from tests.flows import small


@pytest.fixture(scope="session")
def first(
    prefect_server: None, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Settings, Training]:
    """The settings and the result of a first run. Not to be altered: see `store`."""
    return small.first_run(tmp_path_factory.getbasetemp())


@pytest.fixture
def store(first: tuple[Settings, Training], tmp_path: Path) -> Path:
    """A copy of the first run's store, to alter."""
    return small.copy_store(first[0].store, tmp_path / "store")
