"""Recordings of ten seconds train and test; what trains badly is told."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecgmodel.settings.config import Settings
from ecgmodel.steps.training import fit_step, trained_window
from ecgmodel.store import Store
from flows.prepare import prepare
from tests.wfdb_files import ecg, write_record


def settings(tmp_path: Path, fs: float, seconds: float = 10.0, **mix: Any) -> Settings:
    """Return settings for ten recordings of one lead, and noise, all written here."""
    rng = np.random.default_rng(1)
    for number in range(10):
        write_record(tmp_path / "own", f"p{number}", ecg(seconds, fs, seed=number), fs)
    for name in ("bw", "ma", "em"):
        write_record(tmp_path / "noise", name, rng.normal(0, 0.1, (60_000, 2)), 360.0)
    return Settings.model_validate(
        {
            "store": tmp_path / "store",
            "source": {
                **{"kind": "folder", "path": tmp_path / "own"},
                "noise_path": tmp_path / "noise",
            },
            "split": {"test": ["own/p0", "own/p1"], "validation": ["own/p2"]},
            "resample": {"length": 10_000},
            "mix": {"train": {"copies": 2}, **mix},
            "training": {"epochs": 1, "augmentation": {"windows": 16}},
        }
    )


def test_recordings_of_ten_seconds_train_and_test(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    how = settings(tmp_path, 500.0)
    with caplog.at_level(logging.WARNING, "ecg"):
        dataset = prepare(how)
    assert "windows are shortened from 4,096 to 3,584 samples (10.0 s)" in caplog.text
    assert dataset.info["lengths"] == {"train": 3584, "validation": 3584, "test": 3584}
    counts = dataset.info["counts"]
    assert sum(counts[split]["records"] for split in counts) == 10
    assert counts["test"]["rows"] == counts["test"]["records"] * 21
    model = fit_step(dataset, how).run(Store(how.store))
    assert (trained_window(dataset), model.info["epochs"]) == (3584, 1)


def test_low_rates_alone_and_noise_that_never_trains_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    low = settings(tmp_path, 128.0, 20.0, test={"types": ["bw", "hum"]})
    mute = low.mix.model_copy(update={"train": low.mix.train.model_copy(update={"on_top": {}})})
    with caplog.at_level(logging.WARNING, "ecg"):
        prepare(low.model_copy(update={"mix": mute}))
    assert "The highest sampling rate among the recordings is 128 Hz" in caplog.text
    assert "removes everything above 64 Hz as noise" in caplog.text
    assert "The test contains noise types that the training does not: hum" in caplog.text
