from __future__ import annotations

from pathlib import Path

import pytest

from ecgmodel.errors import RecordError
from ecgmodel.signals.resampling import ResampleSettings
from ecgmodel.steps.data import resample_step
from ecgmodel.store import Store, Stored
from tests.wfdb_files import ecg, write_record


def downloaded(folder: Path, database: str) -> Stored:
    """Return a downloaded record without a gain."""
    write_record(folder, "a", ecg(20, 250), 250)
    header = folder / "a.hea"
    header.write_text(header.read_text().replace("200.0(0)/mV", "0"))
    info = {"database": database, "header": "a", "start_s": 0.0}
    return Stored(folder, f"{database}/a", "key", "digest", info, {}, {}, {})


def test_a_known_database_sets_the_gain_of_uncalibrated_leads(tmp_path: Path) -> None:
    how, store = ResampleSettings(), Store(tmp_path / "store")
    known = resample_step(downloaded(tmp_path / "known", "qtdb"), how)
    assert known.run(store).info["usable_share"][0] > 0.9
    own = resample_step(downloaded(tmp_path / "own", "own"), how)
    with pytest.raises(RecordError, match="own/a, lead ECG1"):
        own.run(store)
