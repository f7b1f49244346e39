"""What a worker's process does: read a recording, clean it, write it as it came.

It takes a `Job` a line and answers with an `Outcome` a line, until its input ends.
"""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.denoise.denoiser import Denoiser, network_label
from ecgmodel.denoise.files import (
    CleanedFile,
    CleaningOptions,
    FoundRecording,
    clean_ecg,
    clean_file,
)
from ecgmodel.errors import EcgError, HintNeededError, MissingFileError
from ecgmodel.files import Hints, Recording, find_recordings, formats
from ecgmodel.files._text import encoding_of
from ecgmodel.support.samples import whole
from ecgmodel.web import archives
from ecgmodel.web.intake import MEDIA
from ecgmodel.web.json_signal import JsonSignal, read_json
from ecgmodel.web.pieces import write_pieces
from ecgmodel.web.refusing import Refused
from ecgmodel.web.settings import PIECES, Job, Limits, Options, Outcome, Setup
from ecgmodel.web.view import MEDIA as VIEW
from ecgmodel.web.view import facts_of, page_facts, write_overview, write_view

Told = Callable[[float], None]
CLEANING, WRITING = 0.7, 0.2
"""Shares of a job: the rest is what a page needs."""
FINEST_SHARE = 0.004
LONGEST_ERROR = 2000
"""Characters: with it an outcome is far below the 64 KiB that `Worker` reads of a line."""


class Cleaner:
    """Does jobs.

    Args:
        setup: Which network, and what a job may cost.
    """

    def __init__(self, setup: Setup) -> None:
        self.limits = setup.limits
        self.denoiser = Denoiser.load(setup.model)
        self.label = setup.label or network_label(setup.model)
        self._warm_up()

    def _warm_up(self) -> None:
        """Import what the first recording would have to wait for."""
        second = np.zeros(round(self.denoiser.facts.fs))
        self.denoiser.clean(second, self.denoiser.facts.fs)
        import_module("wfdb.processing")

    def do(self, job: Job, told: Told = lambda _: None) -> Outcome:
        """Do a job; whatever is wrong with it becomes the answer.

        Args:
            job: The job.
            told: Is told each share of it that is done.
        """
        try:
            return self._do(job, told)
        except HintNeededError as error:
            needs = tuple(map(_option, error.options))
            return Outcome(status=422, error=_said(error, job), needs=needs)
        except EcgError as error:
            return Outcome(status=422, error=_said(error, job))
        except Refused as refused:
            return Outcome(status=refused.status, error=refused.message)
        except MemoryError:
            return Outcome(
                status=413, error="The recording exceeds the memory limit. Split it into parts."
            )
        except Exception:  # one bad recording is not to end the service
            traceback.print_exc()
            return Outcome(
                status=500,
                error="Denoising failed by an internal error; see the log of the service.",
            )

    def _do(self, job: Job, told: Told) -> Outcome:
        came, out = job.folder / "in", job.folder / "out"
        out.mkdir()
        options = job.options
        hints = Hints(
            options.fs, options.unit, tuple(options.column), options.time_column, options.gain
        )
        how = CleaningOptions(hints, options.format, options.untrusted)
        files = sorted(came.iterdir())
        is_zip = len(files) == 1 and files[0].suffix.lower() == ".zip"
        if is_zip:
            archives.unpack(files[0], job.folder / "unpacked", self.limits)
            came = job.folder / "unpacked"
        ecg: Recording
        if len(files) == 1 and files[0].suffix.lower() == ".json":
            _check_json(options, files[0].stat().st_size, self.limits)
            given = read_json(files[0], hints)
            ecg, source = given.ecg, files[0]
            _check(ecg, self.limits)
            signal, windows = clean_ecg(ecg, self.denoiser, how, _part(told, CLEANING))
            facts = facts_of(ecg, signal, windows, self.label)
            file = _as_json(given, whole(signal), facts, out)
        else:
            source = _the_one(came)
            done = self._clean_file(source, how, out / "files", _part(told, CLEANING))
            ecg, signal, windows = done.ecg, done.signal, done.windows
            file = _packed(done, out, is_zip)
            facts = facts_of(ecg, signal, windows, self.label) if job.view else {}
        told(WRITING)
        samples, leads = ecg.signal.shape
        seconds = samples * leads / ecg.fs
        media = _media(file)
        answer = Outcome(file=file.name, name=file.name, media=media, ecg_seconds=seconds)
        if not job.view:
            return answer
        remarks = [_option(remark) for remark in ecg.remarks]
        facts |= {"samples": samples, "file": {"name": file.name, "media": media}}
        facts |= page_facts(ecg) | {"recording": source.stem, "remarks": remarks}
        viewed = answer.model_copy(update={"file": "view", "media": VIEW})
        if samples * leads > self.limits.whole:
            progress = _part(told, 1 - CLEANING - WRITING)
            top = write_pieces(out / PIECES, ecg.signal, signal, progress)
            write_overview(out / "view", facts | {"pieces": {"name": job.name}}, top)
            return viewed.model_copy(update={"saved": file.name, "shape": (samples, leads)})
        before, after = whole(ecg.signal), whole(signal)
        write_view(out / "view", facts, [*zip(before.T, after.T, strict=True)], file)
        return viewed

    def _clean_file(
        self, source: Path, how: CleaningOptions, into: Path, told: Told
    ) -> CleanedFile:
        into.mkdir()
        check = partial(_check, limits=self.limits)
        found = FoundRecording(source, Path())
        return clean_file(found, self.denoiser, into, self.label, how, told, check)


def _part(told: Told, weight: float) -> Told:
    """Return what tells the shares of a part of a job as shares of the job."""
    return lambda share: told(weight * share)


def _packed(done: CleanedFile, out: Path, is_zip: bool) -> Path:
    """Return the one file to answer with: the recording's own, else an archive."""
    files = done.files
    if len(files) == 1 and not is_zip:
        return files[0].rename(out / files[0].name)
    archive = out / f"{done.recording.path.stem}.zip"
    archives.pack(files, files[0].parent, archive)
    return archive


def _media(file: Path) -> str:
    """Return a file's media type; a text table keeps the character set of the input."""
    media = MEDIA.get(file.suffix.lower(), "application/octet-stream")
    return f"{media}; charset={encoding_of(file).charset}" if media.startswith("text/") else media


def _the_one(folder: Path) -> Path:
    """Return the recording that a folder holds.

    Raises:
        Refused: It holds none, or more than one.
    """
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    names = [path.name for path in paths][:10]
    is_text = len(paths) == 1 and paths[0].suffix.lower() == ".txt"
    try:
        recordings = paths if is_text else find_recordings([folder])
    except MissingFileError as error:
        raise Refused(
            415,
            f"No recording found in: {', '.join(names) or 'an empty upload'}. Expected one of "
            f"{', '.join(formats())}; a WFDB record needs its header (.hea).",
        ) from error
    if len(recordings) != 1:
        raise Refused(422, f"Expected one recording at a time. Received: {', '.join(names)}.")
    return recordings[0]


def _said(error: EcgError, job: Job) -> str:
    """Return an error's message without this machine's folders, in the words of an address."""
    text = re.sub(rf"{re.escape(str(job.folder))}/?(in/|unpacked/|out/)?", "", str(error))
    return _option(text)


def _option(text: str) -> str:
    """Return a text in which the command's options are those of an address: --fs is fs."""
    return re.sub(r"--([a-z]+)-?([a-z]*)", lambda m: "_".join(filter(None, m.groups())), text)


def _shortened(text: str) -> str:
    """Return a text without its middle where it is too long, and without halves of characters."""
    text = text.encode("utf-8", "replace").decode()
    half = LONGEST_ERROR // 2
    return text if len(text) <= LONGEST_ERROR else f"{text[:half]} … {text[-half:]}"


def _check_json(options: Options, size: int, limits: Limits) -> None:
    """Refuse what is too large, and what has no meaning for JSON, rather than pass it over."""
    most = limits.json_megabytes
    if size > most * 1_000_000:
        told = f"Expected JSON of at most {most} MB. Send it as NumPy, Parquet or CSV."
        raise Refused(413, told)
    given = options.model_dump(exclude={"fs", "unit", "untrusted", "name"}, exclude_defaults=True)
    if given:
        raise Refused(422, f"A JSON signal does not take {', '.join(given)}. Leave it out.")


def _as_json(given: JsonSignal, cleaned: NDArray[Any], facts: dict[str, Any], out: Path) -> Path:
    given.write(out / "cleaned.json", cleaned, facts)
    return out / "cleaned.json"


def _check(ecg: Recording, limits: Limits) -> None:
    samples, leads = ecg.signal.shape
    if leads > limits.leads:
        raise Refused(413, f"Expected at most {limits.leads} leads. Received: {leads}.")
    if samples * leads > limits.samples:
        raise Refused(
            413,
            f"Expected at most {limits.samples:,} samples, all leads together. Received: "
            f"{samples * leads:,}. Cut the recording, or start the service with a larger "
            "--max-samples.",
        )


def _limit_memory(megabytes: int) -> None:
    try:
        import resource
    except ImportError:  # not on this system
        return
    limit = megabytes * 1_000_000
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


class _Progress:
    """Adds shares of a job, and tells the sum now and then, never that it is done.

    Args:
        tell: Is told.
    """

    def __init__(self, tell: Told) -> None:
        self._tell, self._done, self._told = tell, 0.0, 0.0

    def add(self, share: float) -> None:
        """Add a share."""
        self._done += share
        if self._done - self._told >= FINEST_SHARE:
            self._told = self._done
            self._tell(min(self._done, 0.999))


def work(setup: Setup, jobs: Iterable[str], answers: Any) -> None:
    """Say that the network is there, then answer every job."""

    def answer(outcome: Outcome, job: str = "") -> None:
        told = {"job": job, "error": _shortened(outcome.error)}
        answers.write(outcome.model_copy(update=told).model_dump_json() + "\n")
        answers.flush()

    def tell(job: str, share: float) -> None:
        answer(Outcome(share=share), job)

    try:
        cleaner = Cleaner(setup)
    except EcgError as error:
        answer(Outcome(status=500, error=str(error)))
        return
    answer(Outcome(name=cleaner.label))
    for line in jobs:
        job = Job.model_validate_json(line)
        name = job.folder.name
        progress = _Progress(partial(tell, name))
        answer(cleaner.do(job, progress.add), name)


def main() -> None:
    """Work until the service goes, then see that nothing of it stays."""
    setup = Setup.model_validate_json(sys.argv[1])
    _limit_memory(setup.limits.memory_megabytes)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    try:
        work(setup, sys.stdin, answers)
    finally:
        archives.remove(setup.root)


if __name__ == "__main__":
    main()
