"""Figures as files and `data:` URIs, the same from process to process."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from ecgmodel.store import write_bytes

DPI = 160
RC = {
    "svg.hashsalt": "ecg-denoiser",  # makes SVG files reproducible
    "font.size": 10,
    "path.simplify_threshold": 0.2,
}

PDF = {"path.simplify": False, "pdf.fonttype": 42}  # each sample, and text that can be selected


def save(figure: Figure, path: str | Path) -> Path:
    """Write a figure in the format of the file extension; the output is reproducible."""
    path = Path(path)
    write_bytes(path, encode(figure, path.suffix[1:] or "png"))
    return path


def save_pages(figures: Iterable[Figure], path: Path) -> Path:
    """Write figures as the pages of a PDF, at their size; the output is reproducible."""
    from matplotlib.backends.backend_pdf import PdfPages

    buffer = io.BytesIO()
    with mpl.rc_context(RC | PDF), PdfPages(buffer, metadata={"CreationDate": None}) as pages:
        for figure in figures:
            pages.savefig(figure, facecolor=figure.get_facecolor())
    write_bytes(path, buffer.getvalue())
    return path


def data_uri(figure: Figure, kind: str = "svg", dpi: int = DPI) -> str:
    """Return a figure as a `data:` URI, to embed it in a page."""
    return as_uri(encode(figure, kind, dpi), kind)


def as_uri(data: bytes, kind: str) -> str:
    """Return an encoded figure as a `data:` URI."""
    media = {"svg": "image/svg+xml", "png": "image/png"}[kind]
    return f"data:{media};base64,{base64.b64encode(data).decode()}"


def encode(figure: Figure, kind: str, dpi: int = DPI) -> bytes:
    """Return a figure encoded as "png", "svg" or "pdf"."""
    buffer = io.BytesIO()
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    with mpl.rc_context(RC):
        _settle(figure)
        figure.savefig(
            buffer, format=kind, dpi=dpi, facecolor=figure.get_facecolor(), metadata=metadata
        )
    return buffer.getvalue()


def _settle(figure: Figure) -> None:
    """Lay a figure out, and round the places of its panels.

    The solver of matplotlib's layout takes sums in the order of addresses in memory, so its last
    digits, and with them the ids in an SVG file, differ from process to process.
    """
    if not isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        return
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        axes.set_position(tuple(round(value, 6) for value in axes.get_position().bounds))
