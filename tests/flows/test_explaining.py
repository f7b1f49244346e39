"""Why something would be made again: the setting, input, function, library or file is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from ecgmodel.errors import SettingsError
from ecgmodel.settings.config import Settings
from ecgmodel.store import Store, Unit, versions
from ecgmodel.store.explaining import differences
from flows.commands.pipeline import explain as explain_command
from flows.explaining import NEVER, explain
from flows.train import Training
from tests.flows import small

First = tuple[Settings, Training]


def reasons(settings: Settings, what: str | None = None) -> dict[str, tuple[str, ...]]:
    """Return the units that would be made again, and why."""
    told = explain(settings, what)
    return {f"{one.stage} {one.name}": one.reasons for one in told if one.reasons}


def test_a_finished_run_would_make_nothing_again(first: First, store: Path) -> None:
    told = explain(small.small(store))
    expected = (small.PREPARED | small.TRAINED) - {small.VERDICT}
    assert {f"{one.stage} {one.name}" for one in told} == expected
    assert all(not one.reasons for one in told)


def test_a_setting_is_named_where_it_counts(store: Path) -> None:
    found = reasons(small.small(store, {"training": {"learning_rate": 5e-3}}))
    # What follows runs if other weights come out, which is not known beforehand.
    assert found == {small.FIT: ("setting training.learning_rate: 0.002, now 0.005",)}
    found = reasons(small.small(store, {"source": {"simulated": {"subjects": 7}}}))
    assert found == {"download simulated/sim07": (NEVER,)}


def test_an_input_a_library_and_a_function_are_named(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small.unit_folder(store, "resample simulated/sim01")
    manifest = json.loads((folder / "manifest.json").read_text())
    code = manifest["code"]
    module = "ecgmodel.signals.resampling"
    table = store / "code" / f"{code['modules'][module]}.json"
    before = json.loads(table.read_text())
    assert before == versions.functions(module)
    table.write_text(json.dumps(before | {"resample_record": "0" * 16}))
    changed = {
        **code,
        "modules": {**code["modules"], module: "1" * 16},
        "libraries": {**code["libraries"], "scipy": "0.1"},
    }
    inputs = {role: "another" for role in manifest["inputs"]}
    unit = Unit("resample", manifest["name"], manifest["settings"], inputs, changed)
    assert differences(Store(store), folder, unit) == [
        "input download is another one, or has other content",
        f"module {module} was changed: resample_record",
        f'library scipy: "{code["libraries"]["scipy"]}", now "0.1"',
    ]
    table.unlink()
    assert f"module {module} was changed" in differences(Store(store), folder, unit)


def test_a_damaged_file_is_named_and_a_folder_is_compared(store: Path) -> None:
    folder = small.unit_folder(store, small.FIT)
    settings = small.small(store)
    assert reasons(settings, str(folder)) == {}
    small.alter(folder / "model.keras")
    said = "file model.keras was altered after it was made"
    assert reasons(settings, str(folder)) == {small.FIT: (said,)}
    assert reasons(settings, "train") == {small.FIT: (said,)}
    other = small.small(store, {"network": {"options": {"filters": [4]}}})
    (why,) = reasons(other, str(folder)).values()
    assert why == ("setting network.options.filters: [8, 4], now [4]",)


def test_an_empty_store_and_a_missing_file_are_no_surprise(store: Path, tmp_path: Path) -> None:
    empty = reasons(small.small(tmp_path / "empty"))
    assert set(empty.values()) == {(NEVER,)}
    assert {name.split()[0] for name in empty} == {"download"}
    (small.unit_folder(store, small.FIT) / "model.keras").unlink()
    assert reasons(small.small(store)) == {small.FIT: ("file model.keras is missing",)}


def test_what_is_neither_stage_nor_folder_is_refused(store: Path) -> None:
    with pytest.raises(SettingsError, match=r"neither a stage \(download, .*manifest\.json"):
        explain(small.small(store), "mixing")


def test_the_command_says_it(store: Path, tmp_path: Path) -> None:
    tree = small.small(store).model_dump(mode="json")
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(tree))
    arguments = ["mix", "--config", str(tmp_path / "s.yaml"), "--set", "mix.seed=5"]
    said = CliRunner().invoke(explain_command, arguments, catch_exceptions=False)
    assert "mix simulated/sim01\n    setting mix.seed: 0, now 5\n" in said.output
    assert said.output.endswith("6 would be made again, 0 are kept.\n")
