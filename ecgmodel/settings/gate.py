"""Settings of the promotion gate."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ecgmodel.errors import SettingsError, unknown_name
from ecgmodel.support import plugins
from ecgmodel.support.places import shipped_names

RULES, PRIMARY = "promotion/rules", "primary"
CHAMPION, CHALLENGER = "champion", "challenger"
"""What `gate.test_set` calls the tests of both sides."""


class GateSettings(BaseModel):
    """What a challenger has to show before it takes the champion's place."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: tuple[str, ...] = Field(
        ("beats_filters", "primary", "by_noise", "by_snr", "no_noise", "cost"),
        min_length=1,
        description="Files of ecgmodel/promotion/rules; every one of them must pass.",
    )
    primary: str = Field(
        "snr_improvement", description="Metric in which the challenger must be better."
    )
    smallest_gain: float = Field(
        0.05,
        ge=0,
        description="Least mean gain in the primary metric that counts, in its unit (dB by "
        "default), over the champion or, for a first model, over no filter; 0 turns it off.",
    )
    first_champion: str | None = Field(
        "default",
        description="Shipped network that a registry without a champion gets as its first one; "
        "null: the first trained network that is better than no filter.",
    )
    test_set: str | None = Field(
        None,
        description="Whose test judges: `champion`, `challenger`, or the folder of a dataset; null "
        "takes the champion's where it has one.",
    )
    min_subjects: int = Field(
        8,
        ge=3,
        description="With fewer test subjects there is no interval: better in every one of them.",
    )
    draws: int = Field(2000, ge=100, description="Bootstrap draws over subjects.")
    seed: int = 0
    noise_tolerance_db: float = Field(
        0.3, ge=0, description="Mean SNR improvement that one noise type may lose, dB."
    )
    snr_tolerance_db: float = Field(
        0.3, ge=0, description="Mean SNR improvement that one SNR level may lose, dB."
    )
    no_noise_tolerance_db: float = Field(
        0.3, ge=0, description="SNR that may be lost where no noise was added, dB."
    )
    filter_harm_tolerance_db: float = Field(
        1.0,
        ge=0,
        description="How far the output SNR where no noise was added may lie below that of the "
        "best classical filter, dB.",
    )
    cost_tolerance: float = Field(
        0.1, ge=0, description="Share of MACs and of parameters that may be added, over the budget."
    )
    macs_budget: float = Field(
        5e6,
        gt=0,
        description="MACs per second of one lead that are always granted, tiles' overlap "
        "included: a day of ECG in about 10 s on two cores.",
    )
    parameters_budget: int = Field(
        2_500_000, gt=0, description="Parameters that are always granted."
    )

    @field_validator("rules")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        checked = tuple(dict.fromkeys(plugins.check(RULES, name, "rule") for name in names))
        if PRIMARY not in names:
            raise SettingsError(
                f"Expected {PRIMARY!r} among the rules: without it an equal model would be "
                f"promoted. Received: {names}"
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
        from ecgmodel.evaluation.metrics import METRICS  # scipy comes with it

        if name not in METRICS:
            raise unknown_name("metric", name, METRICS)
        return name

    @model_validator(mode="after")
    def _gain_in_the_metrics_unit(self) -> GateSettings:
        if "primary" not in self.model_fields_set or "smallest_gain" in self.model_fields_set:
            return self
        from ecgmodel.evaluation.metrics import METRICS  # only now: scipy comes with it

        unit = METRICS[self.primary].unit
        if unit != "dB":
            raise SettingsError(
                f"Expected gate.smallest_gain beside gate.primary={self.primary}, in "
                f"{unit or 'its own unit'}: the default, {self.smallest_gain}, is in dB. Received: "
                "nothing (0 turns it off)"
            )
        return self
