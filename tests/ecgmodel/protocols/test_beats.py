"""Training windows of `qt-bw`: the protocol's frame, the training part alone, new every time."""

from __future__ import annotations

import numpy as np
import pytest

from ecgmodel.protocols._qt_bw.beats import BeatBatches, BeatSettings
from ecgmodel.protocols._qt_bw.noise import noise_part
from tests.ecgmodel.protocols.made import made_data

DATA = made_data()
CLEAN, ROWS = DATA.windows("train", "test"), DATA.rows_of("train", "test")
NOISE = noise_part(DATA.noise, 1, "train")
AS_IS = {"stretched": 0, "blended": 0, "envelope": 0, "inverted": 0, "noise_varied": False}


def batches(noise: np.ndarray = NOISE, seed: int = 0, **settings: object) -> BeatBatches:
    chosen = BeatSettings.model_validate({"windows": 300, **settings})
    return BeatBatches(CLEAN, ROWS, noise, chosen, 128, seed)


def drawn(source: BeatBatches, epoch: int = 1) -> tuple[np.ndarray, np.ndarray]:
    noisy, clean = zip(*source.epoch(epoch), strict=True)
    return np.concatenate(noisy)[..., 0], np.concatenate(clean)[..., 0]


def test_an_epoch_has_its_windows_in_batches() -> None:
    source = batches()
    sizes = [len(noisy) for noisy, _ in source.epoch(1)]
    assert sizes == [128, 128, 44]
    assert len(source) == 3
    noisy, clean = drawn(source)
    assert noisy.shape == clean.shape == (300, 512)
    assert noisy.dtype == clean.dtype == np.float32


def test_the_frame_stays_the_protocols() -> None:
    _, clean = drawn(batches(stretch=0.5))
    assert not clean[:, :16].any()
    assert np.isfinite(clean).all()
    assert not drawn(batches(**AS_IS))[1][:, 416:].any()  # beats of 400 samples end there


def test_without_variation_they_are_beats_and_noise_of_the_training_part() -> None:
    ramp = np.linspace(3, 9, 40_000, dtype=np.float32)
    noisy, clean = drawn(batches(ramp, **AS_IS))
    known = {window.tobytes() for window in CLEAN}
    assert all(window.tobytes() in known for window in clean)
    added = (noisy - clean).astype(np.float64)
    straight = np.linspace(added[:, 0], added[:, -1], 512).T
    assert np.abs(added - straight).max() < 1e-3 * np.abs(added).max()
    assert (added[:, -1] > added[:, 0]).all()
    assert (added[:, 0] > 0).all()  # the offset stays


def test_the_ratio_is_within_its_range() -> None:
    noisy, clean = drawn(batches(ratios=(0.5, 0.6)))
    ratio = np.ptp(noisy - clean, axis=1) / np.ptp(clean, axis=1)
    assert ratio.min() > 0.499
    assert ratio.max() < 0.601


def test_every_epoch_is_new_and_follows_from_the_seed() -> None:
    first = drawn(batches())
    assert np.array_equal(first[0], drawn(batches())[0])
    assert not np.array_equal(first[0], drawn(batches(), epoch=2)[0])
    assert not np.array_equal(first[0], drawn(batches(seed=1))[0])


@pytest.mark.parametrize(
    "settings",
    [{"stretched": 1.0}, {"blended": 1.0}, {"envelope": 0.3}, {"inverted": 1.0}],
    ids=lambda s: next(iter(s)),
)
def test_each_variation_changes_the_beats(settings: dict[str, float]) -> None:
    plain, varied = drawn(batches(**AS_IS))[1], drawn(batches(**(AS_IS | settings)))[1]
    assert not np.array_equal(plain, varied)
    assert np.abs(varied).max() < 3 * np.abs(CLEAN).max()
    assert np.median(np.abs(varied).max(axis=1)) > 0.5


def test_records_are_balanced() -> None:
    rows = ROWS.copy()
    rows["record"] = ["many"] * (len(rows) - 1) + ["one"]
    marked = np.ones_like(CLEAN)
    marked[-1] = 5
    even = BeatBatches(marked, rows, NOISE, BeatSettings(windows=400, balance=0, **AS_IS), 128)
    share = (drawn(even)[1].max(axis=1) > 4).mean()
    assert 0.4 < share < 0.6
