"""Networks are found in both folders and applied as their recipes say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ecgmodel.errors import ModelError, SettingsError
from ecgmodel.evaluation import baselines
from ecgmodel.models.trained import Trained
from ecgmodel.networks import load_network
from ecgmodel.protocols import do_no_harm, leak_free, qrs_stress
from ecgmodel.protocols._methods import Network, Networks, filters, general, own, shown
from ecgmodel.store import Store
from tests.ecgmodel.protocols.made import downloaded
from tests.ecgmodel.protocols.test_do_no_harm import write_qtdb


def halving(path: Path, window: int) -> Path:
    """Write a network that halves its window, which has this length and no other."""
    keras = pytest.importorskip("keras")
    half = keras.initializers.Constant(0.5)
    signal = keras.Input((window, 1))
    halved = keras.layers.Conv1D(1, 1, use_bias=False, kernel_initializer=half)(signal)
    keras.Model(signal, halved).save(path)
    return path


def general_networks(package: Path, kept: Path) -> dict[str, Network]:
    return Networks(lambda: general(package, kept)).kept()


def put(folder: Path, window: int, overlap: float) -> Trained:
    """Put a network into a folder, with its recipe and hashes."""
    folder.mkdir(parents=True)
    recipe = f"mix: {{window: {window}}}\nevaluation: {{overlap: {overlap}}}\n"
    (folder / "recipe.yaml").write_text(recipe)
    one = Trained(folder.name, folder)
    one.put({"model.keras": halving(folder / "made.keras", window)})
    (folder / "made.keras").unlink()
    return one


def test_shipped_networks_come_first_and_each_has_its_own_window(tmp_path: Path) -> None:
    package, kept = tmp_path / "package", tmp_path / "trained"
    assert general_networks(package, kept) == {}
    put(kept / "leak-free" / "other", 512, 0.25)
    put(kept / "leak-free" / "default", 512, 0.5)
    put(kept / "qt-bw" / "beats", 512, 0.5)
    (package / "models").mkdir(parents=True)
    assert list(general_networks(package, kept)) == ["default", "other"]
    shipped = put(package / "models" / "default", 256, 0.125)
    (package / "models" / "planned").mkdir()
    (package / "models" / "planned" / "recipe.yaml").write_text("mix: {window: 64}\n")
    found = general_networks(package, kept)
    assert list(found) == ["default", "other"]
    assert found["default"] == Network((shipped.folder / "model.keras",), 256, 0.125)
    assert (found["other"].window, found["other"].overlap) == (512, 0.25)
    assert load_network(found["default"].files[0]).input_shape[1] == 256


def test_what_is_wrong_with_a_network_is_named(tmp_path: Path) -> None:
    one = put(tmp_path / "models" / "default", 256, 0.125)
    one.recipe.write_text("mix: {windows: 256}\n")
    with pytest.raises(SettingsError, match=r"recipe\.yaml: There is no setting 'mix\.windows'"):
        general_networks(tmp_path, tmp_path)
    one.recipe.write_text("mix: {window: 256}\n")
    (one.folder / "model.keras").write_bytes(b"other")
    with pytest.raises(ModelError, match=r"model\.keras is missing or"):
        general_networks(tmp_path, tmp_path)


@pytest.mark.parametrize("protocol", [leak_free.PROTOCOL, qrs_stress.PROTOCOL, do_no_harm.PROTOCOL])
def test_every_protocol_measures_the_same_methods_under_one_name_each(
    protocol, tmp_path: Path
) -> None:
    prepared = downloaded(Store(tmp_path), write_qtdb(tmp_path))
    network = Network((halving(tmp_path / "half.keras", 256),), 256, 0.125)
    steps = protocol.method_steps(prepared, {"half": network})
    assert [s.unit.name for s in steps] == [*filters(), "half"]
    how = {"window": 256, "overlap": 0.125, "training": [None]}
    assert steps[-1].unit.settings == how
    assert set(filters()) == set(baselines.names())
    assert len({s.unit.key for s in steps}) == len(steps)


def test_a_network_is_applied_in_windows_of_its_own(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    download = downloaded(store, write_qtdb(tmp_path))
    prepared = do_no_harm.PROTOCOL.prepare_step({"qtdb/sel123": download}).run(store)
    network = Network((halving(tmp_path / "half.keras", 256),), 256, 0.125)
    step = do_no_harm.PROTOCOL.method_steps(prepared, {"half": network})[-1]
    rows = do_no_harm.PROTOCOL.rows([step.run(store)])
    changes = rows.loc[rows["quantity"] == "qrs", "value"]
    np.testing.assert_allclose(changes, 50, atol=0.5)
    wrong = Network(network.files, 2048, 0.5)
    with pytest.raises(ModelError, match="expects windows of 256"):
        do_no_harm.PROTOCOL.method_steps(prepared, {"half": wrong})[-1].run(store)


def test_the_first_network_of_our_own_is_shown_else_the_best_method() -> None:
    means = pd.Series({"none": 9.0, "fir": 3.0, "wavelet": 4.0, "tcdae": 5.0})
    assert shown(means.to_dict()) == "tcdae"
    assert shown(means.to_dict(), higher=False) == "fir"
    assert shown({**means, "default": 1.0, "larger": 2.0}) == "default"
    assert shown({"none": 9.0}) == "none"
    assert own(["none", "fir", "deepfilter", "default"]) == ["default"]
