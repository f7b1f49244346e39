"""Settings of the augmentation: how on-the-fly mixing varies the training windows."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

SHARE: dict[str, Any] = {"ge": 0, "le": 1}
TIMES, FEWEST, MOST = 3, 5_600, 8_000
"""Default length of an epoch: passes over the recordings, and limits in windows."""


class AugmentationSettings(BaseModel):
    """How clean ECG and noise are varied in each window; `mix.train` sets the noise types."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    windows: int | None = Field(
        None,
        ge=1,
        description="Windows per epoch; null: three times the number of non-overlapping windows "
        "in the training recordings, limited to 5,600 to 8,000.",
    )
    balance: float = Field(
        0.5,
        description="Weight of a recording's length in sampling: 1 draws recordings in proportion "
        "to length, 0 draws all equally often.",
        **SHARE,
    )
    polarity: float = Field(0.5, description="Share of ECG windows that are inverted.", **SHARE)
    amplitude: float = Field(
        0.35, ge=0, description="Random gain of the ECG: standard deviation of its natural log."
    )
    rate: float = Field(
        0.15,
        ge=0,
        description="Random time scale of the ECG: standard deviation of its natural log.",
    )
    leads: float = Field(
        0.5, description="Share of windows that combine two leads into a new one.", **SHARE
    )
    envelope: float = Field(
        0.15,
        ge=0,
        description="Slow modulation of the ECG's gain within a window: relative standard "
        "deviation.",
    )
    noise_rate: float = Field(
        0.4,
        ge=0,
        description="Random time scale of the noise recordings: standard deviation of its natural "
        "log.",
    )
    second: float = Field(
        0.3, description="Share of windows to which a second noise segment is added.", **SHARE
    )

    def epoch(self, held: int) -> int:
        """Return the number of windows of an epoch.

        Args:
            held: Number of non-overlapping windows in the training recordings.
        """
        return self.windows or min(max(TIMES * held, FEWEST), MOST)
