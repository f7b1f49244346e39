"""What measuring a method by a protocol gives: its rows, examples to look at, and its cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ecgmodel.protocols._costs import Timed, filter_costs, network_costs
from ecgmodel.protocols._methods import NOTHING, Denoise, Network
from ecgmodel.store import Stored
from ecgmodel.support.dataclass_files import save

ROWS, EXAMPLES, COST = "rows.parquet", "examples.npz", "cost"


@dataclass(frozen=True)
class Measured:
    """What a protocol's `measure` returns.

    Attributes:
        rows: One row a measured thing, with `method`, `record`, `subject` and what is summarised.
        examples: Frozen dataclasses of one kind: what the page shows of the method.
    """

    rows: pd.DataFrame
    examples: Sequence[Any] = ()


Measure = Callable[[Timed, Stored, str], Measured]


def measure_into(
    measure: Measure,
    load: Callable[[], Sequence[Denoise]],
    network: Network | None,
    name: str,
    prepared: Stored,
    into: Path,
) -> Mapping[str, Any]:
    """Write a method's rows and examples into a folder; return facts for the manifest.

    Args:
        measure: The protocol's.
        load: Loads the method.
        network: Which network it is; None for a filter.
        name: What the tables call it.
        prepared: The protocol's test.
        into: The folder.
    """
    timed = Timed(*load())
    found = measure(timed, prepared, name)
    found.rows.to_parquet(into / ROWS, index=False)
    save(found.examples, into / EXAMPLES)
    facts = {"method": name, "rows": len(found.rows)}
    if name == NOTHING:
        return facts
    return {**facts, COST: network_costs(timed, network) if network else filter_costs(timed)}


def read_rows(measured: Sequence[Stored]) -> pd.DataFrame:
    """Return the rows of measured methods, one after the other."""
    return pd.concat([pd.read_parquet(m.file(ROWS)) for m in measured], ignore_index=True)
