"""Clean recordings one after the other in this process, without Prefect."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from ecgmodel.cli import telling
from ecgmodel.cli.archive import Archive
from ecgmodel.denoise.denoiser import Denoiser
from ecgmodel.denoise.files import CleanedFile, CleaningOptions, FoundRecording, clean_file
from ecgmodel.denoise.trust import Window, median_quality, unreliable
from ecgmodel.errors import DiskFullError, HintNeededError, SettingsError
from ecgmodel.files import QUALITY, Hints, Recording
from ecgmodel.store import write_text
from ecgmodel.support import stopping
from ecgmodel.support.progress import bar
from ecgmodel.support.units import clock

if TYPE_CHECKING:
    from ecgmodel.evaluation.sheet import Drawn

Extra = Callable[[CleanedFile, Path], Path]
"""Writes a file on a cleaned recording to a path without suffix, and returns the file."""

WINDOW = ("quality_in", "quality_out", "snr_db", "reason")
QUALITY_COLUMNS = ("lead", "start_s", "stop_s", *WINDOW)

_QUESTIONS: dict[str, tuple[str, str, Callable[[str], Any]]] = {
    "--fs": ("Sampling rate, Hz", "fs", float),
    "--unit": ("Unit (mV, uV or V)", "unit", str.strip),
    "--gain": ("ADC units per mV", "gain", float),
    "--column": (
        "Leads (names, or numbers from 1, separated by commas)",
        "columns",
        lambda text: tuple(name.strip() for name in text.split(",")),
    ),
    "--time-column": ("Time column (name or number)", "time_column", str.strip),
}


@dataclass
class Direct:
    """Cleans recordings and prints a line on each.

    Attributes:
        denoiser: The denoiser.
        label: Name of the network in file headers.
        out: Output folder.
        options: Options for reading and writing files.
        extras: Further files to write for each recording.
        at_s: The moment that they show, if one was asked for.
        ask: Whether the user can be asked for missing information.
        answers: The user's answers, by field of the hints; used for later files, too.
        failed: Recordings that were not cleaned, with the reason.
        cleaned: Number of cleaned recordings.
        archive: The archive to go on with, and to summarise; None for neither.
    """

    denoiser: Denoiser
    label: str
    out: Path
    options: CleaningOptions
    extras: Sequence[Extra] = ()
    at_s: float | None = None
    ask: bool = False
    answers: dict[str, Any] = field(default_factory=dict)
    cleaned: int = 0
    failed: tuple[tuple[FoundRecording, str], ...] = ()
    archive: Archive | None = None

    def clean(self, recordings: Sequence[FoundRecording]) -> None:
        """Clean recordings; a failure of any kind does not stop the others.

        Raises:
            DiskFullError: The disk is full, so that the others would fail, too.
        """
        left = TimeLeft([sum(map(_size, recording.files)) for recording in recordings])
        with bar(len(recordings), "denoise", "recording") as shown:
            for number, recording in enumerate(recordings, 1):
                stopping.check()
                try:
                    text = self._one(recording, shown.update)
                    self.cleaned += 1
                except (DiskFullError, click.Abort, click.ClickException):
                    raise
                except Exception as error:
                    stopping.check()
                    reason = telling.told(error)
                    text = f"not cleaned: {reason}"
                    self.failed += ((recording, reason),)
                    if self.archive:
                        self.archive.leave_out(recording, reason)
                shown.update(number - shown.n)
                rest = f"{left.after(number)}  " if self.archive and len(recordings) > 1 else ""
                shown.write(f"{rest}{recording.name}  {text}", file=sys.stdout)

    def _one(self, recording: FoundRecording, progress: Callable[[float], None]) -> str:
        done = self._cleaned(recording, self.options.hints, progress)
        beside = _beside(done.files[0])
        extras = [extra(done, beside) for extra in self.extras]
        if self.archive:
            self.archive.add(recording, done, extras)
        return f"{told(done)}\n{'':4}{', '.join(map(str, [done.files[0], *extras]))}"

    def _cleaned(
        self, recording: FoundRecording, hints: Hints, progress: Callable[[float], None]
    ) -> CleanedFile:
        """Clean a recording, asking for missing information.

        Answers given for earlier recordings are tried first.
        """
        options = replace(self.options, hints=hints)
        try:
            return clean_file(
                *(recording, self.denoiser, self.out, self.label, options, progress),
                check=partial(self._check, recording.name),
            )
        except HintNeededError as error:
            if not self.ask:
                raise
            fields = [_QUESTIONS[option][1] for option in error.options]
            known = {name: self.answers[name] for name in fields if name in self.answers}
            if not known or all(getattr(hints, name) == known[name] for name in known):
                known = asked(error, hints)
                self.answers |= known
            return self._cleaned(recording, replace(hints, **known), progress)

    def _check(self, name: str, ecg: Recording) -> None:
        """Check that a recording has the moment that is asked for.

        Raises:
            SettingsError: It ends before.
        """
        length = len(ecg.signal) / ecg.fs
        if self.at_s is not None and self.at_s >= length:
            raise SettingsError(
                f"{name} is {clock(length)} long. Give an --at before its end. Received: "
                f"{clock(self.at_s)}."
            )


class TimeLeft:
    """Tells how long the rest of a series takes, by the sizes of the files so far.

    Args:
        sizes: Bytes of each recording.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self._sizes = sizes
        self._began = monotonic()

    def after(self, number: int) -> str:
        """Return how far the series is after so many recordings, e.g. "[3/9, 0:01:20 left]"."""
        done, rest = sum(self._sizes[:number]), sum(self._sizes[number:])
        left = (monotonic() - self._began) * rest / max(1, done)
        return f"[{number}/{len(self._sizes)}, {clock(left)} left]"


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def asked(error: HintNeededError, hints: Hints) -> dict[str, Any]:
    """Ask the user for all that a file lacks, and return the answers by field of the hints."""
    click.echo(str(error), err=True)
    answers = {}
    for option in error.options:
        text, field, convert = _QUESTIONS[option]
        answers[field] = click.prompt(text, value_proc=_valued(hints, field, convert), err=True)
    return answers


def _valued(hints: Hints, field: str, convert: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a function that parses an answer, or reports what is wrong with it."""

    def value(text: str) -> Any:
        try:
            answer = convert(text)
            replace(hints, **{field: answer})
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        return answer

    return value


def told(done: CleanedFile) -> str:
    """Summarise a cleaned recording in a line: length, leads, quality, unreliable sections."""
    ecg = done.ecg
    samples, leads = ecg.signal.shape
    words = f"{clock(samples / ecg.fs)}, {leads} {'lead' if leads == 1 else 'leads'}, {ecg.fs:g} Hz"
    return "; ".join([words, *_quality(done.windows), *_untrusted(done.windows), *ecg.remarks])


def _quality(windows: Sequence[Window]) -> list[str]:
    """Return the median quality as text."""
    known = median_quality(windows)
    return ["quality {:.2f} to {:.2f}".format(*known)] if known else []


def _untrusted(windows: Sequence[Window]) -> list[str]:
    """Return the number of unreliable sections, with the reasons."""
    reasons = [window.reason for window in unreliable(windows)]
    if not reasons:
        return []
    counts = [f"{reasons.count(reason)} {reason}" for reason in dict.fromkeys(reasons)]
    return [
        f"unreliable in {len(reasons)} of {len(windows)} sections of 10 s ({', '.join(counts)})"
    ]


def plot(done: CleanedFile, beside: Path, at_s: float | None = None) -> Path:
    """Plot one moment of a recording before and after; None for the noisiest."""
    from ecgmodel.evaluation.before_after import before_after_figure
    from ecgmodel.evaluation.encoding import save

    return save(before_after_figure(_drawn(done), _start(done, at_s)), _named(beside, ".png"))


def pdf(done: CleanedFile, beside: Path, at_s: float | None = None) -> Path:
    """Write one moment of a recording as a sheet at true scale; None for the noisiest."""
    from ecgmodel.evaluation.before_after import noisiest
    from ecgmodel.evaluation.encoding import save_pages
    from ecgmodel.evaluation.sheet import SECONDS, sheet_pages

    drawn, start = _drawn(done), _start(done, at_s)
    at = noisiest(drawn, SECONDS) if start is None else start
    return save_pages(sheet_pages(drawn, at), _named(beside, ".pdf"))


def _drawn(done: CleanedFile) -> Drawn:
    from ecgmodel.evaluation.sheet import Drawn

    ecg = done.ecg
    return Drawn(
        *(ecg.signal, done.signal, done.windows, ecg.fs, ecg.leads, ecg.annotations),
        name=done.recording.name,
        label=done.label,
    )


def _start(done: CleanedFile, at_s: float | None) -> int | None:
    """Return the first sample of a moment."""
    return None if at_s is None else int(at_s * done.ecg.fs)


def report(done: CleanedFile, beside: Path) -> Path:
    """Write an interactive page with the recording before and after."""
    from ecgmodel.web.report import write_report

    name = done.recording.name
    path = _named(beside, ".html")
    return write_report(path, name, done.ecg, done.signal, done.windows, done.label)


def quality(done: CleanedFile, beside: Path) -> Path:
    """Write the quality of every 10 s of each lead as CSV."""
    path, ecg, text = _named(beside, QUALITY), done.ecg, io.StringIO()
    table = csv.writer(text)
    table.writerow(QUALITY_COLUMNS)
    for window in done.windows:
        values = window.to_dict()
        times = (window.start / ecg.fs, window.stop / ecg.fs)
        table.writerow(
            [ecg.leads[window.lead], *(f"{t:.3f}" for t in times), *(values[n] for n in WINDOW)]
        )
    write_text(path, text.getvalue())
    return path


def _beside(file: Path) -> Path:
    """Return a path without suffix beside a cleaned file, distinct for a.csv and a.npz."""
    return file.with_suffix("") if file.suffix == ".hea" else file


def _named(beside: Path, suffix: str) -> Path:
    return beside.with_name(beside.name + suffix)
