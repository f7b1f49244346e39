"""The house's rules: who imports whom, what is deployed, and what a help text may load."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
FOLDERS = ("ecgmodel", "tasks", "flows")
# What each folder may import of the project and of the two frameworks.
ALLOWED = {
    "ecgmodel": {"ecgmodel"},
    "tasks": {"ecgmodel", "tasks", "prefect", "mlflow"},
    "flows": {"ecgmodel", "tasks", "flows", "prefect"},
}
WATCHED = {"ecgmodel", "tasks", "flows", "tests", "benchmarks", "prefect", "mlflow"}
HEAVY = (
    *("tensorflow", "keras", "prefect", "mlflow", "numpy", "scipy", "pandas", "pyarrow"),
    *("matplotlib", "pydantic", "wfdb", "httpx", "neurokit2", "pywt"),
)


def imported(file: Path) -> set[str]:
    """Return the first names of all modules that a file imports, wherever the import stands."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import"
            names.add(node.module or "")
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize("folder", FOLDERS)
def test_imports_go_one_way(folder: str) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    wrong = {
        str(file.relative_to(ROOT)): forbidden
        for file in files
        if (forbidden := (imported(file) & WATCHED) - ALLOWED[folder])
    }
    assert wrong == {}


def test_one_package_speaks_with_mlflow() -> None:
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")]
    speakers = {str(f.parent.relative_to(ROOT)) for f in files if "mlflow" in imported(f)}
    assert speakers == {"tasks/tracking"}


def deployments() -> list[dict]:
    return yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]


@pytest.mark.parametrize("deployment", deployments(), ids=lambda d: d["name"])
def test_what_is_deployed_loads_and_takes_its_parameters(deployment: dict) -> None:
    from prefect import Flow
    from prefect.flows import load_flow_from_entrypoint

    path, _, name = deployment["entrypoint"].partition(":")
    flow = load_flow_from_entrypoint(f"{ROOT / path}:{name}")
    assert isinstance(flow, Flow)
    parameters = deployment["parameters"]
    required = set(flow.parameters.required or ())
    given = flow.validate_parameters(parameters | {n: "." for n in required - set(parameters)})
    assert type(given["settings"]).__name__ == "Settings"
    assert deployment["description"]


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["web", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from ecgmodel.cli.main import cli\n"
        f"try: cli.main({arguments!r})\n"
        f"finally: print('LOADED', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "LOADED []" in done.stdout
    assert "Usage:" in done.stdout


def test_the_command_is_installed_under_its_name() -> None:
    command = Path(sys.executable).with_name("ecg-denoise")
    if not command.is_file():
        pytest.skip("the project is not installed in this environment")
    done = subprocess.run([command, "--help"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    stages = ("run", "prepare", "train", "evaluate", "export", "check", "settings")
    for name in (*stages, "denoise", "retrain", "promote", "rollback", "history", "gc"):
        assert f"\n  {name} " in done.stdout
