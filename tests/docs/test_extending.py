"""The examples of docs/extending.md work when copied into the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/extending.md").read_text()
BLOCK = re.compile(r"^`([\w/]+\.py)`:\n\n```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
# What the settings, the mixing and the report see of the new files.
USE = """
import numpy as np
from ecgmodel.settings.config import load_settings
from ecgmodel.dataset.mix_settings import noise_records
from ecgmodel.evaluation import baselines
from tests.ecgmodel.dataset.made import mixed

settings = load_settings(pairs=[
    "mix.test.types=[bw,powerline,walking]", "mix.train.types.powerline=1",
    "network.architecture=dilated", "mix.window=1023",
    "source.kind=physionet", "source.clean=[stdb]", "evaluation.baselines=[median]",
    "gate.rules=[primary,by_noise,by_snr,no_noise,cost,worst_record]",
    "training.loss=slope"])
assert settings.training.loss == "slope"
assert settings.mix.train.types == {"bw": 1, "ma": 1, "em": 2, "mixed": 1, "powerline": 1}
assert noise_records(settings.mix.test.types) == ("bw", "walk")
assert baselines.label("median") == "running medians, low-pass 35 Hz"
assert baselines.load("median")(np.zeros((2, 5000))).shape == (2, 5000)
from ecgmodel import protocols
from ecgmodel.promotion.judging import needed_protocols
assert "hum" in protocols.names()
hum = protocols.load(protocols.check("hum"))
assert not hum.trains
from pathlib import Path
import tempfile
Path("ecgmodel/promotion/rules/hum.py").write_text("NEEDS = ('hum',)")
assert needed_protocols("primary", "hum") == ("hum",)
from tests.ecgmodel.promotion.test_judging import candidate, table, verdict
worse = candidate("new", table(gain=9.0, by_subject={3: -6.0}))
assert verdict(worse, candidate("old", table()), settings.gate).findings[-1].what == "db/3"
mix = load_settings(pairs=["mix.test.types=[bw,powerline]", "mix.window=1024"]).mix
_, facts = mixed(Path(tempfile.mkdtemp()), "test", mix)
assert facts["rows_by_noise"]["powerline"] == facts["rows_by_noise"]["bw"] > 0, facts
"""


def test_the_examples_work_as_they_stand(tmp_path: Path) -> None:
    for folder in ("ecgmodel", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    blocks = BLOCK.findall(PAGE)
    assert len(blocks) == 16
    for name, text in blocks:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "TMPDIR": str(tmp_path)}
    tests = [name for name, _ in blocks if name.startswith("tests/")]
    networks = "tests/ecgmodel/networks/test_architectures.py"
    interface = f"{networks}::test_every_architecture_implements_the_interface"
    losses = "tests/ecgmodel/losses/test_losses.py"
    assert len(tests) == 7
    for command in (
        ["-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, interface, losses],
        ["-c", USE],
    ):
        done = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
