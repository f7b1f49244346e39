"""What holds for every protocol that is found, and what the shared part does with what it says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ecgmodel import protocols
from ecgmodel.protocols import do_no_harm
from ecgmodel.protocols._protocol import Cells, Published
from ecgmodel.support.dataclass_files import load, save


@pytest.mark.parametrize("name", protocols.names())
def test_what_a_protocol_names_is_there(name: str) -> None:
    protocol = protocols.load(name)
    assert protocol.name == name
    assert {protocol.primary, *protocol.goals} <= set(protocol.metrics)
    assert {one.metric for one in protocol.published} <= set(protocol.metrics)
    assert "all" in protocol.cells
    for database, records in protocol.quick.items():
        wanted = protocol.records[database]
        assert not wanted or set(records) <= set(wanted)
    assert {str(path) for path in protocol.data if not path.is_file()} == set()


@dataclass(frozen=True)
class Seen:
    what: str
    place: tuple[int, ...]
    level: float
    signal: np.ndarray


def test_examples_are_read_as_they_were_written(tmp_path: Path) -> None:
    items = [Seen("a", (1, 2), float("nan"), np.arange(3.0)), Seen("b", (), 0.5, np.zeros((0, 3)))]
    save(items, tmp_path / "seen.npz")
    first, second = load(tmp_path / "seen.npz", Seen)
    assert (first.what, first.place, second.level) == ("a", (1, 2), 0.5)
    assert np.isnan(first.level)
    np.testing.assert_array_equal(first.signal, items[0].signal)
    assert second.signal.shape == (0, 3)
    save([], tmp_path / "none.npz")
    assert load(tmp_path / "none.npz", Seen) == ()


def harm_rows() -> pd.DataFrame:
    who = {"method": "m", "record": "r", "subject": "s", "quantity": "shape"}
    return pd.DataFrame(
        [who | {"part": part, "value": value} for part, value in (("a", 1), ("", 9))]
    )


def test_a_row_without_a_cell_is_in_none_and_own_tables_win() -> None:
    protocol = replace(
        do_no_harm.PROTOCOL,
        cells={"all": Cells(), "by_part": Cells(("part",))},
        further=lambda rows, draws, seed: {"goals": rows.head(1)},
        published=(Published("theirs", "CNN", "a paper", "shape", 12.5, cell={"part": "a"}),),
    )
    tables = protocol.tables(harm_rows(), draws=0)
    assert tables["by_part"]["part"].tolist() == ["a"]
    assert tables["by_part"]["mean"].tolist() == [1.0]
    assert tables["goals"]["value"].tolist() == [1]
    (row,) = tables["published"].to_dict("records")
    assert (row["part"], row["mean"], row["source"]) == ("a", 12.5, "a paper")


def test_a_published_row_is_part_of_the_page_and_not_of_what_was_measured() -> None:
    protocol = do_no_harm.PROTOCOL
    other = replace(protocol, published=(Published("a", "CNN", "b", "shape", 12.5),))
    keys = [
        (one.page_step([]).unit.key, one.prepare_step({}).unit.key) for one in (protocol, other)
    ]
    assert keys[0][0] != keys[1][0]
    assert keys[0][1] == keys[1][1]
