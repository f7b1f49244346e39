"""What steers a training."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ecgmodel.support import plugins
from ecgmodel.training.augmentation import AugmentationSettings

CHAMPION, ADDRESS = "champion", "models:/"
"""What `training.start_from` calls the version in use, and how a registered version begins."""


class TrainingSettings(BaseModel):
    """How a network is fitted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start_from: str | None = Field(
        default=None,
        description="Weights to start from: `champion` (the version in use), the name of a shipped "
        "network (`default`), a registered version (`models:/ecg-denoiser/3`) or a .keras file; "
        "null: new weights.",
    )
    epochs: int = Field(default=6, ge=1, description="Most passes over the training windows.")
    batch_size: int = Field(default=8, ge=1, description="Windows a step.")
    learning_rate: float = Field(default=2e-3, gt=0, description="Adam's largest step size.")
    min_learning_rate: float = Field(
        default=4e-5, ge=0, description="The learning rate's lower end."
    )
    schedule: Literal["plateau", "cosine", "hold"] = Field(
        default="hold",
        description="How the learning rate falls, step by step: along a cosine over all epochs; "
        "hold: constant over the first half of them, then linearly; plateau: by plateau_factor "
        "where the validation loss no longer falls.",
    )
    warmup_epochs: float = Field(
        default=0.25, ge=0, description="Epochs over which the learning rate rises from zero."
    )
    loss: str = Field(
        default="decibel_slopes",
        description="A file of ecgmodel/losses: what is made small.",
    )
    clip_norm: float | None = Field(
        default=1.0, gt=0, description="Global gradient-norm clip; null disables it."
    )
    averaging: float | None = Field(
        default=0.995,
        gt=0,
        lt=1,
        description="Decay, a step, of the moving average of weights that is validated and kept "
        "in place of the weights; null keeps the weights themselves.",
    )
    keep: Literal["best", "last"] = Field(
        default="best",
        description="Which epoch's weights are kept: that of the lowest validation loss, or the "
        "last one; use `last` if validation subjects were added to training.",
    )
    patience: int | None = Field(
        default=8,
        ge=1,
        description="plateau: epochs without a gain after which training stops; null: never.",
    )
    min_delta: float = Field(
        default=1e-3,
        ge=0,
        lt=1,
        description="plateau: smallest gain that counts, as a share of the best loss.",
    )
    plateau_patience: int | None = Field(
        default=3,
        ge=1,
        description="plateau: epochs without a gain that lower the learning rate; null: never.",
    )
    plateau_factor: float = Field(
        default=0.5, gt=0, lt=1, description="plateau: what the rate is multiplied by."
    )
    augmentation: AugmentationSettings | None = Field(
        default=AugmentationSettings(),
        description="On-the-fly mixing: windows that are new in every epoch, augmented; null "
        "trains on the rows of the shards as they are.",
    )
    shuffle_rows: int = Field(
        default=8192, ge=1, description="Rows of shards that are mixed at a time, in memory."
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32",
        description="How convolutions and products are computed: bfloat16 rounds what goes in to "
        "8 bits, which processors made for it do faster; weights and losses stay float32. Under "
        "TensorFlow on CPUs alone.",
    )
    seed: int = Field(
        default=0, ge=0, description="First weights, dropout, and the windows' order and noise."
    )

    @field_validator("loss")
    @classmethod
    def _known(cls, name: str) -> str:
        return plugins.check("losses", name, "loss")

    @model_validator(mode="after")
    def _can_be_followed(self) -> TrainingSettings:
        if self.min_learning_rate > self.learning_rate:
            raise ValueError(
                f"training.min_learning_rate={self.min_learning_rate:g} is above "
                f"training.learning_rate={self.learning_rate:g}: lower it as well"
            )
        if self.warmup_epochs >= self.epochs:
            raise ValueError(
                f"training.warmup_epochs={self.warmup_epochs:g} leaves none of training.epochs="
                f"{self.epochs} at the full learning rate: shorten it"
            )
        return self
