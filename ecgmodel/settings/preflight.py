"""What a run needs of the file system, looked at before any work.

What can be known from the settings alone, their validators refuse; what needs the sources'
listings, `dataset.naming`.
"""

from __future__ import annotations

import os
from pathlib import Path

from ecgmodel.errors import SettingsError
from ecgmodel.settings.config import Settings
from ecgmodel.settings.gate import CHALLENGER, CHAMPION
from ecgmodel.sources.transport import FolderTransport, open_transport
from ecgmodel.store import Stored, read_stored


def check_places(settings: Settings) -> None:
    """Raise an error if a folder that the settings name cannot serve a run.

    Raises:
        SettingsError: The store cannot be written, a folder of recordings is not there, or
            `gate.test_set` holds no dataset that the networks of this run can be tested on.
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
        check_test(_dataset("gate.test_set", Path(chosen)), settings, "gate.test_set")


def check_test(dataset: Stored, settings: Settings, what: str = "The dataset") -> None:
    """Raise an error if a dataset's test cannot measure the networks of these settings.

    Args:
        dataset: The dataset.
        settings: All settings.
        what: The setting that names it.

    Raises:
        SettingsError: Its test rows are shorter than the metrics' window, or its target is another
            one than that of the training.
    """
    import pyarrow.parquet as pq

    for shard in sorted((dataset.path / "test").glob("*.parquet")):
        schema = pq.read_schema(shard)
        length = schema.field("clean").type.list_size
        if length < settings.evaluation.window:
            raise SettingsError(
                f"{what} {dataset.path}: the test rows of {shard.stem} hold {length} samples, "
                f"fewer than evaluation.window={settings.evaluation.window}. Choose a shorter "
                "evaluation.window, or longer test segments (mix.test.segment_s)."
            )
        target = (schema.metadata or {}).get(b"target", b"").decode()
        if target and target != settings.resample.target:
            raise SettingsError(
                f"{what} {dataset.path}: its clean ECG is {target!r}, that of the training "
                f"resample.target={settings.resample.target!r}: a network cannot be judged by what "
                "it was not trained for. Name a dataset of the same target."
            )


def _check_store(store: Path) -> None:
    """Raise an error if a store can be neither written nor made."""
    there = next(path for path in (store.absolute(), *store.absolute().parents) if path.exists())
    if not there.is_dir():
        raise SettingsError(f"store={store}: {there} is a file. Name a folder.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise SettingsError(f"store={store}: {there} cannot be written. Name another folder.")


def _check_folder(setting: str, folder: Path | None) -> None:
    if folder is not None and not folder.is_dir():
        problem = "is a file" if folder.exists() else "is not there"
        raise SettingsError(f"{setting}={folder}: the folder {problem}. Check the path.")


def _dataset(setting: str, folder: Path) -> Stored:
    try:
        dataset = read_stored(folder)
    except (OSError, ValueError, KeyError) as error:
        raise SettingsError(
            f"{setting}={folder} is not a dataset ({error}). Name the folder that `ecg-denoise "
            "prepare` prints as Dataset."
        ) from error
    if not any((dataset.path / "test").glob("*.parquet")):
        raise SettingsError(f"{setting}={folder} holds no test rows. Name a dataset's folder.")
    return dataset
