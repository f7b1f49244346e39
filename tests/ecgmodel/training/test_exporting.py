"""Every architecture can be exported to ONNX, with the same output and its facts."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import onnx
import pytest

from ecgmodel.denoise.denoiser import Denoiser
from ecgmodel.denoise.onnx import FILE, KEY, Facts
from ecgmodel.denoise.tiles import keras_tiles
from ecgmodel.errors import ModelError
from ecgmodel.models.trained import NETWORK, shipped
from ecgmodel.networks import build_network
from ecgmodel.training.exporting import CLOSE_MV, export_onnx

FACTS = Facts(name="small", fs=360, window=256, overlap=0.25)
NETWORKS = {
    "conv_autoencoder": {"filters": [8, 4]},
    "fcn_dae": {"filters": [8, 4], "width": 6},
    "deepfilter": {"filters": [16]},
    "tcdae": {"filters": [4, 6], "width": 5, "blocks": 1, "heads": 2, "head_size": 4},
    "strided_unet": {"channels": [8, 16], "blocks": 1, "attended": 1},
}


def saved(folder: Path, name: str) -> tuple[keras.Model, Path]:
    """Return a network with random weights, none of which is zero."""
    network = build_network(name, NETWORKS[name])
    rng = np.random.default_rng(0)
    for variable in network.trainable_variables:
        variable.assign(variable + rng.normal(0, 0.1, variable.shape))
    network.save(folder / "network.keras")
    return network, folder / "network.keras"


@pytest.mark.parametrize("name", NETWORKS)
def test_onnx_gives_the_same_output(tmp_path: Path, name: str) -> None:
    network, path = saved(tmp_path, name)
    assert export_onnx(path, tmp_path / FILE, FACTS) <= CLOSE_MV
    denoiser = Denoiser.load(tmp_path / FILE)
    assert denoiser.facts == FACTS
    signal = np.random.default_rng(1).normal(size=(2000, 2)).astype(np.float32)
    expected = keras_tiles(network, FACTS.window, FACTS.overlap)(signal)
    np.testing.assert_allclose(denoiser(signal, 360), expected, atol=CLOSE_MV)
    assert sorted(p.name for p in tmp_path.iterdir()) == [FILE, "network.keras"]


def test_gelus_and_biases_are_fused(tmp_path: Path) -> None:
    _, path = saved(tmp_path, "strided_unet")
    export_onnx(path, tmp_path / FILE, FACTS)
    nodes = onnx.load(tmp_path / FILE).graph.node
    kinds = [node.op_type for node in nodes]
    assert kinds.count("Gelu") > 3
    assert "Erf" not in kinds
    assert all(len(node.input) == 3 for node in nodes if node.op_type == "Conv")


def test_several_threads_give_the_same_output_as_one(tmp_path: Path) -> None:
    _, path = saved(tmp_path, "strided_unet")
    export_onnx(path, tmp_path / FILE, FACTS)
    signal = np.random.default_rng(1).normal(size=(20_000, 2)).astype(np.float32)
    one, three = (Denoiser.load(tmp_path / FILE, threads) for threads in (1, 3))
    np.testing.assert_allclose(three(signal, 360), one(signal, 360), atol=CLOSE_MV)


def test_an_export_with_different_output_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, path = saved(tmp_path, "conv_autoencoder")
    monkeypatch.setattr("ecgmodel.training.exporting.CLOSE_MV", -1.0)
    with pytest.raises(ModelError, match="the ONNX export differs from the network"):
        export_onnx(path, tmp_path / FILE, FACTS)
    assert [p.name for p in tmp_path.iterdir()] == ["network.keras"]


def test_a_file_without_facts_is_refused(tmp_path: Path) -> None:
    _, path = saved(tmp_path, "conv_autoencoder")
    export_onnx(path, tmp_path / FILE, FACTS)
    model = onnx.load(tmp_path / FILE)
    onnx.helper.set_model_props(model, {KEY: '{"fs": 360}'})
    onnx.save(model, tmp_path / FILE)
    with pytest.raises(ModelError, match="not exported by this project"):
        Denoiser.load(tmp_path / FILE)


@pytest.mark.parametrize("one", shipped(), ids=lambda one: one.name)
def test_the_shipped_onnx_file_matches_the_shipped_network(one) -> None:
    recipe = one.settings()
    denoiser = Denoiser.load(one.name)
    assert one.file(FILE).stat().st_size < 10e6
    assert denoiser.facts.sha256 in (one.folder / "SHA256SUMS").read_text()
    one.file(NETWORK)
    assert denoiser.facts.window == recipe.mix.window
    assert denoiser.facts.overlap == recipe.evaluation.overlap
