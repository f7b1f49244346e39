from __future__ import annotations

import os
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


def test_training_does_not_import_figures_and_mixing_does_not_import_networks() -> None:
    assert not reached("ecgmodel.training.fit") & {
        "ecgmodel.evaluation.figures",
        "ecgmodel.settings.config",
        "ecgmodel.dataset.mixing",
    }
    assert not {
        name for name in reached("ecgmodel.dataset.mixing") if name.startswith("ecgmodel.networks")
    }


def reached(root: str) -> set[str]:
    names, waiting = set(), [root]
    while waiting:
        name = waiting.pop()
        if name not in names:
            names.add(name)
            waiting.extend(versions._read(name)[1])
    return names


def test_tensorflow_without_cuda_is_tensorflow() -> None:
    import tensorflow

    named = versions.library_versions("tensorflow", "no-such-library")
    assert named == {"tensorflow": tensorflow.__version__, "no-such-library": "absent"}
