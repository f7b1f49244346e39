"""A long recording stays with the service while its page looks at it; the page draws all of it."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecgmodel.denoise.denoiser import Denoiser
from ecgmodel.files import read_ecg
from ecgmodel.web.pieces import STEPS, TILE, read_tile, write_pieces
from ecgmodel.web.refusing import Refused
from ecgmodel.web.settings import Outcome
from ecgmodel.web.shelf import Shelf
from tests.ecgmodel.web.looking import drawn, open_record, opened, save_example, settle
from tests.ecgmodel.web.running import Web, awaited, web

ARRIVED = "document.getElementById('chart').chart.signals.coming.size === 0"
VALUES = (
    "([lead, kind, at]) => document.getElementById('chart').chart.signals.value(lead, kind, at)"
)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A service to which five minutes are a long recording, and which holds two."""
    with web(tmp_path_factory.mktemp("small"), whole=50_000, held=2) as running:
        yield running


@pytest.fixture
def page(browser: Any, small: Web) -> Iterator[Any]:
    yield from opened(browser, small.url)


def arrived(page: Any) -> None:
    settle(page)
    page.wait_for_function(ARRIVED)
    settle(page)


def gone(small: Web) -> None:
    end = time.monotonic() + 10
    while small.left():
        assert time.monotonic() < end, small.left()
        time.sleep(0.1)


def test_every_sample_is_drawn_and_the_recording_saved(
    page: Any, small: Web, record: Path, denoiser: Denoiser, tmp_path: Path
) -> None:
    open_record(page, record)
    ecg = read_ecg(record)
    clean = denoiser.clean(ecg.signal, ecg.fs, adc_ranges=ecg.adc_ranges)
    assert small.left()
    for press in ("Home", "End", "n"):
        page.keyboard.press(press)
        page.keyboard.press("+")
        arrived(page)
        for kind, signal in (("before", ecg.signal), ("after", clean.signal)):
            x, y = drawn(page, kind)
            places = np.rint(x * ecg.fs).astype(int)
            assert len(places) > 300
            np.testing.assert_array_equal(y, signal[places, 0].astype(np.float32))
    for at in (0, TILE - 1, TILE, len(ecg.signal) - 1):
        page.evaluate(f"document.getElementById('chart').chart.go({at} / 360 - 1)")
        arrived(page)
        assert page.evaluate(VALUES, [0, "before", at]) == np.float32(ecg.signal[at, 0])
    saved = save_example(page, tmp_path)
    np.testing.assert_allclose(saved.signal, clean.signal, atol=0.006)
    page.goto("about:blank")
    gone(small)


@pytest.mark.parametrize("kind", ["before", "after", "removed"])
def test_each_pixel_shows_its_whole_span_at_any_zoom(
    page: Any, record: Path, denoiser: Denoiser, kind: str
) -> None:
    open_record(page, record)
    page.keyboard.press({"before": "2", "after": "3", "removed": "4"}[kind])
    ecg = read_ecg(record)
    clean = denoiser.clean(ecg.signal, ecg.fs, adc_ranges=ecg.adc_ranges).signal
    signal = {"before": ecg.signal, "after": clean, "removed": ecg.signal - clean}[kind][:, 0]
    page.evaluate("document.getElementById('chart').chart.all()")
    for _ in range(5):
        arrived(page)
        x, y = drawn(page, kind)
        low, high = y[::2], y[1::2]
        width = round(float(np.diff(x[::2]).mean()) * ecg.fs)
        for at, least, most in list(zip(x[::2], low, high, strict=True))[1:-1:17]:
            start = round(at * ecg.fs - width / 2)
            span = signal[start : start + width].astype(np.float32)
            if np.isfinite(span).all():
                assert least == pytest.approx(span.min(), abs=1e-4)
                assert most == pytest.approx(span.max(), abs=1e-4)
        page.keyboard.press("+")
        if page.evaluate("document.getElementById('chart').chart.span") < 30:
            break


def test_a_recording_that_is_gone_is_told(page: Any, small: Web, record: Path) -> None:
    open_record(page, record)
    name = page.get_attribute("#save", "href").split("/")[2]
    with small.client() as client:
        assert client.get(f"/view/{name}").status_code == 200
        assert client.get(f"/view/{name}/1/0", params={"leads": "0,1"}).status_code == 200
        assert client.get(f"/view/{name}/1/9999", params={"leads": "0"}).status_code == 404
        assert client.get(f"/view/{name}/3/0", params={"leads": "0"}).status_code == 404
        assert client.get(f"/view/{name}/1/0", params={"leads": "2"}).status_code == 404
        assert client.get(f"/view/{name}/1/-1", params={"leads": "0"}).status_code == 404
        assert client.get(f"/view/{name}/1/0", params={"leads": "x"}).status_code == 422
        assert client.delete(f"/view/{name}").status_code == 204
        assert client.get(f"/view/{name}").status_code == 404
        assert client.get("/view/../../etc/file").status_code == 404
    page.keyboard.press("End")
    page.get_by_text("The service no longer holds this recording").wait_for()
    gone(small)


def test_a_new_recording_takes_the_place_of_the_last(page: Any, small: Web, record: Path) -> None:
    open_record(page, record)
    first = page.get_attribute("#save", "href")
    page.click("#open summary")
    page.click("#again")
    page.wait_for_function("first => document.getElementById('save').pathname !== first", arg=first)
    second = page.get_attribute("#save", "href")
    with small.client() as client:
        assert client.get(first).status_code == 404
        assert client.get(second).status_code == 200


def test_the_share_done_is_told(small: Web, record: Path) -> None:
    """A slow recording: it comes, and is denoised, and each share is more than the one before."""
    work = "0123456789abcdef" * 2
    options: dict[str, str | int] = {"fs": 51, "unit": "mV", "name": "x.npy", "work": work}
    body = io.BytesIO()
    np.save(body, np.random.default_rng(0).normal(size=150_000).astype(np.float32))
    with small.client() as client, small.client() as other, ThreadPoolExecutor(1) as pool:
        nothing = {"doing": "upload", "share": 0, "ahead": 0}
        assert client.get(f"/work/{work}").json() == nothing
        assert client.post("/view", params={"work": "x"}, content="x").status_code == 422
        slow = pool.submit(other.post, "/view", content=body.getvalue(), params=options)
        shares: list[float] = []
        while not slow.done():
            said = client.get(f"/work/{work}").json()
            if said["doing"] == "denoise" and said["share"] not in shares:
                shares.append(said["share"])
            time.sleep(0.02)
        assert slow.result().status_code == 200, slow.result().text
        assert len(shares) > 5
        assert shares == sorted(shares)
        assert max(shares) < 1
        assert client.get(f"/work/{work}").json() == nothing


def test_the_page_says_how_far_it_is(page: Any, record: Path) -> None:
    page.route(
        "**/work/*",
        lambda route: route.fulfill(json={"doing": "denoise", "share": 0.43, "ahead": 0}),
    )
    page.route("**/view?*", lambda route: None)  # it takes its time
    page.set_input_files("#files", sorted(map(str, record.parent.glob("example.*"))))
    page.get_by_text("Denoising example: 43 %, about").wait_for(timeout=15_000)
    assert page.locator("#share").is_visible()
    assert page.evaluate("document.getElementById('share').value") == pytest.approx(0.43)
    page.click("#cancel")
    page.locator("#status-row").wait_for(state="hidden")


def test_tiles_hold_what_they_say(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(3 * TILE * 8 + 77, 3))
    signal[100:3000, 1] = np.nan
    cleaned = signal * 0.5
    shares: list[float] = []
    top = write_pieces(tmp_path / "p", signal, cleaned, shares.append)
    assert sum(shares) == pytest.approx(1)
    assert [lead.shape for lead in top] == [(6, -(-len(signal) // 512))] * 3
    kinds = np.stack([signal, cleaned, signal - cleaned]).astype(np.float32)
    for step in STEPS:
        count = -(-len(signal) // step)
        for tile in range(-(-count // TILE)):
            data = read_tile(tmp_path / "p", step, tile, (2, 1), signal.shape)
            rows = np.frombuffer(data, np.float32).reshape(2, 2 if step == 1 else 6, -1)
            part = kinds[:, tile * TILE * step : (tile + 1) * TILE * step]
            for found, lead in zip(rows, (2, 1), strict=True):
                own = part[:, :, lead]
                if step == 1:
                    np.testing.assert_array_equal(found, own[:2])
                    continue
                pad = np.pad(own, ((0, 0), (0, -own.shape[1] % step)), constant_values=np.nan)
                blocks = pad.reshape(3, -1, step)
                lowest, highest = np.fmin.reduce(blocks, 2), np.fmax.reduce(blocks, 2)
                np.testing.assert_allclose(found[:3], lowest, atol=1e-6)
                np.testing.assert_allclose(found[3:], highest, atol=1e-6)
        assert read_tile(tmp_path / "p", step, tile + 1, (0,), signal.shape) is None


def test_the_shelf_holds_so_many_and_not_for_ever(tmp_path: Path) -> None:
    left: list[Path] = []

    async def use() -> None:
        shelf = Shelf(2, 0.2, left.append)
        for name in ("a", "b"):
            shelf.put(name, tmp_path / name, Outcome())
        shelf.get("a")
        shelf.put("c", tmp_path / "c", Outcome())
        assert left == [tmp_path / "b"]  # asked for longest ago
        with pytest.raises(Refused, match="no longer holds"):
            shelf.get("b")
        for _ in range(5):
            await asyncio.sleep(0.1)
            shelf.get("a")
        assert left == [tmp_path / "b", tmp_path / "c"]
        await asyncio.sleep(0.4)
        assert len(shelf) == 0

    awaited(use())
    assert left == [tmp_path / name for name in ("b", "c", "a")]
