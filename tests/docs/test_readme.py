"""What the README shows works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wfdb

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_python_block_cleans_a_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = np.arange(3000) / 250
    signal = np.stack([np.sin(5 * time), np.cos(9 * time)], axis=1)
    signal[1000:1100, 0] = np.nan
    names = {"units": ["mV", "mV"], "sig_name": ["I", "II"], "fmt": ["16", "16"]}
    (tmp_path / "my-records").mkdir()
    folder = str(tmp_path / "my-records")
    wfdb.wrsamp("patient7", fs=250, p_signal=signal, write_dir=folder, **names)
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    found: dict[str, Any] = {"pieces": []}
    exec(block.replace("    ...", "    pieces.append(piece)"), found)
    assert found["cleaned"].shape == (3000, 2)
    missing = np.isnan(found["cleaned"])
    assert (missing[:, 0].sum(), missing[:, 1].sum()) == (100, 0)
    assert np.array_equal(found["told"].signal, found["cleaned"], equal_nan=True)
    assert np.array_equal(np.concatenate(found["pieces"]), found["cleaned"], equal_nan=True)


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "docs/benchmarks.md",
        "docs/design.md",
        "docs/extending.md",
        "docs/operations.md",
    ],
)
def test_every_file_that_a_page_names_is_there(page: str) -> None:
    text = (ROOT / page).read_text()
    linked = re.findall(r"\]\(([^)#:]+)\)", text)
    named = re.findall(r"`((?:docs|flows|tasks|tests|ecgmodel)/[\w/.]+\.\w+)`", text)
    example = {
        "NAME",
        "powerline",
        "walking",
        "stdb",
        "dilated",
        "slope",
        "median",
        "worst_record",
    }  # of docs/extending.md
    wanted = {n for n in named if not any(word in Path(n).stem for word in example)}
    assert not [n for n in {*linked, *wanted} if not (ROOT / n).exists()]
