"""The project's own protocol: continuous stretches of people and noise that nothing learned from.

Stretches of 32 s of whole test recordings of mitdb and qtdb, with noise of the second halves of
nstdb's recordings at exact SNRs. It is the test split that the pipeline's own mixing makes under
fixed settings, so a training dataset made under them shares its shards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import pandas as pd

from ecgmodel.errors import DatasetError
from ecgmodel.evaluation.metrics import METRICS
from ecgmodel.evaluation.summary import CELLS, DRAWS, noisy_rows, summarise
from ecgmodel.protocols._leak_free.data import LeakFree, collect, read
from ecgmodel.protocols._leak_free.listing import PLACE
from ecgmodel.protocols._leak_free.marks import LEVEL_MARK, METRIC, against_peers
from ecgmodel.protocols._leak_free.measuring import EXAMPLES, STRETCHES, evaluate, measure_into
from ecgmodel.protocols._leak_free.recordings import QUICK, RECORDINGS, job_of, protocol_settings
from ecgmodel.protocols._leak_free.training import fit_steps, fitted_models, keep, recipes
from ecgmodel.protocols._marks import Goal
from ecgmodel.protocols._measured import Measuring
from ecgmodel.protocols._methods import GENERAL, PEERS, general_networks
from ecgmodel.protocols._page import page_of, publish
from ecgmodel.protocols._plain_page import example_of, with_cost
from ecgmodel.protocols._work import Recordings, Work
from ecgmodel.settings.config import Settings
from ecgmodel.steps.data import Step, mix_step, resample_step
from ecgmodel.store import Stored, Unit, file_sha256
from ecgmodel.store.versions import code_version, library_versions

__all__ = [
    "EXAMPLES",
    "METRICS",
    "NOTES",
    "QUICK",
    "RECORDINGS",
    "STRETCHES",
    "TITLE",
    "against_peers",
    "evaluate",
    "filter_step",
    "fit_steps",
    "fitted_models",
    "keep",
    "load",
    "method_steps",
    "network_step",
    "page_step",
    "prepare",
    "prepare_step",
    "protocol_settings",
    "published",
    "recipes",
    "shard_step",
    "tables",
    "trained_models",
]

NAME = GENERAL
Target = Literal["highpass", "as_recorded"]

TITLE = "Continuous ECG under recorded noise (leak-free)"
NOTES = (
    "No test subject and no second half of a noise recording trains or validates anything, under "
    "any name in any database.",
    "The SNR is set on the whole stretch, both powers without their means; metrics are taken "
    "window by window inside it, where the error's mean counts.",
    "One recording a person: sele0122 (sele0121) and records 123 and 233 of mitdb (sel123, "
    "sel233) neither train nor test here.",
    "A peer is marked against the best of the other peers.",
)
MARKS: Mapping[str, Goal] = MappingProxyType({METRIC: LEVEL_MARK})
"""How far above the best re-run peer, dB, with mixed noise at each SNR; see `against_peers`."""
# Writes `stretches.parquet`, one row a stretch (see `evaluate`), and `examples.npz`, the best,
# median and worst stretch of each noise type (`evaluation.examples.load` reads them).
MEASURING = Measuring("leak_free", "ecgmodel.protocols._leak_free.measuring", measure_into)
filter_step, network_step = MEASURING.filter_step, MEASURING.network_step
method_steps, trained_models = MEASURING.method_steps, general_networks


def shard_step(resampled: Stored, noise: Mapping[str, Stored], settings: Settings) -> Step:
    """A test record's shard of noisy and clean stretches.

    Args:
        resampled: The record, resampled under `protocol_settings`.
        noise: Resampled noise recordings by name.
        settings: From `protocol_settings`.

    Raises:
        SplitError: The record's subject is no test subject.
    """
    return mix_step(resampled, noise, job_of(resampled.name), settings)


def prepare_step(shards: Sequence[Stored], noise: Mapping[str, Stored]) -> Step:
    """The test: all shards, after proof that subjects, noise and stretches are the test's.

    All 21 records make the protocol; fewer make a quick version.

    Args:
        shards: What `shard_step` made.
        noise: The noise recordings that it was given.
    """
    unit = Unit(
        "leak_free_test",
        f"{len(shards)} records",
        {"list": file_sha256(Path(__file__).parent / "_leak_free" / "stretches.csv")},
        {
            **{f"shard {s.name}": s.ref for s in shards},
            **{f"noise {name}": s.ref for name, s in noise.items()},
        },
        {
            "modules": code_version("ecgmodel.protocols._leak_free.data"),
            "libraries": library_versions("numpy", "pandas", "pyarrow"),
        },
    )
    lengths = {name: int(s.info["samples"]) for name, s in noise.items()}
    return Step(unit, partial(collect, list(shards), lengths))


def prepare(work: Work, recordings: Recordings = RECORDINGS, target: Target = "highpass") -> Stored:
    """Make the test, from downloads on; what is in the store is not made again.

    Args:
        work: Who does it.
        recordings: `RECORDINGS` or `QUICK`; the noise's database among them.
        target: What counts as clean.
    """
    settings = protocol_settings(work.settings, target)
    noise_database = settings.source.noise_database
    downloads = work.download(recordings)

    def resampled(database: str) -> list[Stored]:
        is_noise = database == noise_database
        steps = [resample_step(d, settings, is_noise) for d in downloads[database]]
        return work.do("resample", steps)

    noise = {r.name.rpartition("/")[2]: r for r in resampled(noise_database)}
    clean = [r for name in recordings if name != noise_database for r in resampled(name)]
    shards = work.do("mix", [shard_step(record, noise, settings) for record in clean])
    (prepared,) = work.do("prepare", [prepare_step(shards, noise)])
    return prepared


def load(prepared: Stored) -> LeakFree:
    """Return the data that `prepare_step` made."""
    return read(prepared)


def page_step(measured: Sequence[Stored], quick: bool = False) -> Step:
    """The benchmark's page, tables and text.

    Args:
        measured: From `filter_step` and `network_step`, in the order of the tables.
        quick: Whether only `QUICK` was measured, which the page then says.
    """
    build = partial(_publish, list(measured), quick)
    return page_of(NAME, __name__, measured, build, quick)


def tables(rows: pd.DataFrame, draws: int = DRAWS, seed: int = 0) -> dict[str, pd.DataFrame]:
    """Return what a page shows, as tidy tables.

    Args:
        rows: From `evaluate`, of one method or of several one after the other, of one target.
        draws: Bootstrap draws over subjects.
        seed: Of the draws.

    Returns:
        "by_cell" (`noise_type`, `snr_db`; "none" is the untouched recording), and over noisy
        stretches alone "all", "by_noise", "by_snr", "by_rate" (`original_fs`, Hz) and
        "by_record": one row a method, cell and metric with `mean`, `std`, `median`, `low`,
        `high` (95 % interval over subjects), `subjects`, `stretches`, `worst_record`,
        `worst_mean`. "published": see `published`. "marks": see `against_peers`. "about": one row
        with the `target` and the numbers of `records`, `subjects` and `stretches`.

    Raises:
        DatasetError: The rows are of several targets, which no table may mix.
    """
    noisy = noisy_rows(rows)

    def table(chosen: pd.DataFrame, *by: str) -> pd.DataFrame:
        return summarise(chosen, by, draws, seed, METRICS)

    result = {
        "all": table(noisy),
        "by_cell": table(rows, *CELLS),
        "by_noise": table(noisy, "noise_type"),
        "by_snr": table(noisy, "snr_db"),
        "by_rate": table(noisy, "original_fs"),
        "by_record": table(noisy, "record"),
        "marks": against_peers(rows, PEERS, draws, seed),
    }
    return {**result, "published": published(), "about": _about(rows)}


def published() -> pd.DataFrame:
    """Return what others reported under a comparable, not the same, protocol.

    Returns:
        One row a method: `method`, `kind`, `source` (with what differs), `noise_type`, `metric`,
        `mean` (dB) and `std` (NaN: not given).
    """
    source = "TFCDiff (repository Miroircivil/TFCDiff): em + ma, 10 s windows, other records"
    reported = (
        *(("FIR", "filter", 6.4), ("FCN-DAE", "conv. autoencoder", 9.3)),
        *(("DeepFilter", "CNN", 9.4), ("DeScoD-ECG, 10 shots", "diffusion", 12.8)),
        *(("TCDAE", "CNN + transformer", 13.2), ("TFCDiff, 10 shots", "diffusion", 14.1)),
    )
    table = pd.DataFrame(list(reported), columns=["method", "kind", "mean"])
    return table.assign(source=source, noise_type="em + ma", metric=METRIC, std=float("nan"))


def _publish(measured: Sequence[Stored], quick: bool, into: Path) -> dict[str, Any]:
    from ecgmodel.evaluation import examples
    from ecgmodel.protocols._leak_free import report

    rows = pd.concat([pd.read_parquet(m.file(STRETCHES)) for m in measured], ignore_index=True)
    results = tables(rows)
    name = example_of(results["all"], METRICS, METRIC)
    one = next(m for m in measured if m.info["method"] == name)
    page = report.build(TITLE, NOTES, results, name, examples.load(one.file(EXAMPLES)))
    page = with_cost(page, measured, results["all"], METRICS, (METRIC, "rmse"))
    return publish(page, results, into, quick)


def _about(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what the rows are of, as a table of one row."""
    targets = sorted(rows["target"].unique())
    if len(targets) != 1:
        raise DatasetError(f"Expected rows of one target. Received: {targets}")
    columns = {"records": ["record"], "subjects": ["subject"], "stretches": PLACE}
    counts = {name: [len(rows[key].drop_duplicates())] for name, key in columns.items()}
    return pd.DataFrame({"target": targets, **counts})
