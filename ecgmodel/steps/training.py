"""The steps after the dataset: fit a network, measure each method, write the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ecgmodel.evaluation.settings import EvaluationSettings
from ecgmodel.models.lineage import LINEAGE, Start, trained_on
from ecgmodel.models.trained import NETWORK, shipped
from ecgmodel.networks import architecture
from ecgmodel.settings.config import Settings
from ecgmodel.steps.data import Step, file_version
from ecgmodel.store import Stored, Unit, file_sha256
from ecgmodel.store.versions import code_version, git_commit, library_versions
from ecgmodel.support import plugins
from ecgmodel.support.dataclass_files import save
from ecgmodel.support.progress import bar
from ecgmodel.support.quiet import import_keras
from ecgmodel.training.checkpoint import FOLDER

if TYPE_CHECKING:
    from ecgmodel.training.batches import Batches

MODEL = "model"
SHIPPED = "shipped"
VALIDATED = 64
"""Batch size of the validation, which does not influence the result."""
SEGMENTS, EXAMPLES = "segments.parquet", "examples.npz"
# Libraries whose versions the report states.
REPORTED = ("tensorflow", "keras", "numpy", "scipy", "pandas", "pyarrow", "wfdb")


class EpochLog(Protocol):
    """Receives the rows of a training while it runs."""

    def open(self) -> str:
        """Return the id of the run for the log, "" for none."""

    def __call__(self, rows: Sequence[dict[str, float]]) -> None:
        """Log the rows of epochs, each with "epoch" from 1; a row may be repeated."""


def fit_step(
    dataset: Stored,
    settings: Settings,
    live: EpochLog | None = None,
    start: Start | None = None,
) -> Step:
    """Return the step that trains a network; it resumes if it was interrupted.

    It writes `model.keras`, `model.weights.h5` and `history.json`.

    Args:
        dataset: The dataset.
        settings: All settings.
        live: Receives each epoch; it does not influence the result.
        start: The initial weights named by `training.start_from`; None for random weights.
    """
    name = settings.network.architecture
    augmented = settings.training.augmentation is not None
    mixed = settings.mix.train.all_types if augmented else ()
    unit = Unit(
        "train",
        f"{name} {dataset.name}",
        {
            "network": {
                "architecture": name,
                "options": network_options(settings),
            },
            # The key depends on the content of the initial weights, not on their name.
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
    build = partial(_fit, dataset, settings, live, start)
    return Step(unit, build, resume=True, scratch=frozenset({FOLDER}))


def baseline_steps(dataset: Stored, how: EvaluationSettings) -> list[Step]:
    """Return the steps that evaluate the classical methods on the test."""
    return [baseline_step(name, dataset, how.window) for name in how.baselines]


def baseline_step(name: str, dataset: Stored, window: int) -> Step:
    """Return the step that evaluates a classical method on the test; "none" is no filter."""
    unit = Unit(
        "evaluate",
        f"{name} {dataset.name}",
        {"window": window},
        {"dataset": dataset.ref},
        {
            "modules": code_version(
                "ecgmodel.evaluation.evaluate", f"ecgmodel.evaluation.baselines.{name}"
            ),
            "libraries": library_versions("numpy", "scipy", "pywavelets"),
        },
    )
    return Step(unit, partial(_measure_baseline, name, dataset, window))


def evaluate_step(model: Stored, dataset: Stored, how: EvaluationSettings) -> Step:
    """Return the step that evaluates the trained network on the test, with example segments."""
    return measure_file_step(model.file(NETWORK), dataset, how, trained_window(dataset))


def measure_file_step(
    model: Path,
    dataset: Stored,
    how: EvaluationSettings,
    tile: int,
    label: str = MODEL,
) -> Step:
    """Return the step that evaluates a saved network on the test, with example segments.

    Args:
        model: A `.keras` file.
        dataset: The dataset with the test split.
        how: Settings of the evaluation.
        tile: Window of the network, samples.
        label: Name of the unit; the method in its table is always "model".
    """
    unit = Unit(
        "evaluate",
        f"{label} {dataset.name}",
        {"tile": tile, "overlap": how.overlap, "window": how.window},
        {"dataset": dataset.ref, "model": file_sha256(model)},
        {
            "modules": code_version(
                "ecgmodel.evaluation.examples",
                "ecgmodel.support.dataclass_files",
                "ecgmodel.denoise.tiles",
            ),
            "libraries": library_versions("keras", "tensorflow", "numpy", "scipy"),
        },
    )
    return Step(unit, partial(_measure_model, model, dataset, how, tile))


def shipped_steps(dataset: Stored, how: EvaluationSettings) -> dict[str, Step]:
    """Return steps that evaluate the shipped networks not trained on any test subject, by name."""
    from ecgmodel.models.lineage import shipped_start

    test = {subject for subject, split in dataset.info["splits"].items() if split == "test"}
    return {
        one.name: measure_file_step(
            one.file(NETWORK), dataset, how, one.settings().mix.window, SHIPPED
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
    """Return the step of tables, figures and report.

    Args:
        model: The trained network.
        measured: Evaluations of the classical methods and, last, of the network.
        dataset: The dataset.
        settings: All settings.
        beside: Evaluations of other networks, by their name in the tables.
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


def result_text(measured: Sequence[Stored], how: EvaluationSettings) -> str:
    """Return the result table of several methods for a terminal."""
    import pandas as pd

    from ecgmodel.evaluation.summary import as_text, summarise

    table = pd.concat([pd.read_parquet(m.file(SEGMENTS)) for m in measured], ignore_index=True)
    return as_text(summarise(table, draws=how.bootstrap, seed=how.seed))


def network_options(settings: Settings) -> dict[str, Any]:
    """Return the options of the architecture, including those implied by the target.

    A target with offset and baseline wander requires a network that preserves them.
    """
    options = dict(settings.network.options)
    offered = architecture(settings.network.architecture).Settings.model_fields
    if settings.resample.target == "as_recorded" and "keep_offset" in offered:
        options.setdefault("keep_offset", True)
    return options


def trained_window(dataset: Stored) -> int:
    """Return the window of a dataset: `mix.window`, or shorter if its recordings are shorter."""
    return int(dataset.info["lengths"]["train"])


def split_shards(dataset: Stored, split: str) -> list[Path]:
    """Return the shards of a split, in a fixed order."""
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

    if live:
        live.open()
    history = train(
        build,
        batches,
        validation,
        into,
        how,
        on_start=live,
        on_epoch=(lambda _epoch, row: live([row])) if live else None,
        progress=True,
        trained=start is not None,
    )
    lineage = trained_on(dataset, start).to_dict()
    window = trained_window(dataset)
    return {"architecture": name, "window": window, LINEAGE: lineage, **history.facts}


def _training_batches(dataset: Stored, settings: Settings) -> Batches:
    """Return the training windows of a dataset: stored in shards, or mixed on the fly."""
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
    table.to_parquet(into / SEGMENTS, index=False)


def _measure_model(
    model: Path, dataset: Stored, how: EvaluationSettings, tile: int, into: Path
) -> None:
    import_keras()
    from ecgmodel.denoise.tiles import from_keras
    from ecgmodel.evaluation import examples
    from ecgmodel.evaluation.evaluate import count_segments, evaluate_method

    denoiser = from_keras(model, tile, how.overlap)
    shards = split_shards(dataset, "test")
    with bar(count_segments(shards), "evaluate", "segment") as shown:
        table = evaluate_method(denoiser.clean_many, shards, MODEL, how.window, shown.update)
    table.to_parquet(into / SEGMENTS, index=False)
    chosen = examples.choose(table, MODEL)
    save(examples.collect(chosen, denoiser.clean_many, shards), into / EXAMPLES)


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
