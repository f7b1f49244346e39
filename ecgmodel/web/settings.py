"""What the service may be asked, and how much of it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

PIECES = "pieces"
"""Folder of a long recording's pieces, in the job's `out`."""


class Limits(BaseModel):
    """What one request may cost."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    megabytes: int = Field(default=1000, ge=1, description="Largest upload, MB.")
    json_megabytes: int = Field(default=50, ge=1, description="Largest JSON body, MB.")
    unpacked_megabytes: int = Field(default=2000, ge=1, description="Largest zip, unpacked, MB.")
    samples: int = Field(default=300_000_000, ge=1, description="Most samples, all leads together.")
    whole: int = Field(
        default=8_000_000,
        ge=1,
        description="Most samples, all leads together, that a page gets at once: 64 MB.",
    )
    leads: int = Field(default=64, ge=1, le=256, description="Most leads of a recording.")
    files: int = Field(default=64, ge=1, description="Most files of a recording.")
    seconds: float = Field(default=600.0, gt=0, description="Longest time of denoising, s.")
    upload_seconds: float = Field(default=300.0, gt=0, description="Longest time of an upload, s.")
    waiting: int = Field(default=8, ge=0, description="Longest queue, recordings.")
    transfers: int = Field(default=16, ge=1, description="Most simultaneous uploads and downloads.")
    held: int = Field(default=3, ge=1, description="Long recordings that pages look at.")
    held_seconds: float = Field(
        default=300.0, gt=0, description="How long one stays that its page does not ask for, s."
    )
    workers: int = Field(default=1, ge=1, description="Recordings denoised in parallel.")
    memory_megabytes: int = Field(default=6000, ge=500, description="Memory limit of a worker, MB.")


class Options(BaseModel):
    """What a request says besides its recording: the query of its address."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fs: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="Sampling rate, Hz, if missing in the file."
    )
    unit: str | None = Field(
        None, max_length=20, description="mV, uV or V, if the file does not say."
    )
    gain: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="ADC units per mV, if the file has no unit.",
    )
    column: list[str] = Field(
        default_factory=list, max_length=256, description="Names or numbers (from 1) of the leads."
    )
    time_column: str | None = Field(
        None, max_length=200, description="Name or number (from 1) of the time column."
    )
    untrusted: Literal["mark", "pass"] = Field(
        "mark",
        description="Unreliable sections: denoise and flag them (mark), or return the input there "
        "(pass).",
    )
    format: str | None = Field(
        None, max_length=20, description="Format of the answer; default: that of the input."
    )
    name: str | None = Field(
        None, max_length=200, description="File name, if the body is the file itself."
    )


class ViewOptions(Options):
    """What the page says besides."""

    work: str | None = Field(
        None, pattern="^[0-9a-f]{32}$", description="Name under which the page asks how far it is."
    )


class Job(BaseModel):
    """One recording for a worker.

    Attributes:
        folder: Holds the files in `in`; what the worker makes comes into `out`.
        options: What the request says.
        view: Whether to answer for the page: all signals, in binary, and the file.
        name: The name under which the page asks for pieces of a long recording.
    """

    model_config = ConfigDict(frozen=True)

    folder: Path
    options: Options
    view: bool = False
    name: str = ""


class Outcome(BaseModel):
    """What a worker answers.

    Attributes:
        job: Name of the job's folder, so that no job gets the answer to another.
        status: Of HTTP.
        error: What was wrong, "" if nothing.
        needs: The options that have to be given.
        file: What to send, a file in the job's `out`.
        name: What the file is called where it is saved.
        media: Its type.
        ecg_seconds: How much was cleaned, all leads together, s.
        share: What is done of the job; below 1 this is no answer yet.
        saved: The file that the page offers to save, in the job's `out`, if the recording is long:
            then it stays, and the page asks for pieces.
        shape: Samples and leads of that recording.
    """

    model_config = ConfigDict(frozen=True)

    job: str = ""
    status: int = 200
    error: str = ""
    needs: tuple[str, ...] = ()
    file: str = ""
    name: str = ""
    media: str = ""
    ecg_seconds: float = 0.0
    share: float = 1.0
    saved: str = ""
    shape: tuple[int, int] = (0, 0)


class Setup(BaseModel):
    """What a worker has to know before its first job.

    Attributes:
        root: The folder of all jobs.
        model: The network: an .onnx file, or the name of a shipped one.
        label: How it is named; "" for its own name and the start of its sha256.
        limits: What a job may cost.
    """

    model_config = ConfigDict(frozen=True)

    root: Path
    model: str
    label: str
    limits: Limits
