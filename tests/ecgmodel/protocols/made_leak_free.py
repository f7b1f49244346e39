"""A small test of the protocol `leak-free` on simulated recordings, and rows worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ecgmodel.protocols._work import PlainWork
from ecgmodel.protocols.leak_free import PROTOCOL
from ecgmodel.settings.config import Settings, load_settings
from ecgmodel.store import Store, Stored

RECORDINGS = {"simulated": ("sim02", "sim06", "sim09"), "simnoise": ("bw", "em", "ma")}


def simulated() -> Settings:
    """Return where simulated recordings of 80 s come from."""
    names = ("subjects=13", "minutes=1.35", "noise_minutes=3")
    return load_settings(pairs=[f"source.simulated.{name}" for name in names])


def small_test(folder: Path) -> Stored:
    """Return a test of three people, two leads and two segments a lead at most."""
    work = PlainWork(simulated(), Store(folder))
    return replace(PROTOCOL, records=RECORDINGS).prepared(work)


def rewritten(shard: Path, into: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Path:
    """Write a shard anew with other rows, of the same columns and metadata."""
    table = pq.read_table(shard)
    changed = change(table.to_pandas())
    pq.write_table(pa.Table.from_pandas(changed, table.schema, preserve_index=False), into)
    return into


def invented(gains: dict[str, dict[tuple[str, float], float]]) -> pd.DataFrame:
    """Return rows of four people whose gain is as given, by method and by noise type and SNR."""
    rows = []
    for method, cells in gains.items():
        for (noise_type, snr_db), gain in cells.items():
            for person, offset in enumerate((-0.3, -0.1, 0.1, 0.3)):
                who = {"record": f"db/{person}", "subject": f"p{person}", "lead": "I", "start": 0}
                what = {"noise_type": noise_type, "snr_db": snr_db}
                rows.append({"method": method, **who, **what, "snr_improvement": gain + offset})
    return pd.DataFrame(rows).assign(original_fs=360.0, target="highpass", rmse=np.nan)
