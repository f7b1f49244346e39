"""The methods that protocols measure: no filter, classical filters, and networks in folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ecgmodel.denoise.tiles import OVERLAP
from ecgmodel.evaluation import baselines
from ecgmodel.models.trained import FOLDER, NETWORK, Trained, shipped, trained
from ecgmodel.protocols._work import TrainingWork
from ecgmodel.steps.data import Step
from ecgmodel.store import Stored
from ecgmodel.store.versions import PACKAGE
from ecgmodel.support.paths import ROOT
from ecgmodel.support.quiet import import_keras

Denoise = Callable[[NDArray[Any]], NDArray[Any]]

NOTHING = "none"
FILTERS = (NOTHING, "butterworth", "fir", "wavelet", "neurokit")
BASELINES = (*FILTERS, *("conv_autoencoder", "fcn_dae", "deepfilter", "tcdae"))
"""Classical filters, and networks of others (and a plain one) that were trained again here."""
GENERAL = "leak-free"


@dataclass(frozen=True)
class Network:
    """A saved network and how it is applied.

    Attributes:
        files: Its `.keras` file, or one for each version of a protocol's test; they differ in
            their weights alone.
        window: Samples that it sees at once; None where the file fixes it.
        overlap: Share of a tile that the next one covers too.
    """

    files: tuple[Path, ...]
    window: int | None
    overlap: float = OVERLAP


def in_tiles(path: Path, network: Network) -> Denoise:
    """Load a network that cleans signals of any length in the project's own tiles."""
    import_keras()
    from ecgmodel.denoise.tiles import from_keras

    return from_keras(path, network.window, network.overlap).clean_many


def by_recipe(one: Trained, files: tuple[Path, ...]) -> Network:
    """Return how files that a folder's recipe made are applied.

    Window and overlap are the recipe's `mix.window` and `evaluation.overlap`.
    """
    recipe = one.settings()
    return Network(files, recipe.mix.window, recipe.evaluation.overlap)


@dataclass(frozen=True)
class Networks:
    """The networks of a protocol: folders with a recipe and the files that it made.

    Attributes:
        folders: Returns the folders, in the order of the tables.
        network: Says of a folder and its files how they are applied.
        load: Loads one of a network's files.
        files: What a folder's `.keras` files are called; a network without one of them is not
            trained yet.
        train: Returns the steps that make a folder's files anew, in their order; takes who makes
            datasets, the protocol's test and the folder. None if the protocol trains nothing.
    """

    folders: Callable[[], Sequence[Trained]]
    network: Callable[[Trained, tuple[Path, ...]], Network] = by_recipe
    load: Callable[[Path, Network], Denoise] = in_tiles
    files: tuple[str, ...] = (NETWORK,)
    train: Callable[[TrainingWork, Stored, Trained], Sequence[Step]] | None = None

    def names(self) -> tuple[str, ...]:
        """Return the names of all networks, those that are not trained yet too."""
        return tuple(one.name for one in self.folders())

    def kept(self) -> dict[str, Network]:
        """Return the committed networks by name.

        Raises:
            ModelError: A network's bytes are not those that its folder lists.
            SettingsError: A recipe is wrong; the message names the file and each setting.
        """
        made = [one for one in self.folders() if one.has(*self.files)]
        return {one.name: self.network(one, tuple(map(one.file, self.files))) for one in made}

    def fit_steps(self, work: TrainingWork, prepared: Stored, names: Sequence[str]) -> list[Step]:
        """Return the steps that train networks again by their recipes.

        Args:
            work: Makes datasets.
            prepared: The protocol's test; its training part, if it has one.
            names: Which.
        """
        if not self.train:
            return []
        parts = [self.train(work, prepared, one) for one in self._named(names)]
        return [step for steps in parts for step in steps]

    def fitted(self, names: Sequence[str], made: Sequence[Stored]) -> dict[str, Network]:
        """Return what `fit_steps` made for the same names."""
        files = iter(stored.file(NETWORK) for stored in made)
        return {
            one.name: self.network(one, tuple(next(files) for _ in self.files))
            for one in self._named(names)
        }

    def keep(self, networks: Mapping[str, Network]) -> None:
        """Put networks in the place of the committed ones; a shipped one is exported too."""
        for one in self._named(tuple(networks)):
            one.put(dict(zip(self.files, networks[one.name].files, strict=True)))
            if one in shipped():
                one.export()

    def _named(self, names: Sequence[str]) -> list[Trained]:
        return [one for one in self.folders() if one.name in names]


def general(package: Path = ROOT / PACKAGE, kept: Path = ROOT / FOLDER) -> list[Trained]:
    """Return the folders of the networks for continuous ECG, the shipped ones first.

    Of two of one name the shipped one is taken.

    Args:
        package: The folder with the folder `models`; it need not be there.
        kept: The folder with the folder `leak-free`; it need not be there.
    """
    first = {one.name: one for one in shipped(package)}
    others = [one for one in trained(GENERAL, kept) if one.name not in first]
    return [*first.values(), *others]


CONTINUOUS = Networks(general)
"""The networks for continuous ECG."""


def filters() -> tuple[str, ...]:
    """Return "none" and all classical filters, those of `FILTERS` first."""
    return tuple(dict.fromkeys((*FILTERS, *baselines.names())))


def own(methods: Sequence[str], others: Sequence[str] = ()) -> list[str]:
    """Return the project's own networks among methods, in their order: no baselines, no filters.

    Args:
        methods: By name.
        others: Further methods that are none.
    """
    known = {*BASELINES, *filters(), *others}
    return [method for method in methods if method not in known]


def shown(means: Mapping[str, float], higher: bool = True, others: Sequence[str] = ()) -> str:
    """Return the method whose traces a page shows: the first own network, else the best method.

    Args:
        means: By method, in the order of the tables; "none" is never shown if another is there.
        higher: Whether a higher mean is better.
        others: As for `own`.
    """
    networks = own(list(means), others)
    if networks:
        return networks[0]
    among = [method for method in means if method != NOTHING] or list(means)
    return (max if higher else min)(among, key=lambda method: means[method])
