"""Settings of the service, in one file with the pipeline's."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from ecgmodel.settings.config import Settings

PASSWORD = "ECG_PASSWORD"
SETTINGS_FILE, PRESET = "ECG_SETTINGS", "ECG_PRESET"
"""Variables by which flows find the service's settings and their deployment's preset."""
RETRIES = 6  # bridges five minutes without MLflow


class ServiceSettings(BaseModel):
    """Addresses, state folder and schedules of the service."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: Path = Field(
        Path("ecg-state"), description="Folder of all state: databases, logs and results."
    )
    host: str = Field(
        "127.0.0.1",
        description="Address on which both servers listen; beyond loopback, set a password.",
    )
    names: tuple[str, ...] = Field(
        (), description="Host names under which other machines reach the service, without ports."
    )
    prefect_port: int = Field(4200, ge=1, le=65535, description="Port of the Prefect server.")
    mlflow_port: int = Field(5000, ge=1, le=65535, description="Port of the MLflow server.")
    prefect_database: str | None = Field(
        None,
        description="postgresql://user:password@host/name; null uses SQLite in the state folder.",
    )
    mlflow_database: str | None = Field(
        None,
        description="postgresql://user:password@host/name; null uses SQLite in the state folder.",
    )
    work_pool: str = Field("ecg", min_length=1, description="Work pool of all deployments.")
    runs_at_once: int = Field(
        2, ge=1, description="Number of flow runs that the worker executes at the same time."
    )
    schedules: Mapping[str, str | None] = Field(
        {}, description="Cron expression by deployment, replacing prefect.yaml's; null disables it."
    )
    timezone: str = Field("UTC", description="Time zone of the schedules.")
    username: str = Field("ecg", min_length=1, description="User name of both servers.")
    password: SecretStr | None = Field(
        default_factory=lambda: _secret(os.environ.get(PASSWORD)),
        description=f"Password of both servers. Default: the variable {PASSWORD}, else none.",
    )
    max_attempts: int = Field(
        3,
        ge=1,
        description="Maximum number of starts of a run whose process dies, including the first.",
    )
    sweep_s: float = Field(
        10.0, gt=0, description="Interval between checks for dead and missed runs, s."
    )
    webhook: str | None = Field(
        None, description="URL that receives failures and promotions as JSON."
    )
    start_timeout_s: float = Field(
        180.0, gt=0, description="Timeout for a server's first answer, s."
    )

    @field_validator("prefect_database", "mlflow_database")
    @classmethod
    def _is_postgresql(cls, address: str | None) -> str | None:
        if address is not None and not address.startswith("postgresql://"):
            raise ValueError("expected postgresql://user:password@host/name")
        return address

    @field_validator("schedules")
    @classmethod
    def _are_cron(cls, schedules: Mapping[str, str | None]) -> Mapping[str, str | None]:
        from croniter import croniter

        for name, cron in schedules.items():
            if cron is not None and not croniter.is_valid(cron):
                raise ValueError(f"{name}: expected cron like '0 2 * * *', received {cron!r}")
        return schedules

    @field_validator("webhook")
    @classmethod
    def _is_address(cls, address: str | None) -> str | None:
        if address is not None and not address.startswith(("http://", "https://")):
            raise ValueError("expected http:// or https://")
        return address

    @field_validator("timezone")
    @classmethod
    def _is_timezone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, OSError, ValueError) as error:
            raise ValueError(f"expected a zone like Europe/Berlin, received {name!r}") from error
        return name

    @model_validator(mode="after")
    def _is_safe(self) -> ServiceSettings:
        if not is_loopback(self.host) and self.password is None:
            raise ValueError(
                f"service.host={self.host} can be reached from other machines: set a password in "
                f"the environment variable {PASSWORD} (at least 12 characters)"
            )
        if self.password is not None and len(self.password.get_secret_value()) < 12:
            raise ValueError("the password is shorter than MLflow's 12 characters")
        if self.prefect_port == self.mlflow_port:
            raise ValueError("service.prefect_port and service.mlflow_port are the same port")
        return self

    @property
    def root(self) -> Path:
        """The state's folder, absolute."""
        return self.state.absolute()

    @property
    def prefect_url(self) -> str:
        """Address of the Prefect server's pages, from this machine."""
        return f"http://{self._reachable}:{self.prefect_port}"

    @property
    def mlflow_url(self) -> str:
        """Address of the MLflow server, from this machine."""
        return f"http://{self._reachable}:{self.mlflow_port}"

    @property
    def mlflow_page(self) -> str:
        """Address of the MLflow server's list of experiments, opened as model training."""
        from tasks.tracking.store import AS_TRAINING

        return f"{self.mlflow_url}/#/experiments{AS_TRAINING}"

    @property
    def _reachable(self) -> str:
        if self.host in ("0.0.0.0", "::", "localhost"):
            return "127.0.0.1"
        return f"[{self.host}]" if ":" in self.host else self.host


class ServedSettings(Settings):
    """The pipeline's settings and the service's, from one file."""

    service: ServiceSettings = Field(default_factory=ServiceSettings)

    @property
    def pipeline(self) -> dict[str, Any]:
        """What differs from the pipeline's defaults; the store and MLflow are the service's."""
        tree: dict[str, Any] = self.model_dump(
            mode="json", exclude_unset=True, exclude={"service", "store"}
        )
        tracking = {"retries": RETRIES, **tree.get("tracking", {})}
        tracking.pop("uri", None)
        return {**tree, "tracking": tracking}


def is_loopback(host: str) -> bool:
    """Return whether a host can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _secret(text: str | None) -> SecretStr | None:
    return SecretStr(text) if text else None
