"""What goes in comes out clean, in its format, and as the library cleans it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from ecgmodel.denoise.denoiser import Denoiser, network_label
from ecgmodel.files import Hints, read_ecg, write_ecg
from tests.ecgmodel.web.running import ROOT

RNG = np.random.default_rng(0)
SIGNAL = np.cumsum(RNG.normal(0, 0.05, (4000, 2)), axis=0) - 0.2


def files_of(record: Path) -> list[tuple[str, tuple[str, bytes]]]:
    files = sorted(record.parent.glob(f"{record.stem}.*"))
    return [("file", (file.name, file.read_bytes())) for file in files]


def cleaned(record: Path, denoiser: Denoiser, into: Path, hints: Hints | None = None) -> list[Path]:
    """Clean a file by the library alone."""
    ecg = read_ecg(record, hints)
    signal = denoiser.clean(ecg.signal, ecg.fs, adc_ranges=ecg.adc_ranges).signal
    comment = f"ECG cleaned by ecg-denoise with {network_label('default')}"
    return write_ecg(record, signal, into, comment=comment, hints=hints)


def unpacked(answer: httpx.Response) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_json_is_cleaned_as_by_the_library(client: httpx.Client, denoiser: Denoiser) -> None:
    signal = SIGNAL.copy()
    signal[100:150, 0] = np.nan
    rows = [[None if np.isnan(v) else v for v in row] for row in signal.tolist()]
    sent = {"signal": rows, "fs": 250, "leads": ["I", "II"]}
    answer = client.post("/denoise", json=sent)
    assert answer.status_code == 200, answer.text
    given = answer.json()
    expected = denoiser.clean(signal, 250)
    np.testing.assert_array_equal(np.array(given["signal"], float), expected.signal)
    assert given["windows"] == [window.to_dict() for window in expected.windows]
    assert (given["fs"], given["unit"], given["leads"]) == (250, "mV", ["I", "II"])
    assert [set(rate) for rate in given["heart_rate"]] == [{"before", "after"}] * 2


def test_a_plain_list_in_microvolts_comes_back_as_one(
    client: httpx.Client, denoiser: Denoiser
) -> None:
    sent = {"signal": (SIGNAL[:, 0] * 1000).tolist(), "fs": 360, "unit": "uV"}
    given = client.post("/denoise", json=sent).json()
    assert given["unit"] == "uV"
    expected = 1000 * denoiser(SIGNAL[:, 0], 360)
    np.testing.assert_allclose(given["signal"], expected, atol=0.01)


@pytest.mark.parametrize("as_zip", [False, True])
def test_a_wfdb_record_comes_back_with_its_annotations(
    client: httpx.Client, record: Path, denoiser: Denoiser, tmp_path: Path, as_zip: bool
) -> None:
    expected = {path.name: path.read_bytes() for path in cleaned(record, denoiser, tmp_path)}
    sent: dict[str, Any] = {"files": files_of(record)}
    if as_zip:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for _, (name, content) in files_of(record):
                archive.writestr(f"folder/{name}", content)
        sent = {"content": buffer.getvalue(), "headers": {"Content-Type": "application/zip"}}
    answer = client.post("/denoise", **sent)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    assert "example.zip" in answer.headers["content-disposition"]
    assert unpacked(answer) == expected
    assert expected["example.atr"] == record.with_suffix(".atr").read_bytes()


def test_a_real_record_comes_back_as_the_library_cleans_it(
    client: httpx.Client, physionet: Path, denoiser: Denoiser, tmp_path: Path
) -> None:
    import wfdb

    source = str(physionet / "nstdb/1.0.0/118e06")
    cut = wfdb.rdrecord(source, sampfrom=108_000, sampto=118_800, physical=False)
    same = {name: getattr(cut, name) for name in ("fs", "units", "sig_name", "fmt", "adc_gain")}
    steps = {"d_signal": cut.d_signal, "baseline": cut.baseline}
    wfdb.wrsamp("118e06", write_dir=str(tmp_path), **same, **steps)
    header = tmp_path / "118e06.hea"
    expected = cleaned(header, denoiser, tmp_path / "clean")
    given = unpacked(client.post("/denoise", files=files_of(header)))
    assert given == {path.name: path.read_bytes() for path in expected}


@pytest.mark.parametrize("format", ["csv", "edf", "bdf", "npz", "parquet"])
def test_each_format_comes_back_as_itself(
    client: httpx.Client, record: Path, denoiser: Denoiser, tmp_path: Path, format: str
) -> None:
    source, *_ = write_ecg(record, read_ecg(record), tmp_path, comment="", format=format)
    (expected,) = cleaned(source, denoiser, tmp_path / "clean")
    answer = client.post(
        "/denoise",
        params={"name": source.name},
        content=source.read_bytes(),
        headers={"Content-Type": "application/octet-stream"},
    )
    assert answer.status_code == 200, answer.text
    (tmp_path / "given").mkdir()
    given = tmp_path / "given" / source.name
    given.write_bytes(answer.content)
    np.testing.assert_array_equal(read_ecg(given).signal, read_ecg(expected).signal)


def test_csv_takes_what_it_does_not_say_from_the_address(
    client: httpx.Client, denoiser: Denoiser
) -> None:
    text = "a,b\n" + "\n".join(f"{v:.6f},7" for v in SIGNAL[:, 0])
    headers = {"Content-Type": "text/csv"}
    asked = client.post("/denoise", content=text, headers=headers)
    assert asked.status_code == 422
    assert set(asked.json()["needs"]) <= {"fs", "column", "unit"}
    assert asked.json()["needs"]
    assert "--" not in asked.json()["error"]
    options = {"fs": 250, "unit": "mV", "column": "a"}
    answer = client.post("/denoise", content=text, headers=headers, params=options)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    given = np.genfromtxt(io.StringIO(answer.text), delimiter=",", skip_header=1)
    np.testing.assert_allclose(given[:, 0], denoiser(SIGNAL[:, 0].round(6), 250), atol=1e-5)
    assert (given[:, 1] == 7).all()


def test_a_recording_comes_back_in_another_format(client: httpx.Client, record: Path) -> None:
    answer = client.post("/denoise", params={"format": "edf"}, files=files_of(record))
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(b"0       ")
    assert "example.edf" in answer.headers["content-disposition"]


def test_input_comes_back_where_the_network_is_not_trusted(client: httpx.Client) -> None:
    flat = np.zeros(7200)
    flat[:3600] = SIGNAL[:3600, 0]
    sent = {"signal": flat.tolist(), "fs": 360}
    given = client.post("/denoise", json=sent, params={"untrusted": "pass"}).json()
    assert given["windows"][1]["reason"] == "lead off"
    assert set(given["signal"][4000:]) == {0.0}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("{", "is not JSON"),
        ("[1, 2]", "Expected a JSON object"),
        ('{"signal": [1, 2]}', "Give fs"),
        ('{"signal": [[1], [2, 3]], "fs": 360}', "lists of [1, 2] numbers"),
        ('{"signal": ["1"], "fs": 360}', "Received: str"),
        ('{"signal": [true], "fs": 360}', "Received: bool"),
        ('{"signal": [1], "fs": 3}', "from 50 to 4,000 Hz"),
        ('{"signal": [1], "fs": 360, "unit": "metre"}', "Expected a unit"),
        ('{"signal": [1], "fs": 360, "leads": ["I", "II"]}', "a name for each of 1 leads"),
        ('{"signal": [1], "fs": 360, "lead": 1}', "Expected a JSON object"),
        ("[" * 100_000, "is not JSON"),
        ('{"signal": [1e999], "fs": 1' + "0" * 400 + "}", "Expected a number of Hz"),
    ],
)
def test_json_that_is_no_signal_is_refused(client: httpx.Client, body: str, says: str) -> None:
    answer = client.post("/denoise", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert says in answer.json()["error"]


def test_what_is_no_recording_is_refused(client: httpx.Client, record: Path) -> None:
    without = [file for file in files_of(record) if not file[1][0].endswith(".hea")]
    answer = client.post("/denoise", files=without)
    assert answer.status_code == 415
    assert "header (.hea)" in answer.json()["error"]
    plain = {"Content-Type": "text/html"}
    assert client.post("/denoise", content="x", headers=plain).status_code == 415
    assert client.post("/denoise", content="", headers=plain).status_code == 415
    empty = client.post("/denoise", content="", headers={"Content-Type": "text/csv"})
    assert empty.status_code == 400
    both = [*files_of(record), ("file", ("other.hea", record.read_bytes()))]
    assert "one recording at a time" in client.post("/denoise", files=both).json()["error"]
    signal = {"signal": [0.1], "fs": 360}
    useless = client.post("/denoise", json=signal, params={"format": "edf", "gain": 200})
    assert useless.status_code == 422
    assert "does not take gain, format" in useless.json()["error"]
    odd = client.post("/denoise", content="x", params={"speed": 3})
    assert "speed" in odd.json()["error"]


def test_what_nobody_waits_for_is_given_up(client: httpx.Client) -> None:
    noise = np.random.default_rng(0).normal(size=2_000_000).astype(np.float32)
    buffer = io.BytesIO()
    np.save(buffer, noise)
    options = {"fs": 51, "unit": "mV", "name": "x.npy"}  # minutes of work
    with pytest.raises(httpx.ReadTimeout):
        client.post("/denoise", content=buffer.getvalue(), params=options, timeout=2)
    end = time.monotonic() + 30
    while client.get("/health").json()["here"]:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert client.post("/denoise", json={"signal": [0.1], "fs": 360}).status_code == 200


def test_health_and_metrics_say_what_was_done(client: httpx.Client) -> None:
    assert client.head("/health").status_code == client.head("/").status_code == 200
    health = client.get("/health").json()
    assert (health["status"], health["model"], health["here"]) == (
        "ok",
        network_label("default"),
        0,
    )
    client.post("/denoise", json={"signal": SIGNAL.tolist(), "fs": 400})
    client.post("/denoise", content="x", headers={"Content-Type": "text/html"})
    text = client.get("/metrics").text
    counts = {
        line.split()[0]: float(line.split()[1]) for line in text.splitlines() if "#" not in line
    }
    assert counts["ecg_denoise_ecg_seconds_total"] >= 20
    assert counts['ecg_denoise_requests_total{path="/denoise",status="200"}'] >= 1
    assert counts['ecg_denoise_rejected_total{status="415"}'] >= 1
    assert counts['ecg_denoise_request_seconds_count{path="/denoise"}'] >= 2


def test_its_description_names_no_other_server(client: httpx.Client) -> None:
    described = client.get("/openapi.json").json()
    assert set(described["paths"]) == {"/denoise", "/health", "/metrics"}
    assert "//" not in json.dumps(described)
    assert client.get("/docs").status_code == 200
    assert client.get("/redoc").status_code == 404
    assert client.get("/nothing").json() == {"error": "Not Found."}


def test_the_service_itself_loads_nothing_heavy() -> None:
    code = (
        "import sys; import ecgmodel.web.server, ecgmodel.web.work\n"
        "print([m for m in ('tensorflow', 'keras', 'prefect', 'mlflow') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    ("codec", "charset"),
    [("cp1252", "windows-1252"), ("utf-8", "utf-8"), ("utf-16-le", "utf-16-le")],
)
def test_a_table_keeps_its_character_set(client: httpx.Client, codec: str, charset: str) -> None:
    rows = [f"{i / 250:.3f};{v:.4f}" for i, v in enumerate(SIGNAL[:, 0])]
    sent = "\n".join(["t (s);EKG Größe (mV)", *rows, ""]).encode(codec)
    answer = client.post("/denoise", content=sent, headers={"Content-Type": "text/csv"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == f"text/csv; charset={charset}"
    assert answer.text.splitlines()[0] == "t (s);EKG Größe (mV)"
    view = client.post("/view", content=sent, headers={"Content-Type": "text/csv"}).content
    length = int.from_bytes(view[4:8], "little")
    assert json.loads(view[8 : 8 + length])["leads"] == ["EKG Größe"]


@pytest.mark.parametrize("how", ["form", "zip", "name", "media"])
def test_a_text_file_is_a_table(client: httpx.Client, how: str) -> None:
    rows = [f"{i / 250:.3f}\t{v:.4f}" for i, v in enumerate(SIGNAL[:, 0])]
    sent = "\n".join(["time (s)\tECG (mV)", *rows, ""]).encode()
    if how == "form":
        answer = client.post("/denoise", files=[("file", ("a.txt", sent))])
    elif how == "zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("a.txt", sent)
            archive.writestr("README.txt", "what this is")
            archive.writestr("__MACOSX/._a.txt", sent)
        answer = client.post("/denoise", files=[("file", ("a.zip", buffer.getvalue()))])
    elif how == "name":
        answer = client.post("/denoise?name=a.txt", content=sent)
    else:
        answer = client.post("/denoise", content=sent, headers={"Content-Type": "text/plain"})
    assert answer.status_code == 200, answer.text
    text = unpacked(answer)["a.txt"].decode() if how == "zip" else answer.text
    assert text.startswith("time (s)\tECG (mV)\n0.000\t")
    if how != "zip":
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_text_that_is_no_table_is_refused_in_words(client: httpx.Client) -> None:
    answer = client.post("/denoise", files=[("file", ("a.txt", b"Dear colleague,\nsee above.\n"))])
    assert answer.status_code == 422
    assert "a.txt is not a table of numbers" in answer.json()["error"]
