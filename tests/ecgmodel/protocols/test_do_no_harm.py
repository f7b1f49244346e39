"""The protocol `do-no-harm`: changes of shape, ST level, QRS and beats that are known by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb

from ecgmodel import protocols
from ecgmodel.dataset.splits import SplitSettings, split_of
from ecgmodel.errors import DatasetError, MissingFileError, ModelError
from ecgmodel.protocols._do_no_harm.data import (
    DoNoHarm,
    HarmRecording,
    qrs_waves,
    read_annotated,
    read_one,
    write_one,
)
from ecgmodel.protocols._do_no_harm.measures import (
    qrs_amplitudes,
    shape_below,
    st_levels,
    usable_beats,
)
from ecgmodel.protocols._do_no_harm.measuring import evaluate
from ecgmodel.protocols._do_no_harm.summing import quantiles
from ecgmodel.protocols._goals import Goal, against_goals
from ecgmodel.protocols.do_no_harm import PROTOCOL
from ecgmodel.signals.standard import highpass
from ecgmodel.store import Store
from ecgmodel.support import plugins
from tests.ecgmodel.protocols.made import downloaded
from tests.ecgmodel.protocols.made_stress import FS, beat_places, beats_at
from tests.wfdb_files import write_record

SAMPLES = 20 * 1024


def made(name: str = "qtdb/sel123", wander: float = 0.3, height: float = 1.0) -> HarmRecording:
    """Return a recording of one lead with beats, wander of its own, and one clipped second."""
    places = beat_places(SAMPLES)
    signal = beats_at(places, SAMPLES, height)[:, None]
    recorded = signal + wander * np.sin(2 * np.pi * 0.1 * np.arange(SAMPLES) / FS)[:, None]
    usable = np.ones((SAMPLES, 1), bool)
    usable[1100:1460] = False
    database, record = name.split("/")
    known = plugins.load("databases", database, "database").DATABASE
    waves = np.stack([places - 15, places, places + 15], axis=1)
    return HarmRecording(
        name=name,
        subject=known.subject(record),
        original_fs=250.0 if database == "qtdb" else 360.0,
        leads=("ECG1",),
        recorded=recorded.astype(np.float32),
        target=highpass(recorded).astype(np.float32),
        usable=usable,
        beats=places,
        found=places,
        waves=waves if database == "qtdb" else np.zeros((0, 3), np.int64),
    )


def stored(folder: Path, *recordings: HarmRecording) -> DoNoHarm:
    for recording in recordings:
        write_one(recording, folder)
    return DoNoHarm(folder, tuple(recording.name for recording in recordings))


def values(rows: pd.DataFrame, quantity: str) -> np.ndarray:
    return rows.loc[rows["quantity"] == quantity, "value"].to_numpy()


def test_it_is_found_by_its_name_and_only_test_subjects_are_in_it() -> None:
    assert protocols.load("do-no-harm") is PROTOCOL
    assert set(PROTOCOL.goals) == set(PROTOCOL.metrics)
    subjects = []
    for database, records in PROTOCOL.records.items():
        assert set(PROTOCOL.quick[database]) <= set(records)
        known = plugins.load("databases", database, "database").DATABASE
        subjects += [known.subject(record) for record in records]
    assert {split_of(subject, SplitSettings()) for subject in subjects} == {"test"}
    assert len(set(subjects)) == len(subjects) == 21


def test_shape_by_hand() -> None:
    """A target of 1 mV RMS and an error of 0.01 mV RMS at 20 Hz: 40 dB, wander or not."""
    time = np.arange(SAMPLES) / FS
    target = np.sqrt(2) * np.sin(2 * np.pi * 5 * time)
    error = 0.01 * np.sqrt(2) * np.sin(2 * np.pi * 20 * time)
    wander = 0.5 * np.sin(2 * np.pi * 0.05 * time) + 2.0
    usable = np.ones(SAMPLES, bool)
    usable[2000] = False
    for output in (target + error, target + error + wander):
        below = shape_below(target, output, usable)
        assert len(below) == 20
        assert np.flatnonzero(np.isnan(below)).tolist() == [1]
        assert below[2:-1] == pytest.approx(40, abs=0.1)  # the division by 0.5 Hz errs at ends
    assert np.nanmin(shape_below(target, target, usable)) == pytest.approx(80, abs=0.1)
    assert np.isnan(shape_below(np.zeros(2048), np.ones(2048), np.ones(2048, bool))).all()


def test_st_level_by_hand() -> None:
    lead, waves = np.zeros(1000), np.array([[100, 110, 120], [990, 994, 996], [3, 10, 20]])
    lead[93:100] = [0.1] * 7  # the 20 ms before the onset
    lead[138:146] = [0.3] * 8  # J+50 to J+70 ms
    lead[92] = lead[100] = lead[137] = lead[146] = 9.0  # what must not count
    assert st_levels(lead, waves)[0] == pytest.approx(0.2)
    assert np.isnan(st_levels(lead, waves)[1:]).all()  # reach over the ends


def test_qrs_amplitude_by_hand() -> None:
    lead = np.zeros(1000)
    lead[[300 - 22, 300 + 22]] = [-0.4, 1.0]
    lead[300 + 23] = 5.0  # 64 ms away
    assert qrs_amplitudes(lead, np.array([300]))[0] == pytest.approx(1.4)
    assert np.isnan(qrs_amplitudes(lead, np.array([10, 990]))).all()


def test_beats_on_unusable_samples_are_left_out() -> None:
    usable = np.ones(2000, bool)
    usable[500] = False
    beats = np.array([50, 392 - 1, 392, 500, 572, 573, 1950])
    expected = [False, True, False, False, False, True, False]
    assert usable_beats(usable, beats).tolist() == expected


def test_only_a_qrs_between_its_own_brackets_counts() -> None:
    symbols = np.array(list("(p)(N)(t)N)(N(N)"))
    assert qrs_waves(np.arange(16) * 10, symbols).tolist() == [[30, 40, 50], [130, 140, 150]]
    assert qrs_waves(np.zeros(0), np.zeros(0, object)).shape == (0, 3)


def test_a_method_that_gives_the_target_does_no_harm(tmp_path: Path) -> None:
    recording = made()
    rows = evaluate(lambda x: recording.target.T, stored(tmp_path, recording))
    table = PROTOCOL.tables(rows, draws=0)["all"].set_index("metric")["mean"]
    assert table["shape"] > 60
    assert table[["st_median", "st_99", "qrs", "f1_loss"]].to_dict() == pytest.approx(
        {"st_median": 0, "st_99": 0, "qrs": 0, "f1_loss": 0}
    )


def test_methods_are_given_the_recording_as_it_is_and_judged_by_its_target(tmp_path: Path) -> None:
    recording = made()
    given = []

    def keep(x: np.ndarray) -> np.ndarray:
        given.append(x)
        return x

    rows = evaluate(keep, stored(tmp_path, recording))
    np.testing.assert_array_equal(given[0], recording.recorded.T)
    assert not np.allclose(recording.recorded, recording.target, atol=0.1)
    assert np.median(values(rows, "shape")) > 40  # wander alone is no error of shape


def test_what_a_method_changes_is_told_by_hand(tmp_path: Path) -> None:
    """All of it 10 % smaller, and 0.05 mV more behind every J."""
    recording = made()
    raised = np.zeros(SAMPLES)
    for _, _, j in recording.waves:
        raised[j + 17 : j + 27] = 0.05

    def method(x: np.ndarray) -> np.ndarray:
        return 0.9 * recording.target.T + raised

    rows = evaluate(method, stored(tmp_path, recording), "made")
    assert values(rows, "qrs") == pytest.approx(10, abs=1e-3)
    assert np.median(values(rows, "st")) == pytest.approx(0.05, abs=0.003)
    beats = len(recording.waves)
    near = ((recording.waves[:, 1] > 1100 - 109) & (recording.waves[:, 1] < 1460 + 73)).sum()
    assert near == 2
    assert len(values(rows, "st")) == len(values(rows, "qrs")) == beats - near
    assert values(rows, "shape").max() < 21  # a tenth of it is 20 dB below, and there is more
    assert len(values(rows, "shape")) == 19
    assert set(rows["lead"]) == {"ECG1"}


def test_beats_that_are_lost_are_counted_against_those_before(tmp_path: Path) -> None:
    recording = made("mitdb/106")
    recording = replace(recording, found=np.append(recording.beats, SAMPLES - 100))
    places = recording.beats
    fewer = beats_at(np.delete(places, [20, 30, 40]), SAMPLES)[None]
    rows = evaluate(lambda x: fewer, stored(tmp_path, recording))
    n = len(places)
    found = {q: values(rows, q).tolist() for q in ("matched", "missed", "false_before")}
    assert found == {"matched": [n - 3.0], "missed": [3.0], "false_before": [1.0]}
    loss = PROTOCOL.tables(rows, draws=0)["all"].set_index("metric").loc["f1_loss"]
    assert loss["mean"] == pytest.approx(2 * n / (2 * n + 1) - 2 * (n - 3) / (2 * n - 3))
    assert loss["count"] == n
    assert not len(values(rows, "st"))  # mitdb has no annotated waves
    assert len(values(rows, "qrs"))


def test_a_record_without_reference_beats_has_no_f1(tmp_path: Path) -> None:
    recording = replace(made(), beats=np.zeros(0, np.int64))
    rows = evaluate(lambda x: x, stored(tmp_path, recording))
    assert set(rows["quantity"]) == {"shape", "st", "qrs"}
    assert set(PROTOCOL.tables(rows, draws=0)["all"]["metric"]) == set(PROTOCOL.metrics) - {
        "f1_loss"
    }


def made_rows() -> pd.DataFrame:
    """Return shape figures of five people; the last has by far the most windows."""
    rng = np.random.default_rng(0)
    rows = []
    for person, (level, count) in enumerate([(30, 20), (28, 20), (26, 20), (24, 20), (10, 100)]):
        for value in level + rng.normal(0, 0.5, count):
            rate = 360.0 if person == 4 else 250.0
            who = {"method": "m", "record": f"r{person}", "subject": f"s{person}"}
            rows.append(who | {"original_fs": rate, "quantity": "shape", "value": value})
    return pd.DataFrame(rows)


def test_tables_have_medians_rates_and_the_worst_record() -> None:
    rows = made_rows()
    tables = PROTOCOL.tables(rows, draws=200)
    (row,) = tables["all"].to_dict("records")
    assert row["mean"] == pytest.approx(np.median(rows["value"]), abs=0.05)
    assert (row["worst_record"], row["count"], row["subjects"]) == ("r4", 180, 5)
    assert row["low"] < row["mean"] < row["high"]
    assert row["low"] == pytest.approx(10, abs=1)  # nobody but the last person's windows count
    by_rate = tables["by_rate"].set_index("original_fs")
    assert by_rate.loc[360.0, "mean"] == pytest.approx(10, abs=0.3)
    assert by_rate.loc[250.0, "mean"] == pytest.approx(27, abs=1.1)
    assert np.isnan(by_rate.loc[360.0, "low"])  # one person
    assert len(tables["by_record"]) == 5
    assert tables["by_record"]["low"].isna().all()
    assert not tables["goals"]["passes_first_step"].any()


def test_weighted_quantiles() -> None:
    data = np.array([3.0, 1.0, 2.0, 4.0])
    weights = np.array([[1, 1, 1, 1], [0, 3, 0, 1], [0, 0, 0, 0]])
    assert quantiles(data, weights, 0.5)[:2].tolist() == [2.0, 1.0]
    assert np.isnan(quantiles(data, weights, 0.5)[2])
    large = np.random.default_rng(0).normal(size=999)
    expected = np.quantile(large, 0.99, method="inverted_cdf")
    assert quantiles(large, np.ones((1, 999)), 0.99)[0] == expected


def test_a_goal_that_is_just_met_counts_only_where_it_says_at_most() -> None:
    summary = pd.DataFrame({"method": ["a"], "metric": ["st_median"], "mean": [0.02]})
    for inclusive in (True, False):
        goals = {"st_median": Goal(0.02, 0.02, inclusive)}
        (passes,) = against_goals(summary, goals, PROTOCOL.metrics)["passes_goal"]
        assert passes == inclusive


def write_qtdb(folder: Path, name: str = "sel123") -> Path:
    """Write a record of 250 Hz with reference beats and annotated waves."""
    places = np.arange(200, 14_000, 200)
    signal = beats_at(places, 15_000)
    path = write_record(folder, name, np.stack([signal, -signal], 1), 250.0, ("A", "B"), 2000.0)
    wfdb.wrann(name, "atr", places, ["N"] * len(places), write_dir=str(folder))
    at = (places[:, None] + [-10, 0, 10]).ravel()
    wfdb.wrann(name, "pu", at, list("(N)") * len(places), write_dir=str(folder))
    path.with_suffix(".pu").rename(path.with_suffix(".pu1"))  # wfdb takes letters alone
    return path


def test_a_record_comes_to_360_hz_with_its_annotations(tmp_path: Path) -> None:
    recording = read_annotated(write_qtdb(tmp_path), "qtdb", "sel123")
    assert (recording.subject, recording.original_fs) == ("mitdb/123", 250.0)
    assert recording.recorded.shape == recording.target.shape == (21_600, 2)
    assert recording.beats[0] == 288
    assert recording.waves[0].tolist() == [274, 288, 302]
    peak = np.argmax(recording.recorded[250:350, 0]) + 250
    assert abs(peak - 288) <= 1
    assert len(recording.found) == len(recording.beats)
    write_one(recording, tmp_path)
    again = read_one(tmp_path, recording.name)
    np.testing.assert_array_equal(again.target, recording.target)
    assert (again.leads, again.original_fs) == (recording.leads, 250.0)


def test_the_target_loses_wander_and_nothing_above(tmp_path: Path) -> None:
    """A band-passed target would teach the filter: 0.5 Hz is as far as it goes."""
    time = np.arange(60 * FS) / FS
    high, wander = (np.sin(2 * np.pi * f * time) for f in (120.0, 0.1))
    signal = beats_at(beat_places(len(time)), len(time)) + 0.1 * high + wander
    path = write_record(tmp_path, "106", signal, 360.0, ("MLII",), gain=2000.0)
    target = read_annotated(path, "mitdb", "106").target[3600:-3600, 0]
    for wave, share in ((high, 0.1), (wander, 0.0)):
        part = wave[3600:-3600]
        assert 2 * np.mean(target * part) == pytest.approx(share, abs=0.02)


def test_what_is_missing_or_broken_is_named(tmp_path: Path) -> None:
    path = write_qtdb(tmp_path)
    path.with_suffix(".pu1").unlink()
    with pytest.raises(MissingFileError, match="pu1 are missing"):
        read_annotated(path, "qtdb", "sel123")
    data = stored(tmp_path, made())
    with pytest.raises(ModelError, match="qtdb/sel123, lead ECG1"):
        evaluate(lambda x: x * np.nan, data)
    with pytest.raises(DatasetError, match="Received: none"):
        evaluate(lambda x: x, DoNoHarm(tmp_path, ()))


def test_steps_on_a_made_record(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    download = downloaded(store, write_qtdb(tmp_path))
    prepared = PROTOCOL.prepare_step({"qtdb/sel123": download}).run(store)
    assert prepared.info == {"records": ["qtdb/sel123"]}
    steps = PROTOCOL.method_steps(prepared)
    assert [s.unit.name for s in steps] == ["none", "butterworth", "fir", "wavelet", "neurokit"]
    rows = PROTOCOL.rows([step.run(store) for step in steps[:2]])
    assert set(rows["method"]) == {"none", "butterworth"}
    page = PROTOCOL.page_step([step.run(store) for step in steps[:2]]).run(store)
    assert "Shape error below the target" in page.file("benchmark.md").read_text()
    assert "none/shape" in page.info["means"]


def test_a_real_record(physionet: Path, tmp_path: Path) -> None:
    recording = read_annotated(physionet / "qtdb/1.0.0/sel123", "qtdb", "sel123")
    assert len(recording.waves) == 751
    rows = evaluate(lambda x: x, stored(tmp_path, recording), "none")
    table = PROTOCOL.tables(rows, draws=0)["all"].set_index("metric")["mean"]
    assert table["f1_loss"] == 0
    assert table["shape"] > 25
    assert table["st_median"] < 0.02
