"""Networks are chosen, checked and loaded by name; errors name the remedy."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from ecgmodel.errors import MissingFileError, ModelError, UnknownNameError
from ecgmodel.networks import (
    architecture,
    build_network,
    check_window,
    load_network,
    save_network,
)
from ecgmodel.support import plugins
from tests.processes import PROCESSES


def test_every_architecture_implements_the_interface() -> None:
    for name in plugins.names("networks"):
        module = architecture(name)
        settings = module.Settings()
        stride = module.stride(settings)
        check_window(name, {}, 4 * stride)
        noisy = np.random.default_rng(0).standard_normal((3, 4 * stride, 1)).astype(np.float32)
        assert module.build(settings)(noisy).shape == noisy.shape


def test_an_unknown_architecture_gets_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match=r"conv_autoencodr.*conv_autoencoder"):
        build_network("conv_autoencodr")


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ValidationError, match="filter"):
        build_network("conv_autoencoder", {"filter": 3})


@pytest.mark.parametrize(
    ("window", "nearest"), [(1000, None), (1020, "1016 and 1024"), (5, "8"), (0, "8"), (-8, "8")]
)
def test_a_window_that_is_no_multiple_of_the_stride_is_refused(
    window: int, nearest: str | None
) -> None:
    if nearest is None:
        check_window("conv_autoencoder", {}, window)
        return
    with pytest.raises(
        ModelError, match=rf"{window} samples.*multiple of 8\. Nearest: {nearest}\."
    ):
        check_window("conv_autoencoder", {}, window)


def test_the_stride_depends_on_the_options() -> None:
    check_window("conv_autoencoder", {"filters": [4, 4]}, 1020)


def test_checking_a_window_does_not_import_a_framework() -> None:
    code = (
        "import sys; from ecgmodel.networks import check_window;"
        "check_window('conv_autoencoder', {}, 1024);"
        "assert not {'keras', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_loading_in_a_fresh_process_finds_the_layers(tmp_path: Path) -> None:
    build_network("conv_autoencoder").save(tmp_path / "model.keras")
    process = PROCESSES.Process(target=load_network, args=(tmp_path / "model.keras",))
    process.start()
    process.join(120)
    assert process.exitcode == 0


def test_a_saved_network_says_nothing_of_when_it_was_saved(tmp_path: Path) -> None:
    network = build_network("conv_autoencoder", {"filters": [4, 4]})
    save_network(network, tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as saved:
        assert {part.date_time for part in saved.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert set(json.loads(saved.read("metadata.json"))) == {"keras_version"}
    noisy = np.ones((1, 64, 1), np.float32)
    again = load_network(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(again(noisy)), np.asarray(network(noisy)))


def test_a_missing_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"gone\.keras"):
        load_network(tmp_path / "gone.keras")


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_text("hello")
    with pytest.raises(ModelError, match=r"model\.keras.*zip"):
        load_network(path)


def test_a_truncated_or_foreign_network_is_named(tmp_path: Path) -> None:
    class Foreign(keras.layers.Layer):
        def call(self, x: object) -> object:
            return x

    noisy = keras.Input((None, 1))
    keras.Model(noisy, Foreign()(noisy)).save(tmp_path / "foreign.keras")
    with pytest.raises(ModelError, match=r"foreign\.keras cannot be loaded"):
        load_network(tmp_path / "foreign.keras")


def test_code_inside_a_file_is_not_run(tmp_path: Path) -> None:
    noisy = keras.Input((None, 1))
    keras.Model(noisy, keras.layers.Lambda(lambda x: x * 2)(noisy)).save(tmp_path / "code.keras")
    with pytest.raises(ModelError, match=r"code\.keras"):
        load_network(tmp_path / "code.keras")
