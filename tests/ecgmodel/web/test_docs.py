"""The interface for programs is described on a page of its own, from the service's own files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.ecgmodel.web.looking import opened
from tests.ecgmodel.web.running import Web, web


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_every_address_option_and_status_is_described(
    browser: Any, served: Web, client: httpx.Client, scheme: str, width: int
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    options = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    for page in opened(browser, f"{served.url}/docs", **options):
        page.get_by_role("heading", name="POST /denoise").wait_for()
        text = page.inner_text("main")
        described = client.get("/openapi.json").json()
        for path, ways in described["paths"].items():
            for way, told in ways.items():
                assert way == "head" or f"{way.upper()} {path}" in text
                names = [one["name"] for one in told.get("parameters", [])]
                assert {*names, *told["responses"]} <= set(text.split())
        assert "undefined" not in text
        assert f"{served.url}/denoise" in text
        rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
        found = Axe().run(page, options=rules).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_it_asks_for_the_token_that_the_description_needs(browser: Any, tmp_path: Path) -> None:
    with web(tmp_path, "--token", "open sesame") as running:
        page = browser.new_page()
        page.goto(f"{running.url}/docs")
        page.get_by_label("Access token").fill("wrong")
        page.get_by_role("button", name="Continue").click()
        page.get_by_text("Expected the header").wait_for()
        page.get_by_label("Access token").fill("open sesame")
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("heading", name="POST /denoise").wait_for()
        assert page.locator("#error").is_hidden()
        page.close()
