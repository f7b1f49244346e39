"""This project's network: a residual U-Net with a strided stem that estimates the noise.

The first convolution has stride `stem`, so the costly layers work on few positions. Each window is
standardised; the network estimates the noise in standardised units and subtracts it from the
window. Differences between samples are a second input, which shows sharp waves independent of
wander. Residual branches start with a small learned scale (SkipInit: De and Smith 2020,
https://arxiv.org/abs/2002.10444) instead of batch normalisation, so the output of a window does not
depend on its batch. Squeeze-and-excitation (Hu et al. 2018, https://arxiv.org/abs/1709.01507)
weights the channels by the whole window; attention at the lowest levels relates distant positions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

if TYPE_CHECKING:
    import keras


class Settings(BaseModel):
    """The size of the network."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stem: int = Field(8, ge=1, description="Stride of the first convolution, samples.")
    stem_width: int = Field(25, ge=1, description="Kernel size of the first convolution, samples.")
    channels: tuple[PositiveInt, ...] = Field(
        (32, 40, 56, 80, 120),
        min_length=1,
        description="Channels of each level; each level halves the rate.",
    )
    blocks: int = Field(
        1, ge=1, description="Residual blocks per level, in the encoder and in the decoder."
    )
    width: int = Field(3, ge=1, description="Kernel size of a block's convolutions, positions.")
    merge_width: int = Field(
        1, ge=1, description="Kernel size of the convolutions that merge the skip connections."
    )
    heads: int = Field(4, ge=0, description="Heads of each attention layer; 0: no attention.")
    attended: int = Field(
        3, ge=0, description="Number of levels with attention, counted from the lowest."
    )
    dropout: float = Field(
        0.0, ge=0, lt=1, description="Dropout rate of the channels in each block."
    )
    position: int = Field(
        0,
        ge=0,
        description="Window length with a learned positional embedding, for windows aligned to a "
        "beat; 0: no embedding, any length.",
    )
    keep_offset: bool = Field(False, description="Restore each window's mean.")


def stride(settings: Settings) -> int:
    """Return the number of which a window's length must be a multiple."""
    return int(settings.stem * 2 ** (len(settings.channels) - 1))


def build(settings: Settings) -> keras.Model:
    """Return the network: noisy `(windows, samples, 1)` in mV to clean ones of the same shape."""
    from keras import Input, Model, layers, ops

    from ecgmodel.networks._layers import LearnedPositions, Restore, Standardise, gelu

    noisy = Input((settings.position or None, 1), name="noisy")
    z, deviation, mean = Standardise(name="standardise")(noisy)
    steps = ops.subtract(z, ops.pad(z[:, :-1], ((0, 0), (1, 0), (0, 0))))
    x = layers.Concatenate(name="seen")([z, ops.multiply(steps, 3.0)])
    x = layers.Conv1D(
        settings.channels[0], settings.stem_width, settings.stem, padding="same", name="stem"
    )(x)
    if settings.position:
        x = LearnedPositions(name="positions")(x)
    skips = []
    for level, channels in enumerate(settings.channels):
        if level:
            x = layers.Conv1D(channels, 4, 2, padding="same", name=f"down_{level}")(x)
        x = _blocks(x, settings, f"encode_{level}")
        from_lowest = len(settings.channels) - 1 - level
        if from_lowest < settings.attended and settings.heads:
            x = _attend(x, settings.heads, f"attend_{level}" if from_lowest else "attend")
        skips.append(x)
    for level in reversed(range(len(settings.channels) - 1)):
        x = layers.UpSampling1D(2, name=f"up_{level}")(x)
        x = layers.Concatenate(name=f"join_{level}")([x, skips[level]])
        x = layers.Conv1D(
            settings.channels[level], settings.merge_width, padding="same", name=f"merge_{level}"
        )(x)
        x = _blocks(x, settings, f"decode_{level}")
    x = layers.Conv1D(settings.stem * 8, 3, padding="same", name="spread")(x)
    x = layers.Reshape((-1, 8), name="samples")(x)
    x = layers.Concatenate(name="beside")([x, z])
    x = layers.Conv1D(16, 9, padding="same", activation=gelu, name="refine")(x)
    noise = layers.Conv1D(1, 9, padding="same", kernel_initializer="zeros", name="noise")(x)
    rest = layers.Subtract(name="rest")([z, noise])
    clean = Restore(settings.keep_offset, name="clean")(rest, deviation, mean)
    return Model(noisy, clean, name="strided_unet")


def _blocks(x: Any, settings: Settings, name: str) -> Any:
    from keras import layers

    from ecgmodel.networks._layers import Scale, gelu

    for number in range(settings.blocks):
        own = f"{name}_{number}"
        channels = x.shape[-1]
        y = layers.Activation(gelu, name=f"{own}_bend_1")(x)
        y = layers.Conv1D(channels, settings.width, padding="same", name=f"{own}_1")(y)
        y = layers.Activation(gelu, name=f"{own}_bend_2")(y)
        if settings.dropout:
            y = layers.SpatialDropout1D(settings.dropout, name=f"{own}_drop")(y)
        y = layers.Conv1D(channels, settings.width, padding="same", name=f"{own}_2")(y)
        weight = layers.GlobalAveragePooling1D(keepdims=True, name=f"{own}_squeeze")(y)
        weight = layers.Dense(max(8, channels // 4), activation=gelu, name=f"{own}_few")(weight)
        weight = layers.Dense(channels, activation="sigmoid", name=f"{own}_excite")(weight)
        y = Scale(name=f"{own}_scale")(layers.Multiply(name=f"{own}_weigh")([y, weight]))
        x = layers.Add(name=f"{own}_add")([x, y])
    return x


def _attend(x: Any, heads: int, name: str) -> Any:
    from keras import layers

    from ecgmodel.networks._layers import Scale

    normal = layers.LayerNormalization(name=f"{name}_normal")(x)
    size = max(8, x.shape[-1] // heads)
    seen = layers.MultiHeadAttention(heads, size, name=name)(normal, normal)
    return layers.Add(name=f"{name}_add")([x, Scale(name=f"{name}_scale")(seen)])
