"""The headline of a verdict: the same figure as in the report, for the people who judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from ecgmodel.errors import DatasetError
from ecgmodel.evaluation.headline import Headline, headline
from ecgmodel.promotion.judging import Comparison, Verdict

METHOD = "model"
JUDGED, REPORT = "judged", "report"


@dataclass(frozen=True)
class Reported:
    """A challenger on the test of its own report.

    Attributes:
        test: The name of that test.
        table: The challenger's rows.
        filters: By classical filter, its rows.
    """

    test: str
    table: pd.DataFrame
    filters: Mapping[str, pd.DataFrame]


def state(
    verdict: Verdict,
    comparison: Comparison,
    test: str,
    reported: Reported,
    draws: int,
    seed: int,
) -> Verdict:
    """Return a verdict with the headlines of both sides, which its reason ends with.

    Where those who judge are not those of the challenger's report (another test, or people who were
    left out), the report's headline stands beside it, each with its test and number of people.

    Args:
        verdict: What the rules said.
        comparison: Both sides and the filters on the people who judge.
        test: The name of the test that judges.
        reported: The challenger on the test of its report.
        draws: Bootstrap draws, the report's.
        seed: Of the draws, the report's.
    """

    def figure(table: pd.DataFrame, filters: Mapping[str, pd.DataFrame]) -> Headline | None:
        parts = [table.assign(method=METHOD), *(t.assign(method=n) for n, t in filters.items())]
        try:
            return headline(pd.concat(parts, ignore_index=True), METHOD, draws, seed)
        except DatasetError:
            return None  # nothing noisy was measured

    found = {"challenger": figure(comparison.challenger, comparison.filters)}
    if not comparison.is_first:
        found["champion"] = figure(comparison.champion, comparison.filters)
    differs = reported.test != test or bool(verdict.left_out)
    if differs:
        found["report"] = figure(reported.table, reported.filters)
    headlines = {name: one for name, one in found.items() if one}
    tests = {JUDGED: test, **({REPORT: reported.test} if differs else {})}
    stated = replace(verdict, headlines=headlines, tests=tests)
    return replace(stated, reason=" ".join([verdict.reason, *sentences(stated)]))


def sentences(verdict: Verdict) -> list[str]:
    """Return the figures of a verdict in words: of those who judge, and of the report."""
    lines = []
    if ours := verdict.headlines.get("challenger"):
        held = verdict.headlines.get("champion")
        beside = f"; {verdict.champion} {held.improvement:+.1f} dB" if held else ""
        lines.append(f"Judged on {verdict.tests[JUDGED]}: {ours.sentence}{beside}.")
    if reported := verdict.headlines.get("report"):
        lines.append(f"Its own test, {verdict.tests[REPORT]}: {reported.sentence}.")
    return lines
