"""What others published on the protocol, as a tidy table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

FILE = Path(__file__).with_name("published.yaml")
ALL = "all"


def published() -> pd.DataFrame:
    """Return the published results.

    Returns:
        One row a method, noise-ratio group and metric: `method`, `kind`, `source`, `ratio_group`
        ("all", or as in `qt_bw.RATIO_GROUPS`), `metric`, `mean`, `std` (NaN where not published).
    """
    document = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    entries = [row for m in document["methods"] for row in _rows(m, document["ratios"])]
    return pd.DataFrame(entries).astype({"mean": np.float64, "std": np.float64})


def _rows(method: Mapping[str, Any], groups: list[str]) -> Iterator[dict[str, Any]]:
    who = {name: method[name] for name in ("method", "kind", "source")}
    for metric, value in method["all"].items():
        yield _row(who, ALL, metric, value)
    for metric, values in method.get("by_ratio", {}).items():
        for group, value in zip(groups, values, strict=True):
            yield _row(who, group, metric, value)


def _row(who: Mapping[str, str], group: str, metric: str, value: list[float]) -> dict[str, Any]:
    mean, std = value
    return {**who, "ratio_group": group, "metric": metric, "mean": mean, "std": std}
