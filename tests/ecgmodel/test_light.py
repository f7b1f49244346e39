"""Cleaning takes NumPy, SciPy, onnxruntime, wfdb, pydantic and what these bring, no more."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from ecgmodel.sources.example import write_example

GIVEN = ("numpy", "scipy", "onnxruntime", "wfdb", "pydantic")
FENCE = """
import sys
from importlib import metadata

allowed = set(sys.argv[1].split(","))
owners = metadata.packages_distributions()


class Fence:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        owned = {o.lower().replace("_", "-") for o in owners.get(top, ())}
        if owned and not owned & allowed and top != "ecgmodel":
            raise ModuleNotFoundError(f"{name} is not there", name=name)


sys.meta_path.insert(0, Fence())
"""
CLEAN = """
import numpy as np
from ecgmodel.denoise.denoiser import Denoiser

denoiser = Denoiser.load()
signal = np.random.default_rng(0).normal(size=(9000, 2))
assert denoiser(signal, 250).shape == signal.shape
assert len(denoiser.clean(signal[:, 0], 500).windows) == 2
assert sum(map(len, denoiser.stream([signal, signal], 360))) == 18000

from pathlib import Path
from tempfile import TemporaryDirectory

from ecgmodel.files import Ecg, find_recordings, read_ecg, write_ecg

with TemporaryDirectory() as folder:
    made = Path(folder, "a.npz")
    np.savez(made, signal=signal, fs=250.0, unit="mV")
    for format in ("wfdb", "csv", "npy", "npz"):
        (out, *_) = write_ecg(made, read_ecg(made), Path(folder, format), comment="", format=format)
        if format != "npy":
            assert read_ecg(out).fs == 250
    assert len(find_recordings([folder])) == 5
try:
    import yaml
except ModuleNotFoundError:
    print("fenced")
"""


COMMAND = """
import sys

from ecgmodel.cli.main import main

sys.argv[:] = ["ecg-denoise", "denoise", *sys.argv[2:]]
main()
"""


def closure(names: tuple[str, ...]) -> set[str]:
    """Return distributions and all that they require."""
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop().lower().replace("_", "-")
        if name in found:
            continue
        found.add(name)
        try:
            required = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # for another platform
            continue
        todo += [re.split(r"[^\w.-]", r, maxsplit=1)[0] for r in required if "extra ==" not in r]
    return found


def fenced(allowed: set[str], code: str, *arguments: str) -> str:
    """Run code that can import only these distributions, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", FENCE + code, ",".join(sorted(allowed)), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def test_the_core_needs_no_extra() -> None:
    allowed = closure(GIVEN)
    assert not allowed & {"pyyaml", "keras", "tensorflow", "prefect", "mlflow", "filelock"}
    assert fenced(allowed, CLEAN) == "fenced"


def test_the_command_denoises_with_all_extra_files_and_no_extra(tmp_path: Path) -> None:
    allowed = closure(("ecg-denoiser",))
    assert not allowed & {"filelock", "httpx", "pyarrow", "psutil", "prefect", "mlflow", "keras"}
    (header, *_) = write_example(tmp_path)
    wanted = ("--plot", "--quality", "--report")
    fenced(allowed, COMMAND, str(header), "--out", str(tmp_path / "out"), *wanted)
    suffixes = {file.suffix for file in (tmp_path / "out").iterdir()}
    assert suffixes >= {".hea", ".dat", ".png", ".csv", ".html"}
