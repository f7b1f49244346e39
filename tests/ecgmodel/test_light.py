"""Cleaning takes NumPy, SciPy, onnxruntime, wfdb, pydantic and what these bring, no more."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata

GIVEN = ("numpy", "scipy", "onnxruntime", "wfdb", "pydantic")
CLEAN = """
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


def test_nothing_else_is_needed() -> None:
    allowed = closure(GIVEN)
    assert not allowed & {"pyyaml", "keras", "tensorflow", "prefect", "mlflow", "filelock"}
    done = subprocess.run(
        [sys.executable, "-c", CLEAN, ",".join(sorted(allowed))],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip() == "fenced"
