"""Costs: timed on the very ECG that was measured, counted, and noted from the training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from ecgmodel.errors import ModelError
from ecgmodel.evaluation.metrics import Metric
from ecgmodel.models.trained import Trained, training_facts
from ecgmodel.networks import build_network
from ecgmodel.protocols import _costs
from ecgmodel.protocols._applying import apply_apart
from ecgmodel.protocols._costs import Timed, filter_costs, network_costs, training_of
from ecgmodel.protocols._methods import Network
from ecgmodel.protocols._page import Page, Section, as_html, as_markdown
from ecgmodel.protocols._sections import Results, cost
from ecgmodel.protocols._tables import span
from ecgmodel.store import Store, Unit
from ecgmodel.support.machine import cores


def test_time_and_ecg_are_added_up_and_the_first_rows_are_not_timed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[int] = []
    clock = [0.0]
    monkeypatch.setattr(_costs, "perf_counter", lambda: clock[0])

    def method(rows: np.ndarray) -> np.ndarray:
        clock[0] += 0.05 if seen else 1.0
        seen.append(len(rows))
        return rows

    timed = Timed(method)
    for count in (100, 20):
        np.testing.assert_array_equal(timed(np.ones((count, 720))), np.ones((count, 720)))
    assert seen == [64, 100, 20]
    assert timed.ecg == 240
    assert timed.seconds == pytest.approx(0.1)
    assert filter_costs(timed) == {"speed": 240 / timed.seconds, "machine": cores()}
    assert filter_costs(Timed(method))["speed"] is None


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("network") / "model.keras"
    build_network("conv_autoencoder").save(path)
    return path


def test_what_a_network_costs(network: Path) -> None:
    timed = Timed(np.copy)
    timed(np.ones((10, 3600)))
    costs = network_costs(timed, Network((network,), 256, 0.5))
    json.dumps(costs)
    assert costs["parameters"] == 4337
    macs = 3 * 256 * (32 + 256 + 32 + 8 + 32 + 256 + 32)  # a window of 256, layer by layer
    assert costs["macs_per_second"] == pytest.approx(macs * 360 / 128)
    assert costs["speed"] == 100 / timed.seconds
    assert costs["training_seconds"] is None
    # At least a batch of tiles at the widest layer; far less than libraries and all.
    assert 128 * 256 * 32 * 4 / 1e6 < costs["memory_mb"] < 600


def test_memory_is_that_of_the_network_and_not_of_who_asks(network: Path) -> None:
    held = np.ones(800_000_000, np.uint8)
    applied = apply_apart(network, 256, 0.0, 800)
    assert applied.memory_mb < 600 < held.size / 1e6
    assert applied.ecg == 800
    assert applied.seconds > 0 < applied.starting
    with pytest.raises(ModelError, match=r"(?s)could not be applied.*There is no network at"):
        apply_apart(network.with_name("no.keras"), 256, 0.0, 800)


def test_a_network_that_cannot_be_counted_is_shown_all_the_same(tmp_path: Path) -> None:
    import keras

    start = keras.Input((None, 1))
    hidden = keras.layers.GRU(2, return_sequences=True)(start)
    path = tmp_path / "gru.keras"
    keras.Model(start, keras.layers.Dense(1)(hidden)).save(path)
    timed = Timed(np.copy)
    timed(np.ones((1, 360)))
    costs = network_costs(timed, Network((path,), 64, 0.0))
    assert costs["macs_per_second"] is None
    (row,) = section_of({"gru": costs}).rows[""]
    assert (row.cells[0], *row.cells[2:4]) == ("gru", "33", "")


def section_of(costs: dict[str, Any], means: dict[str, float] | None = None) -> Section:
    metrics = {"ssd": Metric("SSD", "mV²", False, 3)}
    known = [(name, "ssd", mean) for name, mean in (means or {}).items()]
    table = pd.DataFrame(known, columns=["method", "metric", "mean"])
    filters = ("IIR",)
    results = Results(metrics, "ssd", {"all": table}, table, costs=costs, filters=filters)
    section = cost("ssd")(results)
    assert isinstance(section, Section)
    return section


def test_quality_and_cost_stand_in_one_table() -> None:
    network = {
        **{"speed": 8123.4, "machine": "2 CPU cores", "parameters": 479_397},
        **{"macs_per_second": 4.9e6, "training_seconds": 1200.0},
        **{"training_machine": "1 GPU", "memory_mb": 212.3},
    }
    costs = {"IIR": {"speed": 1e6, "machine": "2 CPU cores"}, "ours": network, "fcn_dae": network}
    means = {"IIR": 35.663, "ours": 2.798, "fcn_dae": 8.02, "not timed": 5.0}
    section = section_of(costs, means)
    assert section.columns[1] == "SSD, mV²"
    classical, own, baseline = section.rows[""]
    assert [row.notes[-2] for row in (classical, own)] == ["2 CPU cores", "2 CPU cores"]
    assert classical.cells == ("IIR", "35.663", "", "", "", "1,000,000", "")
    assert own.cells == ("ours", "2.798", "479,397", "4.90", "20 min", "8,123", "212")
    assert (classical.own, own.own, baseline.own) == (False, True, False)
    page = Page("t", "l", (), [section])
    assert "<small>1 GPU</small>" in as_html(page)
    assert (
        "| ours | 2.798 | 479,397 | 4.90 | 20 min (1 GPU) | 8,123 (2 CPU cores) | 212 |"
        in as_markdown(page)
    )
    assert not section_of({}).rows


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, ""), (45, "45 s"), (89, "89 s"), (1200, "20 min"), (5400, "1.5 h"), (7000, "1.94 h")],
)
def test_times_are_said_as_people_do(seconds: float | None, said: str) -> None:
    assert span(seconds) == said


def test_what_a_training_took_goes_with_its_network(tmp_path: Path) -> None:
    def build(into: Path) -> dict[str, Any]:
        build_network("conv_autoencoder").save(into / "model.keras")
        return {"seconds": 12.5, "machine": "2 CPU cores"}

    made = Store(tmp_path / "store").make(Unit("train", "one", {}), build).file("model.keras")
    noted = {"seconds": 12.5, "machine": "2 CPU cores"}
    assert training_of(Network((made,), None)) == {"training": [noted]}
    (tmp_path / "recipe.yaml").touch()
    one = Trained("one", tmp_path)
    one.put({"version-1.keras": made})
    facts = training_facts(one.file("version-1.keras"))
    assert facts is not None
    assert facts.model_dump() == noted
    one.put({"version-2.keras": made})
    listed = yaml.safe_load((tmp_path / "training.yaml").read_text())
    assert listed == {"version-1.keras": noted, "version-2.keras": noted}


def test_a_network_that_nobody_noted_takes_the_place_of_one_without_its_facts(
    network: Path, tmp_path: Path
) -> None:
    assert training_facts(network) is None
    (tmp_path / "training.yaml").write_text("model.keras: {seconds: 5, machine: 1 GPU}\n")
    (tmp_path / "recipe.yaml").touch()
    one = Trained("one", tmp_path)
    one.put({"model.keras": network})
    assert training_facts(one.file("model.keras")) is None
    assert training_of(Network((network,), None)) == {"training": [None]}
