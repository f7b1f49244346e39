"""A benchmark protocol as data, and what all of them share: steps, keys, tables and the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from ecgmodel.evaluation import baselines
from ecgmodel.evaluation.metrics import Metric
from ecgmodel.evaluation.summary import DRAWS, summarise
from ecgmodel.protocols._costs import training_of
from ecgmodel.protocols._goals import Goal, against_goals
from ecgmodel.protocols._measured import (
    COST,
    EXAMPLES,
    Measure,
    measure_into,
    read_rows,
)
from ecgmodel.protocols._methods import CONTINUOUS, Denoise, Network, Networks, filters
from ecgmodel.protocols._page import Page, publish
from ecgmodel.protocols._sections import Part, Results, best_lead, flat, plain
from ecgmodel.protocols._work import Recordings, Work
from ecgmodel.steps.data import Step, file_version
from ecgmodel.store import Stored, Unit, digest, file_sha256
from ecgmodel.store.versions import code_version, library_versions
from ecgmodel.support.dataclass_files import load

Rows = Callable[[pd.DataFrame], pd.DataFrame]
Tables = Mapping[str, pd.DataFrame]
Summarise = Callable[[pd.DataFrame, Sequence[str], int, int, Mapping[str, Metric]], pd.DataFrame]
COLUMNS = ("method", "kind", "source", "metric", "mean", "std")
NO_NETWORKS: Mapping[str, Network] = MappingProxyType({})
PAGE_FILES = ("protocols/benchmark.html", "evaluation/page.html")


@dataclass(frozen=True)
class Cells:
    """A table of a protocol: which rows, summarised by which columns.

    Attributes:
        by: The columns; a row in which one of them is "" is in no cell.
        rows: Chooses the rows; None for all.
    """

    by: tuple[str, ...] = ()
    rows: Rows | None = None


@dataclass(frozen=True)
class Published:
    """What others reported.

    Attributes:
        method: What they call it.
        kind: What kind of method it is, e.g. "CNN".
        source: Where it stands, and what differs from the protocol.
        metric: One of the protocol's.
        mean: Its mean, in the metric's unit.
        std: Its standard deviation; NaN where none was given.
        cell: Where it holds, by column, e.g. {"ratio_group": "0.2-0.6"}.
    """

    method: str
    kind: str
    source: str
    metric: str
    mean: float
    std: float = float("nan")
    cell: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Protocol:
    """What a file of `ecgmodel/protocols` offers as `PROTOCOL`.

    Attributes:
        name: The file's name, with "-" for "_".
        title: What it is, a line.
        notes: What has to be known to read its numbers, a sentence or more each.
        records: By database the records that it needs whole, `()` for all of them.
        quick: The few that a minute-long version takes.
        prepare: Writes the test into a folder and returns facts for its manifest. It takes by
            name ("mitdb/119") what was downloaded, or what `before` returned.
        measure: Measures a method on the test: takes the method, which cleans `(n, samples)` in
            mV at 360 Hz, the prepared test, and the method's name in the tables.
        metrics: What the figures mean, in the order of the tables.
        primary: The metric that decides which method is best.
        cells: Tables by name; "all" has one row a method and metric.
        summarise: Makes a table of rows; means with intervals over subjects by default. It takes
            rows, columns, bootstrap draws, their seed, and the metrics.
        goals: What is to be reached, by metric.
        published: What others reported.
        further: Makes tables of the protocol's own, from rows, draws and seed.
        lead: Says the result in a sentence.
        page: The page's sections in order; all tables if empty. See `_sections`.
        example: The class of what `measure` gives as examples.
        filters: Filters of the protocol's own by name; None for all classical filters.
        networks: Which networks are measured, and how they are trained.
        before: Steps of the pipeline between download and `prepare`.
        data: Files other than code that `prepare` reads.
    """

    name: str
    title: str
    notes: Sequence[str]
    records: Recordings
    quick: Recordings
    prepare: Callable[[Mapping[str, Stored], Path], Mapping[str, Any]]
    measure: Measure
    metrics: Mapping[str, Metric]
    primary: str
    cells: Mapping[str, Cells] = field(default_factory=lambda: {"all": Cells()})
    summarise: Summarise = summarise
    goals: Mapping[str, Goal] = field(default_factory=dict)
    published: Sequence[Published] = ()
    further: Callable[[pd.DataFrame, int, int], Tables] | None = None
    lead: Callable[[Results], str] = best_lead
    page: Sequence[Part] = (plain,)
    example: type | None = None
    filters: Mapping[str, Denoise] | None = None
    networks: Networks = CONTINUOUS
    before: Callable[[Work, Mapping[str, Sequence[Stored]]], Mapping[str, Stored]] | None = None
    data: Sequence[Path] = ()

    @property
    def trains(self) -> bool:
        """Whether it trains networks: whether `--retrain` has a meaning."""
        return self.networks.train is not None

    def prepared(self, work: Work, quick: bool = False) -> Stored:
        """Make the test, from downloads on; what is in the store is not made again.

        Args:
            work: Who does it.
            quick: Take the few records of `quick`.
        """
        downloads = work.download(self.quick if quick else self.records)
        if self.before:
            parts = self.before(work, downloads)
        else:
            parts = {f"{db}/{s.info['record']}": s for db, all in downloads.items() for s in all}
        (prepared,) = work.do("prepare", [self.prepare_step(parts)])
        return prepared

    def prepare_step(self, parts: Mapping[str, Stored]) -> Step:
        """The test, of what `prepare` takes."""
        unit = Unit(
            f"{self._stage}_test",
            f"{len(parts)} parts",
            {path.name: file_sha256(path) for path in self.data},
            {name: stored.ref for name, stored in parts.items()},
            {
                "modules": code_version(self.prepare.__module__),
                "libraries": library_versions("numpy", "scipy", "pandas", "wfdb", "pyarrow"),
            },
        )
        return Step(unit, partial(self.prepare, dict(parts)))

    def method_steps(
        self, prepared: Stored, networks: Mapping[str, Network] = NO_NETWORKS
    ) -> list[Step]:
        """Measure the filters ("none" is the signal as it is) and networks, one step a method.

        Args:
            prepared: From `prepared`.
            networks: By name, as from `networks.kept()`.
        """
        names = filters() if self.filters is None else tuple(self.filters)
        return [self.filter_step(name, prepared) for name in names] + [
            self.network_step(name, one, prepared) for name, one in networks.items()
        ]

    def filter_step(self, name: str, prepared: Stored) -> Step:
        """What a filter does on the test.

        Args:
            name: One of `filters`, or of `evaluation.baselines` where that is None.
            prepared: From `prepared`.
        """
        if self.filters is None:
            module = f"ecgmodel.evaluation.baselines.{name}"
            method = partial(_classical, name)
        else:
            module, method = self.filters[name].__module__, partial(_given, self.filters[name])
        code = self._code(module, "pywavelets", "neurokit2")
        unit = Unit(f"{self._stage}_evaluate", name, {}, {"test": prepared.ref}, code)
        return Step(unit, partial(measure_into, self.measure, method, None, name, prepared))

    def network_step(self, name: str, network: Network, prepared: Stored) -> Step:
        """What a network does on the test.

        Args:
            name: What the tables call it; a name in `BASELINES` counts as a re-trained baseline.
            network: Its files and how they are applied.
            prepared: From `prepared`.
        """
        how = {"window": network.window, "overlap": network.overlap, **training_of(network)}
        models = {f"model {n}": file_sha256(path) for n, path in enumerate(network.files, start=1)}
        module = self.networks.load.__module__
        code = self._code(module, "keras", "tensorflow")
        inputs = {"test": prepared.ref, **models}
        unit = Unit(f"{self._stage}_evaluate", name, how, inputs, code)
        method = partial(_loaded, self.networks, network)
        return Step(unit, partial(measure_into, self.measure, method, network, name, prepared))

    def rows(self, measured: Sequence[Stored]) -> pd.DataFrame:
        """Return the rows of measured methods, one after the other."""
        return read_rows(measured)

    def tables(
        self, rows: pd.DataFrame, draws: int = DRAWS, seed: int = 0
    ) -> dict[str, pd.DataFrame]:
        """Return what the page shows, as tidy tables.

        Args:
            rows: Of one method or of several one after the other.
            draws: Bootstrap draws over subjects.
            seed: Of the draws.

        Returns:
            Those of `cells`, "published" (see `Published`), "goals" (see `_goals.against_goals`)
            and those of `further`, which take the place of others of the same name.

        Raises:
            DatasetError: There are no rows for a table.
        """
        found = {}
        for name, cells in self.cells.items():
            chosen = cells.rows(rows) if cells.rows else rows
            for column in cells.by:
                chosen = chosen[chosen[column] != ""]
            found[name] = self.summarise(chosen, cells.by, draws, seed, self.metrics)
        found["published"] = self.published_rows()
        found["goals"] = against_goals(found["all"], self.goals, self.metrics)
        return found | dict(self.further(rows, draws, seed) if self.further else {})

    def published_rows(self) -> pd.DataFrame:
        """Return what others reported, a row a figure: `Published` with the columns of its cell."""
        rows = [asdict(one) for one in self.published]
        found = [{**row.pop("cell"), **row} for row in rows]
        return pd.DataFrame(found, columns=None if found else list(COLUMNS))

    def page_step(self, measured: Sequence[Stored], quick: bool = False) -> Step:
        """The page, tables and text: `benchmark.html`, `benchmark.md`, a CSV file a table.

        Args:
            measured: From `method_steps`, in the order of the tables.
            quick: Whether only the records of `quick` were measured: the page then says that its
                numbers are not the benchmark's.
        """
        unit = Unit(
            "benchmark",
            self.name,
            {"methods": [m.name for m in measured], "quick": quick},
            {f"of {m.name}": m.ref for m in measured},
            {
                "modules": code_version(f"ecgmodel.protocols.{self._stage}"),
                "published": digest([self.published_rows().to_csv(index=False)]),
                **{name: file_version(f"ecgmodel/{name}") for name in PAGE_FILES},
                "libraries": library_versions("matplotlib", "pandas", "jinja2"),
            },
        )
        return Step(unit, partial(self._publish, list(measured), quick))

    @property
    def _stage(self) -> str:
        return self.name.replace("-", "_")

    def _code(self, module: str, *libraries: str) -> dict[str, Any]:
        return {
            "modules": code_version(
                self.measure.__module__, module, "ecgmodel.protocols._measured"
            ),
            "libraries": library_versions("numpy", "scipy", "pandas", "wfdb", *libraries),
        }

    def _publish(self, measured: Sequence[Stored], quick: bool, into: Path) -> dict[str, Any]:
        by_name = {str(m.info["method"]): m for m in measured}

        def read(method: str) -> Sequence[Any]:
            return load(by_name[method].file(EXAMPLES), self.example) if self.example else ()

        rows = self.rows(measured)
        results = Results(
            metrics=self.metrics,
            primary=self.primary,
            tables=self.tables(rows),
            rows=rows,
            costs={name: m.info[COST] for name, m in by_name.items() if COST in m.info},
            filters=tuple(self.filters or ()),
            read=read,
        )
        sections = flat([part(results) for part in self.page])
        page = Page(self.title, self.lead(results), self.notes, sections)
        return publish(page, results.tables, into, quick)


def _classical(name: str) -> Sequence[Denoise]:
    return (baselines.load(name),)


def _given(method: Denoise) -> Sequence[Denoise]:
    return (method,)


def _loaded(networks: Networks, network: Network) -> Sequence[Denoise]:
    return tuple(networks.load(path, network) for path in network.files)
