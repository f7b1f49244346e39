"""A verdict for people: a sentence, a table, a figure, a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ecgmodel.evaluation.figures import NOISE_LABELS, save, variants
from ecgmodel.evaluation.report import MINUS, template
from ecgmodel.evaluation.summary import NOISE_ORDER
from ecgmodel.promotion.figures import gain_figure
from ecgmodel.promotion.judging import FIRST, Comparison, Gain, Verdict, primary_gain
from ecgmodel.promotion.settings import GateSettings

VERDICT, MARKDOWN, FIGURE, PAGE = "verdict.json", "verdict.md", "verdict.png", "verdict.html"


def publish_verdict(
    verdict: Verdict, comparison: Comparison, settings: GateSettings, into: Path
) -> None:
    """Write `verdict.json`, `verdict.md`, `verdict.png` and `verdict.html`.

    Args:
        verdict: What the gate said.
        comparison: Both sides on the same stretches.
        settings: The gate's.
        into: A folder.
    """
    (into / VERDICT).write_text(verdict.to_json())
    cells = by_cell(comparison)
    (into / MARKDOWN).write_text(as_markdown(verdict, cells))
    gain = primary_gain(comparison, settings)
    title = f"{verdict.challenger} against {_other(verdict)}: {_word(verdict)}"
    save(gain_figure(gain, cells, settings, title), into / FIGURE)
    page = as_page(verdict, cells, gain, settings)
    (into / PAGE).write_text(page, encoding="utf-8")


def by_cell(comparison: Comparison) -> pd.DataFrame:
    """Return the mean SNR improvement of both sides by noise type and SNR, in reading order."""
    # Only stretches with a figure of both sides: the means would not be of the same otherwise.
    noisy = comparison.noisy & comparison.gain("snr_improvement").notna()
    where = comparison.challenger.loc[noisy, ["noise_type", "snr_db"]]
    sides = {
        name: table.loc[noisy, "snr_improvement"]
        for name, table in (
            ("challenger", comparison.challenger),
            ("champion", comparison.champion),
        )
    }
    cells = where.assign(**sides).groupby(["noise_type", "snr_db"]).mean().reset_index()
    order = {name: at for at, name in enumerate(NOISE_ORDER)}
    rank = cells["noise_type"].map(lambda name: order.get(name, len(order)))
    cells = cells.assign(rank=rank).sort_values(["rank", "noise_type", "snr_db"])
    return cells.drop(columns="rank").reset_index(drop=True)


def as_markdown(verdict: Verdict, cells: pd.DataFrame) -> str:
    """Return a verdict in Markdown: the sentence, the rules, the cells."""
    lines = [f"# {verdict.challenger}: {_word(verdict)}", "", verdict.reason, ""]
    lines += [f"- {note}" for note in _notes(verdict)]
    lines += ["", "| rule | what | value | limit | |", "| --- | --- | ---: | ---: | --- |"]
    lines += [f"| {' | '.join(row)} |" for row in _rows(verdict)]
    sides = f"{verdict.challenger} and of {_other(verdict)}"
    lines += ["", f"Mean SNR improvement, dB, of {sides}:", ""]
    lines += ["| noise | SNR, dB | challenger | before | difference |"]
    lines += ["| --- | ---: | ---: | ---: | ---: |"]
    lines += [f"| {' | '.join(row)} |" for row in _cell_rows(cells)]
    return "\n".join(lines) + "\n"


def as_page(
    verdict: Verdict, cells: pd.DataFrame, gain: Gain | None, settings: GateSettings
) -> str:
    """Return the same with the figure, as a page that needs nothing else.

    Args:
        verdict: What the gate said.
        cells: From `by_cell`.
        gain: In the primary metric; None where there is none.
        settings: The gate's.
    """
    return template(Path(__file__).with_name(PAGE)).render(
        v=verdict,
        title=f"{verdict.challenger}: {_word(verdict)}",
        other=_other(verdict),
        notes=_notes(verdict),
        has_interval=gain is None or gain.interval is not None,
        min_subjects=settings.min_subjects,
        pictures=variants(lambda **look: gain_figure(gain, cells, settings, **look)),
        rules=_grouped(_rows(verdict)),
        cells=_grouped(_cell_rows(cells)),
    )


def _other(verdict: Verdict) -> str:
    return verdict.champion or FIRST


def _word(verdict: Verdict) -> str:
    return "promoted" if verdict.promoted else "not promoted"


def _notes(verdict: Verdict) -> list[str]:
    notes = [f"Test subjects: {len(verdict.subjects)} ({', '.join(verdict.subjects) or 'none'})."]
    if verdict.left_out:
        left = ", ".join(verdict.left_out)
        notes.append(f"Left out for both, since one of them was trained on them: {left}.")
    return notes + list(verdict.notes)


def _rows(verdict: Verdict) -> list[tuple[str, ...]]:
    return [
        (f.rule, f.what, _number(f.value), _number(f.limit), "passed" if f.passed else "FAILED")
        for f in verdict.findings
    ]


def _cell_rows(cells: pd.DataFrame) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for noise, snr_db, ours, theirs in cells.to_numpy(dtype=object).tolist():
        figures = (f"{ours:.2f}", f"{theirs:.2f}", f"{ours - theirs:+.2f}")
        rows.append((str(noise), f"{snr_db:g}", *figures))
    return rows


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    # A gain just short of the smallest that counts would look as if it had reached it.
    return f"{value:+.3g}" if 0 < abs(value) < 0.1 else f"{value:+.2f}"


def _grouped(rows: Sequence[tuple[str, ...]]) -> dict[str, list[list[str]]]:
    """Return rows by their first text, the rest with a true minus sign before numbers."""
    groups: dict[str, list[list[str]]] = {}
    for first, *texts in rows:
        cells = [f"{MINUS}{text[1:]}" if text.startswith("-") else text for text in texts]
        groups.setdefault(NOISE_LABELS.get(first, first), []).append(cells)
    return groups
