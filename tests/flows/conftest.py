"""One small pipeline run that the tests of this folder copy, so that each need not make its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ecgmodel.config import Settings
from flows.train import Training
from tests.flows import small


@pytest.fixture(autouse=True)
def _prefect(prefect_server: None) -> None:
    """Run flows against the session's Prefect API."""


@pytest.fixture(scope="session")
def first(
    prefect_server: None, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Settings, Training]:
    """The settings and the result of a first run. Not to be altered: see `store`."""
    from flows.pipeline import pipeline

    settings = small.small(tmp_path_factory.mktemp("first") / "store")
    with small.counted() as made:
        result = pipeline(settings)
    assert sorted(made) == sorted(small.PREPARED | small.TRAINED)
    return settings, result


@pytest.fixture
def store(first: tuple[Settings, Training], tmp_path: Path) -> Path:
    """A copy of the first run's store, to alter."""
    return small.copy_store(first[0].store, tmp_path / "store")


@pytest.fixture
def damage(store: Path) -> Callable[[str, str, str], None]:
    """Delete or alter a file of a unit of the copy."""

    def do(how: str, unit: str, name: str) -> None:
        (path,) = small.unit_folder(store, unit).glob(name)
        path.unlink() if how == "delete" else small.alter(path)

    return do
