"""All settings: frozen models, validated once on loading, from a YAML file and `a.b=c` pairs."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ecgmodel.dataset.mix_settings import MixSettings
from ecgmodel.dataset.splits import SplitSettings
from ecgmodel.errors import SettingsError
from ecgmodel.evaluation.drift import DriftSettings
from ecgmodel.evaluation.settings import EvaluationSettings
from ecgmodel.networks import architecture, check_window
from ecgmodel.settings import presets
from ecgmodel.settings.gate import GateSettings
from ecgmodel.settings.hints import FileHints
from ecgmodel.settings.texts import kind_of, parse, parse_value
from ecgmodel.signals.quality import QualitySettings
from ecgmodel.signals.resampling import ResampleSettings
from ecgmodel.signals.standard import FS
from ecgmodel.sources.simulated import SimulatedSettings
from ecgmodel.support import plugins
from ecgmodel.support.paths import shipped_names
from ecgmodel.training.settings import ADDRESS, CHAMPION, TrainingSettings

# Prefect hashes parameters as JSON: the order of a set would differ between processes.
FROZEN = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)
TRACKING = ("http", "https", "sqlite", "postgresql", "mysql", "mssql")


class SourceSettings(FileHints):
    """Where recordings come from."""

    model_config = FROZEN

    kind: Literal["simulated", "physionet", "folder"] = Field(
        "simulated",
        description="simulated: synthetic ECG and noise, no download; physionet: the site or a "
        "mirror; folder: your own recordings.",
    )
    clean: tuple[str, ...] = Field(
        ("nsrdb", "mitdb"), min_length=1, description="physionet: databases of clean ECG."
    )
    noise: str = Field("nstdb", description="physionet, folder: database of the noise recordings.")
    base_url: str = Field(
        "https://physionet.org/files",
        description="physionet: https:// or http:// address, or folder of a local mirror.",
    )
    path: Path | None = Field(
        None, description="folder: folder with the clean ECG records, subfolders included."
    )
    noise_path: Path | None = Field(
        None,
        description="folder: folder with the noise recordings bw, ma and em; null downloads them "
        "from base_url.",
    )
    records: tuple[str, ...] = Field(
        (), description="Records to use, by name; an empty list uses all."
    )
    whole_files: bool = Field(
        False,
        description="physionet: download whole files, even if resample.length needs only a part.",
    )
    timeout_s: float = Field(30.0, gt=0, description="Timeout of a request to the server, s.")
    retries: int = Field(4, ge=0, description="Retries after a temporary network failure.")
    retry_wait_s: float = Field(
        1.0, ge=0, description="Wait before the first retry, s; doubled for each further retry."
    )
    max_bad_share: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Maximum share of unusable records, which are skipped; above it a run fails.",
    )
    simulated: SimulatedSettings = SimulatedSettings()

    @field_validator("clean")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(plugins.check("databases", n, "database") for n in names))

    @field_validator("noise")
    @classmethod
    def _known_noise(cls, name: str) -> str:
        return plugins.check("databases", name, "database")

    @field_validator("base_url")
    @classmethod
    def _is_readable(cls, address: str) -> str:
        scheme, is_address, _ = address.partition("://")
        if is_address and scheme.lower() not in ("https", "http", "file"):
            raise ValueError("expected https://, http://, file:// or the path of a folder")
        return address

    @field_validator("path", "noise_path")
    @classmethod
    def _expanded(cls, path: Path | None) -> Path | None:
        return path and path.expanduser()

    @model_validator(mode="after")
    def _noise_is_not_clean(self) -> SourceSettings:
        if self.noise in self.clean:
            raise ValueError(
                f"source.clean contains {self.noise}, which is also source.noise. Its recordings "
                f"are not clean ECG. Remove {self.noise} from source.clean"
            )
        return self

    @model_validator(mode="after")
    def _folder_is_named(self) -> SourceSettings:
        if self.kind == "folder" and self.path is None:
            raise ValueError("source.kind=folder needs source.path, the folder of your records")
        return self

    @property
    def clean_databases(self) -> tuple[str, ...]:
        """The databases of clean ECG, for each kind of source."""
        return {"simulated": ("simulated",), "folder": ("own",)}.get(self.kind, self.clean)

    @property
    def noise_database(self) -> str:
        """The database of the noise recordings, for each kind of source."""
        return "simnoise" if self.kind == "simulated" else self.noise


class NetworkSettings(BaseModel):
    """The network and its options."""

    model_config = FROZEN

    architecture: str = Field(
        "strided_unet", description="Network architecture: name of a file in ecgmodel/networks."
    )
    options: Mapping[str, Any] = Field(
        {}, description="Options of this architecture, e.g. {dropout: 0.1}; the rest as default."
    )

    @model_validator(mode="after")
    def _known(self) -> NetworkSettings:
        architecture(self.architecture).Settings.model_validate(dict(self.options))
        return self


class TrackingSettings(BaseModel):
    """Where runs are logged."""

    model_config = FROZEN

    uri: str | None = Field(
        default_factory=lambda: os.environ.get("ECG_MLFLOW_URI") or None,
        description="MLflow tracking URI; null uses a SQLite file in the store. Default: the "
        "environment variable ECG_MLFLOW_URI, else null.",
    )
    experiment: str = Field(
        "ecg-denoiser", min_length=1, max_length=500, description="Name of the MLflow experiment."
    )
    model: str = Field(
        "ecg-denoiser",
        pattern=r"^[^/:]*[^/:\s.][^/:]*$",
        description="Name of the registered model in MLflow; must not contain / or :",
    )
    timeout_s: float = Field(
        20.0, gt=0, description="Timeout of a request to the tracking server, s."
    )
    retries: int = Field(
        0,
        ge=0,
        description="Retries if the tracking server does not answer; waits 5 s, then doubles.",
    )

    @field_validator("uri")
    @classmethod
    def _is_known(cls, uri: str | None) -> str | None:
        scheme = (uri or "").partition("://")[0].partition("+")[0]
        if uri is not None and ("://" not in uri or scheme not in TRACKING):
            raise ValueError(
                "expected the URI of an MLflow server (http://, https://) or of a database "
                f"({', '.join(f'{name}://' for name in TRACKING[2:])})"
            )
        return uri


class Settings(BaseModel):
    """All settings of the pipeline."""

    model_config = FROZEN

    preset: str = Field(
        presets.DEFAULT,
        description="Preset for all values not set; see `ecg-denoise settings --presets`.",
    )
    store: Path = Field(
        default_factory=lambda: Path(os.environ.get("ECG_STORE") or "store"),
        description="Folder of all results. Default: the environment variable ECG_STORE, else "
        "`store`.",
    )
    source: SourceSettings = SourceSettings()
    resample: ResampleSettings = ResampleSettings()
    quality: QualitySettings = QualitySettings()
    split: SplitSettings = SplitSettings()
    mix: MixSettings = MixSettings()
    network: NetworkSettings = NetworkSettings()
    training: TrainingSettings = TrainingSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    gate: GateSettings = GateSettings()
    drift: DriftSettings = DriftSettings()
    tracking: TrackingSettings = Field(default_factory=TrackingSettings)

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, tree: Any) -> Any:
        return presets.complete(tree, cls) if isinstance(tree, Mapping) else tree

    @field_validator("store")
    @classmethod
    def _expanded(cls, path: Path) -> Path:
        return path.expanduser()

    @model_validator(mode="after")
    def _start_is_known(self) -> Settings:
        name = self.training.start_from
        if name is None or name == CHAMPION or name.startswith(ADDRESS) or name.endswith(".keras"):
            return self
        known = shipped_names()
        if name not in known:
            raise SettingsError(
                f"training.start_from: expected {CHAMPION!r}, a shipped network "
                f"({', '.join(known)}), a registered version such as {ADDRESS}ecg-denoiser/3, or a "
                f".keras file. Received: {name!r}"
            )
        return self

    @model_validator(mode="after")
    def _window_fits(self) -> Settings:
        check_window(self.network.architecture, self.network.options, self.mix.window)
        window, length = self.evaluation.window, self.resample.length
        if window > self.mix.test.segment:
            raise ValueError(
                f"evaluation.window={window} is longer than a test segment, {self.mix.test.segment}"
                f" samples. Lower it, or raise mix.test.segment_s={self.mix.test.segment_s:g}"
            )
        if length is not None and length < window:
            raise ValueError(
                f"resample.length={length} is shorter than evaluation.window={window} samples. "
                "Raise resample.length, or set it to null for whole records"
            )
        return self

    @model_validator(mode="after")
    def _simulation_is_long_enough(self) -> Settings:
        simulated = self.source.simulated
        left = 60 * simulated.minutes - self.resample.start_s
        if self.source.kind == "simulated" and left * FS < self.evaluation.window:
            raise ValueError(
                f"source.simulated.minutes={simulated.minutes:g} minus resample.start_s="
                f"{self.resample.start_s:g} s is shorter than evaluation.window="
                f"{self.evaluation.window} samples at 360 Hz. Raise source.simulated.minutes"
            )
        return self


AnySettings = TypeVar("AnySettings", bound=Settings)


def load_settings(file: Path | None = None, pairs: Iterable[str] = ()) -> Settings:
    """Return the settings. Pairs override the file, the file the preset, the preset the defaults.

    Args:
        file: A YAML file with any of the settings; its "preset" names the preset.
        pairs: Strings such as "mix.seed=3" or "source.clean=[mitdb]". The value of a text setting
            is taken literally, any other is parsed as YAML without comments. A pair inside a map
            (mix.train.types.hum=1) adds an entry to it.

    Raises:
        SettingsError: The file cannot be read, a setting does not exist or a value is invalid. The
            message names each setting, the expected value and the nearest existing name.

    Example:
        >>> load_settings(pairs=["mix.seed=3"]).mix.seed
        3
    """
    return load_as(Settings, file, pairs)


def load_as(
    kind: type[AnySettings], file: Path | None = None, pairs: Iterable[str] = ()
) -> AnySettings:
    """Return settings of a model that extends `Settings` by further groups; see `load_settings`."""
    tree = _read(file, kind) if file else {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise SettingsError(f"--set needs name=value. Received: {pair!r}")
        name = name.strip()
        _put(tree, name, _parsed(text, pair, kind_of(kind, name.split("."))), kind)
    try:
        settings = kind.model_validate(tree)
    except ValidationError as error:
        raise SettingsError(explain(error, kind)) from error
    if settings.source.kind == "simulated":
        _check_source_kind(tree.get("source") or {})
    return settings


def _check_source_kind(given: Mapping[str, Any]) -> None:
    """Raise an error if settings of another kind of source are given, but not `source.kind`."""
    folder = ("path", "noise_path", *FileHints.model_fields)
    for name, kind in {"clean": "physionet", **dict.fromkeys(folder, "folder")}.items():
        if name in given and "kind" not in given:
            raise SettingsError(
                f"source.{name} is given, but source.kind is not. The default, simulated, ignores "
                f"source.{name}. Add --set source.kind={kind}, or source: {{kind: {kind}}} in the "
                "settings file."
            )


def explain(error: ValidationError, kind: type[BaseModel] = Settings) -> str:
    """Return the message of a validation error: one line for each invalid setting."""
    lines = []
    for item in error.errors(include_url=False):
        name = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            near = difflib.get_close_matches(name, _all_names(kind), n=3, cutoff=0.5)
            hint = f" Nearest: {', '.join(near)}." if near else ""
            lines.append(f"There is no setting {name!r}.{hint}")
            continue
        message = item["msg"].removeprefix("Value error, ")
        received = item["input"]
        shown = "" if isinstance(received, dict | BaseModel) else f" Received: {received!r}."
        lines.append(f"{name + ': ' if name else ''}{message.rstrip('.')}.{shown}")
    return "\n".join(lines)


def _read(file: Path, kind: type[BaseModel]) -> dict[str, Any]:
    try:
        tree = parse(file.read_text(encoding="utf-8"), kind)
    except OSError as error:
        raise SettingsError(f"Settings file {file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"Settings file {file} is not UTF-8 text: {error}. Save it as UTF-8."
        ) from error
    except yaml.YAMLError as error:
        raise SettingsError(f"Settings file {file} is not valid YAML: {error}.") from error
    if not isinstance(tree, dict | None):
        raise SettingsError(
            f"Settings file {file}: expected a map such as `training: {{epochs: 8}}`. "
            f"Received: a {type(tree).__name__}."
        )
    return tree or {}


def _parsed(text: str, pair: str, kind: Any) -> Any:
    try:
        return parse_value(text, kind)
    except yaml.YAMLError as error:
        raise SettingsError(f"--set {pair!r}: the value is not valid YAML: {error}.") from error


def _put(tree: dict[str, Any], name: str, value: Any, kind: type[AnySettings]) -> None:
    *path, last = name.split(".")
    branch = tree
    inside: type[BaseModel] | None = kind
    for depth, part in enumerate(path, 1):
        inner = presets.group(inside, part)
        is_map = inside is not None and inner is None and part in inside.model_fields
        if is_map and part not in branch:  # the map's other entries remain
            branch[part] = dict(_effective(tree, path[:depth], kind))
        branch = branch.setdefault(part, {})
        if not isinstance(branch, dict):
            raise SettingsError(
                f"--set {name}: {part!r} is a single value, not a group of settings. Write "
                f"--set {'.'.join(path[:depth])}=VALUE."
            )
        inside = inner
    branch[last] = value


def _effective(tree: Mapping[str, Any], path: Sequence[str], kind: type[AnySettings]) -> Any:
    """Return the current value of a setting that is a map, else an empty map."""
    value: Any = kind.model_validate(tree)
    for part in path:
        value = getattr(value, part)
    return value if isinstance(value, Mapping) else {}


def _all_names(model: type[BaseModel], prefix: str = "") -> list[str]:
    names = []
    for name, field in model.model_fields.items():
        names.append(prefix + name)
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            names.extend(_all_names(kind, f"{prefix}{name}."))
    return names
