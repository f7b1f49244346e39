"""What a flow run says of itself: summaries and tables in Markdown."""

from __future__ import annotations

from typing import Any

from ecgmodel.dataset.splits import SPLITS
from ecgmodel.store import Stored

SIMULATED = "**The data is simulated.** Its figures show that the pipeline works, nothing more."


def dataset_summary(dataset: Stored) -> str:
    """Return what is in a dataset, in Markdown."""
    info = dataset.info
    source = info["source"]
    lines = [f"# Dataset {dataset.digest[:12]}", ""]
    if source["simulated"]:
        lines += [SIMULATED, ""]
    lines += [
        f"Source: {source['kind']}, clean ECG from {', '.join(source['databases'])}, "
        f"noise from {source['noise']}. No subject and no noise is in two splits: "
        f"leak check {info['leak_check']}.",
        "",
        "| split | subjects | records | rows | samples a row |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for split in SPLITS:
        c = info["counts"][split]
        lines.append(
            f"| {split} | {c['subjects']} | {c['records']} | {c['rows']:,} "
            f"| {info['lengths'][split]:,} |"
        )
    if info["left_out"]:
        lines += ["", "Left out:", ""]
        lines += [f"- {i['record']} ({i['stage']}): {i['reason']}" for i in info["left_out"]]
    lines += ["", f"Folder: `{dataset.path}`"]
    return "\n".join(lines)


def record_rows(dataset: Stored) -> list[dict[str, Any]]:
    """Return one table row a record: split, rows, and what the quality gate kept."""
    return [
        {
            "record": record["record"],
            "subject": record["subject"],
            "split": record["split"],
            "original fs (Hz)": record["original_fs"],
            "rows": record["rows"],
            "windows kept": record["gate"]["kept"],
            "windows seen": record["gate"]["seen"],
            "left out because": ", ".join(
                f"{reason} {count}" for reason, count in record["gate"]["left_out"].items()
            ),
        }
        for record in dataset.info["records"]
    ]


def gate_by_beat_class(dataset: Stored) -> dict[str, tuple[int, int]]:
    """Return, per beat class, how many windows the gate kept and saw."""
    totals: dict[str, tuple[int, int]] = {}
    for record in dataset.info["records"]:
        for name, count in record["gate"]["beat_classes"].items():
            kept, seen = totals.get(name, (0, 0))
            totals[name] = (kept + count["kept"], seen + count["seen"])
    return dict(sorted(totals.items()))
