"""A verdict for people: a sentence, a table, a figure, a page."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ecgmodel.evaluation.metrics import METRICS
from ecgmodel.evaluation.summary import NOISE_ORDER
from ecgmodel.promotion.judging import Comparison, Verdict, mean_and_interval
from ecgmodel.promotion.settings import GateSettings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

VERDICT, MARKDOWN, FIGURE, PAGE = "verdict.json", "verdict.md", "verdict.png", "verdict.html"
_BETTER, _WORSE, _INK = "#2a7f62", "#b3443c", "#33383d"
_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { padding: .25rem .75rem; border-bottom: 1px solid #8884; text-align: left; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
img { max-width: 100%; background: white; border-radius: 6px; }
div { overflow-x: auto; }
"""


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
    draw(verdict, comparison, settings, into / FIGURE)
    (into / PAGE).write_text(as_page(verdict, cells, (into / FIGURE).read_bytes()))


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
    title = "promoted" if verdict.promoted else "not promoted"
    other = verdict.champion or "no filter"
    lines = [f"# {verdict.challenger}: {title}", "", verdict.reason, ""]
    lines += [f"- {note}" for note in _notes(verdict)]
    lines += ["", "| rule | what | value | limit | |", "| --- | --- | ---: | ---: | --- |"]
    lines += [f"| {' | '.join(row)} |" for row in _rows(verdict)]
    lines += ["", f"Mean SNR improvement, dB, of {verdict.challenger} and of {other}:", ""]
    lines += ["| noise | SNR, dB | challenger | before | difference |"]
    lines += ["| --- | ---: | ---: | ---: | ---: |"]
    lines += [f"| {' | '.join(row)} |" for row in _cell_rows(cells)]
    return "\n".join(lines) + "\n"


def as_page(verdict: Verdict, cells: pd.DataFrame, figure: bytes) -> str:
    """Return the same as a page that needs nothing else."""
    title = f"{verdict.challenger}: {'promoted' if verdict.promoted else 'not promoted'}"
    picture = base64.b64encode(figure).decode()
    notes = "".join(f"<li>{escape(note)}</li>" for note in _notes(verdict))
    rules = _table(("rule", "what", "value", "limit", ""), _rows(verdict))
    table = _table(("noise", "SNR, dB", "challenger", "before", "difference"), _cell_rows(cells))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
        f"<h1>{escape(title)}</h1><p>{escape(verdict.reason)}</p><ul>{notes}</ul>"
        f'<img alt="Gain by subject and by noise" src="data:image/png;base64,{picture}">'
        f"<h2>Rules</h2>{rules}<h2>Mean SNR improvement, dB</h2>{table}</html>\n"
    )


def draw(verdict: Verdict, comparison: Comparison, settings: GateSettings, path: Path) -> None:
    """Draw the gain by subject with its interval, and by noise type and SNR."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), dpi=110, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.2))
    other = verdict.champion or "no filter"
    figure.suptitle(f"{verdict.challenger} against {other}: {_word(verdict)}", color=_INK)
    cells = by_cell(comparison)
    if comparison.noisy.any():
        _draw_subjects(left, comparison, settings)
    if len(cells):
        _draw_cells(right, cells)
    figure.savefig(path, metadata={"Software": None})


def _draw_subjects(axes: Axes, comparison: Comparison, settings: GateSettings) -> None:
    metric = METRICS[settings.primary]
    sign = 1 if metric.higher_is_better else -1
    gain = (sign * comparison.gain(settings.primary)[comparison.noisy]).dropna()
    if gain.empty:
        return
    subjects = comparison.challenger.loc[gain.index, "subject"]
    means = gain.groupby(subjects).mean().sort_values()
    mean, low, high = mean_and_interval(gain, subjects, settings)
    colours = [_BETTER if value > 0 else _WORSE for value in means]
    axes.barh(list(map(str, means.index)), means, color=colours, height=0.7)
    if np.isfinite([low, high]).all():
        axes.axvspan(low, high, color=_INK, alpha=0.12, lw=0, label="95 % interval of the mean")
    axes.axvline(mean, color=_INK, lw=1.5, label=f"mean {mean:+.2f} {metric.unit}")
    axes.axvline(0, color=_INK, lw=0.8)
    axes.set_xlabel(f"gain in {metric.label}, {metric.unit} (right is better)")
    axes.set_title("by test subject", fontsize=10, pad=22)
    # Above the bars, where none can lie under it.
    axes.legend(fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_cells(axes: Axes, cells: pd.DataFrame) -> None:
    gain = cells.assign(gain=cells["challenger"] - cells["champion"])
    types = list(dict.fromkeys(gain["noise_type"]))
    levels = sorted(gain["snr_db"].unique())
    grid = gain.pivot(index="noise_type", columns="snr_db", values="gain").loc[types, levels]
    most = float(np.nanmax(np.abs(grid.to_numpy(dtype=np.float64)), initial=0.5))
    image = axes.imshow(grid, cmap="BrBG", vmin=-most, vmax=most, aspect="auto")
    axes.set_xticks(range(len(levels)), [f"{level:g}" for level in levels])
    axes.set_yticks(range(len(types)), types)
    values = grid.to_numpy(dtype=np.float64)
    for row, column in np.ndindex(values.shape):
        value = values[row, column]
        shade = "white" if abs(value) > 0.7 * most else _INK
        text = "" if np.isnan(value) else f"{value:+.1f}"
        axes.text(column, row, text, ha="center", va="center", color=shade, fontsize=9)
    axes.set_xlabel("SNR of the stretch, dB")
    axes.set_title("gain in SNR improvement, dB, by noise and SNR", fontsize=10)
    axes.figure.colorbar(image, ax=axes, shrink=0.9)


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
        figures = (f"{ours:.1f}", f"{theirs:.1f}", f"{ours - theirs:+.1f}")
        rows.append((str(noise), f"{snr_db:g}", *figures))
    return rows


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:+.2f}"


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(
        "<tr>" + "".join(f'<td class="n">{escape(str(cell))}</td>' for cell in row) + "</tr>"
        for row in rows
    )
    return f"<div><table><tr>{head}</tr>{body}</table></div>"
