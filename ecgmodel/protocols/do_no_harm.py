"""What a method does to recordings that need no cleaning: shape, ST level, QRS, beats found.

Test recordings as they are, no noise added; the target is the recording after a zero-phase
high-pass at 0.5 Hz (Kligfield et al. 2007, AHA/ACC/HRS, allow up to 0.67 Hz for the ST segment).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from ecgmodel.evaluation.figures import variants
from ecgmodel.evaluation.metrics import WINDOW, Metric
from ecgmodel.protocols._do_no_harm.data import prepare
from ecgmodel.protocols._do_no_harm.figures import example_figure, spread_figure
from ecgmodel.protocols._do_no_harm.measuring import HarmExample, measure
from ecgmodel.protocols._do_no_harm.summing import summed
from ecgmodel.protocols._goals import Goal
from ecgmodel.protocols._protocol import Cells, Protocol
from ecgmodel.protocols._sections import (
    Pictures,
    Results,
    across,
    cost,
    each,
    goals,
    pictures,
    summary,
)

WHOLE = (
    "Whole recordings of 21 test subjects, every lead, chosen before any model was run: mitdb at "
    "360 Hz, qtdb at 250 Hz. Only flat, clipped or missing samples are left out; noise of a "
    "recording's own is not, and a method that removes it is charged for it. Hence medians."
)
METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "shape": Metric("Shape error below the target, median", "dB", True, 1),
        "st_median": Metric("Change of ST level, median", "mV", False, 4),
        "st_99": Metric("Change of ST level, 99 % of beats", "mV", False, 3),
        "qrs": Metric("Change of QRS amplitude, median", "%", False, 2),
        "f1_loss": Metric("Loss in F1 of XQRS", "", False, 4),
    }
)
GOALS: Mapping[str, Goal] = MappingProxyType(
    {
        "shape": Goal(goal=25.0, first_step=20.0, inclusive=True),
        "st_median": Goal(goal=0.02, first_step=0.02, inclusive=True),
        "st_99": Goal(goal=0.1, first_step=0.1, inclusive=True),
        "qrs": Goal(goal=2.0, first_step=2.0, inclusive=True),
        "f1_loss": Goal(goal=0.001, first_step=0.001, inclusive=True),
    }
)


def _spread(results: Results) -> Pictures:
    drawn = variants(partial(spread_figure, results.rows, GOALS, results.shown))
    return {"A line a method, and the goals": drawn}


def _traces(results: Results) -> Pictures:
    return {
        f"The {one.what}: {one.record} {one.lead}": variants(partial(example_figure, one))
        for one in results.examples
    }


PROTOCOL = Protocol(
    name="do-no-harm",
    title="Do no harm: test recordings without added noise",
    notes=(
        WHOLE,
        f"Shape: the error above 0.5 Hz in consecutive windows of {WINDOW} samples, against the "
        "target's power there.",
        "ST level: mean of J+50 to J+70 ms less mean of the 20 ms before the QRS onset; its change "
        "is that from target to output, without its sign. Onset and J are qtdb's automatic "
        "annotations pu1, taken for both leads; leads without a gain in their header count 200 ADC "
        "units per mV.",
        "QRS amplitude: peak to peak within 60 ms of a beat's annotation (pu1 in qtdb, atr in "
        "mitdb).",
        "F1 of XQRS on the first lead, before less after, so a gain is negative; sel32 and sel49 "
        "have no reference beats.",
    ),
    records={
        "mitdb": ("106", "112", "118", "119", "203", "209", "215"),
        "qtdb": (
            *("sel123", "sel233", "sel302", "sel307", "sel820", "sel853", "sel16420"),
            *("sel16795", "sele0106", "sele0121", "sel32", "sel49", "sel14046", "sel15814"),
        ),
    },
    quick={"mitdb": ("106",), "qtdb": ("sel123", "sel302", "sele0106")},
    prepare=prepare,
    measure=measure,
    metrics=METRICS,
    primary="shape",
    cells={
        "all": Cells(),
        "by_rate": Cells(("original_fs",)),
        "by_record": Cells(("record",)),
    },
    summarise=summed,
    goals=GOALS,
    example=HarmExample,
    page=(
        summary("All recordings", WHOLE),
        pictures(
            "How the errors are spread",
            "Over all windows and beats. Shape: the further to the right the better. ST level: "
            "the further to the left the better.",
            _spread,
        ),
        goals(),
        pictures(
            "What {} makes of it",
            "Two windows that are typical of the recording; the target in pale behind the output. "
            "Shaded: QRS complexes (in mitdb 60 ms to both sides of a beat's annotation), and in "
            "green where the ST level is read (qtdb alone is annotated for it).",
            _traces,
        ),
        each("by_rate", "original_fs", "{:g} Hz"),
        *(across("by_record", "record", metric) for metric in METRICS),
        cost("shape", "st_median"),
    ),
)
