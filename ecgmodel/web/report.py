"""A cleaned recording as one page that needs nothing else: the service's page with its data."""

from __future__ import annotations

import base64
import io
import re
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgmodel.denoise.trust import Cleaned
from ecgmodel.files import Ecg
from ecgmodel.store import write_text
from ecgmodel.web.plotting import PLOTTING, scripts
from ecgmodel.web.view import facts_of, pack

PAGE = Path(__file__).with_name("page")
# Each after those that it imports.
MODULES = ("words.js", "pyramid.js", "chart.js", "facts.js", "view.js", "viewer.js", "report.js")
MOST_SAMPLES = 6_000_000
"""Of all leads, before and after. A longer recording is thinned: of each few samples the page holds
the lowest and the highest, so that no spike is lost; it weighs about 10 MB at most."""
STEPS_PER_MV = 1024.0  # signals are rounded to 1 uV, so that they can be packed

_IMPORT = re.compile(r"^import \{([^}]*)\} from \"\./([\w.]+)\";\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:function|class|const)) (\w+)", re.MULTILINE)
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
    page = _SERVICE.sub("", (PAGE / "index.html").read_text(encoding="utf-8"))
    parts = [f"<style>\n{(PAGE / 'style.css').read_text(encoding='utf-8')}</style>"]
    parts += [_script((scripts() / one).read_text(encoding="utf-8")) for one in PLOTTING]
    head = "\n".join(parts)
    body = f'<script id="data" type="text/plain">{data}</script>\n{_script(_bundle(), True)}'
    page = page.replace("</head>", f"{head}\n</head>").replace("</body>", f"{body}\n</body>")
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
            f"drawn thinned, since the recording is long: of every {2 * each} samples the lowest "
            "and the highest"
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


def _bundle() -> str:
    """Return the page's modules as one: each a function's body, whose exports are kept by name."""
    parts = ["const modules = {};"]
    for name in MODULES:
        text = (PAGE / name).read_text(encoding="utf-8")
        exported = [match.group(2) for match in _EXPORT.finditer(text)]
        text = _IMPORT.sub(r'const {\1} = modules["\2"];' + "\n", text)
        text = _EXPORT.sub(r"\1 \2", text)
        given = f"return {{ {', '.join(exported)} }};"
        parts.append(f'modules["{name}"] = await (async () => {{\n{text}\n{given}\n}})();')
    return "\n".join(parts)


def _script(text: str, is_module: bool = False) -> str:
    kind = ' type="module"' if is_module else ""
    return f"<script{kind}>\n{text.replace('</script', chr(60) + chr(92) + '/script')}\n</script>"
