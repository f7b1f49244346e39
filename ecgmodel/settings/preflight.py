"""Checks of the folders that a run needs, made before any work.

The validators of the settings check each value, and `dataset.naming` checks the records that a
source lists.
"""

from __future__ import annotations

import os
from pathlib import Path

from ecgmodel.errors import SettingsError
from ecgmodel.evaluation.settings import EvaluationSettings
from ecgmodel.settings.config import Settings
from ecgmodel.settings.gate import CHALLENGER, CHAMPION
from ecgmodel.sources.transport import FolderTransport, open_transport
from ecgmodel.store import Stored, read_stored


def check_places(settings: Settings) -> None:
    """Raise an error if a folder named in the settings cannot be used.

    Raises:
        SettingsError: The store is not writable, a folder of recordings does not exist, or
            `gate.test_set` is not a dataset on which the networks of this run can be tested.
    """
    _check_store(settings.store)
    source = settings.source
    if source.kind == "folder":
        _check_folder("source.path", source.path)
        _check_folder("source.noise_path", source.noise_path)
    if source.kind == "physionet" or (source.kind == "folder" and source.noise_path is None):
        mirror = open_transport(source.base_url)
        if isinstance(mirror, FolderTransport):
            _check_folder("source.base_url", mirror.root)
    chosen = settings.gate.test_set
    if chosen not in (None, CHAMPION, CHALLENGER):
        named = _dataset("gate.test_set", Path(chosen))
        check_test(named, settings.evaluation, settings.resample.target, "gate.test_set")


def check_test(
    dataset: Stored, how: EvaluationSettings, target: str, setting: str = "The dataset"
) -> None:
    """Raise an error if networks of these settings cannot be tested on a dataset.

    Args:
        dataset: The dataset.
        how: Settings of the evaluation.
        target: `resample.target` of the training.
        setting: The setting that names the dataset, for the message.

    Raises:
        SettingsError: The dataset's test rows are shorter than `evaluation.window`, or its
            target differs from that of the training.
    """
    import pyarrow.parquet as pq

    for shard in sorted((dataset.path / "test").glob("*.parquet")):
        schema = pq.read_schema(shard)
        length = schema.field("clean").type.list_size
        if length < how.window:
            raise SettingsError(
                f"{setting} {dataset.path}: the test rows of {shard.stem} have {length} samples, "
                f"fewer than evaluation.window={how.window}. Use a shorter "
                "evaluation.window, or longer test segments (mix.test.segment_s)."
            )
        other = (schema.metadata or {}).get(b"target", b"").decode()
        if other and other != target:
            raise SettingsError(
                f"{setting} {dataset.path}: its target is {other!r}, but the network is trained "
                f"with resample.target={target!r}. Use a dataset with the same target."
            )


def _check_store(store: Path) -> None:
    """Raise an error if a store is not writable and cannot be created."""
    existing = next(p for p in (store.absolute(), *store.absolute().parents) if p.exists())
    if not existing.is_dir():
        raise SettingsError(f"store={store}: {existing} is a file. Name a folder.")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise SettingsError(
            f"store={store}: no permission to write to {existing}. Choose another folder."
        )


def _check_folder(setting: str, folder: Path | None) -> None:
    if folder is not None and not folder.is_dir():
        problem = "is a file, not a folder" if folder.exists() else "does not exist"
        raise SettingsError(f"{setting}={folder} {problem}. Check the path.")


def _dataset(setting: str, folder: Path) -> Stored:
    try:
        dataset = read_stored(folder)
    except (OSError, ValueError, KeyError) as error:
        raise SettingsError(
            f"{setting}={folder} is not a dataset ({error}). Use the folder that `ecg-denoise "
            "prepare` prints as Dataset."
        ) from error
    if not any((dataset.path / "test").glob("*.parquet")):
        raise SettingsError(
            f"{setting}={folder} has no test rows. Use the folder that `ecg-denoise prepare` "
            "prints as Dataset."
        )
    return dataset
