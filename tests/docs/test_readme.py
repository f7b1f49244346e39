"""What the README and the pages show works as it stands there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wfdb

from ecgmodel.files import read_ecg, write_ecg
from ecgmodel.sources.example import write_example
from tests.ecgmodel.web.running import web

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
USING = (ROOT / "docs/using.md").read_text()


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
    (short,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    brief: dict[str, Any] = {}
    exec(short, brief)
    (block,) = re.findall(r"```python\n(.*?)```", USING, flags=re.DOTALL)
    found: dict[str, Any] = {"pieces": []}
    exec(block.replace("    ...", "    pieces.append(piece)"), found)
    assert found["cleaned"].shape == (3000, 2)
    assert np.array_equal(brief["cleaned"], found["cleaned"], equal_nan=True)
    missing = np.isnan(found["cleaned"])
    assert (missing[:, 0].sum(), missing[:, 1].sum()) == (100, 0)
    assert np.array_equal(found["result"].signal, found["cleaned"], equal_nan=True)
    assert np.array_equal(np.concatenate(found["pieces"]), found["cleaned"], equal_nan=True)


def test_the_lines_for_programs_clean_files(tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    (block,) = re.findall(r"```bash\n(curl -F file=.*?)```", USING, flags=re.DOTALL)
    (header, *_) = write_example(tmp_path)
    for part in ("hea", "dat", "atr"):
        text = header.with_suffix(f".{part}").read_bytes().replace(b"example", b"100")
        (tmp_path / f"100.{part}").write_bytes(text)
    (edf,) = write_ecg(header, read_ecg(header), tmp_path, comment="", format="edf")
    edf.rename(tmp_path / "holter.edf")
    values = np.sin(np.arange(2500) / 9).round(4)
    (tmp_path / "night.csv").write_text("II,x\n" + "\n".join(f"{v},1" for v in values))
    with web(tmp_path / "served") as running:
        lines = block.replace("http://127.0.0.1:8460", running.url).replace("curl", "curl -sSf")
        done = subprocess.run(
            ["bash", "-ec", lines], cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(tmp_path / "100.zip") as archive:
        assert sorted(archive.namelist()) == ["100.atr", "100.dat", "100.hea"]
    assert len((tmp_path / "night-clean.csv").read_text().splitlines()) == 2501
    assert read_ecg(tmp_path / "holter-clean.edf").signal.shape == (108_000, 2)
    told = json.loads(done.stdout)
    assert (len(told["signal"]), told["signal"][3], len(told["windows"])) == (4, None, 1)


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "docs/benchmarks.md",
        "docs/design.md",
        "docs/extending.md",
        "docs/operations.md",
        "docs/results.md",
        "docs/training.md",
        "docs/using.md",
    ],
)
def test_every_file_that_a_page_names_is_there(page: str) -> None:
    text = (ROOT / page).read_text()
    folder = (ROOT / page).parent
    linked = [str(folder / link) for link in re.findall(r"\]\(([^)#:]+)\)", text)]
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
        "json",
    }  # of docs/extending.md
    wanted = {n for n in named if not any(word in Path(n).stem for word in example)}
    # The protocol of docs/extending.md has the name of a noise type that is there.
    wanted -= {"ecgmodel/protocols/hum.py", "tests/ecgmodel/protocols/test_hum.py"}
    assert not [n for n in {*linked, *wanted} if not (ROOT / n).exists()]
