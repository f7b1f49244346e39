"""Nothing leaves the machine, from any dependency, and no library keeps a file about its user."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml

from ecgmodel.support.paths import ROOT
from tests.flows.small import small
from tests.watched import watch

# Where libraries may keep what they need: fonts, Keras's settings, Prefect's runs.
ROOMS = ("ecgmodel", "tasks", "flows", "benchmarks")
KEPT = (".cache/matplotlib", ".config/matplotlib", ".keras/keras.json", ".prefect")
CALLS_OUT = """
import pathlib, socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    one.connect(("192.0.2.1", 9))  # an address for documentation
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    one.connect(("127.0.0.53", 53))
pathlib.Path.home().joinpath("id").write_text("me")
"""


def recording(folder: Path) -> str:
    time = np.arange(3600) / 360
    np.savetxt(folder / "a.csv", np.sin(2 * np.pi * time), header="ecg_mV", comments="")
    return str(folder / "a.csv")


def left_behind(home: Path, written: set[Path]) -> set[str]:
    """Return what was written outside of the run's folder, and in its home beyond `KEPT`."""
    kept = [home / name for name in KEPT]
    return {
        str(file)
        for file in written
        if not file.is_relative_to(home.parent)
        or (file.is_relative_to(home) and not any(file.is_relative_to(place) for place in kept))
    }


def test_the_watch_sees_a_call_and_a_file(tmp_path: Path) -> None:
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CALLS_OUT!r}])"
    seen = watch(["python", "-c", code], tmp_path)
    assert seen.outside == {"192.0.2.1:9", "127.0.0.53:53"}
    assert left_behind(tmp_path / "home", seen.written) == {str(tmp_path / "home/id")}


def test_the_watch_sees_the_telemetry_of_onnxruntime(tmp_path: Path) -> None:
    command = ["ecg-denoise", "denoise", recording(tmp_path), "--fs", "360", "--out", "out"]
    seen = watch(command, tmp_path, ORT_DISABLE_TELEMETRY="0")
    (folder,) = {str(Path(f).parent) for f in left_behind(tmp_path / "home", seen.written)}
    assert folder.endswith(".onnxruntime")


def test_whatever_imports_onnxruntime_switches_its_telemetry_off_before() -> None:
    importing = 0
    for file in (path for name in ROOMS for path in (ROOT / name).rglob("*.py")):
        text = file.read_text("utf-8")
        before, found, _ = text.partition("import onnxruntime")
        importing += bool(found)
        assert not found or "switch_off_telemetry()" in before, file
    assert importing


def test_the_library_tells_nobody(tmp_path: Path) -> None:
    code = "from ecgmodel import Denoiser; Denoiser.load()"
    seen = watch(["python", "-c", code], tmp_path)
    assert seen.outside == set()
    assert left_behind(tmp_path / "home", seen.written) == set()


def test_denoising_tells_nobody(tmp_path: Path) -> None:
    command = ["ecg-denoise", "denoise", recording(tmp_path), "--fs", "360", "--out", "out"]
    seen = watch([*command, "--plot"], tmp_path)
    assert (tmp_path / "out/a.csv").is_file()
    assert seen.outside == set()
    assert left_behind(tmp_path / "home", seen.written) == set()


def test_a_run_of_the_pipeline_tells_nobody(tmp_path: Path) -> None:
    settings = small(tmp_path / "store", {"training": {"epochs": 1}})
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(settings.model_dump(mode="json")))
    seen = watch(["ecg-denoise", "run", "--config", "settings.yaml"], tmp_path)
    assert "MLflow run" in seen.output
    assert seen.outside == set()
    assert left_behind(tmp_path / "home", seen.written) == set()
