"""Settings of a training."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ecgmodel.support import plugins
from ecgmodel.training.augmentation import AugmentationSettings

CHAMPION, ADDRESS = "champion", "models:/"
"""Values of `training.start_from`: the champion, and the prefix of a registered version."""


class TrainingSettings(BaseModel):
    """Settings of a training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start_from: str | None = Field(
        default=None,
        description="Initial weights: `champion`, a shipped network (`default`), a registered "
        "version (`models:/ecg-denoiser/3`) or a .keras file; null: random weights.",
    )
    epochs: int = Field(default=6, ge=1, description="Maximum number of epochs.")
    batch_size: int = Field(default=8, ge=1, description="Windows per training step.")
    learning_rate: float = Field(
        default=2e-3, gt=0, description="Peak learning rate of the Adam optimizer."
    )
    min_learning_rate: float = Field(
        default=4e-5, ge=0, description="Lowest learning rate that the schedule reaches."
    )
    schedule: Literal["plateau", "cosine", "hold"] = Field(
        default="hold",
        description="Learning-rate schedule. cosine: cosine decay over all epochs; hold: constant "
        "for the first half of the epochs, then linear decay; plateau: multiplied by "
        "plateau_factor when the validation loss stops improving.",
    )
    warmup_epochs: float = Field(
        default=0.25, ge=0, description="Epochs of linear warm-up from a learning rate of zero."
    )
    loss: str = Field(
        default="decibel_slopes",
        description="Training loss: name of a file in ecgmodel/losses.",
    )
    clip_norm: float | None = Field(
        default=1.0, gt=0, description="Global gradient-norm clip; null disables it."
    )
    averaging: float | None = Field(
        default=0.995,
        gt=0,
        lt=1,
        description="Decay per step of the exponential moving average of the weights, which is "
        "validated and saved; null saves the weights themselves.",
    )
    keep: Literal["best", "last"] = Field(
        default="best",
        description="Epoch whose weights are saved: the `best` by validation loss, or the `last`; "
        "use `last` if validation subjects were added to training.",
    )
    patience: int | None = Field(
        default=8,
        ge=1,
        description="plateau: epochs without improvement after which training stops; null: never.",
    )
    min_delta: float = Field(
        default=1e-3,
        ge=0,
        lt=1,
        description="plateau: smallest decrease of the validation loss that counts as an "
        "improvement, relative to the best loss.",
    )
    plateau_patience: int | None = Field(
        default=3,
        ge=1,
        description="plateau: epochs without improvement after which the learning rate is "
        "reduced; null: never.",
    )
    plateau_factor: float = Field(
        default=0.5, gt=0, lt=1, description="plateau: factor that reduces the learning rate."
    )
    augmentation: AugmentationSettings | None = Field(
        default=AugmentationSettings(),
        description="On-the-fly mixing and augmentation: new windows in every epoch; null trains "
        "on the rows stored in the shards.",
    )
    shuffle_rows: int = Field(
        default=8192,
        ge=1,
        description="Size of the shuffle buffer, rows; used if augmentation is null.",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32",
        description="Precision of convolutions and matrix products. bfloat16 is faster on CPUs "
        "that support it; weights and losses stay float32. Only for TensorFlow on CPUs.",
    )
    seed: int = Field(
        default=0,
        ge=0,
        description="Seed of initial weights, dropout, and order and noise of the windows.",
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
                f"training.learning_rate={self.learning_rate:g}. Lower training.min_learning_rate "
                "as well"
            )
        if self.warmup_epochs >= self.epochs:
            raise ValueError(
                f"training.warmup_epochs={self.warmup_epochs:g} must be smaller than "
                f"training.epochs={self.epochs}. Shorten the warm-up, or train for more epochs"
            )
        return self
