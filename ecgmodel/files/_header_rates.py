"""Sampling rates stated above a table, distinguished from other rates and frequencies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ecgmodel.files._rates import LIKELY
from ecgmodel.support.units import LONGEST_NAME

_RATE = re.compile(
    r"(?P<name>sampl\w*[ _-]?(?:rate|freq\w*)|frequency|\bfs|\brate)"
    r"(?:\W{1,3}(?P<stated>k?hz))?\W{1,6}(?P<number>\d{1,6}(?:[.,]\d{1,9}){0,3})"
    r"\s*(?P<unit>k?(?:hz|hertz|samples)|k?(?=\W|$))",
    re.IGNORECASE,
)
_OTHER = re.compile(
    r"heart|pulse|respir|breath|ventric|\batri|beat|filter|cut[ _-]?off|notch|pass|\bhr\b",
    re.IGNORECASE,
)
_PER_MINUTE = re.compile(r"\s*(?:bpm|beats|(?:/|per)\s*min)", re.IGNORECASE)
_LIMIT = re.compile(
    r"\b(?:max\w*|min\w*|high|low|hp|lp|upper|lower|corner|band\w*|mains|power|line)\b",
    re.IGNORECASE,
)
_CELL = re.compile(r"[;,\t|]")


def stated_rates(lines: Iterable[str]) -> tuple[float, ...]:
    """Return the distinct sampling rates stated in lines, Hz, in order.

    Lines about sampling ("Sample rate: 500 Hz", "fs=500") take precedence over other frequencies
    and rates in Hz. Heart rates and filter frequencies are ignored.
    """
    found = [pair for line in lines for pair in _found(line)]
    of_sampling = [fs for fs, is_sampling in found if is_sampling]
    return tuple(dict.fromkeys(of_sampling or [fs for fs, _ in found]))


def names_rate(line: str) -> bool:
    """Return whether a line states any rate."""
    return bool(_RATE.search(line[:LONGEST_NAME]))


def _found(line: str) -> Iterator[tuple[float, bool]]:
    """Yield the rates in a line, and whether they are explicitly sampling rates."""
    text = line[:LONGEST_NAME]
    for match in _RATE.finditer(text):
        name = f"{_CELL.split(text[: match.start()])[-1]}{match['name']}".lower()
        is_sampling = "sampl" in name or name.endswith("fs")
        unit = (match["stated"] or match["unit"]).lower()
        is_rate = is_sampling or not (_LIMIT.search(name) or (name.endswith("rate") and not unit))
        if is_rate and not (_OTHER.search(name) or _PER_MINUTE.match(text, match.end())):
            for fs in _readings(match["number"], 1000 if unit.startswith("k") else 1):
                yield fs, is_sampling


def _readings(text: str, scale: int) -> tuple[float, ...]:
    """Return the readings of a number, Hz: the plausible ones, or all if none is plausible.

    "1,000" is a thousand or, with a decimal comma, one; "500,000" five hundred, or half a million.
    """
    parts, signs = re.split("[.,]", text), re.findall("[.,]", text)
    if not signs:
        return (float(text) * scale,)
    grouped = [len(part) == 3 for part in parts[1:]]
    readings = []
    if all(grouped[:-1]) and signs[-1] not in signs[:-1]:
        readings.append(float(f"{''.join(parts[:-1])}.{parts[-1]}") * scale)
    if all(grouped) and len(parts[0]) <= 3 and len(set(signs)) == 1:
        readings.append(float("".join(parts)) * scale)
    likely = [fs for fs in readings if LIKELY[0] <= fs <= LIKELY[1]]
    return tuple(likely or readings)
