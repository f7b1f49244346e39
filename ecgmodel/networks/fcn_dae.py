"""FCN-DAE: a fully convolutional autoencoder whose code is 32 times shorter than the signal.

Chiang H.-T. et al. (2019), Noise reduction in ECG signals using fully convolutional denoising
autoencoders, IEEE Access 7:60806. Input and output are in mV. Published training:
`training.loss=mse`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

if TYPE_CHECKING:
    import keras


class Settings(BaseModel):
    """The size of the network; the defaults are the paper's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    filters: tuple[PositiveInt, ...] = Field(
        default=(40, 20, 20, 20, 40),
        min_length=1,
        description="Channels of each encoder level, which halves the rate; the decoder mirrors "
        "them.",
    )
    width: int = Field(default=16, ge=1, description="Kernel size of each convolution, samples.")


def stride(settings: Settings) -> int:
    """Return the number of which a window's length must be a multiple: 2 per encoder level."""
    return int(2 ** len(settings.filters))


def build(settings: Settings) -> keras.Model:
    """Return the network: noisy `(windows, samples, 1)` in mV to clean ones of the same shape.

    Convolutions of stride 2, a single-filter convolution that outputs the code, and their mirror
    image as transposed convolutions. Each is followed by ELU and batch normalisation, except the
    last, which is linear.
    """
    from keras import Input, Model, layers

    def step(x: object, kind: type[layers.Layer], filters: int, rate: int, name: str) -> object:
        convolution = kind(
            filters, settings.width, strides=rate, padding="same", activation="elu", name=name
        )
        return layers.BatchNormalization(name=f"{name}_norm")(convolution(x))

    noisy = x = Input((None, 1), name="noisy")
    for number, filters in enumerate(settings.filters, start=1):
        x = step(x, layers.Conv1D, filters, 2, f"encode_{number}")
    x = step(x, layers.Conv1D, 1, 1, "code")
    x = step(x, layers.Conv1DTranspose, 1, 1, "decode_code")
    for number, filters in reversed(list(enumerate(settings.filters, start=1))):
        x = step(x, layers.Conv1DTranspose, filters, 2, f"decode_{number}")
    clean = layers.Conv1DTranspose(1, settings.width, padding="same", name="clean")(x)
    return Model(noisy, clean, name="fcn_dae")
