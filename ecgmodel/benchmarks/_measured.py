"""The step that measures one method by a protocol: a classical filter by name, or a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ecgmodel.benchmarks._trained import trained
from ecgmodel.evaluation import baselines
from ecgmodel.quiet import import_keras
from ecgmodel.steps import Step
from ecgmodel.store import Stored, Unit, file_sha256
from ecgmodel.versions import code_version, library_versions

Denoise = Callable[[NDArray[Any]], NDArray[Any]]
Measure = Callable[[Denoise, str, Stored, Path], Mapping[str, Any] | None]
Network = tuple[Path, int, float]
"""A `.keras` file, the samples that it sees at once, and the share that tiles overlap."""


TILE = 2048
GENERAL, NETWORK = "leak-free", "model.keras"


def general_networks() -> dict[str, Path]:
    """Return the committed networks for continuous ECG, by name."""
    return {one.name: one.file(NETWORK) for one in trained(GENERAL) if one.has(NETWORK)}


def measure_step(
    stage: str,
    module: str,
    prepared: Stored,
    measure: Measure,
    name: str,
    network: Network | None = None,
) -> Step:
    """What one method does by a protocol.

    Args:
        stage: The protocol, as stages are written, e.g. "qrs_stress".
        module: The protocol's module, whose code decides the result.
        prepared: The protocol's test.
        measure: Writes the method's rows into a folder; takes the method, which cleans whole
            leads `(n, samples)` in mV at 360 Hz, its name, the test and the folder.
        name: The network's name, or that of a classical filter.
        network: The network; None for a classical filter.
    """
    inputs = {"test": prepared.ref}
    libraries = ["numpy", "scipy", "pandas", "wfdb"]
    if network is None:
        modules = (module, f"ecgmodel.evaluation.baselines.{name}")
        libraries += ["pywavelets", "neurokit2"]
        how: dict[str, Any] = {}
    else:
        path, window, overlap = network
        modules = (module, "ecgmodel.denoiser")
        libraries += ["keras", "tensorflow"]
        how = {"window": window, "overlap": overlap}
        inputs["model"] = file_sha256(path)
    unit = Unit(
        f"{stage}_evaluate",
        name,
        how,
        inputs,
        {"modules": code_version(*modules), "libraries": library_versions(*libraries)},
    )
    return Step(unit, partial(_measure, measure, name, prepared, network))


def _measure(
    measure: Measure, name: str, prepared: Stored, network: Network | None, into: Path
) -> dict[str, Any]:
    if network is None:
        method: Denoise = baselines.load(name)
    else:
        import_keras()
        from ecgmodel.denoiser import from_keras

        method = from_keras(*network).clean_many
    return {"method": name, **(measure(method, name, prepared, into) or {})}
