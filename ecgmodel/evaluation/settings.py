"""Settings of the evaluation."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ecgmodel.support import plugins


class EvaluationSettings(BaseModel):
    """Settings of the evaluation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    baselines: tuple[str, ...] = Field(
        ("none", "butterworth", "fir", "wavelet"),
        description="Classical methods for comparison: names of files in "
        "ecgmodel/evaluation/baselines.",
    )
    window: int = Field(
        1024,
        ge=16,
        description="Minimum length of the parts of a segment over which metrics are computed, "
        "samples at 360 Hz.",
    )
    overlap: float = Field(
        0.0625,
        ge=0,
        lt=1,
        description="Overlap of neighbouring tiles, as a share of the network's window.",
    )
    bootstrap: int = Field(
        1000, ge=1, description="Bootstrap resamplings of the subjects for confidence intervals."
    )
    seed: int = Field(0, description="Seed of the bootstrap.")

    @field_validator("baselines")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        checked = (plugins.check("evaluation/baselines", n, "baseline") for n in names)
        known = tuple(dict.fromkeys(("none", *checked)))
        if known == ("none",):
            raise ValueError(
                "expected at least one filter besides none, e.g. butterworth: the report compares "
                "the network with it"
            )
        return known
