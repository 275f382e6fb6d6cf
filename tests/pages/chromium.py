"""A headless Chromium of the system, with nothing remembered and nothing fetched on its own."""

from __future__ import annotations

import shutil
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE_S = 40
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DRIVERS = ("chromedriver",)

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--lang=zh-CN",
    # Pages stand still for who asks for it, so that nothing is measured or pressed on the move.
    "--force-prefers-reduced-motion",
)


class NoChromium(Exception):
    """Say which program is missing."""


def _found(names: tuple[str, ...]) -> str:
    for name in names:
        if path := shutil.which(name):
            return path
    raise NoChromium(f"{names[0]} is not installed")


def open_chromium(profile: Path) -> webdriver.Chrome:
    """Open a browser on an empty profile folder."""
    options = webdriver.ChromeOptions()
    options.binary_location = _found(BROWSERS)
    for flag in FLAGS:
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={profile}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(_found(DRIVERS)))


def resize(browser: webdriver.Chrome, width: int, height: int, *, scale: int = 1) -> None:
    """Give the page the size of a device's screen."""
    size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def texts(browser: webdriver.Chrome, selector: str) -> list[str]:
    """Return the shown texts of all elements that fit, without waiting."""
    return browser.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map((e) => e.innerText)", selector
    )


def wait_for(browser: webdriver.Chrome, selector: str, text: str = "") -> None:
    """Wait until an element with the text stands on the page."""
    WebDriverWait(browser, PATIENCE_S).until(
        lambda b: any(text in found for found in texts(b, selector)), f"{selector} {text}"
    )
