"""What no linter checks: length of files and functions. Run by `make check`."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

FILE_LINES, FUNCTION_LINES = 400, 60
FOLDERS = ("ecgmodel", "tasks", "flows", "benchmarks", "tests")


def offences(file: Path) -> list[str]:
    """Return the file's and its functions' breaches of the limits."""
    text = file.read_text()
    lines = text.count("\n")
    found = [f"{file}: {lines} lines, at most {FILE_LINES}"] if lines > FILE_LINES else []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            length = node.end_lineno - node.lineno + 1
            if length > FUNCTION_LINES:
                where = f"{file}:{node.lineno}: {node.name}"
                found.append(f"{where} has {length} lines, at most {FUNCTION_LINES}")
    return found


if __name__ == "__main__":
    root = Path(__file__).parent.parent
    wrong = [o for folder in FOLDERS for f in (root / folder).rglob("*.py") for o in offences(f)]
    print("\n".join(wrong), end="\n" if wrong else "")
    sys.exit(bool(wrong))
