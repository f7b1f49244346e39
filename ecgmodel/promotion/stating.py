"""The headlines of a verdict: the same results as in the report, on the test of the verdict."""

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
    """Results of a challenger on the test of its own report.

    Attributes:
        test: Name of this test.
        table: Rows of the challenger.
        filters: Rows of each classical filter, by name.
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
    """Return a verdict with the headlines of both sides, and with them at the end of its reason.

    If the test of the challenger's report differs (another dataset, or subjects were excluded),
    the headline of the report is added, each with its test and number of subjects.

    Args:
        verdict: The verdict of the rules.
        comparison: Both sides and the filters on the test of the verdict.
        test: Name of this test.
        reported: The challenger on the test of its report.
        draws: Bootstrap resamplings, as in the report.
        seed: Seed of the bootstrap, as in the report.
    """

    def figure(table: pd.DataFrame, filters: Mapping[str, pd.DataFrame]) -> Headline | None:
        parts = [table.assign(method=METHOD), *(t.assign(method=n) for n, t in filters.items())]
        try:
            return headline(pd.concat(parts, ignore_index=True), METHOD, draws, seed)
        except DatasetError:
            return None  # no noisy segment was measured

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
    """Return the headlines of a verdict in sentences: of its test, and of the report."""
    lines = []
    if ours := verdict.headlines.get("challenger"):
        theirs = verdict.headlines.get("champion")
        beside = f"; {verdict.champion} {theirs.improvement:+.1f} dB" if theirs else ""
        lines.append(f"Test of the verdict, {verdict.tests[JUDGED]}: {ours.sentence}{beside}.")
    if reported := verdict.headlines.get("report"):
        lines.append(f"Test of the report, {verdict.tests[REPORT]}: {reported.sentence}.")
    return lines
