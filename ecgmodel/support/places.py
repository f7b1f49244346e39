"""Where the project's files are."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parents[1]
"""The library's folder, `ecgmodel`."""
ROOT = PACKAGE.parent
"""The folder with `ecgmodel`, `tasks` and `flows`; of a checkout, the repository."""
MODELS = PACKAGE / "models"
"""The networks that come with the package, a folder each."""
NETWORK = "model.onnx"
"""A shipped network's file that needs neither Keras nor TensorFlow."""


def shipped_names() -> tuple[str, ...]:
    """Return the names of the networks that come with the package."""
    return tuple(sorted(file.parent.name for file in MODELS.glob(f"*/{NETWORK}")))
