"""What steers a training."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ecgmodel import registry
from ecgmodel.training.fresh_settings import FreshSettings


class TrainingSettings(BaseModel):
    """How a network is fitted; MSE and Adam unless said otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(default=40, ge=1, description="Most passes over the training windows.")
    # Small batches at this rate, averaged, got as far in two epochs as 128 at 3e-3 in five, at
    # nine tenths of the speed (conv_autoencoder, two cores). On a GPU, larger ones pay.
    batch_size: int = Field(default=32, ge=1, description="Windows a step.")
    learning_rate: float = Field(default=2e-3, gt=0, description="Adam's first step size.")
    loss: str = Field(
        default="mse", description="A file of ecgmodel/losses: what is made small, in mV."
    )
    patience: int | None = Field(
        default=8,
        ge=1,
        description="Epochs without a gain after which training stops; null: never.",
    )
    min_delta: float = Field(
        default=1e-3,
        ge=0,
        lt=1,
        description="Smallest gain that counts, as a share of the best loss.",
    )
    schedule: Literal["plateau", "cosine"] = Field(
        default="plateau",
        description="How the learning rate falls: where the loss no longer does, or along a cosine "
        "over all epochs, which also ends the training.",
    )
    keep: Literal["best", "last"] = Field(
        default="best",
        description="Which epoch's weights: that of the lowest validation loss, or the last one, "
        "where who validates has come to train as well.",
    )
    warmup_epochs: int = Field(
        default=0, ge=0, description="Epochs over which the learning rate rises to its first value."
    )
    clip_norm: float | None = Field(
        default=None, gt=0, description="Longest gradient, over all weights; null: any."
    )
    plateau_patience: int | None = Field(
        default=3,
        ge=1,
        description="Epochs without a gain that lower the learning rate; null: never.",
    )
    plateau_factor: float = Field(
        default=0.5, gt=0, lt=1, description="What the learning rate is multiplied by on a plateau."
    )
    min_learning_rate: float = Field(
        default=1e-5, ge=0, description="The learning rate's lower end."
    )
    averaging: float | None = Field(
        default=0.999,
        gt=0,
        lt=1,
        description="Decay, a step, of the moving average of weights that is validated and kept "
        "in the weights' stead; null: none.",
    )
    shuffle_rows: int = Field(
        default=8192, ge=1, description="Windows that are mixed at a time; they are held in memory."
    )
    fresh: FreshSettings | None = Field(
        default=None,
        description="Mix windows anew in every epoch, varied; null trains on the shards as they "
        "are.",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32",
        description="How convolutions and products are computed: bfloat16 rounds what goes in to "
        "8 bits, which processors made for it do faster; weights and losses stay float32. Under "
        "TensorFlow on CPUs alone.",
    )
    seed: int = Field(default=0, ge=0, description="First weights, dropout and the windows' order.")

    @field_validator("loss")
    @classmethod
    def _known(cls, name: str) -> str:
        return registry.check("losses", name, "loss")
