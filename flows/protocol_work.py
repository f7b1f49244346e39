"""How a protocol's steps are done inside a flow: as its tasks, from published recordings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ecgmodel.protocols._work import Recordings
from ecgmodel.settings.config import Settings
from ecgmodel.steps.data import Step, open_source
from ecgmodel.store import Store, Stored
from ecgmodel.support.progress import bar
from flows.prepare import fetch, list_records, prepare
from tasks import benchmarks as tasks
from tasks import records
from tasks.caching import run_step, run_steps

STAGES: dict[str, Any] = {
    "resample": records.resample,
    "mix": records.mix,
    "prepare": tasks.prepare,
    "measure": tasks.measure,
}


class FlowWork:
    """Does a protocol's steps as tasks of the flow that it is made in.

    Args:
        settings: All settings; recordings are PhysioNet's, whole.
        store: Where results go.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        source = {"kind": "physionet", "whole_files": True}
        own = settings.source.model_copy(update=source)
        self.settings, self.store = settings.model_copy(update={"source": own}), store

    def dataset(self, settings: Settings) -> Stored:
        """Return the dataset that settings describe."""
        return prepare(settings, announce=False)

    def download(self, recordings: Recordings) -> dict[str, list[Stored]]:
        """Return whole records, by database."""
        return {name: self._database(name, tuple(names)) for name, names in recordings.items()}

    def do(self, stage: str, steps: Sequence[Step]) -> list[Stored]:
        """Return the outputs of independent steps, in order."""
        if stage == "measure":
            return self._one_by_one(stage, steps)
        done, failed = run_steps(STAGES[stage], steps, self.store, stage if len(steps) > 1 else "")
        for failure in failed:
            raise failure.error
        return done

    def _one_by_one(self, stage: str, steps: Sequence[Step]) -> list[Stored]:
        """Do steps alone: how fast they are is part of what they give."""
        done = []
        with bar(len(steps), stage, "method") as shown:
            for step in steps:
                done.append(run_step(STAGES[stage], step, self.store))
                shown.update()
        return done

    def _database(self, name: str, records: tuple[str, ...]) -> list[Stored]:
        source = open_source(self.settings.source, name, self.store)
        listed = [(source, r) for r in list_records(source, name, records, self.settings.source)]
        done, failed = fetch(listed, self.settings.source, None, self.store, f"download {name}")
        for failure in failed:
            raise failure.error
        return done
