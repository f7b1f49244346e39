"""The steps that measure methods by a protocol: classical filters by name, and networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ecgmodel.denoise.tiles import OVERLAP
from ecgmodel.evaluation import baselines
from ecgmodel.protocols._costs import COST, Timed, filter_costs, network_costs, training_of
from ecgmodel.protocols._methods import NOTHING, Network, filters
from ecgmodel.protocols._work import Recordings, Work
from ecgmodel.steps.data import Step
from ecgmodel.store import Stored, Unit, file_sha256
from ecgmodel.store.versions import code_version, library_versions
from ecgmodel.support.quiet import import_keras

Denoise = Callable[[NDArray[Any]], NDArray[Any]]
Measure = Callable[[Denoise, str, Stored, Path], Mapping[str, Any] | None]


@dataclass(frozen=True)
class Measuring:
    """How a protocol measures a method.

    Attributes:
        stage: The protocol, as stages are written, e.g. "qrs_stress".
        module: The module of `measure`, whose code decides the result.
        measure: Writes a method's rows into a folder and returns facts for the manifest; takes
            the method, which cleans `(n, samples)` in mV at 360 Hz, its name, the protocol's
            test, and the folder.
    """

    stage: str
    module: str
    measure: Measure

    def filter_step(self, name: str, prepared: Stored) -> Step:
        """What one classical filter does; "none" is the signal as it is.

        Args:
            name: One of `evaluation.baselines`.
            prepared: The protocol's test.
        """
        module = f"ecgmodel.evaluation.baselines.{name}"
        return self._step(name, None, prepared, module, "pywavelets", "neurokit2")

    def network_step(
        self,
        name: str,
        model: Path,
        window: int | None,
        prepared: Stored,
        overlap: float = OVERLAP,
    ) -> Step:
        """What a saved network does, applied in the project's own tiles.

        Args:
            name: What the tables call it; a name in `PEERS` counts as a peer.
            model: A `.keras` file.
            window: Samples that it sees at once; None where the file fixes it.
            prepared: The protocol's test.
            overlap: Share of a tile that the next one covers too.
        """
        network = Network(model, window, overlap)
        return self._step(name, network, prepared, "ecgmodel.denoise.tiles", "keras", "tensorflow")

    def method_steps(
        self, prepared: Stored, networks: Mapping[str, Network] | None = None
    ) -> list[Step]:
        """Measure the signal as it is, every classical filter, and networks.

        Args:
            prepared: The protocol's test.
            networks: By name, as from `general_networks`.
        """
        return [self.filter_step(name, prepared) for name in filters()] + [
            self.network_step(name, one.path, one.window, prepared, one.overlap)
            for name, one in (networks or {}).items()
        ]

    def _step(
        self, name: str, network: Network | None, prepared: Stored, module: str, *libraries: str
    ) -> Step:
        how: dict[str, Any] = {}
        inputs = {"test": prepared.ref}
        if network:
            how = {"window": network.window, "overlap": network.overlap}
            how |= training_of([network.path])
            inputs["model"] = file_sha256(network.path)
        code = {
            "modules": code_version(self.module, module, "ecgmodel.protocols._costs"),
            "libraries": library_versions("numpy", "scipy", "pandas", "wfdb", *libraries),
        }
        unit = Unit(f"{self.stage}_evaluate", name, how, inputs, code)
        return Step(unit, partial(_measure, self.measure, name, prepared, network))


def prepare_from(
    work: Work, recordings: Recordings, prepare_step: Callable[[Sequence[Stored]], Step]
) -> Stored:
    """Make a test out of whole recordings; what is in the store is not made again.

    Args:
        work: Who does it.
        recordings: Which.
        prepare_step: Takes all downloads, of all databases.
    """
    downloads = [one for found in work.download(recordings).values() for one in found]
    (prepared,) = work.do("prepare", [prepare_step(downloads)])
    return prepared


def _measure(
    measure: Measure, name: str, prepared: Stored, network: Network | None, into: Path
) -> dict[str, Any]:
    timed = Timed(_method(name, network))
    facts = {"method": name, **(measure(timed, name, prepared, into) or {})}
    if name == NOTHING:
        return facts
    cost = network_costs([timed], [network]) if network else filter_costs(timed)
    return {**facts, COST: cost}


def _method(name: str, network: Network | None) -> Denoise:
    if network is None:
        return baselines.load(name)
    import_keras()
    from ecgmodel.denoise.tiles import from_keras

    return from_keras(network.path, network.window, network.overlap).clean_many
