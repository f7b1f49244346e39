"""TCDAE: gated convolutions, a transformer over their code, and a decoder with skip connections.

Chen M. et al. (2024), Elimination of random mixed noise in ECG using convolutional denoising
autoencoder with transformer encoder, IEEE J. Biomed. Health Inform. 28:1993; sizes as in the code
of chchenmeng/ECG-denosing-by-TCDAE. Input and output are in mV. Published training:
`training.loss=huber_spectral`, batches of 64, Adam at 1e-3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator

if TYPE_CHECKING:
    import keras

EPSILON = 1e-6  # of the layer normalisations


class Settings(BaseModel):
    """The size of the network; the defaults are the published code's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    filters: tuple[PositiveInt, ...] = Field(
        default=(16, 32, 64),
        min_length=1,
        description="Channels of each gated convolution, which halves the rate; the last number "
        "must be even.",
    )
    width: int = Field(default=13, ge=1, description="Kernel size of each convolution, samples.")
    blocks: int = Field(default=6, ge=0, description="Transformer blocks.")
    heads: int = Field(default=8, ge=1, description="Heads of each attention layer.")
    head_size: int = Field(default=64, ge=1, description="Channels of each head.")
    hidden: int = Field(
        default=64, ge=1, description="Hidden channels of each block's feed-forward part."
    )
    dropout: float = Field(default=0.0, ge=0, lt=1, description="Dropout rate in each block.")
    position_scale: int = Field(
        default=512,
        ge=1,
        description="Scale of the positional encoding's frequencies. The published code uses the "
        "window length, 512.",
    )

    @field_validator("filters")
    @classmethod
    def _even_code(cls, filters: tuple[int, ...]) -> tuple[int, ...]:
        if filters[-1] % 2:
            raise ValueError(
                f"expected an even number of channels last, for the positional encoding's pairs of "
                f"sine and cosine. Received: {filters[-1]}"
            )
        return filters


def stride(settings: Settings) -> int:
    """Return the number of which a window's length must be a multiple: 2 per gated convolution."""
    return int(2 ** len(settings.filters))


def build(settings: Settings) -> keras.Model:
    """Return the network: noisy `(windows, samples, 1)` in mV to clean ones of the same shape.

    The output of each gated convolution is added to that of the decoder's transposed convolution at
    the same rate. The first of these keeps the rate; the last is linear and outputs the signal.
    """
    from keras import Input, Model, layers

    from ecgmodel.networks._tcdae import Positions

    noisy = x = Input((None, 1), name="noisy")
    gated = []
    for number, filters in enumerate(settings.filters, start=1):
        # The published code applies ELU to the values of the last one only.
        activation = "elu" if number == len(settings.filters) else "linear"
        x = _gated(x, filters, settings.width, activation, f"encode_{number}")
        gated.append(x)
    x = Positions(settings.position_scale, name="positions")(x)
    for number in range(1, settings.blocks + 1):
        x = _transformer(x, settings, f"block_{number}")
    rate = 1
    for number, skip in reversed(list(enumerate(gated, start=1))):
        x = layers.Conv1DTranspose(
            settings.filters[number - 1],
            settings.width,
            strides=rate,
            padding="same",
            activation="elu",
            name=f"decode_{number}",
        )(x)
        x = layers.BatchNormalization(name=f"decode_{number}_norm")(layers.Add()([x, skip]))
        rate = 2
    clean = layers.Conv1DTranspose(1, settings.width, strides=2, padding="same", name="clean")(x)
    return Model(noisy, clean, name="tcdae")


def _gated(x: Any, filters: int, width: int, activation: str, name: str) -> Any:
    """Return values times gates at half the rate, normalised, with noise on the gates' inputs."""
    from keras import layers

    from ecgmodel.networks._tcdae import GateNoise

    how: dict[str, Any] = {"strides": 2, "padding": "same"}
    gate = layers.Conv1D(filters, width, name=f"{name}_gate", **how)(x)
    gate = layers.Activation("sigmoid")(GateNoise(name=f"{name}_noise")(gate))
    values = layers.Conv1D(filters, width, activation=activation, name=name, **how)(x)
    return layers.BatchNormalization(name=f"{name}_norm")(layers.Multiply()([gate, values]))


def _transformer(x: Any, settings: Settings, name: str) -> Any:
    """Return the output of a transformer block: attention and feed-forward, each with a residual.

    Normalisation precedes both (Xiong et al. 2020).
    """
    from keras import layers

    channels = x.shape[-1]
    z = layers.LayerNormalization(epsilon=EPSILON, name=f"{name}_attention_norm")(x)
    z = layers.MultiHeadAttention(
        settings.heads, settings.head_size, dropout=settings.dropout, name=f"{name}_attention"
    )(z, z)
    x = layers.Add()([layers.Dropout(settings.dropout)(z), x])
    z = layers.LayerNormalization(epsilon=EPSILON, name=f"{name}_hidden_norm")(x)
    z = layers.Dense(settings.hidden, activation="relu", name=f"{name}_hidden")(z)
    z = layers.Dense(channels, name=f"{name}_back")(layers.Dropout(settings.dropout)(z))
    return layers.Add()([z, x])
