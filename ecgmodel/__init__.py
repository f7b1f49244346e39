"""ECG denoising: `Denoiser` cleans signals, `read_ecg` reads recordings in people's formats."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ecgmodel.denoise.denoiser import Denoiser
    from ecgmodel.files import read_ecg

__all__ = ["Denoiser", "read_ecg"]

_PLACES = {"Denoiser": "ecgmodel.denoise.denoiser", "read_ecg": "ecgmodel.files"}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that nothing heavy comes in before."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)
