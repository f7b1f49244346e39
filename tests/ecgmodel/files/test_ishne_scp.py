"""What is special about ISHNE Holter and SCP-ECG files."""

from __future__ import annotations

import binascii
import struct
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ecgmodel.errors import HintNeededError, RecordError
from ecgmodel.files import Ecg, Hints, open_ecg, read_ecg, write_ecg
from ecgmodel.support.samples import LazySamples
from tests.ecgmodel.files import clinical
from tests.ecgmodel.files.clinical import twelve
from tests.ecgmodel.files.test_clinical import cleaned_of

SCP = [(order, huffman) for order in (0, 1, 2) for huffman in (False, True)]


def put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def sections(data: bytes) -> dict[int, bytes]:
    """Return the sections of an SCP-ECG file after a check of all sizes and checksums."""
    (crc, size) = struct.unpack_from("<HI", data)
    assert (crc, size) == (binascii.crc_hqx(data[2:], 0xFFFF), len(data))
    (length,) = struct.unpack_from("<I", data, 10)
    found = {}
    for at in range(22, 6 + length, 10):
        number, size, index = struct.unpack_from("<HII", data, at)
        if size:
            section = data[index - 1 : index - 1 + size]
            stated = struct.unpack_from("<HHI", section)
            assert stated == (binascii.crc_hqx(section[2:], 0xFFFF), number, size)
            found[number] = section
    return found


@pytest.mark.parametrize(("order", "huffman"), SCP)
def test_every_encoding_of_scp_is_kept(tmp_path: Path, order: int, huffman: bool) -> None:
    made = twelve()
    path = put(tmp_path / "a.scp", clinical.scp(made, order, huffman))
    read = read_ecg(path)
    np.testing.assert_allclose(read.signal, made.signal, atol=1e-9)
    cleaned = cleaned_of(read.signal)
    cleaned[::7] *= 1.5
    cleaned = np.round(cleaned, 3)
    (out,) = write_ecg(path, cleaned, tmp_path / "out", comment="")
    np.testing.assert_allclose(read_ecg(out).signal, cleaned, atol=1e-9)
    before, after = sections(path.read_bytes()), sections(out.read_bytes())
    assert {n for n in before if before[n] != after.get(n)} == ({0, 6} if huffman else {6})
    assert out.read_bytes() == clinical.scp(replace(made, signal=cleaned), order, huffman)


def test_a_huffman_table_of_its_own_is_read_and_used(tmp_path: Path) -> None:
    made = twelve()
    # 0 is "0", 1 "10", everything else "11" and 16 bits; a prefix is written from its last bit.
    entries = [(1, 1, 1, 0, 0), (2, 2, 1, 1, 0b01), (2, 18, 1, 0, 0b11)]
    table = struct.pack("<H", len(entries)) + b"".join(struct.pack("<BBBhI", *e) for e in entries)

    def packed(lead: np.ndarray) -> bytes:
        numbers = np.concatenate([lead[:2], np.diff(lead, 2)]).tolist()
        codes = {0: "0", 1: "10"}
        bits = "".join(codes.get(n, f"11{n & 0xFFFF:016b}") for n in numbers)
        bits += "0" * (-len(bits) % 8)
        return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))

    path = put(
        tmp_path / "a.scp", clinical.scp(made, 2, table=struct.pack("<H", 1) + table, pack=packed)
    )
    np.testing.assert_allclose(read_ecg(path).signal, made.signal, atol=1e-9)
    cleaned = cleaned_of(made.signal)
    (out,) = write_ecg(path, cleaned, tmp_path / "out", comment="")
    np.testing.assert_allclose(read_ecg(out).signal, cleaned, atol=1e-9)
    sections(out.read_bytes())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"bimodal": 1}, "compression is bimodal"),
        ({"flags": 5}, "subtracts a reference beat"),
        ({"huffman": True, "table": struct.pack("<H", 2)}, "uses 2 Huffman tables"),
        ({"huffman": True, "table": struct.pack("<HH", 1, 9)}, "Huffman table .* is damaged"),
    ],
)
def test_compression_of_scp_that_is_not_read_is_named(
    tmp_path: Path, options: dict[str, object], said: str
) -> None:
    path = put(tmp_path / "a.scp", clinical.scp(twelve(), **options))
    with pytest.raises(RecordError, match=rf"{said}.*Export it without this compression"):
        read_ecg(path)


def test_a_wrong_checksum_of_scp_is_told(tmp_path: Path) -> None:
    data = bytearray(clinical.scp(twelve()))
    data[-1] ^= 1  # in section 7
    path = put(tmp_path / "a.scp", bytes(data))
    assert read_ecg(path).remarks == ("checksums of sections 7 do not match",)
    at = len(data) - len(sections(clinical.scp(twelve()))[7])
    struct.pack_into("<H", data, at, 0xFFFF)  # none is stated
    assert read_ecg(put(path, bytes(data))).remarks == ()


def test_leads_of_scp_that_follow_each_other(tmp_path: Path) -> None:
    data = bytearray(clinical.scp(twelve()))
    at = data.index(struct.pack("<IIB", 1, 2000, 1))
    for i in range(6, 12):  # V1 to V6 come after the limb leads
        struct.pack_into("<II", data, at + 9 * i, 2001, 4000)
    read = read_ecg(put(tmp_path / "a.scp", bytes(data))).signal
    assert read.shape == (4000, 12)
    assert np.isnan(read[2000:, :6]).all()
    np.testing.assert_allclose(read[2000:, 6:], twelve().signal[:, 6:], atol=1e-9)


@pytest.mark.parametrize("per_lead", [True, False])
def test_ishne_states_its_length_in_two_ways(tmp_path: Path, per_lead: bool) -> None:
    data = clinical.ishne(twelve(), per_lead=per_lead)
    read = read_ecg(put(tmp_path / "a.ecg", data))
    assert (len(read.signal), read.remarks) == (2000, ())
    cut = read_ecg(put(tmp_path / "a.ecg", data[:-1001]))
    stated = 2000 if per_lead else 24_000
    assert len(cut.signal) == 1958
    assert cut.remarks == (
        f"the header states {stated:,} samples, the file has 1,958 in each lead",
    )
    longer = read_ecg(put(tmp_path / "a.ecg", data + b"\1\2" * 17))
    assert len(longer.signal) == 2000
    assert longer.remarks == ("17 numbers after the stated end left out",)
    (out,) = write_ecg(tmp_path / "a.ecg", longer.signal * 0, tmp_path / "out", comment="")
    assert out.read_bytes()[-34:] == b"\1\2" * 17


def test_the_header_of_ishne_is_kept_but_for_the_comment(tmp_path: Path) -> None:
    path = put(tmp_path / "a.ecg", clinical.ishne(twelve(), variable=b"Recorder 7"))
    (out,) = write_ecg(
        path, cleaned_of(twelve().signal), tmp_path / "out", comment="cleaned \u00fc"
    )
    expected = clinical.ishne(
        replace(twelve(), signal=cleaned_of(twelve().signal)), variable=b"Recorder 7\ncleaned ?"
    )
    assert out.read_bytes() == expected
    damaged = bytearray(path.read_bytes())
    damaged[8] ^= 1
    path.write_bytes(damaged)
    assert read_ecg(path).remarks == ("the header's checksum does not match its content",)


def test_missing_samples_and_resolutions_of_ishne(tmp_path: Path) -> None:
    made = twelve()
    made.signal[50:60, 2] = np.nan
    path = put(tmp_path / "a.ecg", clinical.ishne(made))
    read = read_ecg(path)
    np.testing.assert_array_equal(np.isnan(read.signal), np.isnan(made.signal))
    low = read.signal.copy()
    low[0, 0] = -32.768  # the number of missing samples is never a sample
    (out,) = write_ecg(path, low, tmp_path / "out", comment="")
    again = read_ecg(out).signal
    assert again[0, 0] == -32.767
    np.testing.assert_array_equal(np.isnan(again), np.isnan(made.signal))
    path = put(tmp_path / "b.ecg", clinical.ishne(made, step=-9))
    with pytest.raises(HintNeededError, match=r"lead I: expected a resolution above 0 nV.*--gain"):
        read_ecg(path)
    for hints in (Hints(gain=1000), Hints(unit="uV")):
        np.testing.assert_allclose(read_ecg(path, hints).signal, made.signal, atol=1e-9)


def test_hours_of_ishne_are_read_and_written_in_pieces(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    hour = np.round(0.2 * rng.standard_normal((60 * 200, 12)), 3)
    made = Ecg(np.tile(hour, (180, 1)), 200, clinical.TWELVE, (None,) * 12)
    path = put(tmp_path / "in/a.ecg", clinical.ishne(made))
    tracemalloc.start()
    opened = open_ecg(path)
    assert isinstance(opened.signal, LazySamples)
    assert opened.signal.shape == made.signal.shape
    halved = LazySamples(made.signal.shape, lambda start, stop: 0.5 * opened.signal[start:stop])
    (out,) = write_ecg(path, replace(opened, signal=halved), tmp_path / "out", comment="x")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60 * 2**20  # the signal takes 200 MiB
    cleaned = open_ecg(out).signal
    np.testing.assert_allclose(cleaned[-1000:], 0.5 * made.signal[-1000:], atol=5.1e-4)


@pytest.mark.parametrize("at", [0, 8, 18, 22, 156, 272])
def test_damaged_fields_of_ishne_are_named(tmp_path: Path, at: int) -> None:
    data = bytearray(clinical.ishne(twelve()))
    data[at : at + 2] = b"\xff\xff"
    path = put(tmp_path / "a.ishne", bytes(data))
    if at in (8, 18):  # a checksum, and the place of a free text
        assert len(read_ecg(path).signal) == 2000
    else:
        with pytest.raises(RecordError, match=r"a\.ishne"):
            read_ecg(path)


def test_long_term_scp_is_named(tmp_path: Path) -> None:
    data = clinical.scp(twelve())
    at = data.index(struct.pack("<H", 6), 22)
    number = struct.pack("<H", 12)
    with pytest.raises(RecordError, match=r"long-term ECG \(SCP-ECG 3, section 12\)"):
        read_ecg(put(tmp_path / "a.scp", data[:at] + number + data[at + 2 :]))
