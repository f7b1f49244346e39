"""What tests share: the real recordings if they are there, and a Prefect server for the session."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecgmodel.support.machine import core_count

os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# As `import_keras` sets it: with other numbers of threads a training has other bits.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(max(1, core_count() // 4)))

# Prefect sets up logging when it is imported, and thereby closes the stream that absl, which
# comes with Keras, has taken for its own: pytest's. So it has to come first.
importlib.import_module("prefect.main")

MIRROR = Path(
    os.environ.get("ECG_PHYSIONET_MIRROR", Path(__file__).parents[2] / "shared/physionet")
)


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

    with prefect_test_harness(server_startup_timeout=120):
        yield
