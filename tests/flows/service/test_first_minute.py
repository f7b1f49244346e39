"""A service on an empty state folder has a model in use as soon as it is up, and uses it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.flows.service.running import Service, up
from tests.wfdb_files import ecg, write_record

pytestmark = pytest.mark.slow  # a service of its own, started twice


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service that is up, with the first champion of the default settings."""
    made = Service(tmp_path)
    tree = yaml.safe_load(made.file.read_text())
    made.file.write_text(yaml.safe_dump({**tree, "gate": {}}))
    with up(made):
        yield made


def test_the_shipped_network_is_in_use_at_once_and_cleans(service: Service, tmp_path: Path) -> None:
    said = service.command("status").stdout
    assert re.search(r"^champion +ecg-denoiser version 1\b.*", said, re.MULTILINE), said
    assert "refused" not in said
    write_record(tmp_path / "in", "p1", ecg(20, 250), 250)
    places = {"recordings": str(tmp_path / "in"), "out": str(tmp_path / "out")}
    run = service.start("denoise/denoise", **places)

    def done() -> bool:
        state = service.run(run).state
        return bool(state and state.is_completed())

    service.until(done, "the cleaned recording")
    assert "ecg-denoiser version 1" in (tmp_path / "out" / "p1.hea").read_text()
    past = service.command("history").stdout
    assert "ecg-denoiser 1 in use (shipped): The network default is shipped" in past
    # A second start of the service changes nothing.
    assert service.command("down").returncode == 0
    assert service.command("up", "--detach").returncode == 0
    assert service.command("history").stdout == past
