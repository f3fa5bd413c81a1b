"""The site in a real browser, served from this machine: Debian's (or any) Chromium, driven by Playwright."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None: ...


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_pages_open_without_errors_or_requests(browser: Any, site: Path, address: str, width: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
    shown, said, asked = context.new_page(), [], []
    shown.on("console", lambda message: said.append(message.text))
    shown.on("pageerror", lambda error: said.append(str(error)))
    shown.on("request", lambda request: asked.append(request.url))
    pages = sorted(set(site.rglob("*.html")) - {site / "404.html"})
    for page in pages if scheme == "light" else [site / "index.html"]:
        shown.goto(address + page.relative_to(site).as_posix())
        assert said == [], page
        assert shown.evaluate("document.documentElement.scrollWidth") <= width, (
            page
        )  # tables and code scroll, not the page
        assert shown.evaluate("[...document.images].every((image) => image.naturalWidth > 0)"), page
    assert [url for url in asked if not url.startswith((address, "data:"))] == []
    context.close()


def test_the_search_finds_what_pages_speak_of(browser: Any, address: str) -> None:
    shown = browser.new_page(viewport={"width": 1280, "height": 900})
    shown.goto(address + "index.html")
    shown.click(".md-search__input")
    shown.keyboard.type("sharpness")
    shown.wait_for_selector(".md-search-result__link")
    assert "initialization.html" in "".join(
        shown.locator(".md-search-result__link").evaluate_all("links => links.map((link) => link.href)")
    )
    shown.close()
