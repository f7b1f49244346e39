"""Windows mixed on the fly: exact SNRs, new in every epoch, only from the training part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ecgmodel.dataset.mix_settings import TrainMix
from ecgmodel.dataset.shards import ShardWriter
from ecgmodel.errors import DatasetError
from ecgmodel.noise._drawing import draw_functions, scaled
from ecgmodel.noise._part import NoisePart, NoiseRecording
from ecgmodel.training.augmentation import AugmentationSettings
from ecgmodel.training.on_the_fly import CleanSegment, OnTheFlyBatches, read_clean, read_noise

SYNTHETIC = ("wander", "hum", "pops", "gaussian")
PLAIN = {
    **{"polarity": 0, "amplitude": 0, "rate": 0, "leads": 0, "envelope": 0},
    **{"noise_rate": 0, "second": 0, "unmixed": 0, "on_top": {}},
}


def clean_segment(samples: int = 5000, leads: int = 2, group: str = "db/1") -> CleanSegment:
    rng = np.random.default_rng(samples)
    return CleanSegment(rng.normal(0, 0.5, (leads, samples)).astype(np.float32), group)


def noise(**changed: np.ndarray) -> NoisePart:
    """Return the recordings bw, ma and em, one lead each, some of them changed."""
    rng = np.random.default_rng(3)
    signals = {name: rng.normal(2, 1, 6000) for name in ("bw", "ma", "em")} | changed
    recordings = {
        name: NoiseRecording(name, x[:, None].astype(np.float32), np.ones((len(x), 1), bool))
        for name, x in signals.items()
    }
    return NoisePart(recordings, {name: (0, len(x)) for name, x in signals.items()})


def batches(
    seed: int = 0,
    clean: list[CleanSegment] | None = None,
    part: NoisePart | None = None,
    **settings: object,
) -> OnTheFlyBatches:
    given = {"windows": 100, **settings}
    how = AugmentationSettings(
        **{k: v for k, v in given.items() if k in AugmentationSettings.model_fields}
    )
    mix = TrainMix(**{k: v for k, v in given.items() if k in TrainMix.model_fields})
    segments = clean or [clean_segment(), clean_segment(4000)]
    return OnTheFlyBatches(segments, part or noise(), 1024, mix, how, 32, seed)


def drawn(source: OnTheFlyBatches, epoch: int = 1) -> tuple[np.ndarray, np.ndarray]:
    noisy, clean = zip(*source.epoch(epoch), strict=True)
    return np.concatenate(noisy)[..., 0], np.concatenate(clean)[..., 0]


@pytest.mark.parametrize(("held", "epoch"), [(1, 5600), (2000, 6000), (100_000, 8000)])
def test_the_length_of_an_epoch_follows_from_the_recordings(held: int, epoch: int) -> None:
    assert AugmentationSettings().epoch(held) == epoch
    assert AugmentationSettings(windows=7).epoch(held) == 7


def test_an_epoch_is_divided_into_batches() -> None:
    source = batches()
    assert [len(noisy) for noisy, _ in source.epoch(1)] == [32, 32, 32, 4]
    assert len(source) == 4
    noisy, clean = drawn(source)
    assert noisy.shape == clean.shape == (100, 1024)
    assert noisy.dtype == clean.dtype == np.float32
    assert np.isfinite(noisy).all()


def test_the_snr_is_exact_and_the_noise_has_no_offset() -> None:
    noisy, clean = drawn(batches(snr_db=(5.0, 5.0), **PLAIN))
    added = (noisy - clean).astype(np.float64)
    snr = 10 * np.log10(clean.var(axis=1, dtype=np.float64) / added.var(axis=1))
    assert snr == pytest.approx(np.full(100, 5.0), abs=0.01)
    assert np.abs(added.mean(axis=1)).max() < 1e-3


def test_without_augmentation_clean_windows_equal_the_recording() -> None:
    one = CleanSegment(np.linspace(-4, 4, 3000, dtype=np.float32)[None], "db/1")
    _, clean = drawn(batches(clean=[one], **PLAIN))
    steps = np.diff(clean.astype(np.float64), axis=1)
    assert steps == pytest.approx(np.full_like(steps, 8 / 2999), abs=2e-6)


def test_a_share_of_the_windows_has_no_noise() -> None:
    noisy, clean = drawn(batches(windows=400, **(PLAIN | {"unmixed": 0.25})))
    assert 0.15 < (noisy == clean).all(axis=1).mean() < 0.35


def test_noise_types_are_drawn_by_their_weights() -> None:
    """Only "em" has high frequencies here: its share shows in the sample-to-sample differences."""
    slow = np.sin(np.arange(6000) / 300)
    part = noise(bw=slow, ma=slow, em=np.resize([1.0, -1.0], 6000))

    def share_of_fast(**weights: float) -> float:
        noisy, clean = drawn(batches(part=part, windows=400, **(PLAIN | {"types": weights})))
        added = (noisy - clean).astype(np.float64)
        return float((np.diff(added).std(axis=1) > added.std(axis=1)).mean())

    assert share_of_fast(bw=1, ma=1, em=1) == pytest.approx(1 / 3, abs=0.08)
    assert share_of_fast(bw=1, ma=1, em=2) == pytest.approx(1 / 2, abs=0.08)
    assert share_of_fast(bw=1, ma=1, em=0) == 0


def test_a_synthetic_noise_type_can_be_used_like_a_recorded_one() -> None:
    """Hum has high frequencies: its share shows as above, as a type or added on top."""
    slow = np.sin(np.arange(6000) / 300)
    part = noise(bw=slow, ma=slow, em=slow)

    def share_of_hum(**how: object) -> float:
        noisy, clean = drawn(batches(part=part, windows=400, **(PLAIN | how)))
        added = (noisy - clean).astype(np.float64)
        power = np.abs(np.fft.rfft(added, axis=1)) ** 2
        mains = slice(round(45 * 1024 / 360), round(65 * 1024 / 360))
        return float((power[:, mains].sum(axis=1) > 1e-3 * power.sum(axis=1)).mean())

    equal = {"snr_db": (0, 0), "on_top_snr_db": (0, 0)}
    assert share_of_hum(types={"bw": 3, "hum": 1}, **equal) == pytest.approx(0.25, abs=0.08)
    assert share_of_hum(types={"bw": 1}, on_top={"hum": 0.4}, **equal) == pytest.approx(
        0.4, abs=0.08
    )
    assert share_of_hum(types={"bw": 1}, **equal) == 0


def test_a_missing_noise_recording_is_named() -> None:
    part = noise()
    alone = NoisePart({"bw": part.recordings["bw"]}, {"bw": part.ranges["bw"]})
    with pytest.raises(DatasetError, match=r"'em' of mix\.train needs the noise recording 'em'"):
        batches(part=alone, types={"bw": 1, "em": 1})


def test_epochs_differ_and_depend_on_the_seed() -> None:
    first = drawn(batches())
    assert np.array_equal(first[0], drawn(batches())[0])
    assert not np.array_equal(first[0], drawn(batches(), epoch=2)[0])
    assert not np.array_equal(first[0], drawn(batches(seed=1))[0])


@pytest.mark.parametrize("name", ["polarity", "amplitude", "rate", "leads", "envelope"])
def test_each_augmentation_changes_the_clean_windows(name: str) -> None:
    varied = batches(**(PLAIN | {name: 0.5}))
    assert not np.array_equal(drawn(batches(**PLAIN))[1], drawn(varied)[1])


def test_leads_are_combined_within_one_recording() -> None:
    both = np.stack([np.full(3000, 3.0), np.full(3000, 4.0)]).astype(np.float32)
    _, clean = drawn(batches(clean=[CleanSegment(both, "db/1")], **(PLAIN | {"leads": 1.0})))
    assert np.abs(clean).max() <= 5 + 1e-4  # the length of (3, 4)
    assert np.ptp(clean[:, 0]) > 3


def test_records_are_balanced() -> None:
    long = CleanSegment(np.full((1, 90_000), 1.0, np.float32), "db/long")
    short = CleanSegment(np.full((1, 2000), 5.0, np.float32), "db/short")
    _, even = drawn(batches(clean=[long, short], windows=400, balance=0, **PLAIN))
    assert 0.4 < (even[:, 0] > 4).mean() < 0.6
    _, fair = drawn(batches(clean=[long, short], windows=400, balance=1, **PLAIN))
    assert (fair[:, 0] > 4).mean() < 0.05


def test_too_short_recordings_are_refused() -> None:
    with pytest.raises(DatasetError, match="No clean segment is as long as a window of 1024"):
        batches(clean=[clean_segment(1000)])


def test_a_recording_as_long_as_a_window_can_be_used() -> None:
    _, clean = drawn(batches(clean=[clean_segment(1024)], rate=0.5, leads=0, envelope=0))
    assert np.isfinite(clean).all()
    assert len(np.unique(clean[:, 0])) > 50


@pytest.mark.parametrize("name", SYNTHETIC)
def test_synthetic_noise_is_finite_and_never_flat(name: str) -> None:
    rows = synthetic(name, 50, 1024)
    assert rows.shape == (50, 1024)
    assert np.isfinite(rows).all()
    assert (np.ptp(rows, axis=1) > 0).all()


def synthetic(name: str, count: int, samples: int) -> np.ndarray:
    rng, draw = np.random.default_rng(0), draw_functions([name])[name]
    return np.stack([draw(NoisePart({}, {}), samples, rng).samples for _ in range(count)])


def test_hum_has_power_line_frequency() -> None:
    rows = synthetic("hum", 20, 3600)
    spectrum = np.abs(np.fft.rfft(rows, axis=1))
    peak = np.fft.rfftfreq(3600, 1 / 360)[spectrum.argmax(axis=1)]
    assert (np.minimum(np.abs(peak - 50), np.abs(peak - 60)) < 2).all()


def test_gaussian_noise_is_white_pink_or_band_limited() -> None:
    rows = synthetic("gaussian", 400, 3600)
    power = np.square(np.abs(np.fft.rfft(rows, axis=1)))
    bands = ((10, 60), (10, 600), (1200, 1790))  # to 6 Hz, to 60, from 120 Hz
    lowest, low, high = (power[:, a:b].mean(axis=1) for a, b in bands)
    assert 0.1 < (np.abs(high / low - 1) < 0.4).mean() < 0.6  # white
    assert (high < 0.05 * low).mean() > 0.1
    assert (lowest < 0.05 * low).mean() > 0.1


def test_noise_without_power_stays_zero() -> None:
    rows = scaled(np.stack([np.zeros(8), np.arange(8.0)]), np.ones(2), np.zeros(2))
    assert not rows[0].any()
    assert rows[1].var() == pytest.approx(1.0, rel=1e-5)


def test_consecutive_windows_are_joined(tmp_path: Path) -> None:
    path = tmp_path / "db-1.parquet"
    signal = {"II": np.arange(50.0), "V1": -np.arange(50.0)}
    starts_of = {"II": (0, 10, 30), "V1": (0, 10, 40)}
    with ShardWriter(path, 10, {}) as shard:
        for lead, starts in starts_of.items():
            for copy in (0, 1):
                rows = np.stack([signal[lead][s : s + 10] for s in starts]).astype(np.float32)
                shard.write(rows + copy, rows, _columns(lead, starts, copy))
    segments = read_clean([path])
    assert [one.signal.shape for one in segments] == [(2, 20), (1, 10), (1, 10)]
    assert segments[0].signal[0].tolist() == list(range(20))
    assert segments[0].signal[1].tolist() == [-n for n in range(20)]
    assert {one.group for one in segments} == {"db/1"}


def _columns(lead: str, starts: tuple[int, ...], copy: int) -> dict[str, list[object]]:
    count = len(starts)
    same = {"record": "db/1", "subject": "db/1", "lead": lead, "copy": copy, "noise_type": "bw"}
    return {
        **{name: [value] * count for name, value in same.items()},
        "start": list(starts),
        **{n: [[] for _ in starts] for n in ("noise_record", "noise_lead", "noise_start")},
        **{n: [0.0] * count for n in ("target_snr_db", "achieved_snr_db")},
        "split": ["train"] * count,
    }


def test_only_the_training_part_of_the_noise_is_read(tmp_path: Path) -> None:
    rows = [
        {"record": "em", "lead": 0, "split": split, "start": start, "samples": [level] * 5}
        for split, start, level in (("train", 0, 1.0), ("validation", 5, 2.0), ("train", 10, 3.0))
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "noise.parquet")
    part = read_noise(tmp_path / "noise.parquet")
    em = part.recordings["em"]
    assert (em.signal[:, 0].tolist(), part.ranges["em"]) == (
        [1.0] * 5 + [0.0] * 5 + [3.0] * 5,
        (0, 15),
    )
    assert em.usable[:, 0].tolist() == [True] * 5 + [False] * 5 + [True] * 5
    held_out = read_noise(tmp_path / "noise.parquet", "validation")
    assert held_out.ranges["em"] == (5, 10)
    assert held_out.cut("em", 5, np.random.default_rng(0)).samples.tolist() == [2.0] * 5
