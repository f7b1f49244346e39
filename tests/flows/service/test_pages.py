"""What a person sees of a run: both servers' pages in a real browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from ecgmodel.settings.config import TrackingSettings
from ecgmodel.store import Store
from tasks.tracking import Registry, Tracker, Version
from tests.flows.service.running import Service, running

CHROMIUM = shutil.which("chromium")
ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
FIELDS = ("recordings", "out", "settings")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Version]]:
    """A service that has trained once, and the version that came of it, made champion."""
    if CHROMIUM is None:
        pytest.skip("no browser: chromium is not installed (Debian: chromium)")
    with running(tmp_path_factory.mktemp("pages")) as service:
        run = service.start("retrain/train")

        def is_done() -> bool:
            state = service.run(run).state
            return bool(state and state.is_completed())

        service.until(is_done, "a training")
        store = Store(service.state / "store")
        registry = Registry(Tracker(TrackingSettings(uri=service.mlflow_url), store))
        registry.promote(registry.version(1), "hand", "for the pages")
        yield service, registry.version(1)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Any]:
    """A page of a headless browser that reaches no other machine."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS])
        shown = browser.new_page(viewport={"width": 1280, "height": 900})
        asked: list[str] = []
        shown.on("request", lambda request: asked.append(request.url))
        yield shown
        browser.close()
    local = ("http://127.0.0.1:", "data:", "blob:", "about:")
    assert [url for url in asked if not url.startswith(local)] == []


def sees(page: Any, address: str, *texts: str) -> None:
    """Open an address and wait until it shows all texts."""
    page.goto(address)
    for text in texts:
        page.get_by_text(text).first.wait_for(timeout=30_000)


def test_prefect_shows_deployments_and_a_run_with_its_verdict(
    trained: tuple[Service, Version], page: Any
) -> None:
    service, version = trained
    url = f"http://127.0.0.1:{service.prefect_port}"
    sees(page, f"{url}/deployments", "prepare", "denoise", "retrain-on-drift")
    (run,) = service.runs("retrain")
    assert run.name == "retrain conv_autoencoder on simulated"
    sees(page, f"{url}/runs/flow-run/{run.id}", run.name, "Completed")
    page.get_by_text("Details", exact=True).click()
    page.get_by_text(f"version {version.number} ").first.wait_for(timeout=30_000)
    with service.client() as client:
        keys = ArtifactFilterKey(any_=["trigger", "verdict", "pictures", "result", "outcome"])
        found = client.read_artifacts(artifact_filter=ArtifactFilter(key=keys))
    shown = {artifact.key: artifact for artifact in found}
    assert len(shown) == 5
    assert all(artifact.description for artifact in found)
    sees(page, f"{url}/artifacts/artifact/{shown['trigger'].id}", "Started by hand")
    verdict = f"{url}/artifacts/artifact/{shown['verdict'].id}"
    sees(page, verdict, f"version {version.number}: ", "SNR improvement against no filter")
    assert drawn(page) == 1
    page.goto(f"{url}/artifacts/artifact/{shown['pictures'].id}")
    assert drawn(page) == 6


def drawn(page: Any) -> int:
    """Return how many pictures an artifact's page draws, and see that none is printed as text."""
    pictures = page.locator("img[src^='data:image/png']")
    pictures.first.wait_for(timeout=30_000)
    widths = pictures.evaluate_all("images => images.map(image => image.naturalWidth)")
    assert min(widths) >= 600
    assert "base64" not in page.inner_text("body")
    return len(widths)


def test_the_form_of_denoise_asks_for_recordings_first(
    trained: tuple[Service, Version], page: Any
) -> None:
    service, _ = trained
    with service.client() as client:
        deployment = client.read_deployment_by_name("denoise/denoise").id
    url = f"http://127.0.0.1:{service.prefect_port}/deployments/deployment/{deployment}/run"
    sees(page, url, "recordings", "settings")
    at = {name: page.get_by_text(name, exact=True).first.bounding_box()["y"] for name in FIELDS}
    assert sorted(at, key=at.__getitem__) == list(FIELDS)
    assert at["settings"] < 900  # all of it is on the first screen
    assert page.locator("textarea").count() == 3


def test_mlflow_shows_run_curves_report_and_the_version_in_use(
    trained: tuple[Service, Version], page: Any
) -> None:
    service, version = trained
    registry = Registry(
        Tracker(TrackingSettings(uri=service.mlflow_url), Store(service.state / "store"))
    )
    experiment = registry.tracker.experiment
    run = f"{service.mlflow_url}/#/experiments/{experiment}/runs/{version.run_id}"
    sees(page, run, "conv_autoencoder on simulated", "mix.window")
    sees(page, f"{run}/model-metrics", "best_filter_snr_improvement")
    page.get_by_placeholder("Search metric charts").fill("val_loss")
    page.get_by_text("val_loss", exact=True).first.wait_for(timeout=30_000)
    sees(page, f"{run}/artifacts", "report.html", "verdicts", "figures")
    sees(page, f"{service.mlflow_url}/#/models/ecg-denoiser", "champion", "ecg.champion.000001")
    assert (
        json.loads(
            registry.tracker.client.get_registered_model("ecg-denoiser").tags["ecg.champion.000001"]
        )["how"]
        == "hand"
    )
