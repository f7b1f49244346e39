from __future__ import annotations

import gc
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ecgmodel.store import versions


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    package = tmp_path / "ecgmodel"
    package.mkdir()
    (package / "__init__.py").write_text('"""P."""\n')
    (package / "stage.py").write_text("from ecgmodel import helper\n\ndef f():\n    return 1\n")
    (package / "helper.py").write_text("def g():\n    from ecgmodel.deep import h\n    return h\n")
    (package / "deep.py").write_text("h = 1\n")
    (package / "plot.py").write_text("import numpy\ncolour = 'red'\n")
    monkeypatch.setattr(versions, "ROOT", tmp_path)
    return package


def edit(file: Path, text: str) -> None:
    stat = file.stat()
    file.write_text(text)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))


def test_layout_comments_and_docstrings_do_not_change_the_version(project: Path) -> None:
    before = versions.code_version("ecgmodel.stage")
    edit(
        project / "stage.py",
        '"""Doc."""\nfrom ecgmodel import (\n    helper,\n)\n\n\ndef f():\n    """Doc."""\n'
        "    return 1  # one\n",
    )
    assert versions.code_version("ecgmodel.stage") == before


def test_indirectly_imported_code_changes_the_version(project: Path) -> None:
    before = versions.code_version("ecgmodel.stage")
    edit(project / "deep.py", "h = 2\n")
    assert versions.code_version("ecgmodel.stage") != before


def test_code_that_is_not_imported_does_not_change_the_version(project: Path) -> None:
    before = versions.code_version("ecgmodel.stage")
    edit(project / "plot.py", "import numpy\ncolour = 'blue'\n")
    assert versions.code_version("ecgmodel.stage") == before


def test_an_unknown_module_is_an_error(project: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match="nothing"):
        versions.code_version("ecgmodel.nothing")


def test_what_an_error_or_a_warning_says_does_not_change_the_version(project: Path) -> None:
    code = "import warnings\n\n\ndef f(x):\n    {}\n    if x:\n        raise ValueError({})\n"
    edit(project / "stage.py", code.format("warnings.warn('one')", "'one'"))
    before = versions.code_version("ecgmodel.stage")
    edit(project / "stage.py", code.format("warnings.warn(f'two {x}')", "'two', x"))
    assert versions.code_version("ecgmodel.stage") == before
    edit(project / "stage.py", code.format("x = 0", "'one'"))
    assert versions.code_version("ecgmodel.stage") != before


def test_plumbing_does_not_change_the_version(project: Path) -> None:
    (project / "store").mkdir()
    (project / "store" / "__init__.py").write_text("")
    (project / "store" / "locks.py").write_text("a = 1\n")
    (project / "errors.py").write_text("class E(Exception): pass\n")
    edit(project / "deep.py", "from ecgmodel.errors import E\nfrom ecgmodel.store import locks\n")
    before = versions.code_version("ecgmodel.stage")
    assert set(before) == {f"ecgmodel.{name}" for name in ("stage", "helper", "deep")}
    edit(project / "errors.py", "class E(Exception): pass\nclass F(E): pass\n")
    edit(project / "store" / "locks.py", "a = 2\n")
    assert versions.code_version("ecgmodel.stage") == before


def test_tensorflow_without_cuda_is_tensorflow() -> None:
    import tensorflow

    named = versions.library_versions("tensorflow", "no-such-library")
    assert named == {"tensorflow": tensorflow.__version__, "no-such-library": "absent"}


def test_threads_may_read_code_at_once() -> None:
    """Collecting garbage may let another thread run while one parses."""

    def pause(*_: object) -> None:
        time.sleep(0.0001)

    names = ["ecgmodel.store.versions", "ecgmodel.signals.resampling"] * 20
    before = gc.get_threshold()
    gc.set_threshold(50)
    gc.callbacks.append(pause)
    try:
        with ThreadPoolExecutor(8) as threads:
            read = list(threads.map(versions.functions, names))
    finally:
        gc.callbacks.remove(pause)
        gc.set_threshold(*before)
    assert all(one == read[at % 2] for at, one in enumerate(read))
    assert "resample_record" in read[1]
