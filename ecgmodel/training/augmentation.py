"""How on-the-fly mixing varies the windows of a training, epoch by epoch."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

SHARE: dict[str, Any] = {"ge": 0, "le": 1}
TIMES, FEWEST, MOST = 3, 5_600, 8_000
"""Of an epoch whose windows are not set."""


class AugmentationSettings(BaseModel):
    """How clean leads and noise are varied, window by window; `mix.train` says which noise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    windows: int | None = Field(
        None,
        ge=1,
        description="Windows an epoch; null: three times those that the training recordings "
        "hold side by side, 5,600 to 8,000.",
    )
    balance: float = Field(
        0.5,
        description="How much longer recordings come up more often: 1 in proportion, 0 not at all.",
        **SHARE,
    )
    polarity: float = Field(0.5, description="Share of ECG windows that are inverted.", **SHARE)
    amplitude: float = Field(0.35, ge=0, description="Deviation of the log of the ECG's gain.")
    rate: float = Field(0.15, ge=0, description="Deviation of the log of the ECG's speed.")
    leads: float = Field(
        0.5, description="Share of windows whose leads are combined into new ones.", **SHARE
    )
    envelope: float = Field(
        0.15, ge=0, description="Deviation of a slow change of the ECG's gain inside a window."
    )
    noise_rate: float = Field(
        0.4, ge=0, description="Deviation of the log of the recorded noise's speed."
    )
    second: float = Field(
        0.3, description="Share of windows with a second piece of noise.", **SHARE
    )

    def epoch(self, held: int) -> int:
        """Return the windows of an epoch.

        Args:
            held: Windows that the training recordings hold side by side.
        """
        return self.windows or min(max(TIMES * held, FEWEST), MOST)
