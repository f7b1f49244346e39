"""Descriptions of runs and versions on MLflow's pages, in Markdown."""

from __future__ import annotations

from collections.abc import Callable

from tasks.tracking.finished import Finished

NOT_JUDGED = "Not yet judged by the gate."
_VERDICT = "**Verdict:** "
# The most wanted results, and their artifacts.
_FIRST_LOOKS = (
    ("report", "report.html"),
    ("table by noise type and SNR", "tables/improvement.csv"),
    ("loss curve", "figures/loss.png"),
    ("a typical segment", "figures/median.png"),
    ("the worst segment", "figures/worst.png"),
)


def _result(finished: Finished) -> str:
    """Return the headline."""
    from ecgmodel.evaluation.headline import Headline

    found = Headline.from_dict(finished.report.info["headline"])
    return f"**{found.figure}**" + (f"; {found.beside}." if found.beside else "")


def _data(finished: Finished) -> str:
    """Return the training dataset as text."""
    dataset = finished.dataset
    text = f"Trained on dataset {dataset.name} {dataset.digest[:12]}."
    if dataset.info["source"]["simulated"]:
        text += " The data is simulated: the figures only show that the pipeline works."
    return text


def run_text(finished: Finished, page: Callable[[str], str]) -> str:
    """Return the description of a run: the result, with links to figures and report.

    Args:
        finished: The training.
        page: Returns the URL, inside MLflow's UI, of a part of the run.
    """
    there = set(finished.report.files)
    links = [
        f"[{what}]({page(f'artifacts/{file}')})" for what, file in _FIRST_LOOKS if file in there
    ]
    by = finished.flow_run.get("name", "(none)")
    made = f"Made by the Prefect flow run {by} ({finished.trigger})."
    return "\n\n".join([_result(finished), f"See {' | '.join(links)}", _data(finished), made])


def version_text(finished: Finished, name: str) -> str:
    """Return the description of a version before the verdict."""
    result = f"{_result(finished)}\n\n{_data(finished)}"
    return f"{name}\n\n{result}\n\n{_VERDICT}{NOT_JUDGED}"


def with_verdict(description: str, said: str) -> str:
    """Return a version's description with the latest verdict."""
    return f"{description.partition(_VERDICT)[0].rstrip()}\n\n{_VERDICT}{said}".strip()
