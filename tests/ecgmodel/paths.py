"""Lines of a PDF page as they lie on paper: for a sheet that has to measure right."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import numpy as np

MM = 25.4 / 72  # of a point
_TOKEN = re.compile(rb"\((?:\\.|[^\\)])*\)|<[^>]*>|/[^\s/\[\]<>()]+|[-+.\d]+|[A-Za-z*']+|\S")
_Box = tuple[float, float, float, float]


def lines_of(pdf: Path) -> list[tuple[tuple[float, ...], list[np.ndarray]]]:
    """Return each stroke of a PDF: its colour, and its lines `(points, 2)` in mm on the page."""
    found = []
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf.read_bytes(), re.DOTALL):
        try:
            text = zlib.decompress(stream)
        except zlib.error:
            continue
        if all(re.search(rb"\d " + operator + rb"\s", text) for operator in (b"cm", b"RG", b"l")):
            found += _strokes(text)
    return found


def box(lines: list[np.ndarray]) -> _Box:
    """Return left, top or bottom, right, bottom or top of lines, mm."""
    points = np.concatenate(lines)
    (left, low), (right, high) = points.min(axis=0), points.max(axis=0)
    return float(left), float(low), float(right), float(high)


def _strokes(text: bytes) -> list[tuple[tuple[float, ...], list[np.ndarray]]]:
    found, numbers = [], []
    matrix, colour, kept = np.eye(3), (0.0,), []
    lines: list[list[np.ndarray]] = []

    def point() -> np.ndarray:
        return (np.array([*numbers[-2:], 1.0]) @ matrix)[:2] * MM

    for token in _TOKEN.findall(text):
        if re.fullmatch(rb"[-+]?(\d+\.?\d*|\.\d+)", token):
            numbers.append(float(token))
            continue
        if token == b"q":
            kept.append((matrix, colour))
        elif token == b"Q":
            matrix, colour = kept.pop()
        elif token == b"cm":
            a, b, c, d, e, f = numbers[-6:]
            matrix = np.array([[a, b, 0], [c, d, 0], [e, f, 1]]) @ matrix
        elif token in (b"RG", b"G"):
            colour = tuple(numbers[-3:] if token == b"RG" else numbers[-1:] * 3)
        elif token == b"m":
            lines.append([point()])
        elif token == b"l":
            lines[-1].append(point())
        elif token in (b"S", b"s"):
            found.append((colour, [np.array(line) for line in lines]))
            lines = []
        elif token in (b"f", b"f*", b"n", b"B", b"W"):
            lines = []
        numbers = []
    return found
