"""The project's own protocol: continuous segments of test subjects under recorded noise.

Segments of 32 s of whole test recordings of mitdb and qtdb, with noise of the second halves of
nstdb's recordings at exact SNRs. It is the test split that the pipeline's own mixing makes under
fixed settings, so a training dataset made under them shares its shards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from ecgmodel.errors import DatasetError
from ecgmodel.evaluation.examples import Example
from ecgmodel.evaluation.figures import NOISE_LABELS
from ecgmodel.evaluation.metrics import METRICS
from ecgmodel.evaluation.summary import CELLS, NO_NOISE, NOISE_ORDER, noisy_rows
from ecgmodel.protocols._leak_free import report
from ecgmodel.protocols._leak_free.data import NOISE, SHARD, prepare
from ecgmodel.protocols._leak_free.goals import METRIC, against_baselines
from ecgmodel.protocols._leak_free.listing import FILE, PLACE
from ecgmodel.protocols._leak_free.measuring import measure
from ecgmodel.protocols._leak_free.recordings import (
    QUICK,
    RECORDINGS,
    Target,
    job_of,
    protocol_settings,
)
from ecgmodel.protocols._leak_free.training import train
from ecgmodel.protocols._methods import BASELINES, CONTINUOUS
from ecgmodel.protocols._protocol import Cells, Protocol, Published
from ecgmodel.protocols._sections import across, cost, pictures, published, summary
from ecgmodel.protocols._work import Work
from ecgmodel.steps.data import mix_step, resample_step
from ecgmodel.store import Stored

ELSEWHERE = "TFCDiff (repository Miroircivil/TFCDiff): em + ma, 10 s windows, other records"
LEFT = ("snr_improvement", "rmse", "prd", "cossim", "mad", "drift", "shape")


def mixed(
    work: Work, downloads: Mapping[str, Sequence[Stored]], target: Target = "highpass"
) -> dict[str, Stored]:
    """Resample and mix as the pipeline does, under the protocol's settings.

    Args:
        work: Who does it.
        downloads: Whole records by database, the noise's among them.
        target: What counts as clean.

    Raises:
        SplitError: A record's subject is no test subject.
    """
    settings = protocol_settings(work.settings, target)
    noise_database = settings.source.noise_database

    def resampled(database: str) -> list[Stored]:
        is_noise = database == noise_database
        steps = [resample_step(d, settings.resample, is_noise) for d in downloads[database]]
        return work.do("resample", steps)

    noise = {r.name.rpartition("/")[2]: r for r in resampled(noise_database)}
    clean = [r for name in downloads if name != noise_database for r in resampled(name)]
    how = settings.mix, settings.quality
    shards = work.do("mix", [mix_step(r, noise, job_of(r.name), *how) for r in clean])
    return {
        **{f"{SHARD}{shard.name}": shard for shard in shards},
        **{f"{NOISE}{name}": recording for name, recording in noise.items()},
    }


def further(rows: pd.DataFrame, draws: int, seed: int) -> dict[str, pd.DataFrame]:
    """Return "goals" (see `against_baselines`) and "about": what the rows are of, as one row.

    Raises:
        DatasetError: The rows are of several targets, which no table may mix.
    """
    targets = sorted(rows["target"].unique())
    if len(targets) != 1:
        raise DatasetError(f"Expected rows of one target. Received: {targets}")
    columns = {"records": ["record"], "subjects": ["subject"], "segments": PLACE}
    counts = {name: [len(rows[key].drop_duplicates())] for name, key in columns.items()}
    return {
        "goals": against_baselines(rows, BASELINES, draws, seed),
        "about": pd.DataFrame({"target": targets, **counts}),
    }


def _improved(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["method"] != NO_NOISE]


def _untouched(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[(rows["noise_type"] == NO_NOISE) & (rows["method"] != NO_NOISE)]


PROTOCOL = Protocol(
    name="leak-free",
    title="Continuous ECG under recorded noise (leak-free)",
    notes=(
        "No test subject and no second half of a noise recording is used for training or "
        "validation, under any name in any database.",
        "The SNR is set on the whole segment, both powers without their means; metrics are taken "
        "window by window inside it, where the error's mean counts.",
        "One recording a person: sele0122 (sele0121) and records 123 and 233 of mitdb (sel123, "
        "sel233) neither train nor test here.",
    ),
    records=RECORDINGS,
    quick=QUICK,
    before=mixed,
    prepare=prepare,
    data=(FILE,),
    measure=measure,
    metrics=METRICS,
    primary=METRIC,
    cells={
        "all": Cells((), noisy_rows),
        "by_cell": Cells(CELLS),
        "by_noise": Cells(("noise_type",), noisy_rows),
        "by_snr": Cells(("snr_db",), noisy_rows),
        "by_rate": Cells(("original_fs",), noisy_rows),
        "by_record": Cells(("record",), noisy_rows),
    },
    further=further,
    published=tuple(
        Published(method, kind, ELSEWHERE, METRIC, mean, cell={"noise_type": "em + ma"})
        for method, kind, mean in (
            ("FIR", "filter", 6.4),
            ("FCN-DAE", "conv. autoencoder", 9.3),
            ("DeepFilter", "CNN", 9.4),
            ("DeScoD-ECG, 10 shots", "diffusion", 12.8),
            ("TCDAE", "CNN + transformer", 13.2),
            ("TFCDiff, 10 shots", "diffusion", 14.1),
        )
    ),
    example=Example,
    networks=replace(CONTINUOUS, train=train),
    lead=report.lead,
    page=(
        across(
            *("by_cell", "snr_db", METRIC, "SNR improvement by SNR"),
            *("Mean over windows, dB; the best of each noise type is bold.", "{:g} dB"),
            where=lambda rows: _improved(noisy_rows(rows)),
            groups="noise_type",
            labels=NOISE_LABELS,
        ),
        across(
            *("by_noise", "noise_type", METRIC, "SNR improvement by noise type"),
            "Mean over all SNRs, dB.",
            order=NOISE_ORDER,
            where=_improved,
        ),
        pictures("SNR improvement over SNR", "Means over windows.", report.curves),
        summary(
            "What is left, over all noise",
            "Mean, and its 95 % interval by bootstrap over people.",
            LEFT,
        ),
        summary(
            "Where no noise was added",
            "What a method does to a signal that is good: the closer to it the better.",
            ("snr_out", "rmse", "mad", "shape"),
            "by_cell",
            _untouched,
        ),
        report.against_baselines_section,
        across(
            *("by_rate", "original_fs", METRIC, "By the recording's own sampling rate"),
            *("Mean SNR improvement, dB; 250 Hz is qtdb, 360 Hz mitdb.", "{:g} Hz"),
            where=_improved,
        ),
        published(
            "What others reported under a comparable protocol",
            "Mean SNR improvement, dB. Not the same test: to see what kind of figure a network of "
            "others can be expected to have.",
            METRIC,
            digits=1,
        ),
        pictures(
            "What {} makes of it",
            "The section with the largest error of each segment; the clean signal in pale behind.",
            report.traces,
        ),
        cost(METRIC, "rmse"),
    ),
)
