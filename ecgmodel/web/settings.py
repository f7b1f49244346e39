"""What the service may be asked, and how much of it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Limits(BaseModel):
    """What one request may cost."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    megabytes: int = Field(default=200, ge=1, description="Largest body, MB.")
    json_megabytes: int = Field(default=50, ge=1, description="Largest body of JSON, MB.")
    unpacked_megabytes: int = Field(default=400, ge=1, description="Of all files of a zip, MB.")
    samples: int = Field(default=25_000_000, ge=1, description="Of all leads together.")
    leads: int = Field(default=64, ge=1, le=256, description="Of one recording.")
    files: int = Field(default=64, ge=1, description="Of one recording.")
    seconds: float = Field(default=600.0, gt=0, description="For one recording, s.")
    upload_seconds: float = Field(default=300.0, gt=0, description="Until all of it is here, s.")
    waiting: int = Field(default=8, ge=0, description="Recordings that wait for their turn.")
    transfers: int = Field(default=16, ge=1, description="Recordings that come in or go out.")
    workers: int = Field(default=1, ge=1, description="Recordings that are cleaned at a time.")
    memory_megabytes: int = Field(default=6000, ge=500, description="Of a worker, MB.")


class Options(BaseModel):
    """What a request says besides its recording: the query of its address."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fs: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="Sampling rate, Hz, if the file states none."
    )
    unit: str | None = Field(
        None, max_length=20, description="mV, uV or V, if the file does not say."
    )
    gain: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="Converter steps per mV, where no unit is.",
    )
    column: list[str] = Field(
        default_factory=list, max_length=256, description="Names or numbers (from 1) of the leads."
    )
    time_column: str | None = Field(
        None, max_length=200, description="Name or number of the column of times."
    )
    untrusted: Literal["mark", "pass"] = Field(
        "mark",
        description="Where the network is not to be trusted: clean there too and say so (mark), or "
        "give back what came in (pass).",
    )
    format: str | None = Field(
        None, max_length=20, description="Format of the answer; without it, that of the recording."
    )
    name: str | None = Field(
        None, max_length=200, description="The file's name, where the body is the file."
    )


class Job(BaseModel):
    """One recording for a worker.

    Attributes:
        folder: Holds the files in `in`; what the worker makes comes into `out`.
        options: What the request says.
        view: Whether to answer for the page: all signals, in binary, and the file.
    """

    model_config = ConfigDict(frozen=True)

    folder: Path
    options: Options
    view: bool = False


class Outcome(BaseModel):
    """What a worker answers.

    Attributes:
        job: Name of the job's folder, so that no job gets the answer to another.
        status: Of HTTP.
        error: What was wrong, "" if nothing.
        needs: The option that has to be given, "" if none.
        file: What to send, a file in the job's `out`.
        name: What the file is called where it is saved.
        media: Its type.
        ecg_seconds: How much was cleaned, all leads together, s.
    """

    model_config = ConfigDict(frozen=True)

    job: str = ""
    status: int = 200
    error: str = ""
    needs: str = ""
    file: str = ""
    name: str = ""
    media: str = ""
    ecg_seconds: float = 0.0


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
