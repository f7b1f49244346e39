"""One service for most tests, and the simulated recording that it shows as an example."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ecgmodel.denoise.denoiser import Denoiser
from ecgmodel.sources.example import write_example
from tests.ecgmodel.web.looking import opened, write_twelve
from tests.ecgmodel.web.running import Web, web

CHROMIUM = shutil.which("chromium")
ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no browser: chromium is not installed (Debian: chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS])
        yield opened
        opened.close()


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with web(tmp_path_factory.mktemp("served"), "--max-mb", "200") as running:
        yield running
        assert running.left() == []


@pytest.fixture
def client(served: Web) -> Iterator[httpx.Client]:
    with served.client() as client:
        yield client


@pytest.fixture(scope="package")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The header of a WFDB record with samples and annotations beside it."""
    return write_example(tmp_path_factory.mktemp("record"))[0]


@pytest.fixture(scope="package")
def denoiser() -> Denoiser:
    return Denoiser.load()


@pytest.fixture(scope="package")
def twelve(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The header of a WFDB record of the twelve standard leads."""
    return write_twelve(tmp_path_factory.mktemp("twelve"))


@pytest.fixture
def page(browser: Any, served: Web) -> Iterator[Any]:
    """The page, which may ask no other machine and log no error."""
    yield from opened(browser, served.url)
