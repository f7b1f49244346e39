"""Summary of an archive of cleaned recordings: one page and one Parquet table, worst first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from math import inf
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ecgmodel.denoise.summary import Summary
from ecgmodel.store import write_bytes, write_text
from ecgmodel.support.units import clock

PAGE, TABLE = "summary.html", "summary.parquet"
TEMPLATE = "archive.html"
KINDS = {
    "wander_mv": "baseline wander",
    "motion_mv": "electrode motion",
    "hum_mv": "mains hum",
    "muscle_mv": "muscle noise",
}
_UNKNOWN = "\N{EN DASH}"


@dataclass(frozen=True)
class Row:
    """A cleaned recording on the page; texts, and shares of the widest bar in %.

    Attributes:
        name: The recording.
        link: Address of its report, or of its file, relative to the page.
        length: Length.
        leads: Number of leads.
        quality: Quality before and after.
        unreliable: Share of unreliable time.
        reasons: The reasons for it.
        noise: By kind: RMS in µV, and the width of its bar in %.
    """

    name: str
    link: str
    length: str
    leads: str
    quality: tuple[str, str]
    unreliable: str
    reasons: str
    noise: tuple[tuple[str, float], ...]


def worst_first(rows: Sequence[Summary]) -> list[Summary]:
    """Return rows in order: not cleaned, then by unreliable time and by quality after cleaning."""

    def key(row: Summary) -> tuple[bool, float, float, str]:
        quality = row.quality_after if row.quality_after is not None else inf
        return row.state == "cleaned", -(row.unreliable or 0.0), quality, row.recording

    return sorted(rows, key=key)


def write_summary(rows: Sequence[Summary], out: Path, label: str) -> tuple[Path, Path]:
    """Write the page and the table of an archive, worst recordings first.

    Args:
        rows: A row per recording.
        out: The output folder, to which the rows' files are relative.
        label: The network's label.

    Returns:
        `summary.html` and `summary.parquet` in the output folder.
    """
    ordered = worst_first(rows)
    page, table = out / PAGE, out / TABLE
    write_bytes(table, _frame(ordered).to_parquet(index=False))
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    write_text(page, environment.get_template(TEMPLATE).render(**_content(ordered, label)))
    return page, table


def _frame(rows: Sequence[Summary]) -> pd.DataFrame:
    """Return the rows as a table whose types do not depend on its content."""
    types = {"seconds": "float64", "leads": "Int32", "fs": "float64", "unreliable": "float64"}
    types |= dict.fromkeys((*KINDS, "quality_before", "quality_after"), "float64")
    names = [field.name for field in fields(Summary)]
    frame = pd.DataFrame([row.to_dict() for row in rows], columns=names)
    return frame.astype({name: types.get(name, "string") for name in names})


def _content(rows: Sequence[Summary], label: str) -> dict[str, Any]:
    cleaned = [row for row in rows if row.state == "cleaned"]
    missed = [row for row in rows if row.state != "cleaned"]
    hours = [(row.seconds or 0.0) * (row.leads or 0) for row in cleaned]
    bad = sum((row.unreliable or 0.0) * hour for row, hour in zip(cleaned, hours, strict=True))
    return {
        "label": label,
        "counts": (len(cleaned), len(rows)),
        "missed": missed,
        "rows": [*_rows(cleaned)],
        "kinds": [*KINDS.values()],
        "cards": [
            (f"{len(cleaned):,}", "recordings cleaned"),
            (clock(sum(row.seconds or 0.0 for row in cleaned)), "hours of recording"),
            (_middle([row.quality_before for row in cleaned]), "quality before, median"),
            (_middle([row.quality_after for row in cleaned]), "quality after, median"),
            (_share(bad / sum(hours) if sum(hours) else None), "of all leads' time unreliable"),
            (f"{len(missed):,}", "not cleaned"),
        ],
    }


def _rows(cleaned: Sequence[Summary]) -> Iterator[Row]:
    most = max((getattr(row, kind) or 0.0 for row in cleaned for kind in KINDS), default=0.0)
    for row in cleaned:
        leads = f"{row.leads} {'lead' if row.leads == 1 else 'leads'}"
        values = [getattr(row, kind) for kind in KINDS]
        yield Row(
            name=row.recording,
            link=quote(row.report or row.file),
            length=clock(row.seconds or 0.0),
            leads=leads,
            quality=(_decimals(row.quality_before), _decimals(row.quality_after)),
            unreliable=_share(row.unreliable),
            reasons=row.reasons,
            noise=tuple(
                (_microvolts(value), 100 * (value or 0.0) / most if most else 0.0)
                for value in values
            ),
        )


def _middle(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return _decimals(median(known) if known else None)


def _decimals(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{value:.2f}"


def _share(value: float | None) -> str:
    if value is None:
        return _UNKNOWN
    return "< 0.1 %" if 0 < value < 1e-3 else f"{100 * value:.1f} %"


def _microvolts(millivolts: float | None) -> str:
    return _UNKNOWN if millivolts is None else f"{1000 * millivolts:,.0f}"
