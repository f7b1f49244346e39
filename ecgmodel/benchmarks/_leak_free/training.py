"""Networks for continuous ECG are trained by the pipeline itself, each by its recipe."""

from __future__ import annotations

from collections.abc import Sequence

from ecgmodel.benchmarks._measured import general
from ecgmodel.benchmarks._work import TrainingWork
from ecgmodel.config import Settings, load_settings
from ecgmodel.steps import Step
from ecgmodel.training_steps import fit_step


def recipes() -> tuple[str, ...]:
    """Return the names of the networks that can be trained."""
    return tuple(one.name for one in general())


def fit_steps(work: TrainingWork, names: Sequence[str]) -> list[Step]:
    """Train networks by their recipes, on datasets that these describe."""
    given = [training_settings(one.recipe, work.settings) for one in general() if one.name in names]
    return [fit_step(work.dataset(settings), settings) for settings in given]
