"""Networks by name: a registered address, one that is shipped, or a file."""

from __future__ import annotations

from pathlib import Path

from ecgmodel.config import Settings
from ecgmodel.denoiser import Denoiser, network_label
from ecgmodel.denoising import UsedModel
from ecgmodel.denoising_steps import export_step
from ecgmodel.errors import MissingFileError
from ecgmodel.onnx_network import FILE
from ecgmodel.store import Store, Stored, file_sha256
from ecgmodel.trained import NETWORK, shipped
from tasks.tracking import Registry, Tracker, Version

ADDRESS = "models:/"


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


def find_model(address: str, settings: Settings, store: Store) -> UsedModel:
    """Return the network of a registered address, one that is shipped, or a file.

    What is not there as `.onnx` is exported, once.

    Raises:
        RegistryError: There is no such version.
        MissingFileError: There is no such file.
    """
    for one in shipped():
        if one.name == address:
            return UsedModel.of_file(one.file(FILE), network_label(address))
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
        how = settings.mix.window, settings.evaluation.overlap
        file = export_step(file, *how).run(store).file(FILE)
    return UsedModel.of_file(file, label)


def _registered(address: str, settings: Settings, store: Store) -> UsedModel:
    registry = Registry(Tracker(settings.tracking, store))
    version = registry.by_address(address)
    file = _exported(version, registry.fetch(version, store), settings, store).file(FILE)
    return UsedModel(
        file=file,
        sha256=file_sha256(file),
        label=f"{ADDRESS}{registry.name} version {version.number}",
        version=str(version.number),
        dataset=registry.dataset(version),
    )


def _exported(version: Version, fetched: Stored, settings: Settings, store: Store) -> Stored:
    """Return a version's network with `model.onnx`: as it was registered, else exported."""
    if FILE in fetched.files:
        return fetched
    window = version.window or settings.mix.window
    overlap = settings.evaluation.overlap if version.overlap is None else version.overlap
    return export_step(fetched.file(NETWORK), window, overlap).run(store)
