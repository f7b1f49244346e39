"""The notebook runs from top to bottom, and shows what it says it shows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

NOTEBOOK = Path(__file__).parents[2] / "docs/quickstart.ipynb"
MAX_BYTES = 300_000
# Run after the last cell: what a reader could look at, as JSON.
FACTS = """
import json
gain = summary[summary["metric"] == "snr_improvement"].set_index(["method", "noise_type", "snr_db"])
subjects = {s: sorted({j.subject for _, j in jobs if j.split == s}) for s in set(split.values())}
print(json.dumps({
    "gain": {n: gain.loc[("model", n, -6.0), "mean"] for n in settings.mix.test.types},
    "no_filter": gain.loc["none", "mean"].abs().max(),
    "subjects": subjects,
    "snr": [snr(noisy), snr(cleaned)],
    "lengths": [len(clean), len(cleaned)],
    "store": str(store.root),
}))
"""


def pictures(notebook: nbformat.NotebookNode) -> int:
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", ())]
    return sum("image/png" in o.get("data", {}) for o in outputs)


def test_it_runs_and_the_model_beats_doing_nothing_where_noise_is_strong(tmp_path: Path) -> None:
    notebook = nbformat.read(NOTEBOOK, 4)
    kept_pictures = pictures(notebook)
    notebook.cells.append(new_code_cell(FACTS))
    resources = {"metadata": {"path": str(tmp_path)}}
    client = NotebookClient(notebook, timeout=400, resources=resources)
    client.execute(env={**os.environ, "TMPDIR": str(tmp_path)})
    printed = [o["text"] for o in notebook.cells[-1].outputs if o.get("name") == "stdout"]
    facts = json.loads("".join(printed))

    assert min(facts["gain"].values()) > 3
    assert facts["no_filter"] < 1e-9
    before, after = facts["snr"]
    assert abs(before) < 0.01
    assert after > 3
    assert facts["lengths"] == [43_200, 43_200]
    people = [subject for subjects in facts["subjects"].values() for subject in subjects]
    assert len(people) == len(set(people)) == 16
    assert pictures(notebook) == kept_pictures == 6
    assert {p.name for p in tmp_path.iterdir() if p.is_dir()} >= {"ecg-quickstart"}
    assert facts["store"] == str(tmp_path / "ecg-quickstart")


def test_what_is_kept_of_its_outputs_is_small_and_holds_no_errors_or_paths() -> None:
    assert NOTEBOOK.stat().st_size < MAX_BYTES
    outputs = [o for cell in nbformat.read(NOTEBOOK, 4).cells for o in cell.get("outputs", ())]
    assert {o.output_type for o in outputs} <= {"stream", "display_data", "execute_result"}
    assert not [o for o in outputs if o.get("name") == "stderr"]
    assert str(Path.home()) not in "".join(o.get("text", "") for o in outputs)


def test_without_the_package_it_says_what_to_do(tmp_path: Path) -> None:
    cells = nbformat.read(NOTEBOOK, 4).cells
    first = next(cell.source for cell in cells if cell.cell_type == "code")
    # Isolated and without site-packages, as in a fresh Colab.
    bare = [sys.executable, "-I", "-S", "-c", first]
    done = subprocess.run(bare, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode != 0
    assert "Set REPOSITORY" in done.stderr
