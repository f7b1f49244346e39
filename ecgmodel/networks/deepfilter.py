"""DeepFilter's multibranch LANLD: linear and non-linear filters side by side, half of them dilated.

Romero F.P., Piñol D.C., Vázquez-Seisdedos C.R. (2021), DeepFilter: an ECG baseline wander removal
filter using deep learning techniques, Biomed. Signal Process. Control 70:102992; widths, dropout
and rounding as in the code of fperdigon/DeepFilter. Input and output are in mV. Published training:
`training.loss=ssd_mad`, batches of 128, Adam at 1e-3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

if TYPE_CHECKING:
    import keras

WIDTHS, DILATED_WIDTHS = (3, 5, 9, 15), (5, 9, 15)
DILATION = 3
LAST_WIDTH = 9


class Settings(BaseModel):
    """The size of the network; the defaults are the paper's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    filters: tuple[PositiveInt, ...] = Field(
        default=(64, 32, 16),
        min_length=1,
        description="Channels of each pair of blocks (plain and dilated), divided equally among a "
        "block's branches and rounded down, as in the published code.",
    )
    dropout: float = Field(default=0.4, ge=0, lt=1, description="Dropout rate after each block.")


def stride(settings: Settings) -> int:
    """Return the number of which a window's length must be a multiple: 1, without pooling."""
    return 1


def build(settings: Settings) -> keras.Model:
    """Return the network: noisy `(windows, samples, 1)` in mV to clean ones of the same shape.

    Each block is followed by dropout and batch normalisation; a linear convolution outputs the
    signal.
    """
    from keras import Input, Model, layers

    noisy = x = Input((None, 1), name="noisy")
    for number, filters in enumerate(settings.filters, start=1):
        for widths, dilation, kind in ((WIDTHS, 1, "plain"), (DILATED_WIDTHS, DILATION, "dilated")):
            name = f"{kind}_{number}"
            x = _block(x, max(1, filters // (2 * len(widths))), widths, dilation, name)
            x = layers.Dropout(settings.dropout, name=f"{name}_drop")(x)
            x = layers.BatchNormalization(name=f"{name}_norm")(x)
    clean = layers.Conv1D(1, LAST_WIDTH, padding="same", name="clean")(x)
    return Model(noisy, clean, name="deepfilter")


def _block(x: Any, filters: int, widths: tuple[int, ...], dilation: int, name: str) -> Any:
    """Return the channels of a linear and a ReLU branch of each width, `filters` from each.

    Both branches of a width share one convolution: the same result in 70 % of the time (training
    step, one core). Its initial weights have the variance of two separate convolutions.
    """
    from keras import initializers, layers

    linear, rectified = [], []
    for width in widths:
        # Glorot's variance depends on the output channels, which are twice those of one branch.
        share = (x.shape[-1] + 2 * filters) / (x.shape[-1] + filters)
        both = layers.Conv1D(
            2 * filters,
            width,
            dilation_rate=dilation,
            padding="same",
            kernel_initializer=initializers.VarianceScaling(share, "fan_avg", "uniform"),
            name=f"{name}_{width}",
        )(x)
        linear.append(both[..., :filters])
        rectified.append(layers.ReLU(name=f"{name}_relu_{width}")(both[..., filters:]))
    return layers.Concatenate(name=name)([*linear, *rectified])
