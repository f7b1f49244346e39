"""Code versions: a hash of the modules that a stage's output can depend on."""

from __future__ import annotations

import ast
import hashlib
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ecgmodel.support.paths import ROOT

PACKAGE = "ecgmodel"

PLUMBING = (
    "ecgmodel.errors",
    "ecgmodel.sources._partial_file",
    "ecgmodel.sources.transport",
    "ecgmodel.store",
    *(
        f"ecgmodel.support.{name}"
        for name in (
            *("databases", "disk", "extras", "locks", "machine", "paths", "plugins"),
            *("progress", "quiet", "stopping", "telemetry"),
        )
    ),
)
"""Modules and packages that carry an output and do not shape it. No key depends on them."""


# Python 3.11 fails to parse in two threads at once: SystemError, "AST constructor recursion depth".
_PARSING = threading.Lock()


def code_version(*modules: str) -> dict[str, str]:
    """Return a hash of the syntax tree of each of `modules` and of all modules they import.

    Comments, docstrings, layout, and what errors and warnings say do not affect a hash, and
    `PLUMBING` is left out. The source is parsed, not imported.

    Args:
        *modules: Dotted names, e.g. "ecgmodel.dataset.mixing".

    Raises:
        ModuleNotFoundError: A module is not part of this project.
    """
    return {name: _read(name)[0][:16] for name in reached(*modules)}


def reached(*modules: str) -> list[str]:
    """Return `modules` and all project modules that they import, without `PLUMBING`, sorted.

    Raises:
        ModuleNotFoundError: A module is not part of this project.
    """
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found and not is_plumbing(name):
            found.add(name)
            waiting.extend(_read(name)[1])
    return sorted(found)


def functions(module: str) -> dict[str, str]:
    """Return a hash of each function, method and other statement of a module, by name.

    They change as the hash of `code_version` does, and say where.

    Raises:
        ModuleNotFoundError: It is not part of this project.
    """
    file = _file(module)
    if file is None:
        raise ModuleNotFoundError(f"{module} is not a module of this project", name=module)
    hashes: dict[str, str] = {}
    for name, text in _statements(_bare(file)):
        own = hashlib.sha256((hashes.get(name, "") + text).encode()).hexdigest()
        hashes[name] = own[:16]
    return hashes


def _statements(tree: ast.Module | ast.ClassDef, inside: str = "") -> Iterator[tuple[str, str]]:
    """Yield the name and the dumped tree of each statement, those of classes one by one."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield from _statements(node, f"{inside}{node.name}.")
            head = [*node.bases, *node.keywords, *node.decorator_list]
            yield inside + node.name, "".join(map(ast.dump, head))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield inside + node.name, ast.dump(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            yield inside + ast.unparse(target), ast.dump(node)
        else:
            yield f"{inside}imports and other statements", ast.dump(node)


def is_plumbing(name: str) -> bool:
    """Return whether a module is one of `PLUMBING`, or inside one."""
    return any(name == part or name.startswith(f"{part}.") for part in PLUMBING)


def library_versions(*names: str) -> dict[str, str]:
    """Return the installed versions of libraries, "absent" where one is not installed."""
    return {name: _library(name) for name in names}


def git_commit() -> str:
    """Return the git commit of this project's code, "" outside a checkout."""
    try:
        shown = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return shown.stdout.strip() if shown.returncode == 0 else ""


@cache
def _library(name: str) -> str:
    for distribution in (name, f"{name}-cpu"):  # TensorFlow without CUDA is tensorflow-cpu
        with suppress(PackageNotFoundError):
            return version(distribution)
    return "absent"


def _file(name: str) -> Path | None:
    """Return the source file of a module of this project, or None."""
    path = ROOT.joinpath(*name.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


def _read(name: str) -> tuple[str, tuple[str, ...]]:
    file = _file(name)
    if file is None:
        raise ModuleNotFoundError(f"{name} is not a module of this project", name=name)
    return _parse(name, file, file.stat().st_mtime_ns)


@cache
def _parse(name: str, file: Path, mtime_ns: int) -> tuple[str, tuple[str, ...]]:
    """Return the hash of a module's tree and the names of the project modules it imports."""
    imported = tuple(sorted(_imports(_tree(file), name, file.name == "__init__.py")))
    return hashlib.sha256(ast.dump(_bare(file)).encode()).hexdigest(), imported


def _bare(file: Path) -> ast.Module:
    """Return a module's tree without docstrings and without what errors and warnings say."""
    tree = _tree(file)
    for node in ast.walk(tree):
        _drop_docstring(node)
        _drop_words(node)
    return tree


def _tree(file: Path) -> ast.Module:
    with _PARSING:
        return ast.parse(file.read_bytes())


def _drop_docstring(node: ast.AST) -> None:
    """Remove the docstring of a module, class or function from its tree."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        first = node.body[0] if node.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            node.body = node.body[1:]


def _drop_words(node: ast.AST) -> None:
    """Remove what an error, a warning or a line of a log says: the arguments of their calls."""
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        node.exc.args, node.exc.keywords = [], []
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        said = node.value.func
        if isinstance(said, ast.Attribute) and ast.unparse(said.value) in ("_log", "warnings"):
            node.value.args, node.value.keywords = [], []


def _imports(tree: ast.AST, name: str, is_package: bool) -> set[str]:
    """Return the project modules that a module imports, at its top or inside functions."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(_modules(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = name.split(".") if is_package else name.split(".")[:-1]
                parts = parts[: len(parts) - node.level + 1]
                base = ".".join([*parts, base] if base else parts)
            found.update(_modules(f"{base}.{alias.name}") for alias in node.names)
    return {module for module in found if module}


def _modules(name: str) -> str:
    """Return the longest prefix of a dotted name that is a module of `ecgmodel`, or ""."""
    parts = name.split(".")
    if parts[0] != PACKAGE:
        return ""
    while parts:
        if _file(".".join(parts)):
            return ".".join(parts)
        parts.pop()
    return ""
