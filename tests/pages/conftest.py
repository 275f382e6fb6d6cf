"""A real Chromium for the page tests, and the static files alone for what needs no desk."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from selenium import webdriver

from tests.needs import chromium
from tests.pages.chromium import resize

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "bot/channels/web/page"
PACKAGES = ROOT / "node_modules"


@pytest.fixture(scope="session")
def one_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """Open the browser that the tests take in turns: starting one costs seconds."""
    browser = chromium(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.quit()


@pytest.fixture
def browser(one_browser: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    """Hand over the browser at the size of a phone, with nothing remembered."""
    resize(one_browser, 390, 844)
    yield one_browser
    if one_browser.current_url.startswith("http"):
        one_browser.execute_script("localStorage.clear()")
    one_browser.delete_all_cookies()
    one_browser.get("about:blank")
    one_browser.get_log("browser")


class StaticFiles(SimpleHTTPRequestHandler):
    """Serves the customer page's files under the addresses that the desk gives them."""

    protocol_version = "HTTP/1.1"

    def translate_path(self, path: str) -> str:
        path = path.partition("?")[0]
        if path == "/":
            return str(PAGES / "index.html")
        if path.startswith("/static/web/"):
            return str(PAGES / path.removeprefix("/static/web/"))
        if path.startswith("/static/lib/"):
            return str(PACKAGES / path.removeprefix("/static/lib/"))
        return str(ROOT / "nowhere")

    def log_message(self, *_: object) -> None:
        """Keep the test output clean."""


@pytest.fixture(scope="session")
def static_site() -> Iterator[str]:
    """Serve the page with no desk behind it: every call to the API fails."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(StaticFiles, directory=str(PAGES)))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
