"""Publishes a verdict as JSON, Markdown, figure and HTML page."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ecgmodel.evaluation.encoding import save
from ecgmodel.evaluation.figures import NOISE_LABELS, variants
from ecgmodel.evaluation.report import MINUS, template
from ecgmodel.evaluation.summary import NOISE_ORDER, method_label
from ecgmodel.promotion.figures import gain_figure
from ecgmodel.promotion.judging import FIRST, Comparison, Gain, Verdict, primary_gain
from ecgmodel.promotion.stating import sentences
from ecgmodel.settings.gate import GateSettings

VERDICT, MARKDOWN, FIGURE, PAGE = "verdict.json", "verdict.md", "verdict.png", "verdict.html"
HEADLINE = (
    *("network", "test", "subjects", "SNR improvement, dB", "95 % interval", "best filter, dB"),
    "SNR out without added noise (best filter), dB",
)


def publish_verdict(
    verdict: Verdict, comparison: Comparison, settings: GateSettings, into: Path
) -> None:
    """Write `verdict.json`, `verdict.md`, `verdict.png` and `verdict.html`.

    Args:
        verdict: The verdict.
        comparison: Both sides on the same segments.
        settings: Settings of the gate.
        into: The folder to write to.
    """
    (into / VERDICT).write_text(verdict.to_json())
    cells, references = by_cell(comparison), _references(verdict, comparison)
    (into / MARKDOWN).write_text(as_markdown(verdict, cells, references))
    gain = primary_gain(comparison, settings)
    title = f"{verdict.challenger} against {_other(verdict)}: {_word(verdict)}"
    save(gain_figure(gain, cells, settings, title, references=references), into / FIGURE)
    page = as_page(verdict, cells, gain, settings, references)
    (into / PAGE).write_text(page, encoding="utf-8")


def by_cell(comparison: Comparison) -> pd.DataFrame:
    """Return the mean SNR improvement by noise type and SNR, sorted.

    The columns are "challenger", "champion" (no filter for a first model) and, if classical
    filters were measured, "filter" (the one with the largest mean over all noisy segments).
    """
    tables = {"challenger": comparison.challenger, "champion": comparison.champion}
    if best := comparison.best_filter:
        tables["filter"] = comparison.filters[best]
    values = {name: table["snr_improvement"] for name, table in tables.items()}
    # Only segments with values of all columns, so that all means are over the same segments.
    both = pd.DataFrame(values).notna().all(axis="columns") & comparison.noisy
    where = comparison.challenger.loc[both, ["noise_type", "snr_db"]]
    cells = where.assign(**values).groupby(["noise_type", "snr_db"]).mean().reset_index()
    order = {name: at for at, name in enumerate(NOISE_ORDER)}
    rank = cells["noise_type"].map(lambda name: order.get(name, len(order)))
    cells = cells.assign(rank=rank).sort_values(["rank", "noise_type", "snr_db"])
    return cells.drop(columns="rank").reset_index(drop=True)


def as_markdown(verdict: Verdict, cells: pd.DataFrame, references: Mapping[str, str]) -> str:
    """Return a verdict in Markdown: reason, headlines, rules, and results by noise type and SNR.

    Args:
        verdict: The verdict.
        cells: From `by_cell`.
        references: Display name of each reference, by column of the cells.
    """
    lines = [f"# {verdict.challenger}: {_word(verdict)}", "", verdict.reason, ""]
    lines += [f"- {note}" for note in _notes(verdict)]
    if rows := _headline_rows(verdict):
        lines += ["", _row(HEADLINE), f"| --- | --- |{' ---: |' * 5}", *map(_row, rows)]
    lines += ["", "| rule | quantity | value | limit | |", "| --- | --- | ---: | ---: | --- |"]
    lines += [_row(row) for row in _rows(verdict)]
    lines += ["", "Mean SNR improvement, dB (in brackets: gain of the challenger):", ""]
    names = [name for name in references if name in cells]
    header = ["noise", "SNR, dB", verdict.challenger, *(references[name] for name in names)]
    lines += [_row(header), f"| --- |{' ---: |' * (len(header) - 1)}"]
    lines += [_row(row) for row in _cell_rows(cells, names)]
    return "\n".join(lines) + "\n"


def as_page(
    verdict: Verdict,
    cells: pd.DataFrame,
    gain: Gain | None,
    settings: GateSettings,
    references: Mapping[str, str],
) -> str:
    """Return a verdict with its figure as a self-contained HTML page.

    Args:
        verdict: The verdict.
        cells: From `by_cell`.
        gain: Gain in the primary metric; None if it is undefined.
        settings: Settings of the gate.
        references: Display name of each reference, by column of the cells.
    """
    names = [name for name in references if name in cells]
    return template(Path(__file__).with_name(PAGE)).render(
        v=verdict,
        because=verdict.reason.removesuffix(" ".join(["", *sentences(verdict)])),
        title=f"{verdict.challenger}: {_word(verdict)}",
        other=_other(verdict),
        notes=_notes(verdict),
        headline=HEADLINE,
        headlines=[_minus(row) for row in _headline_rows(verdict)],
        has_interval=gain is None or gain.interval is not None,
        min_subjects=settings.min_subjects,
        pictures=variants(
            lambda **look: gain_figure(gain, cells, settings, references=references, **look)
        ),
        rules=_grouped(_rows(verdict)),
        rivals=[references[name] for name in names],
        cells=_grouped(_cell_rows(cells, names)),
    )


def _references(verdict: Verdict, comparison: Comparison) -> dict[str, str]:
    """Return the display names of the references, by column of the cells."""
    named = {"champion": _other(verdict)}
    if best := comparison.best_filter:
        named["filter"] = f"{method_label(best)}, the best filter"
    return named


def _headline_rows(verdict: Verdict) -> list[tuple[str, ...]]:
    """Return a row for each headline: of the comparison, and of the challenger's report."""
    sides = (
        ("challenger", verdict.challenger, "judged"),
        ("champion", verdict.champion, "judged"),
        ("report", f"{verdict.challenger} (test of its report)", "report"),
    )
    rows: list[tuple[str, ...]] = []
    for side, name, test in sides:
        if not (one := verdict.headlines.get(side)):
            continue
        spread = f"{one.interval[0]:.1f} to {one.interval[1]:.1f}" if one.interval else ""
        best = f"{one.filter_improvement:+.1f} ({method_label(one.filter)})" if one.filter else ""
        left = "" if one.untouched is None else f"{one.untouched:.1f}"
        if left and one.filter_untouched is not None:
            left += f" ({one.filter_untouched:.1f})"
        figures = f"{one.improvement:+.1f}", spread, best, left
        rows.append((name, verdict.tests[test], str(one.subjects), *figures))
    return rows


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _other(verdict: Verdict) -> str:
    return verdict.champion or FIRST


def _word(verdict: Verdict) -> str:
    return "promoted" if verdict.promoted else "not promoted"


def _notes(verdict: Verdict) -> list[str]:
    notes = [f"Test subjects: {len(verdict.subjects)} ({', '.join(verdict.subjects) or 'none'})."]
    if verdict.left_out:
        left = ", ".join(verdict.left_out)
        notes.append(f"Excluded, since challenger or champion was trained on them: {left}.")
    return notes + list(verdict.notes)


def _rows(verdict: Verdict) -> list[tuple[str, ...]]:
    return [
        (f.rule, f.what, _number(f.value), _number(f.limit), "passed" if f.passed else "FAILED")
        for f in verdict.findings
    ]


def _cell_rows(cells: pd.DataFrame, references: Sequence[str]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for cell in cells.to_dict("records"):
        ours = cell["challenger"]
        others = [f"{cell[name]:.2f} ({ours - cell[name]:+.2f})" for name in references]
        rows.append((str(cell["noise_type"]), f"{cell['snr_db']:g}", f"{ours:.2f}", *others))
    return rows


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    # Three digits, so that a gain just below gate.smallest_gain is not rounded up to it.
    return f"{value:+.3g}" if 0 < abs(value) < 0.1 else f"{value:+.2f}"


def _grouped(rows: Sequence[tuple[str, ...]]) -> dict[str, list[list[str]]]:
    """Return rows grouped by their first text, with a typographic minus sign before numbers."""
    groups: dict[str, list[list[str]]] = {}
    for first, *texts in rows:
        groups.setdefault(NOISE_LABELS.get(first, first), []).append(_minus(texts))
    return groups


def _minus(texts: Sequence[str]) -> list[str]:
    """Return texts with a typographic minus sign before numbers."""
    return [re.sub(r"(^|\()-(?=\d)", rf"\1{MINUS}", text) for text in texts]
