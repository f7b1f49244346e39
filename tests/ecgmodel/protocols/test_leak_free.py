"""The protocol `leak-free`: figures by hand, and each pitfall of the field that concerns it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from ecgmodel import protocols
from ecgmodel.errors import DatasetError, ModelError
from ecgmodel.evaluation import examples
from ecgmodel.evaluation.summary import as_text
from ecgmodel.protocols._leak_free.data import LeakFree, read
from ecgmodel.protocols._leak_free.goals import against_baselines
from ecgmodel.protocols._leak_free.measuring import evaluate
from ecgmodel.protocols._measured import EXAMPLES, ROWS
from ecgmodel.protocols._methods import Network
from ecgmodel.protocols.leak_free import PROTOCOL
from ecgmodel.store import Store, Stored
from ecgmodel.support.dataclass_files import load
from tests.ecgmodel.protocols.made_leak_free import invented, rewritten, small_test

SAMPLES, WINDOWS, WINDOW = 11_520, 11, 1047


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("leak_free")


@pytest.fixture(scope="module")
def prepared(store: Path) -> Stored:
    return small_test(store)


@pytest.fixture(scope="module")
def data(prepared: Stored) -> LeakFree:
    return read(prepared)


@pytest.fixture(scope="module")
def rows(data: LeakFree) -> pd.DataFrame:
    half = evaluate(lambda noisy: 0.5 * noisy, data, "half")
    return pd.concat([evaluate(np.copy, data, "none"), half], ignore_index=True)


def untouched(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows without added noise, where a method is given the target itself."""
    return rows[rows["noise_type"] == "none"]


def test_a_protocol_is_found_by_its_name():
    protocol = protocols.load("leak-free")
    assert protocol is PROTOCOL
    for database, names in protocol.quick.items():
        assert set(names) <= set(protocol.records[database])


def test_every_segment_has_every_noise_at_every_level(rows: pd.DataFrame, data: LeakFree):
    cells = rows[rows["method"] == "none"].groupby(["record", "lead", "start"]).size()
    assert (cells == 4 * 5 + 1).all()
    assert len(cells) == len(data.segments) >= 6
    assert rows["subject"].nunique() == 3
    assert set(rows["target"]) == {"highpass"}
    assert rows["snr_db"].dropna().unique().tolist() == [-6, 0, 6, 12, 18]


def test_metrics_by_hand_window_by_window(rows: pd.DataFrame, data: LeakFree):
    row = rows[(rows["method"] == "half") & (rows["noise_type"] == "em")].iloc[7]
    where = [("lead", "==", row["lead"]), ("start", "==", row["start"])]
    where += [("noise_type", "==", "em"), ("target_snr_db", "==", row["snr_db"])]
    (shard,) = [s for s in data.shards if s.stem == row["record"].replace("/", "-")]
    segment = pq.read_table(shard, filters=where).to_pandas().iloc[0]
    found: dict[str, list[float]] = {"rmse": [], "prd": [], "cossim": [], "mad": []}
    found |= {"snr_improvement": [], "snr_out": []}
    for n in range(WINDOWS):
        y, x = (segment[c][n * WINDOW : (n + 1) * WINDOW].astype(float) for c in ("clean", "noisy"))
        p = 0.5 * x
        power, error = ((y - y.mean()) ** 2).sum(), ((p - y) ** 2).sum()
        found["rmse"].append(np.sqrt(error / WINDOW))
        found["prd"].append(100 * np.sqrt(error / power))
        found["cossim"].append(y @ p / np.sqrt((y @ y) * (p @ p)))
        found["mad"].append(abs(p - y).max())
        found["snr_out"].append(10 * np.log10(power / error))
        found["snr_improvement"].append(10 * np.log10(((x - y) ** 2).sum() / error))
    for name, values in found.items():
        assert row[name] == pytest.approx(np.mean(values), rel=1e-4), name


def test_an_offset_is_drift_and_a_fast_wave_is_shape(data: LeakFree):
    raised = untouched(evaluate(lambda x: x + np.float32(0.1), data))
    assert raised["rmse"].to_numpy() == pytest.approx(0.1, rel=1e-4)
    assert raised["mad"].to_numpy() == pytest.approx(0.1, rel=1e-4)
    assert raised["drift"].to_numpy() == pytest.approx(0.1, rel=1e-4)
    assert raised["shape"].to_numpy() == pytest.approx(0, abs=1e-4)
    wave = 0.2 * np.sin(2 * np.pi * 5 * np.arange(SAMPLES) / 360)
    waved = untouched(evaluate(lambda x: x + wave, data))
    assert waved["shape"].to_numpy() == pytest.approx(0.2 / np.sqrt(2), rel=0.01)
    assert waved["drift"].to_numpy() == pytest.approx(0, abs=0.004)  # what the ends leave


def test_offsets_that_cancel_over_the_segment_count_in_its_windows(data: LeakFree):
    # Two windows of 1,047 samples up and two down, again and again: the segment's mean is near 0.
    step = np.where(np.arange(SAMPLES) // (2 * WINDOW) % 2, -0.1, 0.1)
    seams = untouched(evaluate(lambda x: x + step, data))
    assert seams["rmse"].to_numpy() == pytest.approx(0.1, rel=1e-3)
    whole = untouched(evaluate(lambda x: x + 0.1, data))
    assert seams["snr_out"].to_numpy() == pytest.approx(whole["snr_out"].to_numpy(), abs=0.01)


def test_taking_the_mean_out_gains_nothing(data: LeakFree):
    centred = evaluate(lambda x: x - x.mean(axis=1, keepdims=True), data, "centred")
    assert centred["snr_improvement"].max() < 0.2  # a counted offset would be worth many dB


def test_methods_are_given_millivolts_as_they_are(data: LeakFree):
    given = []

    def spy(noisy: np.ndarray) -> np.ndarray:
        given.append(noisy.copy())
        return noisy

    nothing = evaluate(spy, data, "spy")
    stored = [
        np.stack(pq.read_table(s, columns=["noisy"]).to_pandas()["noisy"]) for s in data.shards
    ]
    np.testing.assert_array_equal(np.concatenate(given), np.concatenate(stored))
    assert (nothing["snr_improvement"].dropna() == 0).all()

    def to_unit_range(x: np.ndarray) -> np.ndarray:
        low, high = x.min(axis=1, keepdims=True), x.max(axis=1, keepdims=True)
        return (x - low) / (high - low)

    scaled = untouched(evaluate(to_unit_range, data, "scaled"))
    assert (scaled["snr_out"] < 10).all()  # the perfect shape in another unit is no good answer


@pytest.mark.parametrize("louder", [0.0, 0.01, 1.02])
def test_a_segment_that_is_not_at_its_snr_stops_the_evaluation(
    data: LeakFree, tmp_path: Path, louder: float
):
    def change(rows: pd.DataFrame) -> pd.DataFrame:
        row = rows.index[rows["noise_type"] == "bw"][0]
        clean, noisy = rows.at[row, "clean"], rows.at[row, "noisy"]
        rows.at[row, "noisy"] = (clean + louder * (noisy - clean)).astype(np.float32)
        return rows

    shard = rewritten(data.shards[0], tmp_path / "changed.parquet", change)
    with pytest.raises(DatasetError, match="noise bw: the stated SNR is -6 dB"):
        evaluate(np.copy, LeakFree((shard,), data.segments, data.target))


def test_noise_in_a_segment_that_states_none_stops_the_evaluation(data: LeakFree, tmp_path: Path):
    def change(rows: pd.DataFrame) -> pd.DataFrame:
        row = rows.index[rows["noise_type"] == "none"][0]
        rows.at[row, "noisy"] = rows.at[row, "noisy"] + np.float32(0.01)
        return rows

    shard = rewritten(data.shards[0], tmp_path / "changed.parquet", change)
    with pytest.raises(DatasetError, match="nan: no noise"):
        evaluate(np.copy, LeakFree((shard,), data.segments, data.target))


def test_the_target_loses_wander_and_nothing_else(store: Path):
    (folder,) = (store / "resample").glob("simulated-sim02-*")
    recorded, target = (np.load(folder / f"{n}.npy").astype(float) for n in ("recorded", "target"))
    inner = slice(360 * 5, -360 * 5)
    spectra = [
        abs(np.fft.rfft((s[inner] * np.hanning(len(s[inner]))[:, None]).T))
        for s in (recorded, target)
    ]
    hz = np.fft.rfftfreq(len(recorded[inner]), 1 / 360)
    for low, high, kept in ((3, 20, 1.0), (20, 60, 1.0), (60, 170, 1.0)):
        band = (hz > low) & (hz < high)
        energy = [(s[:, band] ** 2).sum(axis=1) for s in spectra]
        assert energy[1] / energy[0] == pytest.approx(kept, abs=0.01)
    slow = [(s[:, (hz > 0.02) & (hz < 0.15)] ** 2).sum(axis=1) for s in spectra]
    assert (slow[1] < 0.02 * slow[0]).all()


def test_tables_are_tidy_and_name_the_worst_record(rows: pd.DataFrame):
    tables = PROTOCOL.tables(rows, draws=100)
    half = rows[(rows["method"] == "half") & (rows["noise_type"] != "none")]
    everything = tables["all"].set_index(["method", "metric"])
    assert everything.loc[("half", "rmse"), "mean"] == pytest.approx(half["rmse"].mean())
    assert everything.loc[("half", "rmse"), "median"] == pytest.approx(half["rmse"].median())
    assert everything.loc[("half", "rmse"), "subjects"] == 3
    worst = everything.loc[("half", "snr_improvement"), "worst_record"]
    assert worst == half.groupby("record")["snr_improvement"].mean().idxmin()
    assert set(tables["by_cell"]["noise_type"]) == {"bw", "ma", "em", "mixed", "none"}
    assert set(tables["by_snr"]["snr_db"]) == {-6, 0, 6, 12, 18}
    assert set(tables["by_rate"]["original_fs"]) == {128.0}
    assert tables["about"].to_dict("records") == [
        {"target": "highpass", "records": 3, "subjects": 3, "segments": 12}
    ]
    assert "Mean SNR improvement" in as_text(tables["by_cell"])
    two = rows.assign(target=["as_recorded", *rows["target"].iloc[1:]])
    with pytest.raises(DatasetError, match="one target"):
        PROTOCOL.tables(two, draws=10)
    cell = tables["by_cell"].query(
        "method == 'half' and noise_type == 'ma' and snr_db == 6 and metric == 'shape'"
    )
    chosen = half[(half["noise_type"] == "ma") & (half["snr_db"] == 6)]
    assert cell["mean"].item() == pytest.approx(chosen["shape"].mean())


def test_the_goal_is_a_lead_over_the_best_other_baseline():
    cells = [("mixed", 0.0), ("mixed", 6.0), ("bw", 0.0), ("none", np.nan)]
    gains = {"none": [0.0, 0.0, 0.0, np.nan], "fir": [3.0, 2.0, 6.0, np.nan]}
    gains |= {"deepfilter": [6.0, 1.0, 5.0, np.nan], "ours": [7.5, 3.4, 6.0, np.nan]}
    rows = invented({m: dict(zip(cells, g, strict=True)) for m, g in gains.items()})
    goals = against_baselines(rows, draws=50).set_index(["method", "noise_type", "snr_db"])
    assert set(goals.index.get_level_values("method")) == {"fir", "deepfilter", "ours"}
    at_0, at_6 = goals.loc[("ours", "mixed", 0.0)], goals.loc[("ours", "mixed", 6.0)]
    assert (at_0["best_baseline"], at_6["best_baseline"]) == ("deepfilter", "fir")
    assert (at_0["margin"], at_6["margin"]) == (pytest.approx(1.5), pytest.approx(1.4))
    assert at_0["goal"] == at_6["goal"] == 1.5
    assert not at_6["passes_goal"]
    assert at_6["passes_first_step"]
    by_noise = goals.loc["ours"].reset_index()
    by_noise = by_noise[by_noise["snr_db"].isna()].set_index("noise_type")
    assert by_noise.loc["mixed", "mean"] == pytest.approx(5.45)
    assert by_noise.loc["mixed", "passes_goal"]
    assert not by_noise.loc["bw", "passes_goal"]  # as good as the best is not best
    other = goals.loc[("deepfilter", "mixed", 0.0)]
    assert (other["best_baseline"], other["margin"]) == ("fir", pytest.approx(3.0))
    assert against_baselines(rows[rows["method"] == "ours"]).empty


def test_a_lead_of_exactly_the_goal_passes():
    gains = {"fir": 4.0, "ours": 5.5}
    rows = invented({m: {("mixed", 0.0): gain} for m, gain in gains.items()})
    rows["snr_improvement"] = rows["method"].map(gains)
    goals = against_baselines(rows, draws=50).query("method == 'ours' and snr_db == 0")
    assert goals["passes_goal"].tolist() == [True]


def test_a_filter_is_measured_once_and_its_examples_are_kept(prepared: Stored, store: Path):
    step = PROTOCOL.filter_step("butterworth", prepared)
    measured = step.run(Store(store))
    again = PROTOCOL.filter_step("butterworth", prepared)
    assert again.unit.key == step.unit.key
    assert Store(store).get(again.unit) is not None
    rows = pd.read_parquet(measured.file(ROWS))
    assert set(rows["method"]) == {"butterworth"}
    assert rows[rows["noise_type"] == "bw"]["snr_improvement"].mean() > 3
    shown = load(measured.file(EXAMPLES), examples.Example)
    assert {(e.noise_type, e.role) for e in shown} == {
        (noise, role) for noise in ("bw", "ma", "em", "mixed") for role in examples.ROLES
    }
    other = PROTOCOL.filter_step("fir", prepared)
    assert other.unit.inputs == step.unit.inputs
    assert other.unit.key != step.unit.key


def test_a_saved_network_goes_through_the_tiles(
    prepared: Stored, rows: pd.DataFrame, store: Path, tmp_path: Path
):
    keras = pytest.importorskip("keras")
    signal = keras.Input((512, 1))
    halved = keras.layers.Conv1D(
        1, 1, use_bias=False, kernel_initializer=keras.initializers.Constant(0.5)
    )
    keras.Model(signal, halved(signal)).save(tmp_path / "half.keras")
    step = PROTOCOL.network_step("half", Network((tmp_path / "half.keras",), 512), prepared)
    measured = pd.read_parquet(step.run(Store(store)).file(ROWS))
    expected = rows[rows["method"] == "half"].reset_index(drop=True)
    pd.testing.assert_frame_equal(measured, expected, rtol=1e-3, atol=1e-4)
    tiled = PROTOCOL.network_step("half", Network((tmp_path / "half.keras",), None), prepared)
    assert tiled.unit.key != step.unit.key


def test_the_page_shows_our_own_network_else_the_best_method(
    prepared: Stored, store: Path, tmp_path: Path
):
    keras = pytest.importorskip("keras")
    signal = keras.Input((512, 1))
    keras.Model(signal, keras.layers.Rescaling(0.9)(signal)).save(tmp_path / "less.keras")
    steps = [PROTOCOL.filter_step(name, prepared) for name in ("none", "butterworth")]
    steps.append(PROTOCOL.network_step("less", Network((tmp_path / "less.keras",), 512), prepared))
    measured = [step.run(Store(store)) for step in steps]
    page = PROTOCOL.page_step(measured).run(Store(store))
    html = page.file("benchmark.html").read_text()
    assert "butterworth gains most" in html
    assert "What less makes of it" in html
    assert ">13.2</td>" in html.partition("comparable protocol")[2]  # what others reported
    assert html.count("the worst segment at") == 2 * 4  # heading and alternative text
    filters = PROTOCOL.page_step(measured[:2]).run(Store(store))
    assert "What butterworth makes of it" in filters.file("benchmark.html").read_text()


def test_a_method_that_breaks_its_segments_is_named(data: LeakFree):
    with pytest.raises(ModelError, match="'cut' must return an array of the shape"):
        evaluate(lambda x: x[:, :500], data, "cut")
    with pytest.raises(ModelError, match="simulated/sim02"):
        evaluate(lambda x: np.full_like(x, np.nan), data, "broken")


def test_published_rows_name_their_protocol():
    table = PROTOCOL.published_rows()
    assert table.set_index("method").loc["TCDAE", "mean"] == 13.2
    assert table["source"].str.contains("10 s windows").all()
