"""What a run would make again, and why: its steps are looked up, and none is done.

Where a unit would be made again, what follows is looked up as if the same came out, as it often
does: then nothing after it runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ecgmodel.errors import SettingsError
from ecgmodel.models.trained import NETWORK
from ecgmodel.settings.config import Settings
from ecgmodel.sources.base import RecordSource, Source
from ecgmodel.steps.data import (
    Step,
    dataset_step,
    download_step,
    mix_step,
    open_source,
    resample_step,
)
from ecgmodel.steps.denoising import export_step
from ecgmodel.steps.training import (
    baseline_steps,
    evaluate_step,
    fit_step,
    report_step,
    shipped_steps,
    trained_window,
)
from ecgmodel.store import MANIFEST, Store, Stored, read_stored
from ecgmodel.store.explaining import differences
from ecgmodel.store.inputs import age, units_of
from flows.choosing import choose_records, names_once, noise_names, records_once
from flows.prepare import fit_to, plan
from flows.starting import checked_start

STAGES = ("download", "resample", "mix", "dataset", "train", "evaluate", "report", "export")
NEVER = "it was never made"


@dataclass(frozen=True)
class Explained:
    """A unit that a run would look up or make.

    Attributes:
        stage: Its stage.
        name: Its name.
        folder: Its folder, or that of the newest unit of the same stage and name; None if there is
            none.
        reasons: Why it would be made again, sentences; none if it would not.
    """

    stage: str
    name: str
    folder: Path | None
    reasons: tuple[str, ...]


@dataclass
class _Walk:
    """Goes through the steps of a run."""

    settings: Settings
    store: Store
    seen: dict[tuple[str, str], tuple[Step, Explained]] = field(default_factory=dict)
    newest: dict[tuple[str, str], Stored] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for unit in sorted(units_of(self.store), key=age, reverse=True):
            self.newest[unit.path.parent.name, unit.name] = unit

    def look(self, step: Step) -> Stored | None:
        """Return the unit of a step, or the newest whole one of its stage and name, or None."""
        unit = step.unit
        what = unit.stage, unit.name
        found, near = self.store.get(unit), self.newest.get(what)
        if found:
            told = Explained(*what, found.path, ())
        elif near:
            told = Explained(*what, near.path, tuple(differences(self.store, near.path, unit)))
        else:
            told = Explained(*what, None, (NEVER,))
        self.seen[what] = step, told
        if near and not all(near.file(name).is_file() for name in near.files):
            near = None  # the steps after it read its files
        return found or near

    def all(self, steps: Iterable[Step]) -> list[Stored]:
        """Return the units of several steps, without those that were never made."""
        return [unit for step in steps if (unit := self.look(step))]

    def run(self) -> None:
        """Look all steps of a run up, as far as the units before them are known."""
        settings = self.settings
        names = noise_names(settings.mix)
        database = settings.source.noise_database
        source = open_source(settings.source, database, self.store)
        records = source.records(database, names) if names else ()
        recorded = self._resampled([(source, record) for record in records], is_noise=True)
        noise = {str(unit.name).rpartition("/")[2]: unit for unit in recorded}
        which = settings.source, settings.split, self.store
        listed = choose_records(*which, names_once, records_once)
        resampled = self._resampled(listed, is_noise=False)
        if not resampled:
            return
        how = fit_to(resampled, settings)
        jobs, skipped = plan(resampled, how.split)
        shards = self.all(mix_step(r, noise, job, how.mix, how.quality) for r, job in jobs)
        left_out = [*self._failed(resampled), *skipped]
        if shards and (dataset := self.look(dataset_step(shards, noise, left_out, how.source))):
            self._train(dataset)

    def _failed(self, resampled: Iterable[Stored]) -> list[dict[str, str]]:
        """Return the bad records that the newest dataset left out, as far as they are still bad."""
        newest = self.newest.get(("dataset", "+".join(self.settings.source.clean_databases)))
        known = {unit.name for unit in resampled}
        left_out = newest.settings["left_out"] if newest else []
        return [dict(one) for one in left_out if one["record"] not in known]

    def _resampled(
        self, listed: Iterable[tuple[Source, RecordSource]], is_noise: bool
    ) -> list[Stored]:
        how = self.settings.resample
        downloads = self.all(
            download_step(source, record, self.settings.source, None if is_noise else how)
            for source, record in listed
        )
        return self.all(resample_step(unit, how, is_noise=is_noise) for unit in downloads)

    def _train(self, dataset: Stored) -> None:
        settings, how = self.settings, self.settings.evaluation
        start = checked_start(settings, self.store, dataset)
        baselines = self.all(baseline_steps(dataset, how))
        shipped = {
            name: unit
            for name, step in shipped_steps(dataset, how).items()
            if (unit := self.look(step))
        }
        model = self.look(fit_step(dataset, settings, start=start))
        measured = self.look(evaluate_step(model, dataset, how)) if model else None
        if model and measured:
            measures = [*baselines, measured]
            self.look(report_step(model, measures, dataset, settings, shipped))
            self.look(export_step(model.file(NETWORK), trained_window(dataset), how.overlap))


def explain(settings: Settings, what: str | None = None) -> list[Explained]:
    """Return what a run would look up or make, in order, and why it would be made again.

    The verdict is left out: it depends on the version in use.

    Args:
        settings: All settings.
        what: A stage, or the folder of a unit, which is then compared; None for all stages.

    Raises:
        SettingsError: `what` is neither, or no run of these settings makes such a unit.
    """
    store = Store(settings.store)
    folder = Path(what).absolute() if what and what not in STAGES else None
    if folder and not (folder / MANIFEST).is_file():
        raise SettingsError(
            f"{what} is neither a stage ({', '.join(STAGES)}) nor the folder of a unit, which "
            f"has a {MANIFEST}."
        )
    walk = _Walk(settings, store)
    walk.run()
    if folder is None:
        return [told for _, told in walk.seen.values() if what in (None, told.stage)]
    stage, name = json.loads((folder / MANIFEST).read_text())["stage"], read_stored(folder).name
    if (stage, name) not in walk.seen:
        raise SettingsError(
            f"A run of these settings has no {stage} of {name}, as {folder} is. Give the settings "
            "that made it with --config, --preset or --set."
        )
    step, _ = walk.seen[stage, name]
    return [Explained(stage, name, folder, tuple(differences(store, folder, step.unit)))]
