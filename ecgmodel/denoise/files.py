"""Denoising of files: found, read, cleaned, and written in their own or another format."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import gettempdir

from ecgmodel.denoise.denoiser import Denoiser
from ecgmodel.denoise.trust import Untrusted, Window
from ecgmodel.errors import SettingsError
from ecgmodel.files import (
    Hints,
    Recording,
    files_of,
    find_recordings,
    open_ecg,
    write_ecg,
    written_name,
)
from ecgmodel.support.disk import disk
from ecgmodel.support.samples import Samples, room_for

# A network uses all CPU cores: one recording at a time.
_network = threading.Lock()


@dataclass(frozen=True)
class FoundRecording:
    """A recording and its output folder.

    Attributes:
        path: Its main file; for a WFDB record the header.
        folder: The folder of its cleaned version, relative to the output folder.
    """

    path: Path
    folder: Path

    @property
    def name(self) -> str:
        """Its name, with its folder relative to the given one; without suffix for WFDB records."""
        is_record = self.path.suffix == ".hea"
        return (self.folder / (self.path.stem if is_record else self.path.name)).as_posix()

    @property
    def files(self) -> list[Path]:
        """All its files, including annotations."""
        return files_of(self.path)


@dataclass(frozen=True)
class CleaningOptions:
    """Options for reading, cleaning and writing recordings.

    Attributes:
        hints: Information that the files lack.
        format: The output format, a name of `files.formats()`; None keeps each file's format.
        untrusted: Treatment of unreliable sections; see `Denoiser.clean`.
    """

    hints: Hints = field(default_factory=Hints)
    format: str | None = None
    untrusted: Untrusted = "mark"


@dataclass(frozen=True)
class CleanedFile:
    """A cleaned recording.

    Attributes:
        recording: The recording.
        files: The files that were written, the main file first.
        ecg: The input.
        signal: The cleaned samples, of the shape of the input's.
        windows: The assessment of each section of 10 s, by lead and time.
        label: The network's label in the header.
    """

    recording: FoundRecording
    files: tuple[Path, ...]
    ecg: Recording
    signal: Samples
    windows: tuple[Window, ...]
    label: str


def find(paths: Iterable[str | Path], out: Path, format: str | None = None) -> list[FoundRecording]:
    """Return the recordings found in files, folders and patterns, in order.

    Recordings in a given folder keep their relative path.

    Args:
        paths: See `files.find_recordings`.
        out: The output folder.
        format: The output format; None keeps each file's format.

    Raises:
        MissingFileError: A path contains no recording.
        RecordError: A file has no known format.
        SettingsError: The output folder is inside a given folder, or two recordings have the same
            output file.
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
                f"{out / recording.folder / name}. Rename one, or choose different output folders."
            )
    return list(found.values())


def check_places(recordings: Path, out: Path) -> None:
    """Check that the output folder is not inside the folder of the recordings.

    Raises:
        SettingsError: It is, so the next call would clean the cleaned recordings again.
    """
    if out.resolve().is_relative_to(recordings.resolve()):
        raise SettingsError(
            f"Expected an output folder outside {recordings}. Received: {out}. Choose another one, "
            "so that cleaned recordings are not cleaned again."
        )


def clean_file(
    recording: FoundRecording,
    denoiser: Denoiser,
    out: Path,
    label: str,
    options: CleaningOptions | None = None,
    progress: Callable[[float], None] | None = None,
    check: Callable[[Recording], None] | None = None,
) -> CleanedFile:
    """Read a recording, clean it and write it; a long one piece by piece.

    A long recording takes 8 bytes a sample and lead of temporary space in the output folder.

    Args:
        recording: The recording.
        denoiser: The denoiser.
        out: The output folder.
        label: The network's label in the header.
        options: Options for reading, cleaning and writing.
        progress: Called with each completed share of the work; the shares sum to 1.
        check: Called with the recording before it is cleaned; may raise an error to refuse it.

    Raises:
        RecordError: The recording cannot be read or written; nothing was written.
        SignalError: The signal cannot be cleaned.
        DiskFullError: The disk is full.
    """
    how = options or CleaningOptions()
    ecg = open_ecg(recording.path, how.hints)
    if check:
        check(ecg)
    signal, windows = clean_ecg(ecg, denoiser, how, progress, out)
    files = write_ecg(
        recording.path,
        replace(ecg, signal=signal),
        out / recording.folder,
        comment=f"ECG cleaned by ecg-denoise with {label}",
        format=how.format,
    )
    return CleanedFile(recording, tuple(files), ecg, signal, windows, label)


def clean_ecg(
    ecg: Recording,
    denoiser: Denoiser,
    options: CleaningOptions,
    progress: Callable[[float], None] | None = None,
    folder: Path | None = None,
) -> tuple[Samples, tuple[Window, ...]]:
    """Clean a recording that was opened before; see `clean_file`.

    Args:
        ecg: The recording.
        denoiser: The denoiser.
        options: Options for cleaning.
        progress: As in `clean_file`.
        folder: Folder of the temporary file of a long recording; None for the system's.

    Returns:
        The cleaned samples, and the assessment of each section of 10 s.
    """
    with _network, disk(folder or Path(gettempdir())):
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        cleaned = room_for(ecg.signal.shape, folder)
        windows = denoiser.clean_into(
            cleaned,
            ecg.signal,
            ecg.fs,
            untrusted=options.untrusted,
            adc_ranges=ecg.adc_ranges,
            progress=progress,
        )
    return cleaned, windows
