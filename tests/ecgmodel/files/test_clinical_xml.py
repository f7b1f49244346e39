"""What is special about HL7 aECG, GE MUSE and Philips XML."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import sierraecg

from ecgmodel.errors import RecordError
from ecgmodel.files import Annotation, Ecg, Hints, read_ecg, write_ecg
from tests.ecgmodel.files import clinical
from tests.ecgmodel.files.clinical import TWELVE, twelve
from tests.ecgmodel.files.test_clinical import cleaned_of, without_data

EIGHT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")


def put(folder: Path, data: bytes) -> Path:
    path = folder / "a.xml"
    path.write_bytes(data)
    return path


def some_of(ecg: Ecg, names: tuple[str, ...]) -> Ecg:
    places = [ecg.leads.index(name) for name in names]
    return replace(ecg, signal=ecg.signal[:, places], leads=names, adc_ranges=(None,) * len(names))


def test_leads_of_muse_that_are_not_stored_are_derived_again(tmp_path: Path) -> None:
    made = twelve()
    path = put(tmp_path, clinical.muse(some_of(made, EIGHT)))
    read = read_ecg(path)
    assert read.leads == TWELVE
    assert read.remarks == ("III, aVR, aVL, aVF: derived from I and II",)
    np.testing.assert_allclose(read.signal, made.signal, atol=5.1e-4)
    cleaned = cleaned_of(read.signal)
    cleaned[:, 2:6] = 9.0  # what is written there is not used
    (out,) = write_ecg(path, cleaned, tmp_path / "out", comment="")
    again = read_ecg(out).signal
    one, two = again[:, 0], again[:, 1]
    np.testing.assert_allclose(again[:, [0, 1, *range(6, 12)]], cleaned[:, [0, 1, *range(6, 12)]])
    np.testing.assert_allclose(again[:, 2], two - one, atol=1e-9)
    np.testing.assert_allclose(again[:, 3], -(one + two) / 2, atol=1e-9)
    np.testing.assert_allclose(again[:, 4], one - two / 2, atol=1e-9)
    np.testing.assert_allclose(again[:, 5], two - one / 2, atol=1e-9)
    with pytest.raises(RecordError, match=r"aVF are derived from I and II.*--format"):
        write_ecg(
            path,
            read_ecg(path, Hints(columns=("III", "aVF"))),
            tmp_path / "out",
            comment="",
        )


def test_medians_of_muse_stay_and_checksums_follow(tmp_path: Path) -> None:
    data = clinical.muse(twelve())
    path = put(tmp_path, data)
    assert read_ecg(path).other == ("Median waveforms",)
    (out,) = write_ecg(path, cleaned_of(read_ecg(path).signal), tmp_path / "out", comment="")
    parts = [each.split(b"<WaveformType>") for each in (data, out.read_bytes())]
    assert parts[0][1] == parts[1][1]  # the median
    assert parts[0][2] != parts[1][2]
    (tmp_path / "again").mkdir()
    expected = clinical.muse(replace(twelve(), signal=cleaned_of(twelve().signal)))
    assert out.read_bytes().split(b"<WaveformType>")[2] == expected.split(b"<WaveformType>")[2]


def test_a_checksum_of_muse_that_is_not_known_is_not_made_up(tmp_path: Path) -> None:
    path = put(tmp_path, clinical.muse(twelve(), crc=lambda data: len(data)))
    read = read_ecg(path)
    with pytest.raises(RecordError, match=r"LeadDataCRC32 of lead I is not.*--format: bdf, csv"):
        write_ecg(path, 0.5 * read.signal, tmp_path / "out", comment="")
    assert write_ecg(path, read, tmp_path / "o", comment="", format="edf")[0].name == "a.edf"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"<WaveformType>Rhythm", b"<WaveformType>Other", "contains no ECG"),
        (b"MICROVOLTS", b"PASCAL", r"voltage of a step.*PASCAL"),
        (b"<SampleBase>500", b"<SampleBase>x", "number in <SampleBase>"),
        (b"<LeadSampleCountTotal>2000", b"<LeadSampleCountTotal>1999", "expected 1999 samples"),
        (b"<LeadTimeOffset>0", b"<LeadTimeOffset>500", "leads of one time"),
    ],
)
def test_a_muse_file_that_contradicts_itself_is_refused(
    tmp_path: Path, old: bytes, new: bytes, said: str
) -> None:
    data = clinical.muse(twelve(), kinds="Rhythm")
    assert old in data
    with pytest.raises(RecordError, match=said):
        read_ecg(put(tmp_path, data.replace(old, new, 1 if b"Offset" in old else -1)))


@pytest.mark.parametrize("make", [clinical.muse, clinical.aecg, clinical.philips])
def test_entities_and_deep_documents_are_refused(tmp_path: Path, make: clinical.Maker) -> None:
    data = make(twelve(1))
    root = re.search(rb"<(RestingECG|AnnotatedECG|restingecgdata)\b", data)
    assert root
    bomb = b'<!ENTITY a "1234567890"><!ENTITY b "&a;&a;&a;&a;">'
    head = re.sub(rb"<!DOCTYPE[^>]*>", b"", data[: root.start()])
    typed = head + b"<!DOCTYPE x [" + bomb + b"]>" + data[root.start() :]
    with pytest.raises(RecordError, match="defines entities"):
        read_ecg(put(tmp_path, typed))
    with pytest.raises(RecordError, match="deep"):
        read_ecg(put(tmp_path, data.replace(b"</", b"<x>" * 1000 + b"</x>" * 1000 + b"</", 1)))
    many = b"<x/>" * 300_000
    with pytest.raises(RecordError, match="at most 200,000 elements"):
        read_ecg(put(tmp_path, data.replace(b"</", many + b"</", 1)))


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        ("utf-8", "\u5f20\u4f1f"),
        ("utf-16", "\u5f20\u4f1f"),
        ("iso-8859-1", "M\u00fcller"),
        ("windows-1252", "M\u00fcller\u2019s"),
        ("GB2312", "\u5f20\u4f1f"),
        ("gb18030", "\u5f20\u4f1f"),
    ],
)
def test_xml_of_any_encoding_keeps_it(tmp_path: Path, charset: str, name: str) -> None:
    for make in (clinical.aecg, clinical.philips):
        plain = make(twelve(1), charset=charset).decode(charset)
        data = plain.replace(clinical.PATIENT, name).encode(charset)
        path = put(tmp_path, data)
        cleaned = cleaned_of(read_ecg(path).signal)
        (out,) = write_ecg(path, cleaned, tmp_path / "out", comment="cleaned")
        np.testing.assert_allclose(read_ecg(out).signal, cleaned, atol=1e-9)
        texts = [each.decode(charset).encode() for each in (data, out.read_bytes())]
        assert without_data(texts[0]) == without_data(texts[1])
        assert name in texts[1].decode()


@pytest.mark.parametrize("charset", ["utf-7", "no-such-thing", "hex"])
def test_an_unknown_encoding_is_named(tmp_path: Path, charset: str) -> None:
    data = clinical.aecg(twelve(1)).replace(b"utf-8", charset.encode())
    with pytest.raises(RecordError, match=r"a\.xml is no valid XML: .*encoding"):
        read_ecg(put(tmp_path, data))


@pytest.mark.parametrize("parts", [1, 3])
def test_series_of_an_aecg_follow_each_other(tmp_path: Path, parts: int) -> None:
    made = twelve(6)
    path = put(tmp_path, clinical.aecg(made, parts=parts))
    read = read_ecg(path)
    assert (read.leads, read.start) == (TWELVE, made.start)
    np.testing.assert_allclose(read.signal, made.signal, atol=1e-9)


def test_time_between_series_of_an_aecg_is_missing(tmp_path: Path) -> None:
    made = twelve(6)
    data = clinical.aecg(made, parts=3)
    late = data.replace(b'value="20210304050611.', b'value="20210304050621.')
    assert late != data
    path = put(tmp_path, late)
    read = read_ecg(path).signal
    assert read.shape == (16 * 500, 12)
    np.testing.assert_allclose(read[:2000], made.signal[:2000], atol=1e-9)
    assert np.isnan(read[2000:7000]).all()
    np.testing.assert_allclose(read[7000:], made.signal[2000:], atol=1e-9)
    (out,) = write_ecg(path, cleaned_of(read), tmp_path / "out", comment="")
    np.testing.assert_allclose(read_ecg(out).signal, cleaned_of(read), atol=1e-9)


@pytest.mark.parametrize("increment", [("2", "ms"), ("2000", "us"), ("0.002", "s")])
def test_increments_of_an_aecg(tmp_path: Path, increment: tuple[str, str]) -> None:
    for start in (twelve().start, None):
        made = replace(twelve(1), start=start)
        read = read_ecg(put(tmp_path, clinical.aecg(made, increment=increment)))
        assert (read.fs, read.start) == (500, start)


def test_missing_samples_of_an_aecg_stay_missing(tmp_path: Path) -> None:
    made = twelve()
    made.signal[100:130, 3] = np.nan
    path = put(tmp_path, clinical.aecg(made))
    read = read_ecg(path)
    np.testing.assert_array_equal(np.isnan(read.signal), np.isnan(made.signal))
    assert read.remarks == ("numbers of -32768 treated as missing",)
    (out,) = write_ecg(path, cleaned_of(read.signal), tmp_path / "out", comment="")
    np.testing.assert_array_equal(np.isnan(read_ecg(out).signal), np.isnan(made.signal))


def test_a_changed_aecg_is_another_document(tmp_path: Path) -> None:
    path = put(tmp_path, clinical.aecg(twelve(6), parts=3))
    cleaned = read_ecg(path).signal
    cleaned[:100] *= 0.5  # in the first series only
    (out,) = write_ecg(path, cleaned, tmp_path / "out", comment="cleaned -- by <x> & \u00fc")
    before, after = (re.findall(rb'<id root="([^"]*)"', p.read_bytes()) for p in (path, out))
    assert [one == other for one, other in zip(before, after, strict=True)] == [
        False,
        False,
        True,
        True,
    ]
    note = b"<!-- derived from " + before[0] + b": cleaned - - by &lt;x&gt; &amp; ? -->"
    assert note in out.read_bytes()
    (again,) = write_ecg(path, cleaned, tmp_path / "more", comment="cleaned -- by <x> & \u00fc")
    assert again.read_bytes() == out.read_bytes()  # the same change has the same identity


def test_an_aecg_with_units_and_origins_and_other_sequences(tmp_path: Path) -> None:
    data = clinical.aecg(twelve(1))
    mv = data.replace(b'<scale value="1" unit="uV"/>', b'<scale value="0.001" unit="mV"/>', 5)
    mv = mv.replace(b'<origin value="0" unit="uV"/>', b'<origin value="250" unit="uV"/>', 1)
    read, plain = read_ecg(put(tmp_path, mv)), read_ecg(put(tmp_path, data))
    np.testing.assert_allclose(read.signal[:, 0], plain.signal[:, 0] + 0.25, atol=1e-9)
    np.testing.assert_allclose(read.signal[:, 1:], plain.signal[:, 1:], atol=1e-9)
    other = read_ecg(put(tmp_path, data.replace(b"MDC_ECG_LEAD_V6", b"MDC_PRESS_BLD_ART")))
    assert (other.leads, other.other) == (TWELVE[:-1], ("MDC_PRESS_BLD_ART",))
    with pytest.raises(RecordError, match=r"lead I: expected a scale in mV.*mmHg"):
        read_ecg(put(tmp_path, data.replace(b'unit="uV"', b'unit="mmHg"')))
    for wrong in (b"1 x 2", b"1 2 <b/> 3", b"\xc3\xa4"):
        text = re.sub(rb"<digits>[^<]*", b"<digits>" + wrong, data)
        with pytest.raises(RecordError, match=r"a\.xml: expected (numbers|plain text)"):
            read_ecg(put(tmp_path, text))


def test_annotations_of_an_aecg_are_codes_with_times(tmp_path: Path) -> None:
    note = b"""<subjectOf><annotationSet><component><annotation><code code="MDC_ECG_WAVC"/>
    <value xsi:type="CE" code="MDC_ECG_WAVC_QRSWAVE"/><support><supportingROI><component><boundary>
    <code code="TIME_ABSOLUTE"/><value xsi:type="IVL_TS"><low value="20210304050608.250"/>
    <high value="20210304050608.350"/></value></boundary></component></supportingROI></support>
    </annotation></component><component><annotation><value xsi:type="ST">Zaphodsson looks ill
    </value></annotation></component></annotationSet></subjectOf></series>"""
    read = read_ecg(put(tmp_path, clinical.aecg(twelve()).replace(b"</series>", note)))
    (found,) = read.annotations
    assert found == Annotation(1.25, pytest.approx(0.1), "MDC_ECG_WAVC_QRSWAVE")


def test_series_that_are_years_apart_are_not_one_signal(tmp_path: Path) -> None:
    data = clinical.aecg(twelve(6), parts=3).replace(b'value="20210304050611', b'value="20260304')
    with pytest.raises(RecordError, match="claims to hold"):
        read_ecg(put(tmp_path, data))


def test_xli_is_read_as_others_read_it_and_not_written(tmp_path: Path) -> None:
    made = twelve(11)
    path = put(tmp_path, clinical.philips(made, compression="XLI"))
    read = read_ecg(path)
    np.testing.assert_allclose(read.signal, made.signal, atol=1e-9)
    others = sierraecg.read_file(str(path)).leads
    np.testing.assert_allclose(read.signal.T, [lead.samples / 1000 for lead in others], atol=1e-9)
    with pytest.raises(RecordError, match=r"compressed by XLI.*--format"):
        write_ecg(path, read, tmp_path / "out", comment="")
    with pytest.raises(RecordError, match="compression 'zip' is not read"):
        read_ecg(
            put(
                tmp_path,
                clinical.philips(made).replace(b'compressflag="False"', b'compression="zip"'),
            )
        )


def test_numbers_of_philips_keep_their_lines(tmp_path: Path) -> None:
    path = put(tmp_path, clinical.philips(twelve(), encoding="Plain"))
    cleaned = cleaned_of(read_ecg(path).signal)
    (out,) = write_ecg(path, cleaned, tmp_path / "out", comment="")
    expected = clinical.philips(replace(twelve(), signal=cleaned), encoding="Plain")
    assert out.read_bytes() == expected


def test_a_checksum_of_philips_is_not_made_up(tmp_path: Path) -> None:
    path = put(tmp_path, clinical.philips(twelve(), crc="A1B2"))
    with pytest.raises(RecordError, match=r"has a checksum \(crc\).*--format"):
        write_ecg(path, read_ecg(path), tmp_path / "out", comment="")


def test_limb_leads_of_philips_stored_as_differences_are_refused(tmp_path: Path) -> None:
    made = twelve()
    made.signal[:, 2:6] = 0.001
    path = put(tmp_path, clinical.philips(made))
    with pytest.raises(RecordError, match=r"almost flat.*--column"):
        read_ecg(path)
    assert read_ecg(path, Hints(columns=("I", "V1"))).leads == ("I", "V1")


def test_a_start_is_local_time(tmp_path: Path) -> None:
    data = clinical.aecg(twelve(1)).replace(
        b'value="20210304050607.000000"', b'value="20210304050607.5+0100"'
    )
    assert read_ecg(put(tmp_path, data)).start == datetime(2021, 3, 4, 5, 6, 7) + timedelta(
        seconds=0.5
    )
