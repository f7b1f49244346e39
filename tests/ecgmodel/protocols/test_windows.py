"""Windows of `qt-bw` on a record whose windows are known by hand, and on real ones."""

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import resample_poly

from ecgmodel.errors import MissingFileError, RecordError
from ecgmodel.protocols._qt_bw.windows import Beats, cut_beats, record_beats
from tests.ecgmodel.protocols.made import ANNOTATIONS, sine, write_annotated


@pytest.fixture
def made(tmp_path: Path) -> Beats:
    return record_beats(write_annotated(tmp_path, "made", sine()))


def test_beats_run_from_40_ms_before_a_p_onset_to_the_next(made: Beats):
    # 90-340 and 340-590 (250 samples, 360 at 360 Hz) and 1240-1370 (130, 187.2) are kept;
    # 590-840 has two QRS, and 840-1240 would be 576 samples long.
    assert made.starts.tolist() == [90, 340, 1240]
    assert made.lengths.tolist() == [360, 360, 188]


def test_a_beat_lies_at_sample_16_of_zeros_less_the_mean_of_its_ends(made: Beats):
    assert made.windows.shape == (3, 512)
    assert made.windows.dtype == np.float32
    assert not made.windows[:, :16].any()
    assert not made.windows[0, 376:].any()
    assert not made.windows[2, 204:].any()
    ends = made.windows[0, 16] + made.windows[0, 375]
    assert ends == pytest.approx(0, abs=1e-6)
    # The first sample taken is the last before the beat, so sample 17 is the beat's first, and
    # every 36 samples at 360 Hz meet one of 25 at 250 Hz.
    known = sine()[90:340:25]
    found = made.windows[0, 17 : 17 + 360 : 36]
    assert found - found[0] == pytest.approx(known - known[0], abs=0.01)


def test_windows_are_those_of_one_beat_at_a_time(made: Beats):
    signal = np.round(sine() * 2000) / 2000
    for window, start, stop in zip(made.windows, (90, 340, 1240), (340, 590, 1370), strict=True):
        beat = list(signal[start:stop])
        length = int(np.ceil(len(beat) * 360 / 250))
        mirrored = list(reversed(beat))
        part = resample_poly(mirrored + beat + mirrored, 360, 250)[length - 1 : 2 * length - 1]
        expected = np.zeros(512)
        expected[16 : 16 + length] = part - (part[0] + part[-1]) / 2
        np.testing.assert_allclose(window, expected, atol=1e-6)


def test_a_beat_of_496_samples_stays_and_a_longer_one_goes():
    signal = np.random.default_rng(0).normal(size=1000)
    beats = cut_beats(signal, np.array([0, 400]), np.array([344, 745]), 250.0)
    assert beats.lengths.tolist() == [496]  # 344 * 1.44 = 495.4; 345 * 1.44 = 496.8


def test_a_lead_without_gain_is_read_with_200_adc_units_per_mv(tmp_path: Path):
    with_gain = record_beats(write_annotated(tmp_path, "made", sine()))
    header = tmp_path / "made.hea"
    text = header.read_text()
    assert text.count("2000.0(0)/mV") == 2
    header.write_text(text.replace("2000.0(0)/mV", "0"))
    without = record_beats(tmp_path / "made")
    np.testing.assert_allclose(without.windows, 10 * with_gain.windows, rtol=1e-5, atol=1e-5)


def test_a_record_without_p_waves_gives_no_window(tmp_path: Path):
    annotations = tuple(one for one in ANNOTATIONS if one[1] != "p")
    assert record_beats(write_annotated(tmp_path, "made", sine(), annotations)).windows.shape == (
        0,
        512,
    )


def test_what_is_missing_is_named(tmp_path: Path):
    path = write_annotated(tmp_path, "made", sine())
    (tmp_path / "made.pu1").unlink()
    with pytest.raises(MissingFileError, match=r"made\.pu1"):
        record_beats(path)
    signal = sine()
    signal[1000] = np.nan
    with pytest.raises(RecordError, match="1 missing"):
        record_beats(write_annotated(tmp_path, "gap", signal))


@pytest.mark.parametrize(("record", "windows"), [("sel103", 141), ("sel32", 978), ("sel33", 0)])
def test_real_records(physionet: Path, record: str, windows: int):
    beats = record_beats(physionet / "qtdb/1.0.0" / record)
    assert len(beats.windows) == windows
    assert np.isfinite(beats.windows).all()
