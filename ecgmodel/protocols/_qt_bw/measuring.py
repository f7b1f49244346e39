"""A method on the protocol's windows: what is measured, and the windows that are worth a look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgmodel.evaluation import metrics as formulas
from ecgmodel.evaluation.evaluate import checked_answer
from ecgmodel.protocols._costs import Timed
from ecgmodel.protocols._measured import Measured
from ecgmodel.protocols._methods import Denoise, Network
from ecgmodel.protocols._qt_bw.data import Mixed, QtBw, mixed, read
from ecgmodel.protocols._qt_bw.noise import VERSIONS
from ecgmodel.store import Stored
from ecgmodel.support.quiet import import_keras

Array = NDArray[Any]

RATIO_GROUPS = ((0.2, 0.6), (0.6, 1.0), (1.0, 1.5), (1.5, 2.0))
AT_ONCE = 256
"""Windows that a network is given at once."""


@dataclass(frozen=True)
class WindowExample:
    """A window as a method met it.

    Attributes:
        what: Why it is shown, from which record, at which ratio, and its error.
        clean: `(512,)`, mV at 360 Hz.
        noisy: What the method was given, of the same shape.
        denoised: What it returned, of the same shape.
    """

    what: str
    clean: Array
    noisy: Array
    denoised: Array


def measure(method: Timed, prepared: Stored, name: str) -> Measured:
    """Return a method's rows on both noise versions, and its median and worst window of the first.

    Args:
        method: Takes windows and the place of their version in `VERSIONS`.
        prepared: The protocol's test.
        name: The method's name in the table.
    """
    data, answers = read(prepared.path), {}

    def cleaned(version: int, windows: Array) -> Array:
        answers[version] = method(windows, VERSIONS.index(version))
        return answers[version]

    rows = evaluate({version: partial(cleaned, version) for version in VERSIONS}, data, name)
    first = rows[rows["version"] == 1].reset_index(drop=True)
    return Measured(rows, choose_examples(first, mixed(data, 1), answers[1]))


def evaluate(
    method: Denoise | Mapping[int, Denoise],
    data: QtBw,
    name: str = "model",
    split: Literal["test", "validation"] = "test",
) -> pd.DataFrame:
    """Clean a split's windows of both noise versions and measure each.

    Args:
        method: Takes `(n, 512)` float32 in mV and returns the same shape; by noise version where
            there is a model for each.
        data: The protocol's data.
        name: The method's name in the table.
        split: "test", or "validation" to choose a model by.

    Returns:
        One row a window: `method`, the columns of `Mixed.rows`, `ratio_group` ("" on the edge of
        two, as in the published code) and the figures of `errors`.

    Raises:
        ModelError: The method changed the shape or returned NaN or infinite values.
        DatasetError: A window does not have the noise ratio that it should have.
    """
    parts = []
    for version in VERSIONS:
        denoise = method[version] if isinstance(method, Mapping) else method
        given = mixed(data, version, split)
        answer = checked_answer(denoise(given.noisy), given.noisy, name, partial(_place, given))
        parts.append(given.rows.assign(**errors(given.clean, answer)))
    rows = pd.concat(parts, ignore_index=True)
    rows.insert(0, "method", name)
    return rows.assign(ratio_group=_ratio_groups(rows["ratio"].to_numpy()))


def errors(clean: Array, denoised: Array) -> dict[str, Array]:
    """Return the protocol's metrics by window, computed in float64.

    Args:
        clean: y, all windows of the split, `(n, samples)`, mV; their mean is part of
            `prd_output`.
        denoised: p, of the same shape.
    """
    y, p = np.asarray(clean, np.float64), np.asarray(denoised, np.float64)
    return {
        "ssd": formulas.squared_error(y, p),
        "mad": formulas.largest_error(y, p),
        "prd_output": formulas.prd_output(y, p, float(y.mean())),
        "prd": formulas.prd(y, p),
        "cossim": formulas.cosine_similarity(y, p),
    }


def choose_examples(rows: pd.DataFrame, given: Mixed, denoised: Array) -> tuple[WindowExample, ...]:
    """Return the median and the worst window by SSD, with their signals.

    Args:
        rows: One row a window, with `ssd`, `record`, `ratio`.
        given: The same windows.
        denoised: What the method returned, `(n, 512)`, mV.
    """
    order = np.argsort(rows["ssd"].to_numpy())
    return tuple(
        WindowExample(
            f"The {role} window: {rows['record'].iloc[at]}, r = {rows['ratio'].iloc[at]:.2f}, "
            f"SSD {rows['ssd'].iloc[at]:.2f} mV²",
            *(given.clean[at], given.noisy[at], denoised[at]),
        )
        for role, at in (("median", int(order[len(order) // 2])), ("worst", int(order[-1])))
    )


def load_whole(path: Path, network: Network) -> Denoise:
    """Load a network that cleans windows `(n, 512)` in one forward pass each."""
    import_keras()
    from ecgmodel.networks import load_network

    return partial(apply_network, load_network(path))


def apply_network(network: Any, windows: Array) -> Array:
    """Return windows `(n, 512)` cleaned by a Keras network in one forward pass each."""
    parts = [windows[at : at + AT_ONCE, :, None] for at in range(0, len(windows), AT_ONCE)]
    return np.concatenate([np.asarray(network.predict_on_batch(part))[..., 0] for part in parts])


def _ratio_groups(ratios: Array) -> Array:
    """Return each ratio's group; one on an edge belongs to none, as in the published code."""
    groups = np.full(len(ratios), "", object)
    for low, high in RATIO_GROUPS:
        groups[(ratios > low) & (ratios < high)] = f"{low:.1f}-{high:.1f}"
    return groups


def _place(given: Mixed, row: int) -> str:
    at = given.rows.iloc[row]
    return f"{at['record']}, sample {at['start']}, noise version {at['version']}"
