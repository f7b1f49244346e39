"""Settings of the evaluation."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ecgmodel.support import plugins


class EvaluationSettings(BaseModel):
    """How a model is measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    baselines: tuple[str, ...] = Field(
        ("none", "butterworth", "fir", "wavelet"),
        description="Classical methods to compare with: files of ecgmodel/evaluation/baselines.",
    )
    window: int = Field(
        1024, ge=16, description="Samples that a window of the metrics holds at least."
    )
    overlap: float = Field(
        0.0625,
        ge=0,
        lt=1,
        description="Share of a window that neighbouring tiles have in common.",
    )
    bootstrap: int = Field(1000, ge=1, description="Resamplings of the subjects for intervals.")
    seed: int = 0

    @field_validator("baselines")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        checked = (plugins.check("evaluation/baselines", n, "baseline") for n in names)
        known = tuple(dict.fromkeys(("none", *checked)))
        if known == ("none",):
            raise ValueError(
                "expected at least one filter to compare with, e.g. butterworth: without any there "
                "is no report"
            )
        return known
