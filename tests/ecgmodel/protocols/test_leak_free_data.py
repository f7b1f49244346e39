"""What the test of `leak-free` is made of: people, halves of noise, and the stored list."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from ecgmodel.databases.qtdb import DATABASE as QTDB
from ecgmodel.dataset.mix_settings import MixSettings, TestMix
from ecgmodel.dataset.mixing import MixJob, mix_record
from ecgmodel.dataset.splits import SplitSettings, split_of, subject_of
from ecgmodel.errors import DatasetError, SplitError
from ecgmodel.protocols._leak_free.data import collect
from ecgmodel.protocols._leak_free.listing import check_list, list_digest, stored_list
from ecgmodel.protocols._leak_free.recordings import job_of, protocol_settings
from ecgmodel.protocols._work import PlainWork
from ecgmodel.protocols.leak_free import PROTOCOL
from ecgmodel.settings.config import load_settings
from ecgmodel.store import Store, Stored
from tests.ecgmodel.dataset.made import OPEN_GATE, noise_part, resampled
from tests.ecgmodel.protocols.made_leak_free import simulated

LIST_DIGEST = "46267a1fb1007ace352a3112cc84eda88796682f5f378d717bf937723d555197"
CLEAN = [f"{db}/{name}" for db in ("mitdb", "qtdb") for name in PROTOCOL.records[db]]
DEFAULT = SplitSettings()
SHORT = MixSettings(window=1024, test=TestMix(segment_s=10.0, snr_db=(0.0,), types=("bw", "ma")))
NOISE_LENGTHS = dict.fromkeys(("bw", "ma", "em"), 80_000)


def split(record: str) -> str:
    """Return the split of a record, as a dataset of the pipeline has it."""
    return split_of(subject_of(*record.split("/"), DEFAULT), DEFAULT)


def mixed(folder: Path, subject: str = "simulated/sim02", half: str = "test") -> Stored:
    """Return a shard of the test of one person, with noise of some split's part."""
    facts = resampled(folder / "resampled")
    into = folder / "shard"
    into.mkdir()
    job = MixJob(subject, subject, "test")
    info = mix_record(folder / "resampled", job, facts, noise_part(half), SHORT, OPEN_GATE, into)
    return Stored(into, subject, "key", "digest", info, {}, {}, {})


def test_one_recording_of_each_test_subject():
    assert len(CLEAN) == 21
    assert {split(record) for record in CLEAN} == {"test"}
    assert len({subject_of(*record.split("/"), DEFAULT) for record in CLEAN}) == 21


def test_nobody_who_tests_trains_under_any_name():
    tested = {subject_of(*record.split("/"), DEFAULT) for record in CLEAN}
    aliases = [f"qtdb/{name}" for name in QTDB.subjects] + [f"mitdb/{n}" for n in range(100, 235)]
    aliases += [f"nstdb/{n}e{snr}" for n in (118, 119) for snr in ("24", "00", "_6")]
    aliases += ["nsrdb/16420", "nsrdb/16795"]
    of_tested = [a for a in aliases if subject_of(*a.split("/"), DEFAULT) in tested]
    assert {"mitdb/123", "mitdb/233", "qtdb/sele0122", "nstdb/118e_6"} <= set(of_tested)
    assert len(of_tested) == 21 + 3 + 6 + 2
    assert {split(record) for record in of_tested} == {"test"}


@pytest.mark.parametrize(
    "record",
    [
        *(f"qtdb/sel{n}" for n in (100, 102, 103, 104, 117, 123, 213, 221, 231, 232, 233)),
        *("mitdb/201", "mitdb/202", "qtdb/sele0121", "qtdb/sele0122"),
        *(f"mitdb/{n}" for n in (100, 103, 105, 111, 113, 121, 200, 202, 210, 212, 214, 219)),
        *(f"mitdb/{n}" for n in (222, 228, 234)),
    ],
)
def test_who_stays_out_of_training(record: str):
    assert split(record) in ("test", "held_out")


def test_a_record_of_somebody_else_is_refused():
    with pytest.raises(SplitError, match=r"mitdb/101 of subject mitdb/101, whose split is train"):
        job_of("mitdb/101")
    with pytest.raises(SplitError, match="held_out"):
        job_of("qtdb/sel100")
    assert job_of("qtdb/sele0121") == MixJob("qtdb/sele0121", "edb/e0121", "test")


def test_a_shard_of_a_training_subject_is_refused(tmp_path: Path):
    shard = mixed(tmp_path, subject="simulated/sim01")
    into = tmp_path / "test"
    into.mkdir()
    with pytest.raises(SplitError, match="simulated/sim01, whose split is train"):
        collect([shard], NOISE_LENGTHS, into)


@pytest.mark.parametrize("half", ["train", "validation"])
def test_noise_that_may_train_is_refused(tmp_path: Path, half: str):
    shard = mixed(tmp_path, half=half)
    into = tmp_path / "test"
    into.mkdir()
    with pytest.raises(DatasetError, match="the test's part is 40000 to 80000"):
        collect([shard], NOISE_LENGTHS, into)


def test_a_shard_of_the_test_is_taken(tmp_path: Path):
    shard = mixed(tmp_path)
    into = tmp_path / "test"
    into.mkdir()
    facts = collect([shard], NOISE_LENGTHS, into)
    assert (facts["records"], facts["complete"], facts["matches_stored_list"]) == (1, False, False)
    assert facts["segments"] == len(pd.read_csv(into / "segments.csv")) > 0
    assert (into / "test/simulated-sim02.parquet").is_file()


def test_the_noises_offset_is_taken_out_before_it_is_scaled(tmp_path: Path):
    shard = mixed(tmp_path).file("shard.parquet")
    offset = noise_part("test").recordings["ma"].signal[:, 0]
    assert offset.mean() > 2 * offset.std()  # counted as noise, it would be nearly all of it
    rows = pq.read_table(shard, filters=[("noise_type", "==", "ma")]).to_pandas()
    clean, noisy = (np.stack(rows[name]).astype(float) for name in ("clean", "noisy"))
    added = noisy - clean
    assert abs(added.mean(axis=1)).max() < 1e-5
    assert 10 * np.log10(clean.var(axis=1) / added.var(axis=1)) == pytest.approx(0, abs=0.01)


def test_records_without_a_segment_are_named_and_none_at_all_is_an_error(tmp_path: Path):
    empty = Stored(tmp_path, "a", "", "", {"record": "a", "rows": 0}, {}, {}, {})
    with pytest.raises(DatasetError, match="None of 1 records"):
        collect([empty], NOISE_LENGTHS, tmp_path)


def test_the_stored_list_is_the_one_that_was_chosen():
    stored = stored_list()
    assert list_digest(stored) == LIST_DIGEST
    assert sorted(stored["record"].unique()) == sorted(CLEAN)
    for _, lead in stored.groupby(["record", "lead"]):
        assert len(lead) <= 12
        assert (lead["start"].diff().dropna() >= 11_520).all()


def test_other_segments_or_signals_are_named():
    stored = stored_list()
    quick = stored[stored["record"].isin(["mitdb/119", "qtdb/sel32"])]
    assert check_list(quick, stored)
    assert not check_list(quick.assign(record="own/a"), stored)
    with pytest.raises(DatasetError, match=r"1 segments differ.*is in the list alone"):
        check_list(quick.iloc[1:], stored)
    moved = quick.copy()
    moved.iloc[0, moved.columns.get_loc("start")] += 1024
    with pytest.raises(DatasetError, match="2 segments differ"):
        check_list(moved, stored)
    louder = quick.copy()
    louder.iloc[3, louder.columns.get_loc("rms_uv")] += 0.1
    with pytest.raises(DatasetError, match="has an RMS of"):
        check_list(louder, stored)
    assert check_list(louder, stored, content=False)


def test_settings_of_the_test_do_not_follow_others():
    base = load_settings(pairs=["mix.snr_db=[3]", "resample.length=5000", "quality.enabled=false"])
    fixed = protocol_settings(base)
    assert fixed.resample.length is None
    assert fixed.mix.test.snr_db == (-6.0, 0.0, 6.0, 12.0, 18.0)
    assert fixed.mix.test.segment == 11_520
    assert fixed.quality.enabled
    assert fixed.source == base.source
    assert protocol_settings(simulated(), "as_recorded").resample.target == "as_recorded"


def test_real_recordings_give_the_stored_list(physionet: Path, tmp_path: Path):
    recordings = {"mitdb": ("209",), "qtdb": ("sel123",), "nstdb": ("bw", "em", "ma")}
    prepared = prepare(physionet, tmp_path, recordings)
    assert prepared.info["matches_stored_list"]
    assert prepared.info["segments"] == 12 + 5 + 12 + 1


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_whole_test(physionet: Path, tmp_path: Path):
    info = prepare(physionet, tmp_path, PROTOCOL.records).info
    assert (info["complete"], info["list"]) == (True, LIST_DIGEST)
    assert (info["records"], info["subjects"], info["rows"]) == (21, 21, 453 * 21)
    # The gate judges noise, not rhythm: it keeps nearly as many ventricular beats as normal ones.
    kept = {name: counts["kept"] / counts["seen"] for name, counts in info["gate"].items()}
    assert kept["ventricular"] > kept["normal"] - 0.1 > 0.8


def prepare(physionet: Path, folder: Path, recordings: dict[str, tuple[str, ...]]) -> Stored:
    """Make the test from real recordings."""
    base = load_settings(pairs=["source.kind=physionet", f"source.base_url={physionet}"])
    return replace(PROTOCOL, records=recordings).prepared(PlainWork(base, Store(folder)))
