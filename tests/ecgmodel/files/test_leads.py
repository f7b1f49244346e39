"""Which columns are cleaned: those that say they are ECG, and look as if they could be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ecgmodel.errors import HintNeededError
from ecgmodel.files import Hints, read_ecg
from ecgmodel.files._channels import choose_leads
from ecgmodel.files._lead_names import Meaning, meaning
from ecgmodel.files._lookalikes import lookalike
from tests import wfdb_files
from tests.wfdb_files import write_record

FS = 250
MV, NONE = "mV", None


@pytest.mark.parametrize(
    ("name", "what"),
    [
        *((name, Meaning.LEAD) for name in ("II", "aVR", "AVL", "-aVR", "V1", "v6", "V3R", "MLII")),
        *(
            (name, Meaning.LEAD)
            for name in ("Lead I", "lead_II", "LeadII", "Ableitung III", "DI", "MCL1")
        ),
        *((name, Meaning.LEAD) for name in ("MDC_ECG_LEAD_V1", "mod.V1", "V4-V5", "CM5", "ML5")),
        *((name, Meaning.ECG) for name in ("ECG", "EKG1", "ecg_raw", "ECG I filtered", "rawECG")),
        *((name, Meaning.ECG) for name in ("ECG LA-RA", "ECG Ch 2", "ECG_Clean", "心电图")),
        *(
            (name, Meaning.ECG_AND)
            for name in ("EKG Größe", "ECG_foo", "lead 1", "lead1", "Lead", "ecg.left_hip")
        ),
        *((name, Meaning.PERHAPS) for name in ("I", "V", "X", "vx", "C1", "D3", "E-S", "MV2")),
        *((name, Meaning.OTHER) for name in ("M1", "M2", "A1", "C3-A2", "Fp1", "EEG Fpz-Cz")),
        *((name, Meaning.OTHER) for name in ("EMG chin", "Resp", "ABP", "HR", "heartRate", "LOC")),
        *((name, Meaning.OTHER) for name in ("ecg_bpm", "EKG_Off", "ECG_Rate", "ECG_R_Peaks")),
        *((name, Meaning.OTHER) for name in ("EcgBpm", "ecg quality", "ECG_Phase_Atrial")),
        *((name, Meaning.OTHER) for name in ("ecgHR", "ECG T Onsets", "lead_off", "ECG-status")),
        *(
            (name, Meaning.GENERIC)
            for name in ("", "signal", "CH 2", "value", "record 5, signal 0")
        ),
        *((name, Meaning.UNKNOWN) for name in ("biceps", "foo", "OSC", "P")),
    ],
)
def test_what_a_name_says(name: str, what: Meaning) -> None:
    assert meaning(name) is what


@pytest.mark.parametrize(
    ("names", "units", "leads"),
    [
        (("I", "II", "III"), (MV, MV, MV), (0, 1, 2)),
        (("I", "II"), (NONE, NONE), (0, 1)),
        (("I", "V", "P"), (NONE, NONE, "W"), None),
        (("I",), (MV,), (0,)),
        (("I",), (NONE,), None),
        (("II", "V", "Resp"), (MV, MV, NONE), (0, 1)),
        (("i", "ii", "vx", "vy", "vz"), (MV,) * 5, (0, 1, 2, 3, 4)),
        (("ECG", "X", "Y", "Z"), (MV, "g", "g", "g"), (0,)),
        (("II", "X", "Y", "Z"), (NONE,) * 4, (0,)),
        (("X", "Y", "Z"), (MV,) * 3, None),
        (("E-S", "A-S", "A-I"), (MV,) * 3, (0, 1, 2)),
        (("V4", "D3"), (MV, MV), (0, 1)),
        (("I", "II", "III", "C1", "C2"), (MV,) * 5, (0, 1, 2, 3, 4)),
        (("II", "C1", "C2", "Fz"), (MV,) * 4, (0,)),
        (("C3", "M1", "M2", "ECG"), ("uV",) * 4, (3,)),
        (("ECG", "biceps"), (MV, MV), (0,)),
        (("biceps",), (MV,), None),
        (("ecg_foo", "bar"), (MV, MV), (0,)),
        (("ecg_foo", "bar"), (NONE, NONE), None),
        (("ecg_bpm",), (NONE,), None),
        (("ECG",), ("bpm",), None),
    ],
)
def test_units_and_companions_decide_where_a_name_does_not(
    names: tuple[str, ...], units: tuple[str | None, ...], leads: tuple[int, ...] | None
) -> None:
    if leads is None:
        with pytest.raises(HintNeededError, match="--column"):
            choose_leads(names, units, Hints(), Path("x.csv"))
        return
    assert choose_leads(names, units, Hints(), Path("x.csv")).leads == leads


def table(file: Path, **columns: np.ndarray) -> Path:
    """Write a table with times and columns, ms as decimals."""
    length = len(next(iter(columns.values())))
    frame = pd.DataFrame({"time (s)": np.arange(length) / FS, **columns})
    frame.to_csv(file, index=False, float_format="%.5f")
    return file


def ecg(seconds: float = 30) -> np.ndarray:
    """One lead of simulated ECG, mV."""
    return np.round(wfdb_files.ecg(seconds, FS, seed=1), 4)


def beats(seconds: float = 30) -> np.ndarray:
    """A heart rate that is set at each beat."""
    rates = np.random.default_rng(1).normal(72, 4, 100)
    return np.repeat(rates, FS * 4 // 5)[: round(seconds * FS)]


def smooth(seconds: float = 30) -> np.ndarray:
    """A heart rate drawn smoothly from beat to beat."""
    at = np.arange(round(seconds * FS)) / FS
    return 72 + 4 * np.sin(2 * np.pi * 0.25 * at) + 2 * np.sin(2 * np.pi * 0.1 * at)


LOOKALIKES = {
    "flags": (lambda: (np.arange(30 * FS) % 200 == 0).astype(float), "only 2 different values"),
    "classes": (lambda: np.repeat([0, 1, 3, 1, 0, 2], 5 * FS).astype(float), "only 4 different"),
    "constant": (lambda: np.full(30 * FS, 5.125), "only 1 different value,"),
    "counter": (lambda: np.arange(30 * FS) % 256.0, "same step"),
    "rate": (beats, "from beat to beat"),
    "smooth rate": (smooth, "far from zero"),
    "unit": (lambda: ecg() * 4e-4, "too little for an ECG"),
}


@pytest.mark.parametrize("kind", LOOKALIKES)
def test_a_column_named_like_a_lead_that_cannot_be_one_is_asked_about(
    tmp_path: Path, kind: str
) -> None:
    make, what = LOOKALIKES[kind]
    file = table(tmp_path / "a.csv", **{"II (mV)": ecg(), "ECG (mV)": make()})
    with pytest.raises(HintNeededError, match=f"'ECG' .*{what}") as asked:
        read_ecg(file)
    assert asked.value.options == ("--column",)
    assert read_ecg(file, Hints(columns=("II (mV)",))).leads == ("II",)
    assert read_ecg(file, Hints(columns=("II (mV)", "ECG (mV)"))).leads == ("II", "ECG")


def test_what_is_declared_an_ecg_may_look_like_anything(tmp_path: Path) -> None:
    names = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
    flags = (np.arange(30 * FS) % 200 == 0).astype(float)
    columns = {f"{name} (mV)": ecg() for name in names}
    file = table(tmp_path / "a.csv", **columns | {"V3 (mV)": flags})
    assert read_ecg(file).leads == names


@pytest.mark.parametrize("seed", range(3))
def test_recorded_shapes_are_never_doubted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    at = np.arange(60 * FS) / FS
    lead = ecg(60)
    coarse = np.round(lead / 0.1) * 0.1
    shapes = {
        "offset and wander": lead + 300 + 2 * np.sin(2 * np.pi * 0.2 * at),
        "coarse": coarse,
        "held": np.repeat(lead[::4], 4),
        "lead off for 55 s": np.where(at < 55, 0.0, lead),
        "clipped": np.clip(lead, -0.1, 0.1),
        "fibrillation": 0.3 * np.sin(2 * np.pi * (4 * at + 0.3 * np.sin(at))),
        "noise": rng.normal(0, 0.1, len(at)),
        "flat": np.zeros(len(at)),
        "missing": np.where(at < 30, np.nan, lead),
    }
    pieces = {name: np.split(x, 6) for name, x in shapes.items()}
    assert {name: lookalike(parts, FS) for name, parts in pieces.items()} == dict.fromkeys(
        pieces, ""
    )


def test_all_that_is_missing_is_asked_for_at_once(tmp_path: Path) -> None:
    counts = pd.DataFrame({"a": ecg() * 1000, "b": ecg() * 1000}).round().astype(int)
    counts.to_csv(tmp_path / "a.csv", index=False)
    counts.to_parquet(tmp_path / "a.parquet")
    for file in (tmp_path / "a.csv", tmp_path / "a.parquet"):
        with pytest.raises(HintNeededError, match="sampling rate") as asked:
            read_ecg(file)
        assert sorted(asked.value.options) == ["--column", "--fs", "--unit"]
        hints = Hints(columns=("a",), fs=FS, unit="uV")
        np.testing.assert_allclose(read_ecg(file, hints).signal[:, 0], ecg(), atol=5e-4)
    np.save(tmp_path / "a.npy", counts["a"].to_numpy())
    with pytest.raises(HintNeededError, match="no unit for these integers") as asked:
        read_ecg(tmp_path / "a.npy")
    assert sorted(asked.value.options) == ["--fs", "--unit"]


def test_an_array_with_channel_names_is_chosen_from_by_name(tmp_path: Path) -> None:
    two = np.stack([ecg(), ecg()[::-1]])
    np.savez(tmp_path / "a.npz", data=two, fs=FS, unit="mV", ch_names=["EEG Cz", "ECG"])
    read = read_ecg(tmp_path / "a.npz")
    assert read.leads == ("ECG",)
    np.testing.assert_array_equal(read.signal[:, 0], two[1])


def test_a_record_of_other_voltages_is_asked_about(tmp_path: Path) -> None:
    signal = np.stack([ecg(), ecg()], axis=1)
    write_record(tmp_path, "a", signal, FS, ("EMG", "biceps"))
    with pytest.raises(HintNeededError, match="'EMG', 'biceps'"):
        read_ecg(tmp_path / "a.hea")
