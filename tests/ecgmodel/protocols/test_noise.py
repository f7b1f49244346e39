"""Noise of `qt-bw`: which part each split may use, and that every window has its ratio."""

from pathlib import Path

import numpy as np
import pytest

from ecgmodel.errors import DatasetError, RecordError, SettingsError
from ecgmodel.protocols._qt_bw.noise import (
    Draw,
    add_noise,
    draw_noise,
    measured_ratios,
    noise_part,
    read_noise,
)
from tests.ecgmodel.protocols.made import made_noise, sine, write_annotated


def numbered() -> np.ndarray:
    """Noise whose samples tell where they come from: channel 2 is negative."""
    place = np.arange(650_000.0)
    return np.stack([place, -place], axis=1)


@pytest.mark.parametrize(("version", "trains", "tests"), [(1, 1, -1), (2, -1, 1)])
def test_training_and_test_share_neither_channel_nor_time(version: int, trains: int, tests: int):
    noise = numbered()
    np.testing.assert_array_equal(
        noise_part(noise, version, "training_half"), trains * np.arange(325_000)
    )
    np.testing.assert_array_equal(noise_part(noise, version, "train"), trains * np.arange(260_000))
    np.testing.assert_array_equal(
        noise_part(noise, version, "validation"), trains * np.arange(260_000, 325_000)
    )
    np.testing.assert_array_equal(
        noise_part(noise, version, "test"), tests * np.arange(325_000, 649_999)
    )


def test_pieces_follow_one_another_and_start_again():
    draw = draw_noise(13_316, 1, "test")
    assert draw.channel == 1
    assert draw.starts[:3].tolist() == [325_000, 325_512, 326_024]
    # 324,999 samples hold 634 pieces; 391 samples are left over.
    assert draw.starts[633:636].tolist() == [325_000 + 633 * 512, 325_000, 325_512]
    assert draw_noise(1, 2, "test").channel == 0
    assert draw_noise(200, 2, "validation").starts.max() + 512 <= 325_000


def test_ratios_are_hundredths_from_020_to_199_and_always_the_same():
    ratios = draw_noise(13_316, 1, "test").ratios
    hundredths = np.round(ratios * 100)
    np.testing.assert_array_equal(ratios, hundredths / 100)
    assert set(hundredths) == set(range(20, 200))
    np.testing.assert_array_equal(ratios, draw_noise(13_316, 1, "test").ratios)
    np.testing.assert_array_equal(ratios[:50], draw_noise(50, 1, "test").ratios)
    for other in (draw_noise(13_316, 2, "test"), draw_noise(13_316, 1, "test", seed=1)):
        assert (ratios != other.ratios).mean() > 0.9


def test_noise_is_scaled_by_peak_to_peak_and_keeps_its_offset():
    noise = np.zeros((650_000, 2))
    noise[325_000:325_512, 1] = 3.0
    noise[325_100, 1] = 5.0  # peak to peak 2 on an offset of 3
    clean = np.zeros((1, 512))
    clean[0, 50] = 4.0
    noisy = add_noise(clean, noise, Draw(1, np.array([325_000]), np.array([0.5])))
    # alpha = 0.5 * 4 / 2 = 1
    assert noisy.dtype == np.float32
    assert noisy[0, 0] == 3.0
    assert noisy[0, 50] == 7.0
    assert noisy[0, 100] == 5.0
    assert measured_ratios(clean, noisy) == pytest.approx([0.5])


def test_a_window_that_misses_its_ratio_is_an_error():
    noise, draw = made_noise(), Draw(0, np.array([0]), np.array([0.2]))
    # On an offset of 1e4 mV float32 cannot hold noise of 1e-3 mV.
    clean = 1e4 + 1e-3 * np.sin(np.arange(512.0))[None]
    with pytest.raises(DatasetError, match=r"noise of 0\.2 times"):
        add_noise(clean, noise, draw)


def test_flat_windows_and_flat_noise_are_refused():
    draw = Draw(0, np.array([0]), np.array([1.0]))
    with pytest.raises(DatasetError, match="0 mV peak to peak"):
        add_noise(np.zeros((1, 512)), made_noise(), draw)
    with pytest.raises(DatasetError, match="from sample 0"):
        add_noise(np.eye(1, 512), np.ones((650_000, 2)), draw)


def test_other_recordings_and_versions_are_refused(tmp_path: Path):
    with pytest.raises(RecordError, match="650000 samples of 2 channels"):
        read_noise(write_annotated(tmp_path, "bw", sine()))
    with pytest.raises(SettingsError, match="version=3"):
        noise_part(made_noise(), 3, "test")


def test_the_real_recording(physionet: Path):
    noise = read_noise(physionet / "nstdb/1.0.0/bw")
    assert noise.dtype == np.float32
    np.testing.assert_allclose(noise[0], [-29 / 200, 25 / 200])  # first samples of its header
