"""Recordings' files cleaned: found, read, denoised, and written in their own format or another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from ecgmodel.denoise.denoiser import Denoiser
from ecgmodel.denoise.trust import Cleaned, Untrusted
from ecgmodel.errors import SettingsError
from ecgmodel.files import Ecg, Hints, files_of, find_recordings, read_ecg, write_ecg, written_name

# A network uses every processor by itself: one recording at a time.
_network = threading.Lock()


@dataclass(frozen=True)
class FoundRecording:
    """A recording and its place among the cleaned ones.

    Attributes:
        path: Its file; a WFDB record's header.
        folder: Where its cleaned version goes, relative to the folder of all of them.
    """

    path: Path
    folder: Path

    @property
    def name(self) -> str:
        """What it is called, with its folder below the one that was given; a record's is bare."""
        is_record = self.path.suffix == ".hea"
        return (self.folder / (self.path.stem if is_record else self.path.name)).as_posix()

    @property
    def files(self) -> list[Path]:
        """All files that it consists of, annotations among them."""
        return files_of(self.path)


@dataclass(frozen=True)
class CleaningOptions:
    """How recordings are read, cleaned and written.

    Attributes:
        hints: What their files do not say.
        format: A name of `files.formats()` to write; None writes each as it came.
        untrusted: What to do where the network is not to be trusted; see `Denoiser.clean`.
    """

    hints: Hints = field(default_factory=Hints)
    format: str | None = None
    untrusted: Untrusted = "mark"


@dataclass(frozen=True)
class CleanedFile:
    """A recording that was cleaned.

    Attributes:
        recording: Which.
        files: What was written, the file to read first in front.
        ecg: What went in.
        cleaned: What came out, and what is known of it.
        label: How its header names the network.
    """

    recording: FoundRecording
    files: tuple[Path, ...]
    ecg: Ecg
    cleaned: Cleaned
    label: str


def find(paths: Iterable[str | Path], out: Path, format: str | None = None) -> list[FoundRecording]:
    """Return the recordings that files, folders and patterns name, in order.

    What lies in a folder that is given keeps its place in it.

    Args:
        paths: See `files.find_recordings`.
        out: The folder for the cleaned recordings.
        format: What they are written as; None: as they came.

    Raises:
        MissingFileError: A path names no recording.
        RecordError: A file's name is that of no known format.
        SettingsError: Cleaned recordings would lie among those to clean, or one over another.
    """
    found: dict[Path, FoundRecording] = {}
    for given in map(Path, paths):
        if given.is_dir():
            check_places(given, out)
        for path in find_recordings([given]):
            folder = path.parent.relative_to(given) if given.is_dir() else Path()
            found.setdefault(path.resolve(), FoundRecording(path, folder))
    places: dict[Path, FoundRecording] = {}
    for recording in found.values():
        name = written_name(recording.path, format) if format else recording.path.name
        other = places.setdefault(recording.folder / name.lower(), recording)
        if other is not recording:
            raise SettingsError(
                f"{other.path} and {recording.path} would both be written to "
                f"{out / recording.folder / name}. Rename one, or clean them into different "
                "folders."
            )
    return list(found.values())


def check_places(recordings: Path, out: Path) -> None:
    """Raise an error if cleaned recordings would lie among those that are to be cleaned.

    Raises:
        SettingsError: They would, so that the next call would clean them again.
    """
    if out.resolve().is_relative_to(recordings.resolve()):
        raise SettingsError(
            f"Expected a folder for the cleaned records outside {recordings}. Received: {out}."
        )


def clean_file(
    recording: FoundRecording,
    denoiser: Denoiser,
    out: Path,
    label: str,
    options: CleaningOptions | None = None,
    progress: Callable[[float], None] | None = None,
    check: Callable[[Ecg], None] | None = None,
) -> CleanedFile:
    """Read a recording, clean it and write it.

    Args:
        recording: Which.
        denoiser: Cleans it.
        out: The folder of all cleaned recordings.
        label: How its header names the network.
        options: How.
        progress: Called with each further share (of 1) that is done.
        check: Looks at what was read before it is cleaned; raises an error to refuse it.

    Raises:
        RecordError: It cannot be read or written; nothing is written then.
        SignalError: It cannot be cleaned.
        DiskFullError: There is no space left.
    """
    how = options or CleaningOptions()
    ecg = read_ecg(recording.path, how.hints)
    if check:
        check(ecg)
    cleaned = clean_ecg(ecg, denoiser, how, progress)
    files = write_ecg(
        recording.path,
        replace(ecg, signal=cleaned.signal),
        out / recording.folder,
        comment=f"ECG cleaned by ecg-denoise with {label}",
        format=how.format,
    )
    return CleanedFile(recording, tuple(files), ecg, cleaned, label)


def clean_ecg(
    ecg: Ecg,
    denoiser: Denoiser,
    options: CleaningOptions,
    progress: Callable[[float], None] | None = None,
) -> Cleaned:
    """Clean what was read of a recording; see `clean_file`."""
    with _network:
        return denoiser.clean(
            ecg.signal, ecg.fs, untrusted=options.untrusted, rails=ecg.rails, progress=progress
        )
