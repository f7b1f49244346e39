"""Everything done: the command answers at once, unless anything is not as it was."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ecgmodel.settings.config import Settings
from flows import receipts
from flows.pipeline import pipeline
from flows.train import Training
from tasks.tracking import Registry
from tests.flows import small

First = tuple[Settings, Training]


@pytest.fixture
def done(store: Path) -> tuple[Settings, Training]:
    """A store of its own in which everything is done, with a receipt of it."""
    small.move_artifacts(store)
    settings = small.small(store)
    result = pipeline(settings)
    receipts.keep(settings, result, "as it was")
    return settings, result


def test_a_command_with_all_done_starts_neither_prefect_nor_mlflow(
    first: First, store: Path, tmp_path: Path
) -> None:
    settings = small.small(store)
    looked = small.run_command(settings, tmp_path / "looked")
    text = looked.wait()
    assert looked.made == []
    assert looked.modules & {"tensorflow", "keras", "matplotlib"} == set()
    assert {"prefect", "mlflow"} <= looked.modules
    again = small.run_command(settings, tmp_path / "again")
    told = again.wait()
    assert again.modules & {"prefect", "mlflow", "tensorflow", "keras", "matplotlib"} == set()
    assert told.startswith("Nothing to do: all is as the run of ")
    assert told.endswith(text[text.index("Mean SNR") :])
    assert first[1].run_id in told
    assert "Trained by the flow run 'train conv_autoencoder on simulated' (" in told


def test_only_the_same_settings_code_and_libraries_find_a_receipt(
    done: First, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, _ = done
    assert "as it was" in str(receipts.find(settings))
    assert receipts.find(small.small(settings.store, {"training": {"seed": 9}})) is None
    for name in ("ecgmodel", "flows", "tasks"):
        no_cache = shutil.ignore_patterns("__pycache__")
        shutil.copytree(receipts.ROOT / name, tmp_path / "code" / name, ignore=no_cache)
    monkeypatch.setattr(receipts, "ROOT", tmp_path / "code")
    assert receipts.find(settings)
    shipped = tmp_path / "code" / "ecgmodel" / "models" / "default"
    for file in (shipped / "model.keras", shipped / "SHA256SUMS", tmp_path / "code/flows/gate.py"):
        before = file.read_bytes()
        small.alter(file)
        assert receipts.find(settings) is None
        file.write_bytes(before)
    assert receipts.find(settings)
    monkeypatch.undo()
    monkeypatch.setattr(receipts, "_libraries", lambda: ["numpy==0"])
    assert receipts.find(settings) is None
    monkeypatch.undo()
    assert receipts.find(settings)


def test_a_changed_or_deleted_file_is_looked_into(done: First) -> None:
    settings, result = done
    network = result.model.file("model.keras")
    logged = next((settings.store / "mlflow").rglob("model.onnx"))
    exported = small.unit_folder(settings.store, small.EXPORT) / "model.onnx"
    for file in (network, logged, exported, result.dataset.path / "manifest.json"):
        before = file.read_bytes()
        small.alter(file)  # size and time of change stay
        assert receipts.find(settings) is None
        file.write_bytes(before)  # other times, the same bytes
        assert receipts.find(settings)
        away = file.rename(file.with_name("away"))
        assert receipts.find(settings) is None
        away.rename(file)
        assert receipts.find(settings)


def test_a_moved_store_is_hashed_once(done: First, tmp_path: Path) -> None:
    settings, _ = done
    shutil.copytree(settings.store, tmp_path / "moved")
    settings.store.rename(tmp_path / "away")
    (tmp_path / "moved").rename(settings.store)
    (file,) = (settings.store / "receipts").iterdir()
    before = json.loads(file.read_text())
    assert receipts.find(settings)
    after = json.loads(file.read_text())
    assert after != before
    assert {n: sha for n, (_, sha) in after["files"].items()} == {
        name: sha for name, (_, sha) in before["files"].items()
    }
    assert receipts.find(settings)
    assert json.loads(file.read_text()) == after


def test_what_mlflow_no_longer_says_is_looked_into(done: First) -> None:
    settings, result = done
    client = result.tracker.client
    registry = Registry(result.tracker)
    registry.promote(registry.version(1), "hand", "for this test")
    assert receipts.find(settings) is None
    receipts.keep(settings, result, "as it was")
    assert receipts.find(settings)
    client.delete_run(result.run_id)
    assert receipts.find(settings) is None
    client.restore_run(result.run_id)
    assert receipts.find(settings)
    client.delete_registered_model(settings.tracking.model)
    assert receipts.find(settings) is None


def test_a_source_that_lists_another_record_is_looked_into(
    prefect_server: None, first: First, tmp_path: Path
) -> None:
    mirror = small.make_mirror(first[0].store / "download", tmp_path / "mirror")
    settings = small.small(tmp_path / "store", small.from_mirror(str(mirror)))
    receipts.keep(settings, pipeline(settings), "as it was")
    assert receipts.find(settings)
    listed = mirror / "mitdb" / "1.0.0" / "RECORDS"
    listed.write_text(listed.read_text() + "sim99\n")
    assert receipts.find(settings) is None


def test_a_file_that_changed_after_its_check_gets_no_receipt(
    done: First, caplog: pytest.LogCaptureFixture
) -> None:
    settings, result = done
    (receipt,) = (settings.store / "receipts").iterdir()
    altered = (
        result.finished.exported.file("model.onnx"),
        next((settings.store / "mlflow").rglob("model.onnx")),
        next((settings.store / "mlflow").rglob("verdict.md")),
        result.dataset.path / "manifest.json",
    )
    for file in altered:
        before = file.read_bytes()
        receipt.unlink()
        file.write_bytes(before[:-2])
        receipts.keep(settings, result, "as it was")
        assert not receipt.exists()
        assert "The next run will look everything up again: " in caplog.text
        file.write_bytes(before)
        receipts.keep(settings, result, "as it was")
        assert receipt.exists()


def test_a_project_that_was_moved_is_told_its_new_places(
    done: First, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = small.small(Path("store"))
    monkeypatch.chdir(tmp_path)
    assert settings.store == Path("store")
    printed = f"Model {done[0].store}/train/model.keras, 'sqlite:///{done[0].store}/mlflow.db'"
    receipts.keep(settings, done[1], printed)
    (tmp_path / "moved").mkdir()
    monkeypatch.chdir(tmp_path / "moved")
    done[0].store.rename("store")
    told = str(receipts.find(settings))
    assert told.endswith(printed.replace(str(done[0].store), str(tmp_path / "moved" / "store")))


def test_what_was_deleted_from_mlflow_or_altered_there_is_put_back(done: First) -> None:
    settings, result = done
    artifacts = settings.store / "mlflow" / "artifacts"
    (model,) = artifacts.glob("models/*/artifacts")
    run = artifacts / result.run_id / "artifacts"
    gone = (
        model / "MLmodel",
        model / "code/ecgmodel/denoise/denoiser.py",
        run / "figures/loss.png",
    )
    altered = (
        *(model / "artifacts/model.onnx", model / "code/ecgmodel/errors.py"),
        *(run / "report.html", run / "dataset.json", next(run.rglob("verdict.html"))),
    )
    before = {file: file.read_bytes() for file in (*gone, *altered)}
    for file in gone:
        file.unlink()
    for file in altered:
        small.alter(file)
    altered[2].write_bytes(b"x")
    with small.counted() as made:
        again = pipeline(settings)
    assert made == []
    assert again.run_id == result.run_id
    assert again.judged.version == 1
    changed = [file for file in before if file.read_bytes() != before[file]]
    # The one has the time of its making in it, the other the dataset's folder: the store is a copy.
    assert changed == [model / "MLmodel", run / "dataset.json"]
    facts, then = (json.loads(text) for text in (changed[1].read_bytes(), before[changed[1]]))
    assert facts == then | {"folder": str(settings.store / "dataset" / result.dataset.path.name)}
    receipts.keep(settings, again, "as it was")
    assert receipts.find(settings)
    import mlflow.pyfunc

    mlflow.set_tracking_uri(again.tracker.uri)
    assert mlflow.pyfunc.load_model(f"models:/{settings.tracking.model}/1")
    assert receipts.find(settings)  # Python's cache beside the model's code is no part of it


def test_a_model_that_was_deleted_in_mlflow_is_logged_and_registered_again(done: First) -> None:
    settings, result = done
    client = result.tracker.client
    (output,) = client.get_run(result.run_id).outputs.model_outputs
    client.delete_logged_model(output.model_id)
    assert receipts.find(settings) is None
    again = pipeline(settings)
    assert again.run_id == result.run_id
    assert again.judged.version == 2
    assert Registry(again.tracker).version(2).model_id != output.model_id
    receipts.keep(settings, again, "as it was")
    assert receipts.find(settings)


def test_a_champion_that_lost_its_files_gets_them_back_when_another_is_trained(
    store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    small.move_artifacts(store)
    settings = small.small(store)
    registry = Registry(pipeline(settings).tracker)
    registry.promote(registry.version(1), "hand", "for this test")
    lost = next((store / "mlflow").rglob("model.onnx"))
    before = lost.read_bytes()
    lost.unlink()
    result = pipeline(small.small(store, {"training": {"seed": 9}}))
    assert result.judged.version == 2
    assert lost.read_bytes() == before
    assert "artifacts/model.onnx of version 1 of ecg-denoiser had been deleted" in caplog.text
