"""Settings of the added noise, for test segments and training windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from ecgmodel.signals.standard import FS
from ecgmodel.support import plugins

KIND = "noise type"
SHORTEST, STEP, LEFT_OUT = 1024, 256, 0.1
"""For shortened windows: minimum length, multiple (samples), and share of recordings left out."""


class TestMix(BaseModel):
    """The test set: every segment without added noise, and with each noise type at each SNR."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    __test__ = False  # tells pytest that this is not a test case

    types: tuple[str, ...] = Field(
        ("bw", "ma", "em", "mixed"),
        min_length=1,
        description="Noise types of the test set, by file name in ecgmodel/noise.",
    )
    snr_db: tuple[float, ...] = Field(
        (-6.0, 0.0, 6.0, 12.0, 18.0),
        description="SNR levels of the test set, dB, computed from zero-mean powers.",
    )
    segment_s: float = Field(
        32.0,
        gt=0,
        description="Length of a test segment, s; a shorter recording is one segment.",
    )
    segments_per_lead: int | None = Field(
        12, gt=0, description="Maximum number of segments per lead, evenly spaced; null takes all."
    )

    @field_validator("types")
    @classmethod
    def _known(cls, types: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(plugins.check("noise", t, KIND) for t in types))

    @field_validator("snr_db")
    @classmethod
    def _finite(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        if not levels or not np.isfinite(levels).all():
            raise ValueError(f"expected at least one finite SNR in dB. Received: {levels}")
        return tuple(sorted(set(levels)))

    @property
    def segment(self) -> int:
        """Segment length, samples at 360 Hz."""
        return round(self.segment_s * FS)


class TrainMix(BaseModel):
    """Noise types, shares and SNRs of training and validation windows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    types: Mapping[str, float] = Field(
        {"bw": 1.0, "ma": 1.0, "em": 2.0, "mixed": 1.0},
        description="Noise types by file name in ecgmodel/noise, with their relative frequencies; "
        "a window gets one of them.",
    )
    snr_db: tuple[float, float] = Field(
        (-12.0, 24.0),
        description="Lowest and highest SNR of these types, dB, drawn uniformly; computed from "
        "zero-mean powers.",
    )
    unmixed: float = Field(
        0.1, ge=0, lt=1, description="Share of windows without any of these types."
    )
    on_top: Mapping[str, float] = Field(
        {"wander": 0.15, "hum": 0.15, "pops": 0.1, "gaussian": 0.25},
        description="Additional noise types by file name in ecgmodel/noise, with the share of all "
        "windows to which each is added.",
    )
    on_top_snr_db: tuple[float, float] = Field(
        (-10.0, 24.0),
        description="Lowest and highest SNR of each additional type, dB, drawn uniformly.",
    )
    copies: int = Field(
        1, ge=1, description="Rows per window in the shards, each with different noise."
    )

    @field_validator("types", "on_top")
    @classmethod
    def _known(cls, types: Mapping[str, float]) -> Mapping[str, float]:
        for name, share in types.items():
            plugins.check("noise", name, KIND)
            if not 0 <= share < np.inf:
                raise ValueError(f"{name}: expected a share of 0 or more. Received: {share}")
        return types

    @field_validator("types")
    @classmethod
    def _any(cls, types: Mapping[str, float]) -> Mapping[str, float]:
        if not any(types.values()):
            raise ValueError(f"expected at least one type above 0. Received: {dict(types)}")
        return types

    @field_validator("on_top")
    @classmethod
    def _shares(cls, types: Mapping[str, float]) -> Mapping[str, float]:
        for name, share in types.items():
            if share > 1:
                raise ValueError(f"{name}: expected a share of windows, 0 to 1. Received: {share}")
        return types

    @field_validator("snr_db", "on_top_snr_db")
    @classmethod
    def _in_order(cls, ends: tuple[float, float]) -> tuple[float, float]:
        if not (np.isfinite(ends).all() and ends[0] <= ends[1]):
            raise ValueError(f"expected two finite SNRs in dB, the lower first. Received: {ends}")
        return ends

    @property
    def all_types(self) -> tuple[str, ...]:
        """All noise types used in training."""
        return tuple(name for group in (self.types, self.on_top) for name, s in group.items() if s)


class MixSettings(BaseModel):
    """Settings of the mixing stage."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window: int = Field(
        4096,
        ge=64,
        description="Window length of training and validation, samples at 360 Hz; reduced "
        "automatically if more than a tenth of the recordings are shorter.",
    )
    test: TestMix = TestMix()
    train: TrainMix = TrainMix()
    seed: int = 0

    def length(self, split: str) -> int:
        """Return the row length of a split, samples, for long enough recordings."""
        return self.test.segment if split == "test" else self.window

    def types(self, split: str) -> tuple[str, ...]:
        """Return the noise types of a split's rows."""
        return self.test.types if split == "test" else self.train.all_types


def fitted(mix: MixSettings, samples: Sequence[int]) -> MixSettings:
    """Return the settings with a window that is not longer than nine of ten recordings.

    Many hospital ECGs last ten seconds. The window never becomes shorter than `SHORTEST`; shorter
    recordings are left out.

    Args:
        mix: The settings.
        samples: Length of each recording at 360 Hz.
    """
    most = int(np.quantile(samples, LEFT_OUT, method="lower")) if len(samples) else mix.window
    if most >= mix.window:
        return mix
    window = max(most // STEP * STEP, min(SHORTEST, mix.window))
    return mix.model_copy(update={"window": window})


def noise_records(types: tuple[str, ...]) -> tuple[str, ...]:
    """Return the noise recordings that the noise types need."""
    modules = [plugins.load("noise", name, KIND) for name in types]
    return tuple(sorted({record for module in modules for record in module.RECORDS}))
