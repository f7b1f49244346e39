"""Makes the pictures of the documentation again.

    python docs/make_images.py trace store/evaluate/model-*/examples.npz
    python docs/make_images.py before-after physionet/nstdb/1.0.0/118e06.hea --at 9:12
    python docs/make_images.py notebook

The first draws `docs/images/trace.png` from a segment that an evaluation kept; the second
`docs/images/before-after.png`, six seconds of a recording's first lead; the third runs
`docs/quickstart.ipynb` and keeps its outputs, without progress bars and with small pictures.
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import tempfile
from pathlib import Path

from PIL import Image

DOCS = Path(__file__).parent
NOTEBOOK = DOCS / "quickstart.ipynb"
COLOURS = 48  # enough for a few lines on paper, and a quarter of the bytes


def draw_trace(
    examples: Path, role: str, noise: str, into: Path = DOCS / "images/trace.png"
) -> None:
    """Draw one of the segments of an evaluation on ECG paper, and say which it is."""
    from ecgmodel.evaluation.examples import Example
    from ecgmodel.evaluation.figures import encode
    from ecgmodel.evaluation.traces import section_figure
    from ecgmodel.support.dataclass_files import load

    shown = next(e for e in load(examples, Example) if (e.role, e.noise_type) == (role, noise))
    into.parent.mkdir(exist_ok=True)
    into.write_bytes(shrink(encode(section_figure(shown), "png", dpi=110)))
    print(
        f"{into}: {into.stat().st_size:,} bytes. {role} segment: {shown.record}, lead "
        f"{shown.lead}, from {shown.start / shown.fs:.0f} s, {shown.noise_type} at "
        f"{shown.snr_db:g} dB, improvement {shown.snr_improvement:+.1f} dB"
    )


def draw_before_after(record: Path, at: str, into: Path = DOCS / "images/before-after.png") -> None:
    """Draw six seconds of a recording's first lead, before and after."""
    from ecgmodel import Denoiser, read_ecg
    from ecgmodel.evaluation.before_after import before_after_figure
    from ecgmodel.evaluation.encoding import encode
    from ecgmodel.evaluation.sheet import Drawn

    ecg = read_ecg(record)
    cleaned = Denoiser.load().clean(ecg.signal, ecg.fs)
    minutes, seconds = map(int, at.split(":"))
    first = round((60 * minutes + seconds) * ecg.fs)
    drawn = Drawn(ecg.signal[:, :1], cleaned.signal[:, :1], (), ecg.fs, ecg.leads[:1])
    figure = before_after_figure(drawn, start=first)
    into.write_bytes(shrink(encode(figure, "png", dpi=110)))
    print(f"{into}: {into.stat().st_size:,} bytes")


def run_notebook(path: Path = NOTEBOOK) -> None:
    """Run the notebook in an empty folder, and write it back with small outputs."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, 4)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TMPDIR"] = folder  # the notebook's store lies there
        resources = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=600, resources=resources).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
            for output in cell.outputs:
                _shrink_output(output)
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, path)
    print(f"{path}: {path.stat().st_size:,} bytes")


def shrink(png: bytes) -> bytes:
    """Return a PNG with few colours."""
    buffer = io.BytesIO()
    image = Image.open(io.BytesIO(png)).convert("RGB")
    image.quantize(COLOURS).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _shrink_output(output: dict) -> None:
    data = output.get("data", {})
    if "image/png" in data:
        small = shrink(base64.b64decode(data["image/png"]))
        data["image/png"] = base64.b64encode(small).decode()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    trace = commands.add_parser("trace", help="draw docs/images/trace.png")
    trace.add_argument("examples", type=Path, help="examples.npz of an evaluation")
    trace.add_argument("--role", default="median", choices=("best", "median", "worst"))
    trace.add_argument("--noise", default="mixed", help="noise type")
    noisy = commands.add_parser("before-after", help="draw docs/images/before-after.png")
    noisy.add_argument("record", type=Path, help="a WFDB header")
    noisy.add_argument("--at", default="9:12", help="where it begins, min:s")
    commands.add_parser("notebook", help="run docs/quickstart.ipynb")
    asked = parser.parse_args()
    if asked.command == "trace":
        draw_trace(asked.examples, asked.role, asked.noise)
    elif asked.command == "before-after":
        draw_before_after(asked.record, asked.at)
    else:
        run_notebook()
