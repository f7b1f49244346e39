"""Files with any content are read or refused with a typed error, without side effects."""

from __future__ import annotations

import os
import shutil
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ecgmodel.errors import EcgError
from ecgmodel.files import Ecg, Hints, formats, read_ecg, write_ecg
from tests.conftest import MIRROR
from tests.ecgmodel.files.made import made_ecg, write_made

EXAMPLES = int(os.environ.get("ECG_FUZZ_EXAMPLES", "25"))
LONGEST_S, MOST_BYTES = 20.0, 3 * 2**26
HINTS = (Hints(), Hints(fs=250, unit="mV"), Hints(fs=360, unit="uV", columns=(1,)))
# Parts of headers, and wrong values for them.
PIECES = st.sampled_from(
    [
        *(
            b"0",
            b"-1",
            b"1e9",
            b"999999999",
            b"1000000000",
            b"nan",
            b"inf",
            b"1e-300",
            b"../../etc/x",
        ),
        *(
            b"/etc/passwd",
            b"\x00",
            b"\xff" * 8,
            b" " * 8,
            b"\n",
            b"\r\n",
            b";",
            b",",
            b'"',
            b"#",
            b"/3",
        ),
        *(
            b"EDF+D",
            b"+1e9\x14\x14\x00",
            b"~ 1000000000\n",
            b"(1000000000,)",
            b"|O",
            b"212x9999",
            b"508",
        ),
    ]
)
fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES < 100,
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True)
class Edit:
    """One change of a file's bytes, at a share of its length or near its start."""

    kind: str
    near: bool
    share: float
    piece: bytes

    def apply(self, data: bytes) -> bytes:
        at = int(self.share * min(len(data), 1200 if self.near else len(data)))
        changes: dict[str, Callable[[], bytes]] = {
            "set": lambda: data[:at] + self.piece + data[at + len(self.piece) :],
            "insert": lambda: data[:at] + self.piece + data[at:],
            "delete": lambda: data[:at] + data[at + len(self.piece) :],
            "cut": lambda: data[:at],
            "twice": lambda: data[:at] + data,
        }
        return changes[self.kind]()


edits = st.lists(
    st.builds(
        Edit,
        st.sampled_from(["set", "set", "set", "insert", "delete", "cut", "twice"]),
        st.booleans(),
        st.floats(0, 1),
        st.one_of(PIECES, st.binary(min_size=1, max_size=6)),
    ),
    min_size=1,
    max_size=5,
)


@cache
def files(format: str) -> dict[str, bytes]:
    """Return the files of two seconds of a real or simulated recording in a format."""
    source = made_ecg(2)
    record = MIRROR / "nstdb/1.0.0/118e06"
    if record.with_suffix(".hea").is_file():
        real = read_ecg(record)
        annotations = tuple(annotation for annotation in real.annotations if annotation.at_s < 2)
        source = Ecg(real.signal[:720], real.fs, real.leads, (None, None), annotations=annotations)
    with TemporaryDirectory() as folder:
        write_made(Path(folder), format, source)
        return {file.name: file.read_bytes() for file in Path(folder).iterdir() if file.is_file()}


def check(folder: Path, name: str) -> bool:
    """Read a file with all hints, write it back, and return whether it could be read."""
    before = sorted(path for path in folder.rglob("*"))
    could = False
    for hints in HINTS:
        began = time.process_time()
        tracemalloc.start()
        said = ""
        try:
            read = read_ecg(folder / name, hints)
            could = True
            assert read.signal.ndim == 2
            assert read.signal.dtype == np.float64
            assert not np.isinf(read.signal).any()
            assert len(read.leads) == len(read.adc_ranges) == read.signal.shape[1]
            write_ecg(folder / name, read, folder / "out", comment="x")
        except EcgError as error:
            said = str(error)
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            shutil.rmtree(folder / "out", ignore_errors=True)
        assert could or 10 < len(said) < 2000
        assert peak < MOST_BYTES
        assert time.process_time() - began < LONGEST_S
    assert sorted(folder.rglob("*")) == before
    return could


@pytest.mark.parametrize("format", formats())
def test_a_damaged_file_is_read_or_refused(format: str) -> None:
    original = files(format)
    main = next((name for name in original if name.endswith(".hea")), min(original))

    @fuzzed
    @given(edits, st.sampled_from(sorted(original)))
    def run(changes: list[Edit], which: str) -> None:
        with TemporaryDirectory() as name:
            folder = Path(name)
            for file, data in original.items():
                (folder / file).write_bytes(data)
            data = original[which]
            for change in changes:
                data = change.apply(data)
            (folder / which).write_bytes(data)
            check(folder, main)

    with TemporaryDirectory() as name:
        for file, data in original.items():
            (Path(name) / file).write_bytes(data)
        assert check(Path(name), main)  # as it was it can be read
    run()


@pytest.mark.parametrize(
    "suffix", ["csv", "hea", "edf", "bdf", "npy", "npz", "parquet", "xml", "dcm", "ecg", "scp"]
)
def test_random_bytes_are_read_or_refused(suffix: str) -> None:
    @fuzzed
    @given(st.one_of(st.binary(max_size=600), st.text(max_size=400).map(lambda t: t.encode())))
    @example(b"\x93NUMPY\x01\x00")
    @example(b"PK\x05\x06" + b"\0" * 18)
    @example(b"<RestingECG/>")
    @example(b"\0" * 128 + b"DICM")
    @example(b"ISHNE1.0" + b"\0" * 600)
    @example(b"\0" * 16 + b"SCPECG" + b"\0" * 600)
    def run(data: bytes) -> None:
        with TemporaryDirectory() as name:
            (Path(name) / f"x.{suffix}").write_bytes(data)
            check(Path(name), f"x.{suffix}")

    run()


cells = st.one_of(
    st.floats(width=32).map(str),
    st.integers(-3000, 3000).map(str),
    st.sampled_from(
        ["", "NaN", "-", "0,5", '"1"', '"', "10:00:00.000", "2024-01-01 00:00", "x", "1_0"]
    ),
)
heads = st.lists(
    st.sampled_from(["time (s)", "t", "ECG (mV)", "II", "V5_uV", "resp", "", "0", "1"])
)


@fuzzed
@given(
    heads,
    st.lists(st.lists(cells, min_size=1, max_size=4), max_size=12),
    st.sampled_from([",", ";", "\t", " ", "|"]),
    st.sampled_from(["\n", "\r\n", "\r", "\n\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "latin-1", "utf-16"]),
)
def test_random_tables_are_read_or_refused(
    head: list[str], rows: list[list[str]], delimiter: str, end: str, encoding: str
) -> None:
    text = end.join(delimiter.join(row) for row in [head, *rows]) + end
    with TemporaryDirectory() as name:
        (Path(name) / "x.csv").write_bytes(text.encode(encoding))
        check(Path(name), "x.csv")
