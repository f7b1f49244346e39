"""Training under JAX, from Parquet, without TensorFlow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ecgmodel.networks import load_network
from ecgmodel.training.batches import ShardBatches
from tests.ecgmodel.training.test_batches import write_shard

SAMPLES = 64
# Each network with its published loss, small enough to compile fast.
NETWORKS = {
    "conv_autoencoder": ({"filters": [8, 4], "dropout": 0.2}, "relative"),
    "fcn_dae": ({"filters": [8, 4], "width": 6}, "mse"),
    "deepfilter": ({"filters": [16]}, "ssd_mad"),
    "tcdae": (
        {"filters": [4, 6], "width": 5, "blocks": 1, "heads": 2, "head_size": 4, "dropout": 0.1},
        "huber_spectral",
    ),
}
TRAIN = """
import json, sys
sys.modules["tensorflow"] = None  # from here on, importing it raises, whoever does
from pathlib import Path
from ecgmodel.networks import build_network, load_network
from ecgmodel.training.batches import ShardBatches
from ecgmodel.training.fit import train
from ecgmodel.training.seeding import seeded
from ecgmodel.training.settings import TrainingSettings
import keras
import numpy as np

assert keras.backend.backend() == "jax"
folder = Path(sys.argv[1])
name, options, loss = sys.argv[2], json.loads(sys.argv[3]), sys.argv[4]
settings = TrainingSettings(
    epochs=2, batch_size=32, loss=loss, averaging=0.9, shuffle_rows=100, learning_rate=5e-3)
batches = ShardBatches([folder / "train.parquet"], 32, 0, 100)
validation = ShardBatches([folder / "validation.parquet"], 32, shuffle_rows=0)
train(lambda: seeded(build_network(name, options), 0), batches, validation, folder, settings)
noisy, _ = next(validation.epoch(0))
np.save(folder / "cleaned.npy", load_network(folder / "model.keras").predict(noisy, verbose=0))
assert sys.modules["tensorflow"] is None
"""


def write_pulses(folder: Path) -> None:
    """Write shards for training and validation: pulses at random positions in noise."""
    rng = np.random.default_rng(0)
    for name, rows in (("train", 200), ("validation", 50)):
        place = rng.integers(10, SAMPLES - 10, (rows, 1))
        clean = np.exp(-(((np.arange(SAMPLES) - place) / 3) ** 2))
        noisy = clean + 0.3 * rng.standard_normal(clean.shape)
        write_shard(folder / f"{name}.parquet", noisy, clean)


@pytest.mark.parametrize(
    "name",
    ["conv_autoencoder", *(pytest.param(n, marks=pytest.mark.slow) for n in list(NETWORKS)[1:])],
)
def test_two_epochs_from_parquet_without_tensorflow(tmp_path: Path, name: str) -> None:
    """The loss falls, and the saved network gives the same output under TensorFlow."""
    write_pulses(tmp_path)
    options, loss = NETWORKS[name]
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, str(tmp_path), name, json.dumps(options), loss],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads((tmp_path / "history.json").read_text())["rows"]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert rows[1]["loss"] < rows[0]["loss"]
    noisy, _ = next(ShardBatches([tmp_path / "validation.parquet"], 32, shuffle_rows=0).epoch(0))
    cleaned = load_network(tmp_path / "model.keras").predict(noisy, verbose=0)
    np.testing.assert_allclose(cleaned, np.load(tmp_path / "cleaned.npy"), atol=1e-4)
