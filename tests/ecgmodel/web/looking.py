"""What tests of the page share: it is opened, read and moved as by a person."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import wfdb

from ecgmodel.files import Ecg, read_ecg
from ecgmodel.signals.leads import TWELVE

WAIT = 60_000  # ms
FS, SECONDS = 250, 30
RR_S, QT_S, PEAK_S = 0.8, 0.4, 0.3
# What is drawn: x in s and y in mV of each trace of the ECG.
DRAWN = """kind => {
    const { ecg } = document.getElementById("chart").chart;
    const x = ecg.data[0];
    const y = ecg.data[1 + ["before", "after", "removed"].indexOf(kind)];
    const isDrawn = y.some(value => value !== null);
    return isDrawn ? [Array.from(x), Array.from(y)] : [[], []];
}"""


def save_example(page: Any, folder: Path) -> Ecg:
    """Save the denoised example as a person does, unpack it into a folder, and read it."""
    with page.expect_download() as saving:
        page.click("#save")
    assert saving.value.suggested_filename == "example.zip"
    saving.value.save_as(folder / "saved.zip")
    with zipfile.ZipFile(folder / "saved.zip") as archive:
        archive.extractall(folder)
    return read_ecg(folder / "example.hea")


def opened(browser: Any, url: str, **options: Any) -> Iterator[Any]:
    """Yield the page, which may ask no other machine and log no error."""
    shown = browser.new_page(**{"viewport": {"width": 1280, "height": 1000}, **options})
    asked: list[str] = []
    errors: list[str] = []
    shown.on("request", lambda request: asked.append(request.url))
    shown.on("pageerror", lambda error: errors.append(str(error)))
    shown.on("console", lambda said: errors.append(said.text) if said.type == "warning" else None)
    shown.goto(url)
    yield shown
    shown.close()
    own = "{0.scheme}://{0.netloc}/".format(urlsplit(url))
    assert [one for one in asked if not one.startswith((own, "data:", "blob:"))] == []
    assert errors == []


def drawn(page: Any, kind: str) -> tuple[np.ndarray, np.ndarray]:
    x, y = page.evaluate(DRAWN, kind)
    return np.array(x, float), np.array(y, float)


def seen(page: Any) -> tuple[float, float]:
    """Return the first and last second that are seen."""
    start, end = page.evaluate("Object.values(document.getElementById('chart').chart.view)")
    return start, end


def open_record(page: Any, record: Path) -> None:
    page.set_input_files("#files", sorted(map(str, record.parent.glob(f"{record.stem}.*"))))
    page.locator("#status-row").wait_for(state="hidden", timeout=WAIT)
    page.locator("#scale-text").get_by_text("mm/").wait_for(timeout=WAIT)


def settle(page: Any) -> None:
    """Wait until what was asked for is drawn."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))")


def write_twelve(into: Path) -> Path:
    """Write a record of the twelve leads, not in their order, with beats and an event.

    Each lead has a height of its own: one beat of 0.8 s with an R peak at 0.3 s, and a T wave.

    Returns:
        The header.
    """
    time = np.arange(FS * SECONDS) / FS
    phase = time % RR_S
    beat = np.exp(-0.5 * ((phase - PEAK_S) / 0.012) ** 2)
    beat += 0.25 * np.exp(-0.5 * ((phase - PEAK_S - 0.25) / 0.04) ** 2)
    names = [*TWELVE[6:], *TWELVE[:6]]
    heights = [0.4 + 0.1 * TWELVE.index(name) for name in names]
    noise = 0.05 * np.sin(2 * np.pi * 0.3 * time)
    signal = beat[:, None] * heights + noise[:, None]
    signal[10 * FS : 20 * FS, names.index("V1")] = 0  # lead off
    wfdb.wrsamp(
        "twelve",
        fs=FS,
        units=["mV"] * 12,
        sig_name=names,
        d_signal=np.rint(1000 * signal).astype(int),
        fmt=["16"] * 12,
        adc_gain=[1000.0] * 12,
        baseline=[0] * 12,
        write_dir=str(into),
    )
    peaks = np.rint(np.arange(PEAK_S, SECONDS, RR_S) * FS).astype(int)
    symbols, notes = ["N"] * len(peaks), [""] * len(peaks)
    symbols[3] = "V"
    symbols[20], notes[20] = "+", "(AFIB"
    wfdb.wrann("twelve", "atr", peaks, symbol=symbols, aux_note=notes, write_dir=str(into))
    return into / "twelve.hea"
