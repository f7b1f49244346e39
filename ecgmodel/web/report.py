"""A cleaned recording as one page that needs nothing else: the service's page with its data."""

from __future__ import annotations

import base64
import io
import json
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgmodel.denoise.trust import Window
from ecgmodel.files import Recording
from ecgmodel.store import write_text
from ecgmodel.support.samples import Samples, spans
from ecgmodel.web.view import facts_of, pack, page_facts

PAGE = Path(__file__).with_name("page")
VENDOR = PAGE / "vendor"
MOST_SAMPLES = 6_000_000
"""Of all leads, before and after. A longer recording is thinned: of each few samples the page holds
the lowest and the highest, so that no spike is lost; it weighs about 10 MB at most."""
STEPS_PER_MV = 1024.0  # signals are rounded to 1 uV, so that they can be packed

START = 'import "report.js";'
SERVICE = (
    "main.js",
    "service.js",
    "pieces.js",
    "docs.js",
)  # what the page has for the service alone

_SERVICE = re.compile(r"<!-- service -->.*?<!-- /service -->", re.DOTALL)


def write_report(
    path: Path,
    name: str,
    ecg: Recording,
    cleaned: Samples,
    windows: Sequence[Window],
    label: str,
) -> Path:
    """Write a page with a recording before and after, to zoom and pan through, and its figures.

    Args:
        path: The `.html` file.
        name: What the recording is called.
        ecg: What went in.
        cleaned: What came out.
        windows: The assessment of each section of 10 s.
        label: How the page names the network.
    """
    data = base64.b64encode(zlib.compress(_view(name, ecg, cleaned, windows, label), 6)).decode()
    page = _SERVICE.sub("", _read(PAGE / "index.html"))
    styles = "\n".join(_read(file) for file in (VENDOR / "uPlot.min.css", PAGE / "style.css"))
    head = [f"<style>\n{styles}</style>", _script(_read(VENDOR / "uPlot.iife.min.js")), _modules()]
    body = f'<script id="data" type="text/plain">{data}</script>\n{_script(START, "module")}'
    page = page.replace("</head>", "\n".join([*head, "</head>"]))
    page = page.replace("</body>", f"{body}\n</body>")
    write_text(path, page)
    return path


def _view(
    name: str, ecg: Recording, cleaned: Samples, windows: Sequence[Window], label: str
) -> bytes:
    """Return the recording as the page reads it."""
    facts = facts_of(ecg, cleaned, windows, label) | page_facts(ecg) | {"recording": name}
    each = -(-2 * len(ecg.signal) * len(ecg.leads) // MOST_SAMPLES)
    remarks = list(ecg.remarks)
    if each > 1:
        facts["windows"] = [
            {**w, "start": w["start"] // each, "stop": w["stop"] // each} for w in facts["windows"]
        ]
        facts["fs"] = ecg.fs / each
        remarks.append(
            f"long recording: displayed as minimum and maximum of every {2 * each} samples"
        )
    pairs = list(zip(_small(ecg.signal, each).T, _small(cleaned, each).T, strict=True))
    facts |= {"remarks": remarks, "samples": len(pairs[0][0]), "file": {"name": "", "media": ""}}
    out = io.BytesIO()
    pack(out, facts, pairs)
    return out.getvalue()


def _small(signal: Samples, each: int) -> NDArray[np.float32]:
    """Return a signal in steps of 1 uV; thinned, the extremes of blocks in their order in time."""
    pieces = [_thinned(signal[part], each) for part in spans(signal.shape, 2 * each)]
    return np.concatenate(pieces)


def _thinned(piece: NDArray[np.float64], each: int) -> NDArray[np.float32]:
    if each > 1:
        leads = piece.shape[1]
        blocks = piece[: len(piece) // (2 * each) * 2 * each].reshape(-1, 2 * each, leads)
        gone = np.isnan(blocks)
        low = np.where(gone, np.inf, blocks).argmin(axis=1)
        high = np.where(gone, -np.inf, blocks).argmax(axis=1)
        order = np.stack([np.minimum(low, high), np.maximum(low, high)], axis=1)
        piece = np.take_along_axis(blocks, order, axis=1).reshape(-1, leads)
    rounded = np.round(piece * STEPS_PER_MV) / STEPS_PER_MV
    return rounded.astype(np.float32)


def _modules() -> str:
    """Return the page's modules by name: a file has no folder to import them from."""
    addresses = {}
    for file in sorted(PAGE.glob("*.js")):
        if file.name in SERVICE:
            continue
        text = _read(file).replace('from "./', 'from "')
        code = base64.b64encode(text.encode()).decode()
        addresses[file.name] = f"data:text/javascript;base64,{code}"
    return _script(json.dumps({"imports": addresses}), "importmap")


def _script(text: str, kind: str = "text/javascript") -> str:
    text = text.replace("</script", chr(60) + chr(92) + "/script")
    return f'<script type="{kind}">\n{text}\n</script>'


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8")
