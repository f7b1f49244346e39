"""Networks for continuous ECG are trained by the pipeline itself, each by its recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ecgmodel.models.trained import NETWORK, Trained, shipped
from ecgmodel.protocols._methods import Network, general, network
from ecgmodel.protocols._work import TrainingWork
from ecgmodel.settings.config import Settings
from ecgmodel.steps.data import Step
from ecgmodel.steps.training import fit_step
from ecgmodel.store import Stored


def recipes() -> tuple[str, ...]:
    """Return the names of the networks that can be trained."""
    return tuple(one.name for one in general())


def fit_steps(work: TrainingWork, prepared: Stored, names: Sequence[str]) -> list[Step]:
    """Train networks by their recipes, on the datasets that these describe.

    Args:
        work: Makes the datasets; recordings come from where its settings say.
        prepared: The test, which has no part in it.
        names: Which.
    """
    settings = [training_settings(one.settings(), work.settings) for one in _named(names)]
    return [fit_step(work.dataset(how), how) for how in settings]


def fitted_models(names: Sequence[str], fitted: Sequence[Stored]) -> dict[str, Network]:
    """Return what `fit_steps` made for the same names."""
    made = zip(_named(names), fitted, strict=True)
    return {one.name: network(one, model.file(NETWORK)) for one, model in made}


def keep(models: Mapping[str, Network]) -> None:
    """Put networks in the place of the committed ones."""
    for one in _named(tuple(models)):
        one.put({NETWORK: models[one.name].path})
        if one in shipped():
            one.export()


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


def _named(names: Sequence[str]) -> list[Trained]:
    return [one for one in general() if one.name in names]
