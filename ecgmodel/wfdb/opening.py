"""WFDB records in millivolts that may be larger than memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ecgmodel.support.samples import LazySamples, Samples, is_small, spans
from ecgmodel.wfdb.millivolts import Scaling, highest, lowest
from ecgmodel.wfdb.reading import StoredRecord

AdcRange = tuple[float, float] | None


def checked_millivolts(
    stored: StoredRecord, scaling: Scaling
) -> tuple[Samples, tuple[AdcRange, ...]]:
    """Return signals of an opened record in millivolts, after all samples were read and checked.

    Args:
        stored: The record, from `open_stored_record`.
        scaling: The signals, from `scaling_of`.

    Returns:
        `(samples, leads)`, mV, NaN where a sample is missing: an array if it is small, else read
        when a piece is asked for; and each lead's ADC range, mV, None where unknown.

    Raises:
        MissingFileError: A signal file is missing.
        RecordError: Header and data disagree.
    """
    names = [channel.name for channel in stored.channels]
    places = [names.index(lead) for lead in scaling.leads]
    width = sum(channel.per_frame for channel in stored.channels)
    per_frame = scaling.channels[0].per_frame
    shape = (stored.frames * per_frame, len(places))

    def pieces(first: int, last: int) -> Iterator[tuple[slice, list[np.ndarray]]]:
        """Yield the signals from one frame to before another, and their place from there on."""
        for part in spans((last - first, width)):
            samples = stored.read(first + part.start, first + part.stop)
            here = slice(part.start * per_frame, part.stop * per_frame)
            yield here, [samples[place] for place in places]

    def read(start: int, stop: int) -> NDArray[np.float64]:
        first, last = start // per_frame, -(-stop // per_frame)
        signal = np.empty(((last - first) * per_frame, len(places)))
        for here, samples in pieces(first, last):
            signal[here] = scaling.millivolts(samples)
        return signal[start - first * per_frame : stop - first * per_frame]

    kept = np.empty(shape) if is_small(shape) else None
    low, high = np.full(len(places), np.inf), np.full(len(places), -np.inf)
    for here, samples in pieces(0, stored.frames):
        low, high = np.minimum(low, lowest(samples)), np.maximum(high, highest(samples))
        if kept is not None:
            kept[here] = scaling.millivolts(samples)
    signal = LazySamples(shape, read) if kept is None else kept
    return signal, scaling.adc_ranges(low.tolist(), high.tolist())
