"""What a shipped network has to say of the people and recordings that trained it.

`python -m ecgmodel.steps.shipping default store/dataset/mitdb-qtdb-…` writes it beside the
weights, from the dataset that `ecg-denoise prepare` has made with the recipe,
`--config ecgmodel/models/default/recipe.yaml`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ecgmodel.denoise.denoising import STATISTICS
from ecgmodel.errors import unknown_name
from ecgmodel.models.lineage import write_subjects
from ecgmodel.models.trained import RECORDINGS, Trained, shipped
from ecgmodel.steps.denoising import describe_steps
from ecgmodel.store import Store, read_stored


def note(one: Trained, dataset: Path) -> None:
    """Write beside a shipped network who trained and validated it, and what their recordings are.

    Args:
        one: The network's folder.
        dataset: The folder of the dataset that its recipe describes, in its store.
    """
    write_subjects(one, read_stored(dataset).info["records"])
    store = Store(dataset.absolute().parents[1])
    steps = describe_steps(dataset, store, one.settings())
    described = [step.run(store).info[STATISTICS] for step in steps]
    lines = ",\n".join(json.dumps(statistics) for statistics in described)
    one.add(RECORDINGS, f"[\n{lines}\n]\n")


def main() -> None:
    """Write it for the network and the dataset that the command line names."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("name", help="a shipped network, e.g. default")
    parser.add_argument("dataset", type=Path, help="the folder of its dataset")
    chosen = parser.parse_args()
    known = {one.name: one for one in shipped()}
    if chosen.name not in known:
        raise unknown_name("shipped network", chosen.name, known)
    note(known[chosen.name], chosen.dataset)


if __name__ == "__main__":
    main()
