"""Summaries and tables of flow runs, in Markdown and for the terminal."""

from __future__ import annotations

from typing import Any

from ecgmodel.dataset.splits import SPLITS
from ecgmodel.evaluation.wording import saved_weights
from ecgmodel.store import Stored
from tasks.pictures import picture

SIMULATED = "**The data is simulated.** The figures only show that the pipeline works."


def dataset_summary(dataset: Stored) -> str:
    """Summarise a dataset in Markdown."""
    info = dataset.info
    source = info["source"]
    lines = [f"# Dataset {dataset.digest[:12]}", ""]
    if source["simulated"]:
        lines += [SIMULATED, ""]
    lines += [
        f"Source: {source['kind']}, clean ECG from {', '.join(source['databases'])}, "
        f"noise from {source['noise']}. Leak check {info['leak_check']}: no "
        "subject and no noise is in two splits.",
        "",
        "| split | subjects | records | rows | samples per row |",
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


def dataset_sentence(dataset: Stored) -> str:
    """Summarise a dataset in a sentence, omitted recordings first."""
    info = dataset.info
    left = [f"{item['record']} ({item['reason'].rstrip('.')})" for item in info["left_out"]]
    more = [f"{len(left) - 5} more"] if len(left) > 5 else []
    missed = f"{len(left)} omitted: {'; '.join(left[:5] + more)}. " if left else ""
    rows = sum(info["counts"][split]["rows"] for split in SPLITS)
    return (
        f"{missed}{dataset.name} {dataset.digest[:12]}: {len(info['records'])} recordings, "
        f"{rows:,} rows."
    )


def record_rows(dataset: Stored) -> list[dict[str, Any]]:
    """Return a table row per record: split, rows, and results of the quality gate."""
    return [
        {
            "record": record["record"],
            "subject": record["subject"],
            "split": record["split"],
            "original fs (Hz)": record["original_fs"],
            "rows": record["rows"],
            "windows kept": record["gate"]["kept"],
            "windows seen": record["gate"]["seen"],
            "rejected because": ", ".join(
                f"{reason} {count}" for reason, count in record["gate"]["left_out"].items()
            ),
        }
        for record in dataset.info["records"]
    ]


def gate_by_beat_class(dataset: Stored) -> dict[str, tuple[int, int]]:
    """Return the kept and total numbers of windows by beat class."""
    totals: dict[str, tuple[int, int]] = {}
    for record in dataset.info["records"]:
        for name, count in record["gate"]["beat_classes"].items():
            kept, seen = totals.get(name, (0, 0))
            totals[name] = (kept + count["kept"], seen + count["seen"])
    return dict(sorted(totals.items()))


def dataset_lines(dataset: Stored) -> list[str]:
    """Summarise a dataset for the terminal."""
    info = dataset.info
    lines = []
    if info["source"]["simulated"]:
        lines.append("The data is SIMULATED.")
    counts = ", ".join(
        f"{split} {info['counts'][split]['subjects']} subjects / "
        f"{info['counts'][split]['rows']:,} rows"
        for split in SPLITS
    )
    lines += [f"Dataset     {dataset.path}", f"            {counts}; no leaks between splits"]
    seen = gate_by_beat_class(dataset)
    kept = ", ".join(f"{name} {k / n:.0%} of {n:,}" for name, (k, n) in seen.items() if n)
    lines.append(f"            windows kept by the quality gate: {kept}")
    lines += [f"            omitted {i['record']}: {i['reason']}" for i in info["left_out"]]
    return lines


def training_summary(dataset: Stored, model: Stored, report: Stored, run: str, uri: str) -> str:
    """Summarise a training in Markdown."""
    from ecgmodel.evaluation.headline import Headline  # imports pandas

    found = Headline.from_dict(report.info["headline"])
    lines = [f"# {model.name}", ""]
    if dataset.info["source"]["simulated"]:
        lines += [SIMULATED, ""]
    lines += [
        f"**{found.figure}**; {found.beside}." if found.beside else f"**{found.figure}**.",
        "",
        f"- {saved_weights(model.info)}",
        f"- dataset {dataset.digest[:12]}",
        f"- MLflow run `{run}` in {uri}",
        f"- report `{report.file('report.html')}`",
        "",
        "```",
        report.info["text"],
        "```",
    ]
    return "\n".join(lines)


def result_rows(report: Stored) -> list[dict[str, Any]]:
    """Return a table row per noise type and SNR with the model's result."""
    return list(report.info["cells"])


def outcome(report: Stored, verdict: str, link: str) -> str:
    """Summarise a retraining in Markdown, with links to its pages."""
    return "\n".join(
        [
            f"**{verdict[:1].upper()}{verdict[1:]}**",
            "",
            f"The training: [MLflow run]({link}); its report: `{report.file('report.html')}`.",
            "Pictures, tables and the verdict are on the page of the run *train*.",
        ]
    )


_PICTURES = {
    "figures/loss.png": "Training and validation loss by epoch.",
    "figures/improvement.png": "SNR improvement by noise type, with the classical filters.",
    "figures/snr.png": "SNR before and after.",
    "figures/best.png": "The best test segment, before and after.",
    "figures/median.png": "The median test segment, before and after.",
    "figures/worst.png": "The worst test segment, before and after.",
}


def result_pictures(report: Stored) -> str:
    """Return the report's figures as Markdown."""
    there = {name: text for name, text in _PICTURES.items() if name in report.files}
    return "\n\n".join(picture(report.file(name), text) for name, text in there.items())
