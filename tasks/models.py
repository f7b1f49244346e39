"""Networks by name: a registered address, one that is shipped, or a file."""

from __future__ import annotations

from pathlib import Path

from ecgmodel.denoise.denoiser import Denoiser, network_label
from ecgmodel.denoise.network_file import NetworkFile
from ecgmodel.denoise.onnx import FILE
from ecgmodel.errors import MissingFileError, ModelError, NothingNewError
from ecgmodel.models.lineage import Start, file_start, shipped_start
from ecgmodel.models.trained import NETWORK, RECIPE, RECORDINGS, Trained, shipped
from ecgmodel.settings.config import Settings
from ecgmodel.steps.denoising import export_step
from ecgmodel.store import MANIFEST, Store, Stored, file_sha256, read_stored
from ecgmodel.training.settings import ADDRESS, CHAMPION
from tasks.tracking import (
    Registry,
    RegistryError,
    Tracker,
    Version,
    ensure_champion,
    recordings,
    version_start,
)


def load_denoiser(
    address: str, settings: Settings | None = None, threads: int | None = None
) -> Denoiser:
    """Return a denoiser of a registered network; of any other that `find_model` finds, too.

    Args:
        address: Such as models:/ecg-denoiser@champion or models:/ecg-denoiser/3.
        settings: Whose registry and store; None takes the default ones.
        threads: Processor threads; None takes one a core.

    Raises:
        RegistryError: There is no such version.
        MissingFileError: There is no such file.

    Example:
        >>> denoiser = load_denoiser("models:/ecg-denoiser@champion")
        >>> clean = denoiser(noisy, fs=250)  # (samples,) or (samples, leads), mV
    """
    settings = settings or Settings()
    return Denoiser.load(find_model(address, settings, Store(settings.store)).file, threads)


def find_model(address: str, settings: Settings, store: Store) -> NetworkFile:
    """Return the network of a registered address, one that is shipped, or a file.

    What is not there as `.onnx` is exported, once.

    Raises:
        RegistryError: There is no such version.
        MissingFileError: There is no such file.
    """
    for one in shipped():
        if one.name == address:
            known = one.recordings() if one.has(RECORDINGS) else ()
            return NetworkFile.of_file(one.file(FILE), network_label(address), known)
    if address.startswith(ADDRESS):
        return _registered(address, settings, store)
    file = Path(address).absolute()
    if not file.is_file():
        raise MissingFileError(
            f"There is no network at {file}. Expected an .onnx or .keras file, the name of a "
            f"shipped network ({', '.join(one.name for one in shipped())}), or an address such "
            f"as {ADDRESS}{settings.tracking.model}@champion."
        )
    label = f"{file.name} {file_sha256(file)[:12]}"
    if file.suffix == ".keras":
        window = _window(file, settings)
        file = export_step(file, window, settings.evaluation.overlap).run(store).file(FILE)
    return NetworkFile.of_file(file, label)


def _window(file: Path, settings: Settings) -> int:
    """Return the window that a `.keras` file was trained on.

    Raises:
        ModelError: Nothing says it: applied to another window a network cleans badly.
    """
    if file.with_name(RECIPE).is_file():
        return Trained(file.parent.name, file.parent).settings().mix.window
    if file.with_name(MANIFEST).is_file():
        told = read_stored(file.parent).info.get("window")
        if told:
            return int(told)
    if "window" in settings.mix.model_fields_set:
        return settings.mix.window
    raise ModelError(
        f"{file} does not say how many samples it was trained on at once. Say it with "
        "--set mix.window=N, or use the model.onnx of the same training."
    )


def find_start(settings: Settings, store: Store, dataset: Stored | None = None) -> Start | None:
    """Return the weights that `training.start_from` names; None starts anew.

    Where the version in use has learned a dataset already, it is what that version itself started
    from: so the same command again finds the same training, and nothing is learned twice.

    Args:
        settings: All settings.
        store: The store.
        dataset: What is to be trained on, if it is known yet.

    Raises:
        RegistryError: There is no such version, or none is in use.
        MissingFileError: There is no such file.
        NothingNewError: The version in use has learned this dataset from new weights.
    """
    name = settings.training.start_from
    if name is None:
        return None
    registry = Registry(Tracker(settings.tracking, store))
    start = _start(name, settings, registry, store)
    if name != CHAMPION or dataset is None or start.dataset != dataset.digest[:12]:
        return start
    if not start.lineage.start:
        raise NothingNewError(
            f"The version in use, {start.name}, was trained on this dataset already, from new "
            "weights: there is nothing new to learn. Add recordings, or train it further on the "
            f"same ones with training.start_from={start.name}."
        )
    return _start(start.lineage.start, settings, registry, store)


def _start(name: str, settings: Settings, registry: Registry, store: Store) -> Start:
    if name == CHAMPION:
        champion = ensure_champion(registry, settings.gate.first_champion)
        if champion is None:
            raise RegistryError(
                f"training.start_from={CHAMPION}: no version of {registry.name} is in use in "
                f"{registry.tracker.uri}. Set training.start_from=default for the shipped network, "
                "or null for new weights."
            )
        return version_start(registry, champion, store)
    for one in shipped():
        if one.name == name:
            return shipped_start(one)
    if name.startswith(ADDRESS):
        return version_start(registry, _version(name, settings, registry), store)
    file = Path(name).absolute()
    if not file.is_file():
        raise MissingFileError(f"training.start_from: there is no file {file}.")
    return file_start(file)


def _version(address: str, settings: Settings, registry: Registry) -> Version:
    """Return the version of an address; the champion's is there from the start."""
    if address.endswith(f"@{CHAMPION}"):
        ensure_champion(registry, settings.gate.first_champion)
    return registry.by_address(address)


def _registered(address: str, settings: Settings, store: Store) -> NetworkFile:
    registry = Registry(Tracker(settings.tracking, store))
    version = _version(address, settings, registry)
    file = _exported(version, registry.fetch(version, store), settings, store).file(FILE)
    return NetworkFile(
        file=file,
        sha256=file_sha256(file),
        label=f"{ADDRESS}{registry.name} version {version.number}",
        version=str(version.number),
        dataset=None if version.is_shipped else registry.dataset(version),
        reference=recordings(registry, version) if version.is_shipped else (),
    )


def _exported(version: Version, fetched: Stored, settings: Settings, store: Store) -> Stored:
    """Return a version's network with `model.onnx`: as it was registered, else exported."""
    if FILE in fetched.files:
        return fetched
    window = version.window or settings.mix.window
    overlap = settings.evaluation.overlap if version.overlap is None else version.overlap
    return export_step(fetched.file(NETWORK), window, overlap).run(store)
