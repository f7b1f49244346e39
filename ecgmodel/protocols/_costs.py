"""What a method costs: time taken while it is measured, operations, memory, training."""

from __future__ import annotations

from statistics import mean
from time import perf_counter
from typing import Any

from numpy.typing import NDArray

from ecgmodel.errors import ModelError
from ecgmodel.models.trained import TrainingFacts, training_facts
from ecgmodel.protocols._applying import apply_apart
from ecgmodel.protocols._methods import Denoise, Network
from ecgmodel.signals.standard import FS
from ecgmodel.support.machine import cores

Array = NDArray[Any]
_WARM_UP = 64  # rows: TensorFlow compiles a network when it first meets a size


class Timed:
    """A method that notes how long it takes, and how much ECG it cleans.

    Before the first call it cleans a few rows untimed, so that loading and compiling do not count.

    Args:
        *methods: Take `(n, samples)` in mV at 360 Hz and return the same shape: one, or one for
            each version of a protocol's test.

    Attributes:
        seconds: Taken so far.
        ecg: Seconds of ECG cleaned so far.

    Example:
        >>> timed = Timed(np.copy)
        >>> _ = timed(np.zeros((10, 360)))
        >>> timed.ecg
        10.0
    """

    def __init__(self, *methods: Denoise) -> None:
        self._methods, self._cold = methods, set(range(len(methods)))
        self.seconds, self.ecg = 0.0, 0.0

    def __call__(self, rows: Array, version: int = 0) -> Array:
        """Clean rows, of one version of the test if the method has a network for each."""
        at = version if len(self._methods) > 1 else 0
        method = self._methods[at]
        if at in self._cold:
            self._cold.remove(at)
            method(rows[:_WARM_UP])
        start = perf_counter()
        answer = method(rows)
        self.seconds += perf_counter() - start
        self.ecg += rows.size / FS
        return answer


def filter_costs(timed: Timed) -> dict[str, Any]:
    """Return a filter's `speed` (seconds of ECG a second) and the `machine` that it was met on.

    Args:
        timed: The method, after it was measured.
    """
    speed = timed.ecg / timed.seconds if timed.seconds else None
    return {"speed": speed, "machine": cores()}


def network_costs(timed: Timed, network: Network) -> dict[str, Any]:
    """Return what a network costs: JSON-able facts for `cost`; None for what is not known.

    Args:
        timed: As for `filter_costs`.
        network: Its files and how they are applied.

    Raises:
        ModelError: A file is no network, or cannot be applied.
    """
    trained = [facts for path in network.files if (facts := training_facts(path))]
    apart = apply_apart(network.files[0], network.window, network.overlap)
    return {
        **filter_costs(timed),
        **_counted(network),
        "training_seconds": mean(facts.seconds for facts in trained) if trained else None,
        "training_machine": trained[0].machine if trained else None,
        "memory_mb": apart.memory_mb,
    }


def training_of(network: Network) -> dict[str, Any]:
    """Return what `network_costs` will say of a training, for a unit's settings: part of its key.

    Args:
        network: As there.
    """
    found: list[TrainingFacts | None] = [training_facts(path) for path in network.files]
    return {"training": [facts.model_dump() if facts else None for facts in found]}


def _counted(one: Network) -> dict[str, Any]:
    """Count parameters and multiply-accumulates; the latter only where each kind is known."""
    from ecgmodel.networks import load_network
    from ecgmodel.training.cost import network_cost

    network = load_network(one.files[0])
    window = one.window or int(network.input_shape[1])
    counted: dict[str, Any] = {"parameters": network.count_params(), "macs_per_second": None}
    try:
        cost = network_cost(network, window, one.overlap)
    except ModelError:  # a network of somebody's own: its quality can be told all the same
        return counted
    return counted | {"macs_per_second": cost.macs_per_second}
