"""A change of settings, records or code makes its stage and what follows run, nothing before."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from ecgmodel.settings.config import Settings
from ecgmodel.store import versions
from ecgmodel.store.versions import ROOT
from flows.prepare import prepare
from flows.train import Training, train
from tests.flows import small

First = tuple[Settings, Training]


def test_a_training_setting_keeps_the_dataset(first: First, store: Path) -> None:
    settings = small.small(store, {"training": {"learning_rate": 5e-3}})
    with small.counted() as made:
        dataset = prepare(settings)
        result = train(settings, dataset.path)
    new = [small.FIT, small.MEASURE, small.REPORT, small.EXPORT, "verdict version 2"]
    assert sorted(made) == sorted(new)
    assert dataset.ref == first[1].dataset.ref
    assert result.run_id != first[1].run_id
    assert len(result.tracker.client.search_runs([result.tracker.experiment])) == 2


def test_another_list_of_snrs_keeps_the_resampled_records(first: First, store: Path) -> None:
    with small.counted() as made:
        dataset = prepare(small.small(store, {"mix": {"test": {"snr_db": [0, 6, 12]}}}))
    tested = ("simulated/sim02", "simulated/sim06")  # the test's levels are no matter to others
    assert sorted(made) == sorted(small.units("mix", *tested) | {small.PUBLISH})
    assert dataset.digest != first[1].dataset.digest


def test_another_list_of_baselines_trains_nothing(first: First, store: Path) -> None:
    settings = small.small(store, {"evaluation": {"baselines": ["butterworth", "wavelet"]}})
    with small.counted() as made:
        result = train(settings, small.unit_folder(store, small.PUBLISH))
    # The verdict compares with the best filter.
    assert sorted(made) == ["evaluate wavelet simulated", small.REPORT, small.VERDICT]
    # The training is the same, so the new report goes to the run that it has.
    assert result.run_id == first[1].run_id
    assert len(result.tracker.client.search_runs([result.tracker.experiment])) == 1
    tags = result.tracker.client.get_run(result.run_id).data.tags
    assert tags["ecg.logged"] == result.report.ref


def test_a_new_record_is_worked_on_alone(first: First, store: Path) -> None:
    with small.counted() as made:
        dataset = prepare(small.small(store, {"source": {"simulated": {"subjects": 7}}}))
    new = "simulated/sim07"
    steps = {f"{stage} {new}" for stage in ("download", "resample", "mix")}
    assert sorted(made) == sorted(steps | {small.PUBLISH})
    before, after = first[1].dataset.info["splits"], dataset.info["splits"]
    assert after == before | {new: "train"}


def test_own_records_keep_their_splits_when_others_come(
    prefect_server: None, first: First, tmp_path: Path
) -> None:
    tree = tmp_path / "own"
    simulated = first[0].store / "download"
    for number in range(1, 6):
        small.copy_record(simulated, f"simulated/sim{number:02d}", tree)
    for name in small.NOISE:
        small.copy_record(simulated, name, tmp_path / "noise")
    source = {"kind": "folder", "path": tree, "noise_path": tmp_path / "noise"}
    # No list names these subjects: a hash of the name decides, here by shares that fill each split.
    how = {"source": source, "split": {"test_share": 0.4, "validation_share": 0.3, "seed": 3}}
    settings = small.small(tmp_path / "store", how)
    before = prepare(settings).info["splits"]
    assert set(before.values()) == {"train", "validation", "test"}
    small.copy_record(simulated, "simulated/sim06", tree)
    with small.counted() as made:
        after = prepare(settings).info["splits"]
    steps = {f"{stage} own/sim06" for stage in ("download", "resample", "mix")}
    assert sorted(made) == sorted(steps | {"dataset own"})
    assert {subject: after[subject] for subject in before} == before
    assert set(after) == {*before, "own/sim06"}


def test_code_that_changed_makes_its_stage_and_what_follows_run_again(
    first: First, store: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    for name in ("ecgmodel", "tasks", "flows", "tests"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    settings = small.small(store)

    resampling = project / "ecgmodel" / "signals" / "resampling.py"
    figures = project / "ecgmodel" / "evaluation" / "figures.py"
    _edit(resampling, '"""', '"""Another docstring. ')
    with resampling.open("a") as file:
        file.write("\n\n# A comment, which means nothing.\n")
    _edit(figures, "import", "_NEW = 1\nimport", after="from __future__ import annotations\n")
    command = small.run_command(settings, tmp_path / "plot", project)
    command.wait()
    assert sorted(command.made) == sorted([small.REPORT, small.VERDICT])  # both draw figures

    # What only carries the data is no part of it, nor is what an error says.
    for plumbing in ("errors.py", "store/__init__.py", "support/disk.py", "sources/transport.py"):
        with (project / "ecgmodel" / plumbing).open("a") as file:
            file.write("\n\nclass _New(Exception):\n    pass\n")
    with resampling.open("a") as file:
        file.write("_NEW = 1\n")
    command = small.run_command(settings, tmp_path / "resample", project)
    command.wait()
    # The same bytes came out, so that nothing follows.
    assert set(command.made) == small.units("resample", *small.RECORDS, *small.NOISE)


def test_each_stage_reaches_what_shapes_its_output_and_nothing_else(
    first: First, store: Path
) -> None:
    """By the modules that the manifests name; the rooms stand in `docs/design.md`."""
    noise, numbers = "noise", "support"
    may_reach = {
        "download": {"sources", "wfdb", numbers},
        "resample": {"signals", "wfdb", numbers},
        "mix": {"dataset", noise, "signals", numbers},
        "dataset": {"databases", "dataset", "signals", numbers},
        "train": {"training", "networks", "losses", "dataset", noise, "signals", numbers},
        "evaluate": {"evaluation", "denoise", "networks", numbers},
        "export": {"training", "denoise", "networks"},
    }
    for stage, rooms in may_reach.items():
        for manifest in (store / stage).glob("*/manifest.json"):
            reached = set(json.loads(manifest.read_text())["code"]["modules"])
            assert {name.split(".")[1] for name in reached if "." in name} <= rooms, stage
            assert not any(versions.is_plumbing(name) for name in reached), stage
            drawing = {n for n in reached if n.startswith("ecgmodel.evaluation.")} - {
                f"ecgmodel.evaluation.{name}"
                for name in ("evaluate", "examples", "metrics", "summary")
            }
            assert all(n.startswith("ecgmodel.evaluation.baselines") for n in drawing), stage


def _edit(file: Path, old: str, new: str, after: str = "") -> None:
    text = file.read_text()
    start = text.index(after) + len(after)
    assert old in text[start:]
    file.write_text(text[:start] + text[start:].replace(old, new, 1))
