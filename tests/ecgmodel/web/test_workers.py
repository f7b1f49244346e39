"""No job gets the answer to another, whatever a worker says."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx
import numpy as np
import pytest

from ecgmodel.web.refusing import Refused
from ecgmodel.web.settings import Job, Limits, Options, Setup
from ecgmodel.web.work import LONGEST_ERROR
from ecgmodel.web.workers import Worker
from tests.ecgmodel.web.running import awaited

# Answers a job with its folder's name in the place of `{}`; then it is ready for the next.
SAYS = """#!{python}
import json, sys
print(json.dumps({{"name": "stub"}}), flush=True)
for line in sys.stdin:
    job = json.loads(line)["folder"].rpartition("/")[2]
    print({say}, flush=True)
"""
RIGHT = 'json.dumps({"job": job, "name": job})'


@pytest.mark.parametrize(
    "say",
    [
        'json.dumps({"job": job, "error": "x" * 100_000})',
        'json.dumps({"job": "another", "name": job})',
        '"no JSON"',
    ],
    ids=["too long", "another's", "damaged"],
)
def test_a_worker_that_gives_no_answer_is_ended(
    say: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = tmp_path / "stub"
    odd = f'{say} if job == "odd" else {RIGHT}'
    stub.write_text(SAYS.format(python=sys.executable, say=odd))
    stub.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(stub))

    async def work() -> list[str]:
        setup = Setup(root=tmp_path, model="", label="", limits=Limits())
        worker, names = Worker(setup), []
        for name in ("one", "odd", "two", "odd", "three"):
            try:
                outcome = await worker.do(Job(folder=tmp_path / name, options=Options()))
            except Refused as refused:
                names.append(str(refused.status))
            else:
                names.append(outcome.name)
        await worker.stop()
        return names

    assert awaited(work()) == ["one", "500", "two", "500", "three"]


def test_a_long_error_is_the_answer_to_its_own_request_alone(
    client: httpx.Client, tmp_path: Path
) -> None:
    """That names the gains and units of 3,000 segments."""
    import wfdb

    steps = np.arange(20)[:, None]
    for name, gain in (("s1", 200), ("s2", 100)):
        one = {"fs": 360, "units": ["mV" + "µ" * 40], "sig_name": ["II"], "baseline": [0]}
        wfdb.wrsamp(
            name, d_signal=steps, fmt=["16"], adc_gain=[gain], write_dir=str(tmp_path), **one
        )
    segments = "s1 20\ns2 20\n" * 1500
    (tmp_path / "m.hea").write_text(f"m/3000 1 360 60000\n{segments}")
    files = [("file", (path.name, path.read_bytes())) for path in sorted(tmp_path.iterdir())]
    for _ in range(2):
        answer = client.post("/denoise", files=files)
        assert answer.status_code == 422, answer.text
        assert len(answer.json()["error"]) < LONGEST_ERROR + 10
        good = client.post("/denoise", json={"signal": [0.1, 0.2], "fs": 360})
        assert good.status_code == 200, good.text
