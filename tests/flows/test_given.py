"""A run is given what differs; the rest is the service's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from prefect.utilities.callables import parameter_schema

from ecgmodel.errors import SettingsError, UnknownNameError
from ecgmodel.settings.config import Settings
from flows.benchmark import benchmark
from flows.denoise import denoise
from flows.given import laid_over, named_options
from flows.prepare import prepare
from flows.retrain import retrain
from flows.service.settings import PRESET, SETTINGS_FILE


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The service's own settings."""
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump({"training": {"epochs": 9, "seed": 4}, "mix": {"seed": 2}}))
    monkeypatch.setenv(SETTINGS_FILE, str(file))
    return file


def test_one_value_is_enough(own: Path) -> None:
    given = laid_over({"training": {"epochs": 3}})
    assert (given.training.epochs, given.training.seed, given.mix.seed) == (3, 4, 2)
    assert laid_over({}) == laid_over(None)
    assert laid_over({}).training.epochs == 9


def test_whole_settings_stay_as_they_are(own: Path) -> None:
    settings = Settings()
    assert laid_over(settings) is settings


def test_a_deployments_preset_lies_under_both(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PRESET, "classic")
    given = laid_over({"training": {"seed": 5}})
    assert given.network.architecture == "conv_autoencoder"
    assert (given.training.epochs, given.training.seed) == (9, 5)
    assert laid_over({"preset": "quick"}).network.architecture != "conv_autoencoder"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"training": {"epoch": 3}}, "There is no setting 'training.epoch'.*training.epochs"),
        ({"training": {"epochs": "many"}}, "training.epochs: .*'many'"),
        ("epochs=3", "expected a map such as"),
    ],
)
def test_what_has_no_meaning_is_refused_with_the_nearest_name(given: object, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        laid_over(given)


def test_options_have_known_names() -> None:
    with pytest.raises(UnknownNameError, match="gain"):
        named_options({"hints": {"gian": 200}})
    with pytest.raises(UnknownNameError, match="format"):
        named_options({"fromat": "wfdb"})


def test_a_form_asks_for_what_the_flow_is_about() -> None:
    schema = parameter_schema(denoise)
    fields = sorted(schema.properties, key=lambda name: schema.properties[name]["position"])
    assert fields[:3] == ["recordings", "out", "model"]
    assert fields[-1] == "settings"
    for name in ("recordings", "out", "model"):
        assert schema.properties[name]["type"] == "string"
    for flow in (benchmark, denoise, prepare, retrain):
        short = parameter_schema(flow)
        assert short.properties["settings"]["type"] == "object"
        assert not short.definitions  # a definition is a group of fields in the form
        assert all(field.get("description") for field in short.properties.values())
