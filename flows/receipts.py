"""What a finished run made and where it was logged, so that the same command finds it at once.

A receipt holds only as long as all that it names is as it was: settings, code, libraries, what the
source lists, every file, and what the tracking store says. Then nothing else has to be started. It
is never the only proof: without a receipt a run looks everything up in the store, and writes one.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from http.client import HTTPException
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecgmodel.errors import EcgError
from ecgmodel.settings.config import Settings
from ecgmodel.steps.data import open_source
from ecgmodel.store import (
    MANIFEST,
    Store,
    Stored,
    digest,
    file_sha256,
    read_stored,
    sha256_once,
    write_text,
)
from ecgmodel.store.inputs import inputs_of
from ecgmodel.store.leases import hold
from ecgmodel.support.paths import ROOT
from tasks.tracking import Registry
from tasks.tracking.artifact_files import AlteredError
from tasks.tracking.evidence import evidence
from tasks.tracking.glance import glance

if TYPE_CHECKING:
    from flows.train import Training

FOLDER = "receipts"
_CODE = ("ecgmodel", "tasks", "flows")
_Files = dict[str, list[Any]]  # path, relative if it is in the store: what `_stat` says, sha256
# What others than this code get wrong: files, databases, a server's answers, JSON of another form.
_THEIRS = (
    *(OSError, ValueError, KeyError, TypeError, AttributeError),
    *(EcgError, HTTPException, sqlite3.Error),
)
_log = logging.getLogger("ecg")


def find(settings: Settings) -> str | None:
    """Return what the run of these settings printed, None if anything is not as it was then."""
    store = Store(settings.store)
    path = _place(settings, store)
    try:
        receipt = json.loads(path.read_text())
        hold(store.root)
        if receipt["decides"] != _decides(settings, store, receipt["needed"]):
            return None
        if receipt["tracking"] != glance(settings.tracking, store, receipt["run"]):
            return None
        files: _Files = receipt["files"]
        seen = {name: _same(store.root / name, *known) for name, known in files.items()}
        if None in seen.values():
            return None
        if seen != files:  # a moved store: other inodes, the same bytes
            write_text(path, json.dumps(receipt | {"files": seen}))
        text = receipt["text"]
        for mark, folder in _places(store).items():
            text = text.replace(mark, folder)
        return f"{receipt['by']}\n{text}"
    except _THEIRS:
        return None


def keep(settings: Settings, training: Training, text: str) -> None:
    """Write the receipt of a finished run; without one, the next run looks everything up.

    Args:
        settings: All settings.
        training: What it made.
        text: What it printed.
    """
    store = Store(settings.store)
    path = _place(settings, store)
    for mark, folder in _places(store).items():
        text = text.replace(folder, mark)
    try:
        with training.tracker.reached("The model and its report"):
            by, files = _by(training), _proven(store, training)
        receipt = {
            "by": by,
            "run": training.run_id,
            "text": text,
            "needed": (needed := _needed(settings)),
            "decides": _decides(settings, store, needed),
            "tracking": glance(settings.tracking, store, training.run_id),
            "files": files,
        }
        path.parent.mkdir(exist_ok=True)
        write_text(path, json.dumps(receipt))
    except _THEIRS as error:
        cause = error.__cause__ or error
        why = (str(cause) or type(cause).__name__).splitlines()[0]
        _log.warning("The next run will look everything up again: %s", why)


def _proven(store: Store, training: Training) -> _Files:
    """Return all files that a run left, with the hashes that they are known to have.

    Raises:
        AlteredError: A file has another hash by now.
    """
    logged = training.tracker.logged(training.finished)
    if logged is None:
        raise AlteredError(training.tracker.uri, [f"run {training.run_id}"])
    done, judged = training.finished, training.judged
    registry = Registry(training.tracker)
    numbers = dict.fromkeys(n for n in (judged.version, judged.champion) if n is not None)
    versions = [registry.version(number) for number in numbers]
    verdict = [read_stored(judged.report)] if judged.report else []
    known = {**logged.files, **evidence(registry, versions, *verdict)}
    roots = (done.dataset, done.model, done.exported, done.report, *verdict)
    for unit in inputs_of(store, roots):
        known |= {unit.file(name): str(one["sha256"]) for name, one in unit.files.items()}
        known |= _manifest(unit)
    return {_name(store, path): _seen(path, sha256) for path, sha256 in known.items()}


def _manifest(unit: Stored) -> dict[Path, str]:
    path = unit.path / MANIFEST
    sha256 = file_sha256(path)
    if read_stored(unit.path) != unit:  # its seal is right, and it says the same as before
        raise AlteredError(str(unit.path), [MANIFEST])
    return {path: sha256}


def _seen(path: Path, sha256: str) -> list[Any]:
    """Return a file's stat, taken before it is hashed, and its hash, if that is the known one."""
    stat = _stat(path)
    if sha256_once(path) != sha256:
        raise AlteredError(str(path.parent), [path.name])
    return [stat, sha256]


def _name(store: Store, path: Path) -> str:
    return str(path.relative_to(store.root) if path.is_relative_to(store.root) else path)


def _by(training: Training) -> str:
    """Return which runs made everything, in two sentences."""
    tags = training.tracker.client.get_run(training.run_id).data.tags
    name, number = (tags.get(f"prefect.flow_run_{what}", "unknown") for what in ("name", "id"))
    return (
        f"Nothing to do: all is as the run of {datetime.now(UTC):%Y-%m-%d %H:%M} UTC left it. "
        f"Trained by the flow run {name!r} ({number})."
    )


def _places(store: Store) -> dict[str, str]:
    """Return the folders in a printed text that may be elsewhere when it is printed again."""
    return {"\0store/": f"{store.root}/", "\0programs/": f"{Path(sys.executable).parent}/"}


def _place(settings: Settings, store: Store) -> Path:
    return store.root / FOLDER / f"{digest(settings.model_dump(mode='json'))[:32]}.json"


def _needed(settings: Settings) -> list[str]:
    """Return the databases of the protocols that the gate's rules need."""
    from ecgmodel import protocols
    from ecgmodel.promotion.judging import needed_protocols

    needed = needed_protocols(*settings.gate.rules)
    return list(dict.fromkeys(name for one in needed for name in protocols.load(one).records))


def _decides(settings: Settings, store: Store, needed: Iterable[str]) -> str:
    """Return a hash of all that decides what a run makes, besides the settings.

    Args:
        settings: All settings.
        store: The store, for the last lists of records of a source that does not answer.
        needed: Result of `_needed`, which takes a second to find out.
    """
    source = settings.source
    published = source.model_copy(update={"kind": "physionet"})
    asked = [(published, name) for name in needed]
    if source.kind != "simulated":  # which depends on the settings alone
        asked += [(source, name) for name in (*source.clean_databases, source.noise_database)]
    listed = [
        [name, [record.settings() for record in open_source(origin, name, store).records(name)]]
        for origin, name in asked
    ]
    return digest([_code(), _libraries(), listed, _named(settings)])


def _code() -> list[list[str]]:
    """Return the hash of every file of code, also of shipped networks and pages."""
    paths = (path for name in _CODE for path in sorted((ROOT / name).rglob("*")))
    code = (path for path in paths if path.suffix != ".pyc" and path.is_file())
    return [[str(path.relative_to(ROOT)), file_sha256(path)] for path in code]


def _libraries() -> list[str]:
    return sorted(f"{one.name}=={one.version}" for one in distributions())


def _named(settings: Settings) -> list[str]:
    """Return the hashes of the files that settings name: initial weights, and a test set."""
    names = [Path(one) for one in (settings.training.start_from, settings.gate.test_set) if one]
    files = (name / MANIFEST if name.is_dir() else name for name in names)
    return [file_sha256(file) for file in files if file.is_file()]


def _stat(path: Path) -> list[int]:
    """Return size, inode, and the times of change of a file's content and state."""
    found = path.stat()
    return [found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns]


def _same(path: Path, stat: list[int], sha256: str) -> list[Any] | None:
    """Return a file's stat and hash if it is as it was, else None; other stats are hashed."""
    now = _stat(path)
    return [now, sha256] if now == stat or file_sha256(path) == sha256 else None
