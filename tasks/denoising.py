"""The tasks of cleaning recordings: find the network, clean a record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from ecgmodel.config import Settings
from ecgmodel.denoising import UsedModel
from ecgmodel.denoising_steps import export_step
from ecgmodel.errors import EcgError, MissingFileError, PassingSourceError
from ecgmodel.onnx_network import FILE
from ecgmodel.steps import Step
from ecgmodel.store import Store, file_sha256
from ecgmodel.trained import shipped
from tasks.caching import Ref, do, step_task
from tasks.tracking import Registry, Tracker

ADDRESS = "models:/"


def _may_pass(_task: Any, _run: Any, state: Any) -> bool:
    """Return whether another try may help: a disk's hiccup, never a bad record."""
    error = state.result(raise_on_failure=False)
    return not isinstance(error, EcgError) or isinstance(error, PassingSourceError)


@task(name="open model", cache_policy=NO_CACHE)
def open_model(address: str, settings: Settings, store: Store) -> UsedModel:
    """Return the network of a registered address, one that is shipped, or a file.

    What is not there as `.onnx` is exported, once.

    Raises:
        RegistryError: There is no such version.
        MissingFileError: There is no such file.
    """
    for one in shipped():
        if one.name == address:
            file = one.file(FILE)
            return UsedModel.of_file(file, f"{one.name} {file_sha256(file)[:12]}")
    if not address.startswith(ADDRESS):
        file = Path(address).absolute()
        if not file.is_file():
            raise MissingFileError(
                f"There is no network at {file}. Expected an .onnx or .keras file, the name of a "
                f"shipped network ({', '.join(one.name for one in shipped())}), or an address such "
                f"as {ADDRESS}{settings.tracking.model}@champion."
            )
        return UsedModel.of_file(_light(file, settings.mix.window, settings, store), _label(file))
    registry = Registry(Tracker(settings.tracking, store))
    version = registry.by_address(address)
    window = version.window or settings.mix.window
    file = _light(registry.fetch(version, store).file("model.keras"), window, settings, store)
    return UsedModel(
        file=file,
        sha256=file_sha256(file),
        label=f"{ADDRESS}{registry.name} version {version.number}",
        version=str(version.number),
        dataset=registry.dataset(version),
    )


def _light(file: Path, window: int, settings: Settings, store: Store) -> Path:
    """Return a network as an `.onnx` file."""
    if file.suffix != ".keras":
        return file
    return export_step(file, window, settings.evaluation.overlap).run(store).file(FILE)


def _label(file: Path) -> str:
    return f"{file.name} {file_sha256(file)[:12]}"


@step_task("denoise", retries=2, retry_delay_seconds=1, retry_condition_fn=_may_pass)
def denoise(step: Step, store: Store) -> Ref:
    """Clean a record."""
    return do(step, store)


@step_task("describe")
def describe(step: Step, store: Store) -> Ref:
    """Say what a training record is like."""
    return do(step, store)
