"""Presets override the defaults, users override presets; former names are still accepted."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import yaml

from ecgmodel.errors import SettingsError
from ecgmodel.models.trained import shipped
from ecgmodel.settings import presets
from ecgmodel.settings.config import Settings, load_settings
from tasks.tracking import flatten


def differences(one: Settings, other: Settings) -> set[str]:
    """Return the dotted names of the settings in which two differ."""
    first, second = (flatten(s.model_dump(mode="json")) for s in (one, other))
    return {name for name in {*first, *second} if first.get(name) != second.get(name)}


def test_each_preset_is_listed_with_one_line_and_can_be_loaded() -> None:
    assert presets.names() == ("quick", "adapt", "classic", "full")
    for name, line in presets.described().items():
        assert 20 < len(line) < 100
        assert load_settings(pairs=[f"preset={name}"]).preset == name


def test_quick_equals_the_defaults_and_trains_the_shipped_architecture() -> None:
    assert load_settings(pairs=["preset=quick"]) == Settings()
    recipe = shipped()[0].settings()
    same = differences(Settings(), recipe)
    assert same == {
        *("preset", "source.kind", "source.clean", "resample.length", "training.epochs"),
        *("training.augmentation.windows", "mix.train.snr_db"),
    }  # sources and length, and SNRs that pay off only in a long training


def test_a_preset_sets_the_kind_of_source() -> None:
    found = load_settings(pairs=["preset=full", "source.clean=[mitdb]"]).source
    assert (found.kind, found.clean) == ("physionet", ("mitdb",))
    with pytest.raises(SettingsError, match=r"source\.clean is given, but source\.kind is not"):
        load_settings(pairs=["preset=quick", "source.clean=[mitdb]"])


def test_the_defaults_build_the_shipped_network() -> None:
    """The recipe sets no options, so the defaults of the architecture must not change."""
    from ecgmodel.networks import build_network, load_network

    ours = build_network(Settings().network.architecture)
    theirs = load_network(shipped()[0].file("model.keras"))
    assert [w.shape for w in ours.weights] == [w.shape for w in theirs.weights]


def test_full_is_the_shipped_recipe() -> None:
    assert differences(load_settings(pairs=["preset=full"]), shipped()[0].settings()) == set()


def test_classic_is_the_plain_autoencoder() -> None:
    classic = load_settings(pairs=["preset=classic"])
    assert (classic.network.architecture, classic.training.loss) == ("conv_autoencoder", "mse")
    assert classic.source.clean == ("nsrdb",)
    assert classic.training.augmentation is None


def test_pairs_override_the_file_and_the_file_overrides_the_preset(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("preset: classic\ntraining: {epochs: 7, seed: 1}\n")
    found = load_settings(file, ["training.seed=2"])
    assert found.network.architecture == "conv_autoencoder"
    assert (found.training.epochs, found.training.seed) == (7, 2)
    assert load_settings(file, ["preset=full"]).training.epochs == 7


def test_a_preset_applies_to_any_validated_tree() -> None:
    made = Settings.model_validate({"preset": "classic", "training": {"seed": 3}})
    assert (made.network.architecture, made.training.seed) == ("conv_autoencoder", 3)
    assert Settings.model_validate_json(made.model_dump_json()) == made


def test_an_unknown_preset_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SettingsError, match=r"Unknown preset 'clasic'. Nearest: classic"):
        load_settings(pairs=["preset=clasic"])


def test_a_pair_inside_a_map_adds_an_entry() -> None:
    found = load_settings(pairs=["mix.train.types.hum=1", "mix.train.on_top.gaussian=0"]).mix.train
    assert found.types == {"bw": 1, "ma": 1, "em": 2, "mixed": 1, "hum": 1}
    assert found.on_top == {"wander": 0.15, "hum": 0.15, "pops": 0.1, "gaussian": 0}
    classic = load_settings(pairs=["preset=classic", "mix.train.types.em=0"]).mix.train
    assert classic.types == {"bw": 1, "ma": 1, "em": 0, "mixed": 1}
    replaced = load_settings(pairs=["mix.train.types={hum: 1}"]).mix.train
    assert replaced.types == {"hum": 1}


def test_former_names_are_accepted_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "old.yaml"
    old = {
        "mix": {"noise_types": ["bw", "ma"], "snr_db": [0, 6], "stretch_s": 16, "copies": 2},
        "training": {"fresh": {"windows": 640, "weights": {"em": 3}, "hum": 0, "snr_db": [-9, 9]}},
    }
    file.write_text(yaml.safe_dump(old))
    with caplog.at_level(logging.WARNING, "ecg"):
        found = load_settings(file)
    assert (found.mix.test.types, found.mix.test.snr_db) == (("bw", "ma"), (0, 6))
    assert (found.mix.test.segment_s, found.mix.train.copies) == (16, 2)
    assert found.mix.train.types == {"bw": 1, "ma": 1, "em": 3, "mixed": 1}
    assert found.mix.train.on_top == {"wander": 0.15, "hum": 0, "pops": 0.1, "gaussian": 0.25}
    assert found.mix.train.snr_db == (-9, 9)
    assert found.training.augmentation is not None
    assert found.training.augmentation.windows == 640
    assert "The setting mix.snr_db is now called mix.test.snr_db" in caplog.text
    assert load_settings(pairs=["training.fresh=null"]).training.augmentation is None
