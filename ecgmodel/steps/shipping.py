"""Records the training subjects and recordings of a shipped network next to its weights.

`python -m ecgmodel.steps.shipping default store/dataset/mitdb-qtdb-…` takes them from the dataset
that `ecg-denoise prepare --config ecgmodel/models/default/recipe.yaml` has made.
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


def write_training_data(one: Trained, dataset: Path) -> None:
    """Write subjects of training and validation, and statistics of the training recordings.

    Args:
        one: The shipped network.
        dataset: Folder of the dataset of its recipe, in its store.
    """
    write_subjects(one, read_stored(dataset).info["records"])
    store = Store(dataset.absolute().parents[1])
    steps = describe_steps(dataset, store, one.settings().quality)
    described = [step.run(store).info[STATISTICS] for step in steps]
    lines = ",\n".join(json.dumps(statistics) for statistics in described)
    one.add(RECORDINGS, f"[\n{lines}\n]\n")


def main() -> None:
    """Run the command for a network and a dataset."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("name", help="name of a shipped network, e.g. default")
    parser.add_argument("dataset", type=Path, help="folder of its dataset")
    chosen = parser.parse_args()
    known = {one.name: one for one in shipped()}
    if chosen.name not in known:
        raise unknown_name("shipped network", chosen.name, known)
    write_training_data(known[chosen.name], chosen.dataset)


if __name__ == "__main__":
    main()
