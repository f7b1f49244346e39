"""A benchmark from published files to a page: cached, with committed networks or trained anew."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml

from ecgmodel.errors import SettingsError, UnknownNameError
from ecgmodel.models.trained import trained
from ecgmodel.networks import load_network
from ecgmodel.protocols import leak_free, qt_bw
from ecgmodel.protocols._methods import general
from ecgmodel.settings.config import Settings
from ecgmodel.steps.training import fit_step
from ecgmodel.store import Store
from flows.benchmark import benchmark
from flows.prepare import prepare
from flows.protocol_work import FlowWork
from tests.ecgmodel.protocols.made import made_noise, write_annotated
from tests.flows import small
from tests.tiny_wfdb import publish
from tests.wfdb_files import ecg, write_record

RECIPE = """
network: {architecture: conv_autoencoder, options: {filters: [4, 4]}}
training: {epochs: 2, batch_size: 32}
beats: {windows: 64}
"""


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Databases as PhysioNet lays them out: made records that test, validate and train."""
    root = tmp_path_factory.mktemp("mirror")
    for seed, name in enumerate((*qt_bw.PROTOCOL.quick["qtdb"], "sel100", "sel114")):
        write_annotated(root / "qtdb" / "1.0.0", name, ecg(8, 250.0, seed=seed))
    write_record(root / "nstdb" / "1.0.0", "bw", made_noise(), 360.0, gain=2000.0)
    for database in ("qtdb", "nstdb"):
        publish(root / database / "1.0.0")
    return root


@pytest.fixture
def settings(mirror: Path, tmp_path: Path) -> Settings:
    return Settings.model_validate(
        {"store": tmp_path / "store", "source": {"base_url": str(mirror)}}
    )


@pytest.fixture
def recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one small network in the place of the committed ones."""
    root = tmp_path / "trained"
    (root / "qt-bw" / "tiny").mkdir(parents=True)
    (root / "qt-bw" / "tiny" / "recipe.yaml").write_text(RECIPE)
    networks = replace(qt_bw.PROTOCOL.networks, folders=lambda: trained("qt-bw", root))
    monkeypatch.setattr(qt_bw, "PROTOCOL", replace(qt_bw.PROTOCOL, networks=networks))
    return root


def test_it_trains_measures_shows_logs_and_keeps_and_then_only_looks_up(
    prefect_server: None, settings: Settings, recipes: Path
) -> None:
    with small.counted() as made:
        done = benchmark("qt-bw", retrain=True, settings=settings)
    trainings = small.units("qt_bw_train", "tiny version 1", "tiny version 2")
    methods = small.units("qt_bw_evaluate", "tiny", *qt_bw.PROTOCOL.filters)
    assert trainings | methods | {"benchmark qt-bw"} <= set(made)
    page = done.page.file("benchmark.html").read_text()
    assert "MECG-E (magnitude + phase)" in page
    assert "tiny" in page
    assert "Memory, MB" in page
    run = done.tracker.client.get_run(done.run_id)
    assert run.data.metrics["tiny/ssd"] == done.page.info["means"]["tiny/ssd"]
    logged = {item.path for item in done.tracker.client.list_artifacts(done.run_id)}
    assert {"benchmark.html", "all.csv", "published.csv"} <= logged
    with small.counted() as made:
        again = benchmark("qt-bw", retrain=True, settings=settings)
    assert made == []
    assert (again.run_id, again.page) == (done.run_id, done.page)
    benchmark("qt-bw", retrain=True, keep=True, settings=settings)
    (one,) = trained("qt-bw", recipes)
    assert one.has("version-1.keras", "version-2.keras")
    with small.counted() as made:
        kept = benchmark("qt-bw", settings=settings)
    assert set(made) == {"qt_bw_evaluate tiny", "benchmark qt-bw"}  # the file is another
    assert kept.page.info["means"] == done.page.info["means"]  # its weights are the same


@pytest.mark.slow
def test_a_training_of_the_protocol_hears_the_training_half_of_its_channel_alone(
    prefect_server: None, settings: Settings, recipes: Path
) -> None:
    """Noise elsewhere may be anything: the weights stay the same."""
    first = benchmark("qt-bw", retrain=True, settings=settings)
    root = Path(settings.source.base_url)
    noise = made_noise()
    noise[325_000:] = 2 * np.random.default_rng(1).standard_normal(noise[325_000:].shape)
    other = settings.store.parent / "mirror"
    small.copy_store(root, other)
    write_record(other / "nstdb" / "1.0.0", "bw", noise, 360.0, gain=2000.0)
    publish(other / "nstdb" / "1.0.0")
    source = settings.source.model_copy(update={"base_url": str(other)})
    changed = settings.model_copy(update={"source": source, "store": other / "store"})
    second = benchmark("qt-bw", retrain=True, settings=changed)
    histories = [_histories(s.store) for s in (settings, changed)]
    assert histories[0] == histories[1]
    assert first.page.info["means"] != second.page.info["means"]


def _histories(store: Path) -> list[object]:
    files = sorted((store / "qt_bw_train").glob("*/history.json"))
    return sorted(json.dumps(json.loads(file.read_text())["rows"]) for file in files)


def test_a_quick_version_takes_its_few_records(
    prefect_server: None, settings: Settings, recipes: Path
) -> None:
    with small.counted() as made:
        done = benchmark("qt-bw", quick=True, settings=settings)
    for name in ("benchmark.html", "benchmark.md"):
        text = done.page.file(name).read_text()
        assert "Quick version, no result" in text
        assert "cannot be quoted" in text
        assert "Goal" not in text
    run = done.tracker.client.get_run(done.run_id)
    assert run.info.run_name == "benchmark qt-bw (quick)"
    assert run.data.tags["ecg.benchmark.quick"] == "true"
    assert {m for m in made if m.startswith("download qtdb")} == small.units(
        "download", *(f"qtdb/{name}" for name in qt_bw.PROTOCOL.quick["qtdb"])
    )
    with pytest.raises(SettingsError, match="no training records"):
        benchmark("qt-bw", quick=True, retrain=True, settings=settings)


def test_a_protocol_without_training_says_so_before_it_fetches_anything(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="qrs-stress trains no networks"):
        benchmark.fn("qrs-stress", retrain=True, settings=settings)
    assert not settings.store.exists()


def test_an_unknown_network_gets_the_nearest_name_before_anything_is_fetched(
    settings: Settings, recipes: Path
) -> None:
    for retrain in (False, True):
        with pytest.raises(UnknownNameError, match="Unknown network 'tini'"):
            benchmark.fn("qt-bw", retrain=retrain, models=("tini",), settings=settings)
    assert not settings.store.exists()


def test_networks_are_measured_and_trained_one_by_one(
    prefect_server: None, settings: Settings, recipes: Path
) -> None:
    shutil.copytree(recipes / "qt-bw" / "tiny", recipes / "qt-bw" / "other")
    with small.counted() as made:
        benchmark("qt-bw", retrain=True, keep=True, models=("other",), settings=settings)
    trainings = small.units("qt_bw_train", "other version 1", "other version 2")
    assert {m for m in made if m.startswith("qt_bw_train")} == trainings
    assert [one.name for one in trained("qt-bw", recipes) if one.has("version-1.keras")] == [
        "other"
    ]
    assert not (recipes / "qt-bw" / "tiny" / "SHA256SUMS").exists()


def test_a_network_for_continuous_ecg_is_trained_by_its_recipe_and_kept(
    prefect_server: None, tmp_path: Path
) -> None:
    folder = tmp_path / "trained" / "leak-free" / "tiny"
    folder.mkdir(parents=True)
    (folder / "recipe.yaml").write_text(yaml.safe_dump(small.SMALL))
    found = partial(general, tmp_path / "package", tmp_path / "trained")
    networks = replace(leak_free.PROTOCOL.networks, folders=found)
    asked = Settings(store=tmp_path / "store")
    work = FlowWork(asked, Store(asked.store))
    assert networks.names() == ("tiny",)
    dataset = prepare(small.small(asked.store), announce=False)
    (step,) = networks.fit_steps(work, dataset, networks.names())
    made = networks.fitted(("tiny",), [step.run(work.store)])
    assert (made["tiny"].window, made["tiny"].overlap) == (512, 0.0625)
    # The same training as that of the command `train` with this recipe as its settings.
    assert fit_step(dataset, small.small(asked.store)).unit.key == step.unit.key
    networks.keep(made)
    (kept,) = found()
    shapes = [
        load_network(p).count_params() for p in (*made["tiny"].files, kept.file("model.keras"))
    ]
    assert shapes[0] == shapes[1]


def test_an_unknown_protocol_gets_the_nearest_name(settings: Settings) -> None:
    with pytest.raises(UnknownNameError, match="qt-bw"):
        benchmark.fn("qt-bv", settings=settings)
