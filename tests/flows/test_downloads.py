"""Downloads: what may pass is tried again, what cannot succeed is not, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecgmodel.errors import TransientSourceError
from ecgmodel.settings.config import Settings
from ecgmodel.sources.transport import ASKED
from flows.prepare import prepare
from flows.train import Training
from tests.flows import small
from tests.mirror_server import MirrorServer

First = tuple[Settings, Training]


def test_each_record_gets_over_what_may_pass_and_only_that(
    mirror: MirrorServer, tmp_path: Path
) -> None:
    mirror.fail("*/sim01.dat", status=503, times=2)
    mirror.fail("*/sim02.dat", truncate=3000, times=1)
    mirror.fail("*/sim03.dat", corrupt=True, times=1)
    mirror.fail("*/sim04.atr", reset=True, times=1)
    mirror.fail("*/sim05.dat", status=404)
    mirror.fail("*.dat", delay_s=0.1)
    settings = small.small(tmp_path / "store", small.from_mirror(mirror.url, whole_files=True))
    dataset = prepare(settings)

    tries = {n: mirror.count(f"/mitdb/*/sim{n:02d}.dat") for n in range(1, 7)}
    assert tries == {1: 3, 2: 2, 3: 2, 4: 1, 5: ASKED, 6: 1}  # what is final is asked for again
    assert mirror.count("*/sim04.atr") == 2
    # The second request for a body that was cut off asks for the rest of it only.
    assert mirror.ranges["/mitdb/1.0.0/sim02.dat"][1] == "bytes=3000-"
    assert 2 <= mirror.max_simultaneous <= 4
    assert [record["record"] for record in dataset.info["records"]] == [
        f"mitdb/sim{n:02d}" for n in (1, 2, 3, 4, 6)
    ]
    (left_out,) = dataset.info["left_out"]
    assert left_out["record"] == "mitdb/sim05"
    assert left_out["stage"] == "download"
    assert "404" in left_out["reason"]

    mirror.forget()
    with small.counted() as made:
        assert prepare(settings).ref == dataset.ref
    assert made == ["download mitdb/sim05"]
    # The mirror is asked what it lists, and once more for what it did not give.
    assert mirror.count("*.dat") == ASKED == mirror.count("*/sim05.dat")


def test_a_source_that_goes_down_loses_nothing(mirror: MirrorServer, tmp_path: Path) -> None:
    settings = small.small(tmp_path / "store", small.from_mirror(mirror.url, retries=1))
    for name in ("sim05", "sim06"):
        mirror.fail(f"*/{name}.dat", reset=True)
    with pytest.raises(TransientSourceError, match=r"sim0[56]\.dat"):
        prepare(settings)
    assert mirror.count("*/sim05.dat") == 2
    mirror.heal()
    mirror.forget()
    with small.counted() as made:
        prepare(settings)
    again = {unit for unit in made if unit.startswith("download")}
    assert again == small.units("download", "mitdb/sim05", "mitdb/sim06")
    assert mirror.count("*.dat") == 4  # a range comes twice, as nothing vouches for it
    # Their headers had come before the source went down.
    assert mirror.count("*.hea") == 0


def test_a_listing_that_fails_for_a_moment_is_asked_for_again(
    mirror: MirrorServer, tmp_path: Path
) -> None:
    mirror.fail("*/RECORDS", status=503, times=2)
    dataset = prepare(small.small(tmp_path / "store", small.from_mirror(mirror.url)))
    assert len(dataset.info["records"]) == 6


def test_a_new_record_of_a_mirror_is_fetched_alone(mirror: MirrorServer, tmp_path: Path) -> None:
    from tests.tiny_wfdb import publish

    database = mirror.root / "mitdb" / "1.0.0"
    held_back = [path.rename(mirror.root / path.name) for path in database.glob("sim03.*")]
    publish(database)
    settings = small.small(tmp_path / "store", small.from_mirror(mirror.url))
    before = prepare(settings).info["splits"]
    for path in held_back:
        path.rename(database / path.name)
    publish(database)
    mirror.forget()
    with small.counted() as made:
        after = prepare(settings).info["splits"]
    steps = {f"{stage} mitdb/sim03" for stage in ("download", "resample", "mix")}
    assert sorted(made) == sorted(steps | {"dataset mitdb"})
    assert mirror.count("*.dat") == 2 == mirror.count("*/sim03.dat")
    assert after == before | {"mitdb/sim03": "train"}
