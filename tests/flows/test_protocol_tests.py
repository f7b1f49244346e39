"""Protocols that rules need: made once from published recordings, whatever trained."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect import flow

from ecgmodel.errors import UnknownNameError
from ecgmodel.protocols._qrs_stress.data import read
from ecgmodel.protocols.qrs_stress import PROTOCOL
from ecgmodel.settings.config import Settings
from ecgmodel.store import Store, Stored
from flows.protocol_tests import protocol_tests
from tests.ecgmodel.protocols.made_stress import write_person
from tests.flows import small
from tests.mirror_server import MirrorServer
from tests.tiny_wfdb import publish

GATE = {"gate": {"rules": ["primary", "qrs_stress"]}}
LEVELS = (24, 18, 12, 6, 0, -6)


@flow(name="protocols for a test")
def asked(settings: Settings) -> dict[str, Stored]:
    return protocol_tests(settings, Store(settings.store))


def test_who_asks_for_no_such_rule_fetches_nothing(prefect_server: None, tmp_path: Path) -> None:
    with MirrorServer(tmp_path) as server:
        settings = small.small(tmp_path / "store", small.from_mirror(server.url))
        assert asked(settings) == {}
        assert not server.requests


@pytest.mark.parametrize("kind", ["physionet", "simulated"])
def test_published_recordings_are_fetched_once(
    prefect_server: None, tmp_path: Path, kind: str
) -> None:
    folder = tmp_path / "mirror/nstdb/1.0.0"
    for person in ("118", "119"):
        write_person(folder, person, 5.5, LEVELS)
    publish(folder)
    with MirrorServer(tmp_path / "mirror") as server:
        source = small.from_mirror(server.url, kind=kind)
        settings = small.small(tmp_path / "store", source, GATE)
        found = asked(settings)
        test = read(found["qrs-stress"])
        assert set(test.leads) == set(PROTOCOL.records["nstdb"])
        assert set(test.clean) == {"118", "119"}
        with small.counted() as made:
            again = asked(settings)
        assert made == []
        assert again["qrs-stress"].ref == found["qrs-stress"].ref
        (folder / "RECORDS").write_text("118e24\n")
        with pytest.raises(UnknownNameError, match="118e18"):
            asked(settings)
