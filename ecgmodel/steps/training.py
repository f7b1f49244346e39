"""The steps after the dataset: fit a network, measure each method, write the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ecgmodel.models.lineage import LINEAGE, Start, trained_on
from ecgmodel.models.trained import NETWORK, shipped
from ecgmodel.networks import architecture
from ecgmodel.settings.config import Settings
from ecgmodel.steps.data import Step, file_version
from ecgmodel.store import Stored, Unit, file_sha256
from ecgmodel.store.versions import code_version, git_commit, library_versions
from ecgmodel.support import plugins
from ecgmodel.support.progress import bar
from ecgmodel.support.quiet import import_keras

if TYPE_CHECKING:
    from ecgmodel.training.batches import Batches

MODEL = "model"
SHIPPED = "shipped"
VALIDATED = 64
"""Windows that are validated at once; how many has no part in the result."""
STRETCHES, EXAMPLES = "stretches.parquet", "examples.npz"
# What the report names of the environment.
REPORTED = ("tensorflow", "keras", "numpy", "scipy", "pandas", "pyarrow", "wfdb")


class EpochLog(Protocol):
    """Follows a training while it runs."""

    def open(self) -> str:
        """Return the id of the run that it logs to, "" for none."""

    def __call__(self, rows: Sequence[dict[str, float]]) -> None:
        """Take the rows of epochs, each with "epoch" from 1; a row may come again."""


def fit_step(
    dataset: Stored,
    settings: Settings,
    live: EpochLog | None = None,
    start: Start | None = None,
) -> Step:
    """A trained network: `model.keras`, `model.weights.h5`, `history.json`. Resumed if killed.

    Args:
        dataset: What to train on.
        settings: How.
        live: Told of each epoch; it has no part in the result.
        start: The weights that `training.start_from` names; None takes new ones.
    """
    name = settings.network.architecture
    augmented = settings.training.augmentation is not None
    mixed = settings.mix.train.all_types if augmented else ()
    unit = Unit(
        "train",
        f"{name} {dataset.name}",
        {
            "network": {"architecture": name, "options": network_options(settings)},
            # The weights themselves decide, whatever they are called.
            "training": settings.training.model_dump(mode="json", exclude={"start_from"}),
            **({"mix": settings.mix.train.model_dump(mode="json")} if augmented else {}),
        },
        {"dataset": dataset.ref, **(start.inputs if start else {})},
        {
            "modules": code_version(
                "ecgmodel.training.fit",
                "ecgmodel.training.on_the_fly",
                *(f"ecgmodel.noise.{noise}" for noise in mixed),
                "ecgmodel.training.seeding",
                "ecgmodel.networks",
                f"ecgmodel.networks.{name}",
                f"ecgmodel.losses.{settings.training.loss}",
            ),
            "libraries": library_versions("keras", "tensorflow", "numpy"),
        },
    )
    return Step(unit, partial(_fit, dataset, settings, live, start), resume=True)


def baseline_steps(dataset: Stored, settings: Settings) -> list[Step]:
    """What each classical method does on the test; independent of any model."""
    return [baseline_step(name, dataset, settings) for name in settings.evaluation.baselines]


def baseline_step(name: str, dataset: Stored, settings: Settings) -> Step:
    """What one classical method does on the test; "none" is no filter."""
    unit = Unit(
        "evaluate",
        f"{name} {dataset.name}",
        {"window": settings.evaluation.window},
        {"dataset": dataset.ref},
        {
            "modules": code_version(
                "ecgmodel.evaluation.evaluate", f"ecgmodel.evaluation.baselines.{name}"
            ),
            "libraries": library_versions("numpy", "scipy", "pywavelets"),
        },
    )
    return Step(unit, partial(_measure_baseline, name, dataset, settings.evaluation.window))


def evaluate_step(model: Stored, dataset: Stored, settings: Settings) -> Step:
    """What the trained network does on the test, and its best, median and worst stretches."""
    return measure_file_step(model.file("model.keras"), dataset, settings, trained_window(dataset))


def measure_file_step(
    model: Path,
    dataset: Stored,
    settings: Settings,
    tile: int | None = None,
    label: str = MODEL,
) -> Step:
    """The same for any saved network.

    Args:
        model: A `.keras` file.
        dataset: Whose test split to use.
        settings: How to measure.
        tile: Samples that the network sees at once; None takes `mix.window`.
        label: What the unit is called; its rows are those of "model" all the same.
    """
    tile = tile or settings.mix.window
    how = {
        "tile": tile,
        "overlap": settings.evaluation.overlap,
        "window": settings.evaluation.window,
    }
    unit = Unit(
        "evaluate",
        f"{label} {dataset.name}",
        how,
        {"dataset": dataset.ref, "model": file_sha256(model)},
        {
            "modules": code_version("ecgmodel.evaluation.examples", "ecgmodel.denoise.tiles"),
            "libraries": library_versions("keras", "tensorflow", "numpy", "scipy"),
        },
    )
    return Step(unit, partial(_measure_model, model, dataset, settings, tile))


def shipped_steps(dataset: Stored, settings: Settings) -> dict[str, Step]:
    """What each shipped network does on the test, by name, where it has seen nobody who tests."""
    from ecgmodel.models.lineage import shipped_start

    test = {subject for subject, split in dataset.info["splits"].items() if split == "test"}
    return {
        one.name: measure_file_step(
            one.file(NETWORK), dataset, settings, one.settings().mix.window, SHIPPED
        )
        for one in shipped()
        if not test & set(shipped_start(one).lineage.seen)
    }


def report_step(
    model: Stored,
    measured: Sequence[Stored],
    dataset: Stored,
    settings: Settings,
    beside: Mapping[str, Stored] | None = None,
) -> Step:
    """Tables, figures and the report.

    Args:
        model: The trained network.
        measured: What the classical methods and, last, the network do on the test.
        dataset: The dataset.
        settings: All settings.
        beside: What other networks do there, by the name that tables give them.
    """
    others = dict(beside or {})
    evaluation = settings.evaluation.model_dump(mode="json")
    unit = Unit(
        "report",
        model.name,
        {"evaluation": evaluation},
        {
            **{"dataset": dataset.ref, "model": model.ref},
            **{f"of {m.name}": m.ref for m in measured},
            **{f"beside {name}": m.ref for name, m in others.items()},
        },
        {
            "modules": code_version("ecgmodel.evaluation.publishing"),
            "template": file_version("ecgmodel/evaluation/report.html"),
            "page": file_version("ecgmodel/evaluation/page.html"),
            "libraries": library_versions("matplotlib", "pandas", "jinja2"),
        },
    )
    return Step(unit, partial(_report, model, list(measured), others, dataset, settings))


def result_text(measured: Sequence[Stored], settings: Settings) -> str:
    """Return the result table of several methods for a terminal."""
    import pandas as pd

    from ecgmodel.evaluation.summary import as_text, summarise

    table = pd.concat([pd.read_parquet(m.file(STRETCHES)) for m in measured], ignore_index=True)
    how = settings.evaluation
    return as_text(summarise(table, draws=how.bootstrap, seed=how.seed))


def network_options(settings: Settings) -> dict[str, Any]:
    """Return the architecture's options, those that follow from the target filled in.

    A target that has its offset and wander can only be met by a network that keeps them.
    """
    options = dict(settings.network.options)
    offered = architecture(settings.network.architecture).Settings.model_fields
    if settings.resample.target == "as_recorded" and "keep_offset" in offered:
        options.setdefault("keep_offset", True)
    return options


def trained_window(dataset: Stored) -> int:
    """Return the window of a dataset: `mix.window`, or shorter where its recordings are."""
    return int(dataset.info["lengths"]["train"])


def split_shards(dataset: Stored, split: str) -> list[Path]:
    """Return a dataset's shards of a split, in a fixed order."""
    return sorted((dataset.path / split).glob("*.parquet"))


def _fit(
    dataset: Stored,
    settings: Settings,
    live: EpochLog | None,
    start: Start | None,
    into: Path,
) -> dict[str, Any]:
    import_keras()
    from ecgmodel.networks import build_network, check_window, start_from
    from ecgmodel.training.batches import ShardBatches
    from ecgmodel.training.fit import train
    from ecgmodel.training.seeding import seeded

    how, name = settings.training, settings.network.architecture
    options = network_options(settings)
    check_window(name, options, trained_window(dataset))
    batches = _training_batches(dataset, settings)
    validation = ShardBatches(split_shards(dataset, "validation"), VALIDATED, shuffle_rows=0)

    def build() -> Any:
        network = seeded(build_network(name, options), how.seed)
        return start_from(network, start.file, start.network) if start else network

    history = train(
        build,
        batches,
        validation,
        into,
        how,
        extra={"tracking_run": live.open()} if live else None,
        on_start=live,
        on_epoch=(lambda _epoch, row: live([row])) if live else None,
        progress=True,
        trained=start is not None,
    )
    lineage = trained_on(dataset, start).to_dict()
    window = trained_window(dataset)
    return {"architecture": name, "window": window, LINEAGE: lineage, **history.facts}


def _training_batches(dataset: Stored, settings: Settings) -> Batches:
    """Return a dataset's training windows: as they lie in the shards, or mixed on the fly."""
    from ecgmodel.training.batches import ShardBatches
    from ecgmodel.training.on_the_fly import OnTheFlyBatches, read_clean, read_noise

    shards, how = split_shards(dataset, "train"), settings.training
    if how.augmentation is None:
        return ShardBatches(shards, how.batch_size, how.seed, how.shuffle_rows)
    return OnTheFlyBatches(
        read_clean(shards),
        read_noise(dataset.file("noise.parquet")),
        trained_window(dataset),
        settings.mix.train,
        how.augmentation,
        how.batch_size,
        how.seed,
    )


def _measure_baseline(name: str, dataset: Stored, window: int, into: Path) -> None:
    from ecgmodel.evaluation.evaluate import evaluate_method

    clean = plugins.load("evaluation/baselines", name, "baseline").clean
    table = evaluate_method(clean, split_shards(dataset, "test"), name, window)
    table.to_parquet(into / STRETCHES, index=False)


def _measure_model(model: Path, dataset: Stored, settings: Settings, tile: int, into: Path) -> None:
    import_keras()
    from ecgmodel.denoise.tiles import from_keras
    from ecgmodel.evaluation import examples
    from ecgmodel.evaluation.evaluate import count_stretches, evaluate_method

    denoiser = from_keras(model, tile, settings.evaluation.overlap)
    window = settings.evaluation.window
    shards = split_shards(dataset, "test")
    with bar(count_stretches(shards), "evaluate", "stretch") as shown:
        table = evaluate_method(denoiser.clean_many, shards, MODEL, window, shown.update)
    table.to_parquet(into / STRETCHES, index=False)
    chosen = examples.choose(table, MODEL)
    examples.save(examples.collect(chosen, denoiser.clean_many, shards), into / EXAMPLES)


def _report(
    model: Stored,
    measured: Sequence[Stored],
    beside: Mapping[str, Stored],
    dataset: Stored,
    settings: Settings,
    into: Path,
) -> dict[str, Any]:
    from ecgmodel.evaluation.publishing import publish_report

    context = {
        "settings": settings.model_dump(mode="json", exclude={"store", "tracking"}),
        "versions": library_versions(*REPORTED),
        "git_commit": git_commit(),
        "tile": trained_window(dataset),
        "window": settings.evaluation.window,
        "target": settings.resample.target,
        "commands": [f"ecg-denoise run --preset {settings.preset} --config settings.yaml"],
    }
    return publish_report(model, measured, beside, dataset, settings.evaluation, context, into)
