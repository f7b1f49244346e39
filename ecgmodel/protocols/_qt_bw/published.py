"""What others published on the protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ecgmodel.protocols._protocol import Published

FILE = Path(__file__).with_name("published.yaml")
ALL = "all"


def read_published() -> tuple[Published, ...]:
    """Return the published results, those of all windows and those by noise ratio.

    The column of their cell is `ratio_group`: "all", or as in `measuring.RATIO_GROUPS`.
    """
    document = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return tuple(one for method in document["methods"] for one in _of(method, document["ratios"]))


def _of(method: Mapping[str, Any], groups: list[str]) -> Iterator[Published]:
    cells = [(ALL, metric, figures) for metric, figures in method["all"].items()]
    for metric, values in method.get("by_ratio", {}).items():
        cells += [(group, metric, value) for group, value in zip(groups, values, strict=True)]
    for group, metric, (mean, std) in cells:
        who = method["method"], method["kind"], method["source"], metric
        spread = float("nan") if std is None else std
        yield Published(*who, mean, spread, {"ratio_group": group})
