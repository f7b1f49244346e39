"""The wheel has every file of the packages, and what an index shows of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("ecgmodel", "tasks", "flows")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy: setuptools leaves a folder `build` beside the sources."""
    copy = tmp_path_factory.mktemp("wheel")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("*.pyc"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, copy)
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--no-index", "-w", copy, copy], check=True, timeout=120)
    (built,) = copy.glob("*.whl")
    return built


def test_every_file_of_the_packages_is_in_the_wheel(wheel: Path) -> None:
    files = {
        file.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for file in (ROOT / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert "flows/prefect.yaml" in files  # what `up` deploys
    assert "ecgmodel/py.typed" in files
    with ZipFile(wheel) as archive:
        assert files <= set(archive.namelist())


def test_the_wheel_has_description_licences_and_commands(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        texts = {Path(name).name: archive.read(name) for name in archive.namelist()}
    about: Message = message_from_bytes(texts["METADATA"])
    assert about["License-Expression"] == "MIT"
    assert "# ECG denoiser" in texts["METADATA"].decode()
    assert "Typing :: Typed" in (about.get_all("Classifier") or [])
    assert set(about.get_all("Provides-Extra") or []) >= {"parquet", "web", "pipeline", "all"}
    assert {"LICENSE", "uPlot.LICENSE"} <= {Path(n).name for n in about.get_all("License-File", [])}
    assert "ecg-denoise = ecgmodel.cli.main:main" in texts["entry_points.txt"].decode()
