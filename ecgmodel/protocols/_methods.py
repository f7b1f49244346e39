"""Who the protocols for continuous ECG measure: no filter, classical filters, general networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ecgmodel.denoise.tiles import OVERLAP
from ecgmodel.evaluation import baselines
from ecgmodel.models.trained import FOLDER, NETWORK, Trained, shipped, trained
from ecgmodel.store.versions import PACKAGE
from ecgmodel.support.places import ROOT

NOTHING = "none"
FILTERS = (NOTHING, "butterworth", "fir", "wavelet", "neurokit")
# The seed's network, what others published, and classical methods.
PEERS = (*FILTERS, *("conv_autoencoder", "fcn_dae", "deepfilter", "tcdae"))
GENERAL = "leak-free"


@dataclass(frozen=True)
class Network:
    """A saved network and how it is applied to a signal of any length.

    Attributes:
        path: A `.keras` file.
        window: Samples that it sees at once; None where the file fixes it.
        overlap: Share of a tile that the next one covers too.
    """

    path: Path
    window: int | None
    overlap: float = OVERLAP


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


def general_networks(
    package: Path = ROOT / PACKAGE, kept: Path = ROOT / FOLDER
) -> dict[str, Network]:
    """Return the networks for continuous ECG by name, those that are trained; see `general`.

    Raises:
        ModelError: A network's bytes are not those that its folder lists.
        SettingsError: A recipe is wrong; the message names the file and each setting.
    """
    made = [one for one in general(package, kept) if one.has(NETWORK)]
    return {one.name: network(one, one.file(NETWORK)) for one in made}


def network(one: Trained, path: Path) -> Network:
    """Return how a `.keras` file that was made by a folder's recipe is applied.

    Window and overlap are the recipe's `mix.window` and `evaluation.overlap`.
    """
    recipe = one.settings()
    return Network(path, recipe.mix.window, recipe.evaluation.overlap)


def filters() -> tuple[str, ...]:
    """Return "none" and all classical filters, those of `FILTERS` first."""
    return tuple(dict.fromkeys((*FILTERS, *baselines.names())))


def own(methods: Sequence[str]) -> list[str]:
    """Return the project's own networks among methods, in their order: no peers and no filters."""
    others = {*PEERS, *filters()}
    return [method for method in methods if method not in others]


def shown(means: Mapping[str, float], higher_is_better: bool = True) -> str:
    """Return the method whose traces a page shows: the first own network, else the best method.

    Args:
        means: By method, in the order of the tables; "none" is never shown if another is there.
        higher_is_better: Of the means.
    """
    networks = own(list(means))
    if networks:
        return networks[0]
    among = [method for method in means if method != NOTHING] or list(means)
    return (max if higher_is_better else min)(among, key=lambda method: means[method])
