"""What tests share: real recordings if they are there, a Prefect server, a small pipeline's run."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ecgmodel.support import telemetry
from ecgmodel.support.machine import core_count

if TYPE_CHECKING:
    from ecgmodel.settings.config import Settings
    from flows.train import Training

START_S = 400  # of a Prefect server: seconds, but on a machine that has much else to do

telemetry.switch_off()
os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", str(START_S))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# As `import_keras` sets it: with other numbers of threads a training has other bits.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(max(1, core_count() // 4)))

# Prefect sets up logging when it is imported, and thereby closes the stream that absl, which
# comes with Keras, has taken for its own: pytest's. So it has to come first.
importlib.import_module("prefect.main")

MIRROR = Path(
    os.environ.get("ECG_PHYSIONET_MIRROR", Path(__file__).parents[2] / "shared/physionet")
)


# Folders and files with the longest tests: begun first, so that the workers end together.
LONGEST = (
    *("tests/flows/service/test_service.py", "tests/flows/", "tests/tasks/"),
    *("tests/docs/", "tests/ecgmodel/web/"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items.sort(key=lambda item: [not item.nodeid.startswith(name) for name in LONGEST])


@pytest.fixture(scope="session")
def physionet() -> Path:
    """A folder laid out like PhysioNet, with real recordings."""
    if not MIRROR.is_dir():
        pytest.skip(f"no real recordings: neither $ECG_PHYSIONET_MIRROR nor {MIRROR} is there")
    return MIRROR


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """A Prefect API of the session's own, with an empty database."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=START_S):
        yield


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the session's that all its workers see."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def first(prefect_server: None, shared_folder: Path) -> tuple[Settings, Training]:
    """Settings and result of a small pipeline's first run. Not to be altered: see `store`."""
    from tests.flows import small

    return small.first_run(shared_folder)


@pytest.fixture
def store(first: tuple[Settings, Training], tmp_path: Path) -> Path:
    """A copy of the first run's store, to alter."""
    from tests.flows import small

    return small.copy_store(small.kept(first[0]), tmp_path / "store")
