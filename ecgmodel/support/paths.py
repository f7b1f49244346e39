"""Paths of the package and of the shipped networks."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parents[1]
"""The library's folder, `ecgmodel`."""
ROOT = PACKAGE.parent
"""The folder that contains `ecgmodel`, `tasks` and `flows`; in a checkout, the repository."""
MODELS = PACKAGE / "models"
"""The shipped networks, one folder each."""
NETWORK = "model.onnx"
"""The ONNX file of a shipped network; it needs neither Keras nor TensorFlow."""


def shipped_names() -> tuple[str, ...]:
    """Return the names of the shipped networks."""
    return tuple(sorted(file.parent.name for file in MODELS.glob(f"*/{NETWORK}")))
