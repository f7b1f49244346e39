"""Find networks by name: registered, shipped or in a file."""

from __future__ import annotations

from pathlib import Path

from ecgmodel.dataset.mix_settings import MixSettings
from ecgmodel.denoise.denoiser import Denoiser, network_label
from ecgmodel.denoise.network_file import NetworkFile
from ecgmodel.denoise.onnx import FILE
from ecgmodel.errors import AlreadyTrainedError, MissingFileError, ModelError
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
    """Return a denoiser of a registered network, or of any other that `find_model` finds.

    Args:
        address: For example models:/ecg-denoiser@champion or models:/ecg-denoiser/3.
        settings: Settings of registry and store; None uses the defaults.
        threads: Number of CPU threads; None uses one per core.

    Raises:
        RegistryError: The version does not exist.
        MissingFileError: The file does not exist.

    Example:
        >>> denoiser = load_denoiser("models:/ecg-denoiser@champion")
        >>> clean = denoiser(noisy, fs=250)  # (samples,) or (samples, leads), mV
    """
    settings = settings or Settings()
    return Denoiser.load(find_model(address, settings, Store(settings.store)).file, threads)


def find_model(address: str, settings: Settings, store: Store) -> NetworkFile:
    """Return a registered network, a shipped one, or that of a file.

    A network without `.onnx` file is exported once.

    Raises:
        RegistryError: The version does not exist.
        MissingFileError: The file does not exist.
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
            f"No network at {file}. Expected an .onnx or .keras file, the name of a "
            f"shipped network ({', '.join(one.name for one in shipped())}), or a registered model "
            f"such as {ADDRESS}{settings.tracking.model}@champion."
        )
    label = f"{file.name} {file_sha256(file)[:12]}"
    if file.suffix == ".keras":
        window = window_of(file, settings.mix)
        file = export_step(file, window, settings.evaluation.overlap).run(store).file(FILE)
    return NetworkFile.of_file(file, label)


def window_of(file: Path, mix: MixSettings) -> int:
    """Return the window of a `.keras` file: from its recipe, its training or `mix.window`.

    Raises:
        ModelError: The window is unknown. With another window a network performs badly.
    """
    if file.with_name(RECIPE).is_file():
        return Trained(file.parent.name, file.parent).settings().mix.window
    if file.with_name(MANIFEST).is_file():
        told = read_stored(file.parent).info.get("window")
        if told:
            return int(told)
    if "window" in mix.model_fields_set:
        return mix.window
    raise ModelError(
        f"{file} does not state its window, the number of samples that it was trained on. Set it "
        "with --set mix.window=N, or use the model.onnx of the same training."
    )


def find_start(settings: Settings, store: Store, dataset: Stored | None = None) -> Start | None:
    """Return the initial weights that `training.start_from` names; None for random weights.

    If the version in use was already trained on the dataset, its own initial weights are returned:
    the same command then finds the same training in the store.

    Args:
        settings: All settings.
        store: The store.
        dataset: The training dataset, if it is prepared already.

    Raises:
        RegistryError: The version does not exist, or none is in use.
        MissingFileError: The file does not exist.
        AlreadyTrainedError: The version in use was trained on this dataset from random weights.
    """
    name = settings.training.start_from
    if name is None:
        return None
    registry = Registry(Tracker(settings.tracking, store))
    start = _start(name, settings, registry, store)
    if name != CHAMPION or dataset is None or start.dataset != dataset.digest[:12]:
        return start
    if not start.lineage.start:
        raise AlreadyTrainedError(
            f"The version in use, {start.name}, was already trained on this dataset from random "
            "weights: there is nothing new to learn from. Add recordings, or continue its training "
            f"on the same ones with training.start_from={start.name}."
        )
    return _start(start.lineage.start, settings, registry, store)


def _start(name: str, settings: Settings, registry: Registry, store: Store) -> Start:
    if name == CHAMPION:
        champion = ensure_champion(registry, settings.gate.first_champion)
        if champion is None:
            raise RegistryError(
                f"training.start_from={CHAMPION}: no version of {registry.name} is in use in "
                f"{registry.tracker.uri}. Set training.start_from=default for the shipped network, "
                "or null for random weights."
            )
        return version_start(registry, champion, store)
    for one in shipped():
        if one.name == name:
            return shipped_start(one)
    if name.startswith(ADDRESS):
        return version_start(registry, _version(name, settings, registry), store)
    file = Path(name).absolute()
    if not file.is_file():
        raise MissingFileError(f"training.start_from: the file {file} does not exist.")
    return file_start(file)


def _version(address: str, settings: Settings, registry: Registry) -> Version:
    """Return the version of an address; the first champion is registered if needed."""
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
    """Return a version's network with `model.onnx`, exporting it if it was registered without."""
    if FILE in fetched.files:
        return fetched
    window = version.window or settings.mix.window
    overlap = settings.evaluation.overlap if version.overlap is None else version.overlap
    return export_step(fetched.file(NETWORK), window, overlap).run(store)
