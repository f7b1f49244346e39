"""Settings of the promotion gate."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ecgmodel.errors import SettingsError, unknown_name
from ecgmodel.evaluation.metrics import METRICS
from ecgmodel.support import plugins
from ecgmodel.support.paths import shipped_names

RULES, PRIMARY = "promotion/rules", "primary"
CHAMPION, CHALLENGER = "champion", "challenger"
"""Values of `gate.test_set` for the test sets of the champion and of the challenger."""


class GateSettings(BaseModel):
    """The conditions under which a challenger replaces the champion."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: tuple[str, ...] = Field(
        ("beats_filters", "primary", "by_noise", "by_snr", "no_noise", "cost"),
        min_length=1,
        description="Promotion rules, all of which must pass: names of files in "
        "ecgmodel/promotion/rules.",
    )
    primary: str = Field(
        "snr_improvement", description="Metric in which the challenger must beat the champion."
    )
    smallest_gain: float = Field(
        0.05,
        ge=0,
        description="Minimum mean gain in the primary metric, in its unit (dB by default), over "
        "the champion or, for a first model, over no filter; 0 disables it.",
    )
    first_champion: str | None = Field(
        "default",
        description="Shipped network that is registered as the first champion; null: the first "
        "trained network that passes the rules against no filter.",
    )
    test_set: str | None = Field(
        None,
        description="Test set on which both networks are compared: that of the `champion`, that "
        "of the `challenger`, or the folder of a dataset; null: the champion's, or the "
        "challenger's if the champion has none.",
    )
    min_subjects: int = Field(
        8,
        ge=3,
        description="Minimum number of test subjects for a confidence interval; with fewer, the "
        "challenger must be better in every subject.",
    )
    draws: int = Field(2000, ge=100, description="Bootstrap resamplings of the test subjects.")
    seed: int = Field(0, description="Seed of the bootstrap.")
    noise_tolerance_db: float = Field(
        0.3, ge=0, description="Largest drop in mean SNR improvement for any noise type, dB."
    )
    snr_tolerance_db: float = Field(
        0.3, ge=0, description="Largest drop in mean SNR improvement at any SNR level, dB."
    )
    no_noise_tolerance_db: float = Field(
        0.3,
        ge=0,
        description="Largest increase of the mean error on segments without added noise, dB.",
    )
    filter_harm_tolerance_db: float = Field(
        1.0,
        ge=0,
        description="Without added noise, the output SNR may be lower than that of the least "
        "harmful classical filter by at most this, dB.",
    )
    cost_tolerance: float = Field(
        0.1,
        ge=0,
        description="Largest relative increase in MACs and in parameters beyond the budgets.",
    )
    macs_budget: float = Field(
        5e6,
        gt=0,
        description="MACs per second of one lead that are always allowed, overlap of tiles "
        "included; 5e6 clean a day of one lead in about 10 s on two CPU cores.",
    )
    parameters_budget: int = Field(
        2_500_000, gt=0, description="Number of parameters that is always allowed."
    )

    @field_validator("rules")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        checked = tuple(dict.fromkeys(plugins.check(RULES, name, "rule") for name in names))
        if PRIMARY not in names:
            raise SettingsError(
                f"gate.rules: expected {PRIMARY!r} among them; without it, a model that is no "
                f"better would be promoted. Received: {names}"
            )
        return checked

    @field_validator("first_champion")
    @classmethod
    def _shipped(cls, name: str | None) -> str | None:
        if name is not None and name not in shipped_names():
            raise unknown_name("shipped network", name, shipped_names())
        return name

    @field_validator("primary")
    @classmethod
    def _measured(cls, name: str) -> str:
        if name not in METRICS:
            raise unknown_name("metric", name, METRICS)
        return name

    @model_validator(mode="after")
    def _gain_in_the_metrics_unit(self) -> GateSettings:
        if "primary" not in self.model_fields_set or "smallest_gain" in self.model_fields_set:
            return self
        unit = METRICS[self.primary].unit
        if unit != "dB":
            raise SettingsError(
                f"gate.primary={self.primary} needs gate.smallest_gain in {unit or 'its own unit'}"
                f": the default, {self.smallest_gain}, is in dB. Set it as well; 0 disables it"
            )
        return self
