"""A cleaned recording as one page that needs nothing else: the service's page with its data."""

from __future__ import annotations

import base64
import io
import json
import re
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgmodel.denoise.trust import Cleaned
from ecgmodel.files import Ecg
from ecgmodel.store import write_text
from ecgmodel.web.view import facts_of, pack

PAGE = Path(__file__).with_name("page")
VENDOR = PAGE / "vendor"
MOST_SAMPLES = 6_000_000
"""Of all leads, before and after. A longer recording is thinned: of each few samples the page holds
the lowest and the highest, so that no spike is lost; it weighs about 10 MB at most."""
STEPS_PER_MV = 1024.0  # signals are rounded to 1 uV, so that they can be packed

START = 'import "report.js";'
SERVICE = ("main.js", "service.js")  # what the page has for the service alone

_SERVICE = re.compile(r"<!-- service -->.*?<!-- /service -->", re.DOTALL)


def write_report(path: Path, name: str, ecg: Ecg, cleaned: Cleaned, label: str) -> Path:
    """Write a page with a recording before and after, to zoom and pan through, and its figures.

    Args:
        path: The `.html` file.
        name: What the recording is called.
        ecg: What went in.
        cleaned: What came out.
        label: How the page names the network.
    """
    data = base64.b64encode(zlib.compress(_view(name, ecg, cleaned, label), 6)).decode()
    page = _SERVICE.sub("", _read(PAGE / "index.html"))
    styles = "\n".join(_read(file) for file in (VENDOR / "uPlot.min.css", PAGE / "style.css"))
    head = [f"<style>\n{styles}</style>", _script(_read(VENDOR / "uPlot.iife.min.js")), _modules()]
    body = f'<script id="data" type="text/plain">{data}</script>\n{_script(START, "module")}'
    page = page.replace("</head>", "\n".join([*head, "</head>"]))
    page = page.replace("</body>", f"{body}\n</body>")
    write_text(path, page)
    return path


def _view(name: str, ecg: Ecg, cleaned: Cleaned, label: str) -> bytes:
    """Return the recording as the page reads it."""
    facts = facts_of(ecg, cleaned, label) | {"recording": name}
    each = -(-2 * ecg.signal.size // MOST_SAMPLES)
    remarks = list(ecg.remarks)
    if each > 1:
        windows = [
            {**w, "start": w["start"] // each, "stop": w["stop"] // each} for w in facts["windows"]
        ]
        facts |= {"fs": ecg.fs / each, "windows": windows}
        remarks.append(
            f"long recording: displayed as minimum and maximum of every {2 * each} samples"
        )
    pairs = [
        (_small(ecg.signal[:, lead], each), _small(cleaned.signal[:, lead], each))
        for lead in range(len(ecg.leads))
    ]
    facts |= {"remarks": remarks, "samples": len(pairs[0][0]), "file": {"name": "", "media": ""}}
    out = io.BytesIO()
    pack(out, facts, pairs)
    return out.getvalue()


def _small(lead: NDArray[np.float64], each: int) -> NDArray[np.float32]:
    """Return a lead in steps of 1 uV; thinned, the extremes of blocks in their order in time."""
    if each > 1:
        blocks = lead[: len(lead) // (2 * each) * 2 * each].reshape(-1, 2 * each)
        gone = np.isnan(blocks).all(axis=1)
        low = np.where(np.isnan(blocks), np.inf, blocks).argmin(axis=1)
        high = np.where(np.isnan(blocks), -np.inf, blocks).argmax(axis=1)
        first, last = np.minimum(low, high), np.maximum(low, high)
        rows = np.arange(len(blocks))
        lead = np.stack([blocks[rows, first], blocks[rows, last]], axis=1)
        lead[gone] = np.nan
        lead = lead.ravel()
    rounded: NDArray[np.float32] = (np.round(lead * STEPS_PER_MV) / STEPS_PER_MV).astype(np.float32)
    return rounded


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
