"""What steers a training whose windows are mixed anew in every epoch."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ecgmodel.training.variation import SHARE


class FreshSettings(BaseModel):
    """How clean leads and recorded noise are varied and mixed, window by window."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    windows: int = Field(40_960, ge=1, description="Windows an epoch.")
    balance: float = Field(
        0.5,
        description="How much longer recordings come up more often: 1 in proportion, 0 not at all.",
        **SHARE,
    )
    snr_db: tuple[float, float] = Field(
        (-20.0, 24.0), description="SNR, dB, drawn evenly between these; zero-mean power."
    )
    weights: Mapping[str, float] = Field(
        {},
        description="How often noise types (bw, em, ma, mixed) come up against each other; 1 where "
        "not named.",
    )
    unmixed: float = Field(0.08, description="Share of windows without recorded noise.", **SHARE)
    polarity: float = Field(0.5, description="Share of ECG windows turned over.", **SHARE)
    amplitude: float = Field(0.35, ge=0, description="Deviation of the log of the ECG's gain.")
    rate: float = Field(0.15, ge=0, description="Deviation of the log of the ECG's speed.")
    leads: float = Field(
        0.5, description="Share of windows whose leads are turned into new ones.", **SHARE
    )
    envelope: float = Field(
        0.15, ge=0, description="Deviation of a slow change of the ECG's gain inside a window."
    )
    noise_rate: float = Field(0.4, ge=0, description="Deviation of the log of the noise's speed.")
    second: float = Field(
        0.3, description="Share of windows with a second piece of noise.", **SHARE
    )
    wander: float = Field(0.15, description="Share of windows with synthetic drift.", **SHARE)
    hum: float = Field(0.15, description="Share of windows with power line hum.", **SHARE)
    pops: float = Field(0.1, description="Share of windows with electrode pops.", **SHARE)
    gaussian: float = Field(
        0.25,
        description="Share of windows with Gaussian noise, white to pink or in a band.",
        **SHARE,
    )

    @model_validator(mode="after")
    def _in_order(self) -> FreshSettings:
        if not self.snr_db[0] <= self.snr_db[1]:
            raise ValueError(f"snr_db: expected the lower end first. Received: {self.snr_db}")
        if any(weight < 0 for weight in self.weights.values()):
            raise ValueError(f"weights: expected none below 0. Received: {dict(self.weights)}")
        return self
