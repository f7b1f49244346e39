"""Files of recorders over HTTP: cleaned in their own format, converted, or refused."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from ecgmodel.denoise.denoiser import Denoiser
from tests.ecgmodel.files.clinical import FORMATS, PATIENT, philips, twelve, write_clinical
from tests.ecgmodel.web.test_service import cleaned

MEDIA = {".dcm": "application/dicom", ".xml": "application/xml"}


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_comes_back_in_its_format(
    client: httpx.Client, denoiser: Denoiser, tmp_path: Path, format: str
) -> None:
    path = write_clinical(tmp_path, format, twelve(10))
    (expected,) = cleaned(path, denoiser, tmp_path / "out")
    answer = client.post("/denoise", files=[("file", (path.name, path.read_bytes()))])
    assert answer.status_code == 200, answer.text
    assert answer.content == expected.read_bytes()
    assert PATIENT not in str(answer.headers)
    if media := MEDIA.get(path.suffix):
        plain = {"content": path.read_bytes(), "headers": {"Content-Type": media}}
        assert client.post("/denoise", **plain).content == expected.read_bytes()
    converted = client.post(
        "/denoise", params={"format": "csv"}, files=[("file", (path.name, path.read_bytes()))]
    )
    assert converted.status_code == 200, converted.text
    assert PATIENT not in converted.text


def test_a_file_that_cannot_be_written_back_names_formats(client: httpx.Client) -> None:
    data = philips(twelve(10), compression="XLI")
    answer = client.post("/denoise", files=[("file", ("a.xml", data))])
    assert answer.status_code == 422
    assert "cannot be written back" in answer.text
    assert "another format with format: bdf, csv, edf" in answer.text
    answer = client.post("/denoise", files=[("file", ("a.xml", b"<other/>"))])
    assert answer.status_code == 415
    assert "No recording found in: a.xml" in answer.text
