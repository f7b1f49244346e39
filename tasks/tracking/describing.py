"""What the pages of MLflow say of a run and of a version, in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.tracking.runs import Finished

NOT_JUDGED = "The gate has not judged it yet."
_VERDICT = "**Verdict:** "
# What a reader wants first, and the artifact that shows it.
_FIRST_LOOKS = (
    ("report", "report.html"),
    ("improvement by noise type and SNR", "tables/improvement.csv"),
    ("loss by epoch", "figures/loss.png"),
    ("a typical segment before and after", "figures/median.png"),
    ("the worst one", "figures/worst.png"),
)


def result_text(finished: Finished) -> str:
    """Return what a training gave: the headline, and on what."""
    from ecgmodel.evaluation.headline import Headline

    found = Headline.from_dict(finished.report.info["headline"])
    dataset = finished.dataset
    lines = [f"**{found.figure}**", *([found.beside] if found.beside else [])]
    lines += [f"Trained on dataset {dataset.name} {dataset.digest[:12]}."]
    if dataset.info["source"]["simulated"]:
        lines += ["The data is simulated: its figures show that the pipeline works, nothing more."]
    return "  \n".join(lines)


def run_text(finished: Finished, run_page: str) -> str:
    """Return the description of a run: the result, and links to what is looked at first.

    Args:
        finished: The training.
        run_page: The run's address inside MLflow's pages, e.g. "#/experiments/1/runs/abc".
    """
    there = set(finished.report.files)
    links = [
        f"- [{what}]({run_page}/artifacts/{file})" for what, file in _FIRST_LOOKS if file in there
    ]
    by = finished.flow_run.get("name", "(none)")
    made = f"Made by the Prefect flow run {by} ({finished.trigger})."
    return "\n".join([result_text(finished), "", *links, "", made])


def version_text(finished: Finished, name: str) -> str:
    """Return the description of a version before it is judged."""
    return f"{name}\n\n{result_text(finished)}\n\n{_VERDICT}{NOT_JUDGED}"


def with_verdict(description: str, said: str) -> str:
    """Return a version's description with what the gate said last."""
    return f"{description.partition(_VERDICT)[0].rstrip()}\n\n{_VERDICT}{said}".strip()
