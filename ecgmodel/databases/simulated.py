"""Simulated clean ECG, the default source: demonstrates the pipeline, not clinical performance."""

from ecgmodel.databases._base import Database, assign

DATABASE = Database(
    name="simulated",
    version="simulated",
    annotators=("atr",),
    beats="atr",
    splits=assign(
        test=tuple(f"simulated/sim{n:02d}" for n in (2, 6, 9, 13, 19, 23, 30, 35)),
        validation=tuple(f"simulated/sim{n:02d}" for n in (4, 8, 12, 21, 28)),
    ),
)
