"""Settings of what a user's own files may not state: rate, unit and leads."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, model_validator


class FileHints(BaseModel):
    """What files of other formats than WFDB may lack; see `ecgmodel.files.Hints`."""

    fs: float | None = Field(
        None, gt=0, description="folder: sampling rate of files that do not state it, Hz."
    )
    unit: Literal["mV", "uV", "V", "nV"] | None = Field(
        None, description="folder: unit of files that do not state it."
    )
    gain: float | None = Field(
        None, gt=0, description="folder: ADC units per mV of files in ADC units."
    )
    columns: tuple[str, ...] = Field(
        (), description="folder: the ECG leads of files of other formats than WFDB, by name."
    )

    @model_validator(mode="after")
    def _one_scale(self) -> FileHints:
        if self.unit is not None and self.gain is not None:
            raise ValueError("expected either source.unit or source.gain, received both")
        return self
