"""Networks for continuous ECG are trained by the pipeline itself, each by its recipe."""

from __future__ import annotations

from ecgmodel.models.trained import Trained
from ecgmodel.protocols._work import TrainingWork
from ecgmodel.settings.config import Settings
from ecgmodel.steps.data import Step
from ecgmodel.steps.training import fit_step
from ecgmodel.store import Stored


def train(work: TrainingWork, prepared: Stored, one: Trained) -> list[Step]:
    """Train a network by its recipe, on the dataset that this describes.

    Args:
        work: Makes the dataset; recordings come from where its settings say.
        prepared: The test, which has no part in it.
        one: The network's folder.
    """
    how = training_settings(one.settings(), work.settings)
    return [fit_step(work.dataset(how), how)]


def training_settings(recipe: Settings, base: Settings) -> Settings:
    """Return a recipe's settings with recordings from, and results to, where others say.

    Args:
        recipe: How to train.
        base: Whose `source.base_url`, `store` and `tracking` to take.
    """
    source = recipe.source.model_copy(update={"base_url": base.source.base_url})
    return recipe.model_copy(
        update={"source": source, "store": base.store, "tracking": base.tracking}
    )
