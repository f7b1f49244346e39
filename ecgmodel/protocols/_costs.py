"""What a method costs, beside how well it does: one section for the pages of all protocols."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean
from time import perf_counter
from typing import Any

from numpy.typing import NDArray

from ecgmodel.errors import ModelError
from ecgmodel.models.trained import TrainingFacts, training_facts
from ecgmodel.protocols._applying import apply_apart
from ecgmodel.protocols._methods import Network, own
from ecgmodel.protocols._page import Row, Section
from ecgmodel.signals.resampling import FS
from ecgmodel.store import Stored
from ecgmodel.support.machine import cores

Array = NDArray[Any]
COST = "cost"
"""Where the facts of a measured method have what `filter_costs` or `network_costs` gave."""
_WARM_UP = 64  # rows: TensorFlow compiles a network when it first meets a size
_COLUMNS = ("Parameters", "Million MACs/s", "Training", "Speed", "Memory, MB")
_TEXT = (
    "Multiply-accumulates per second of one lead, overlap included. Training: of one network, and "
    "on what. Speed: seconds of ECG cleaned in a second, taken while the figures of this page were "
    "measured, one method at a time; what it ran on stands under it, and only figures of the same "
    "machine can be compared. Memory: the most that cleaning an hour of one "
    "lead holds beyond libraries and recording, in a process of its own. Empty: not known."
)


class Timed:
    """A method that notes how long it takes, and how much ECG it cleans.

    Before the first call it cleans a few rows untimed, so that loading and compiling do not count.

    Args:
        method: Takes `(n, samples)` in mV at 360 Hz and returns the same shape.

    Attributes:
        seconds: Taken so far.
        ecg: Seconds of ECG cleaned so far.

    Example:
        >>> timed = Timed(np.copy)
        >>> _ = timed(np.zeros((10, 360)))
        >>> timed.ecg
        10.0
    """

    def __init__(self, method: Callable[[Array], Array]) -> None:
        self._method = method
        self.seconds, self.ecg = 0.0, 0.0

    def __call__(self, rows: Array) -> Array:
        """Clean rows."""
        if not self.ecg:
            self._method(rows[:_WARM_UP])
        start = perf_counter()
        answer = self._method(rows)
        self.seconds += perf_counter() - start
        self.ecg += rows.size / FS
        return answer


def filter_costs(*timed: Timed) -> dict[str, Any]:
    """Return a filter's `speed` (seconds of ECG a second) and the `machine` that it was met on.

    Args:
        *timed: The method, after it was measured; several are taken together.
    """
    seconds = sum(one.seconds for one in timed)
    speed = sum(one.ecg for one in timed) / seconds if seconds else None
    return {"speed": speed, "machine": cores()}


def network_costs(timed: Sequence[Timed], networks: Sequence[Network]) -> dict[str, Any]:
    """Return what a network costs: JSON-able facts for `cost_section`; None for what is not known.

    Args:
        timed: As for `filter_costs`.
        networks: Its files and how they are applied; they differ in their weights alone.

    Raises:
        ModelError: A file is no network, or cannot be applied.
    """
    trained = [facts for one in networks if (facts := training_facts(one.path))]
    first = networks[0]
    return {
        **filter_costs(*timed),
        **_counted(first),
        "training_seconds": mean(facts.seconds for facts in trained) if trained else None,
        "training_machine": trained[0].machine if trained else None,
        "memory_mb": apply_apart(first.path, first.window, first.overlap).memory_mb,
    }


def training_of(models: Sequence[Path]) -> dict[str, Any]:
    """Return what `network_costs` will say of a training, for a unit's settings: part of its key.

    Args:
        models: As there.
    """
    found: list[TrainingFacts | None] = [training_facts(model) for model in models]
    return {"training": [facts.model_dump() if facts else None for facts in found]}


def cost_section(measured: Sequence[Stored], quality: Mapping[str, Mapping[str, str]]) -> Section:
    """Return the table of quality and cost; without rows if no method was timed.

    Args:
        measured: The measured methods, whose facts have `method` and `COST`.
        quality: By heading of a column, each method's figure.
    """
    costs = {str(m.info["method"]): m.info[COST] for m in measured if COST in m.info}
    ours = set(own([name for name, cost in costs.items() if "parameters" in cost]))
    rows = [_row(name, cost, quality, name in ours) for name, cost in costs.items()]
    columns = ("Method", *quality, *_COLUMNS)
    return Section("Cost", _TEXT, columns, {"": rows} if rows else None)


def _counted(one: Network) -> dict[str, Any]:
    """Count parameters and multiply-accumulates; the latter only where each kind is known."""
    from ecgmodel.networks import load_network
    from ecgmodel.training.cost import network_cost

    network = load_network(one.path)
    window = one.window or int(network.input_shape[1])
    counted: dict[str, Any] = {"parameters": network.count_params(), "macs_per_second": None}
    try:
        cost = network_cost(network, window, one.overlap)
    except ModelError:  # a network of somebody's own: its quality can be told all the same
        return counted
    return counted | {"macs_per_second": cost.macs_per_second}


def _row(
    name: str, cost: Mapping[str, Any], quality: Mapping[str, Mapping[str, str]], is_own: bool
) -> Row:
    figures = [figure.get(name, "") for figure in quality.values()]
    cells = (
        _text(cost.get("parameters"), ",.0f"),
        _text(cost.get("macs_per_second"), ",.2f", 1e6),
        span(cost.get("training_seconds")),
        _text(cost.get("speed"), ",.0f"),
        _text(cost.get("memory_mb"), ",.0f"),
    )
    machines = (str(cost.get("training_machine") or ""), str(cost["machine"]))
    notes = ("", *("" for _ in figures), "", "", *machines, "")
    return Row((name, *figures, *cells), notes, is_own)


def _text(value: float | None, form: str, unit: float = 1.0) -> str:
    return "" if value is None else format(value / unit, form)


def span(seconds: float | None) -> str:
    """Return a time as people say it: "45 s", "20 min", "1.5 h"; nothing for None."""
    if seconds is None:
        return ""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"
