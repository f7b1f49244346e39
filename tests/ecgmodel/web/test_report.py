"""The report is one file that shows a recording without any service, all of it that can be seen."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecgmodel.denoise.denoiser import Denoiser
from ecgmodel.files import read_ecg
from ecgmodel.web import report

# What the page holds, read as the page reads it.
HELD = """() => {
    const [x, before, after] = document.getElementById("chart").chart.ecg.data;
    const ends = y => {
        const there = y.filter(Number.isFinite);
        return [x.at(-1), Math.min(...there), Math.max(...there)];
    };
    return [ends(before), ends(after)];
}"""


@pytest.mark.parametrize("most", [report.MOST_SAMPLES, 20_000])
def test_it_shows_all_of_a_recording_from_a_file_alone(
    most: int, browser: Any, record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "MOST_SAMPLES", most)
    ecg = read_ecg(record)
    cleaned = Denoiser.load().clean(ecg.signal, ecg.fs, adc_ranges=ecg.adc_ranges)
    path = report.write_report(
        tmp_path / "r.html", "<ward>/p1", ecg, cleaned.signal, cleaned.windows, "a network"
    )
    assert [f.name for f in tmp_path.iterdir()] == ["r.html"]
    text = re.sub(r"<script.*?</script>", "", path.read_text(), flags=re.DOTALL)
    assert not re.search(r"(src|href)=", text)
    page = browser.new_context(offline=True).new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_function("() => document.getElementById('scale-text').textContent")
    assert page.text_content("#recording") == "<ward>/p1"
    assert "a network" in page.text_content("#about")
    assert f" {ecg.fs:g} Hz " in page.text_content("#about")
    page.click("[data-do=all]")
    seconds = len(ecg.signal) / ecg.fs
    page.wait_for_timeout(500)
    for (last, low, high), lead in zip(
        page.evaluate(HELD), (ecg.signal[:, 0], cleaned.signal[:, 0]), strict=True
    ):
        assert last == pytest.approx(seconds, abs=0.02 * seconds)
        assert np.ptp(lead[np.isfinite(lead)]) == pytest.approx(high - low, abs=0.01)
    assert ("minimum and maximum" in page.text_content("body")) == (most == 20_000)
    assert errors == []
    assert [url for url in asked if not url.startswith(("file:", "blob:", "data:"))] == []
    page.context.close()
