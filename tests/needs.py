"""What a test needs of the machine: skipped without it, but failed where the run requires it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest
from selenium import webdriver

from tests.pages.chromium import NoChromium, open_chromium


def missing(service: str, why: str) -> NoReturn:
    """Skip for want of a service; fail if `INTAKE_TEST_REQUIRE` names it."""
    if service in os.environ.get("INTAKE_TEST_REQUIRE", "").split(","):
        pytest.fail(f"{service} is required: {why}")
    pytest.skip(why)


def chromium(profile: Path) -> webdriver.Chrome:
    """Open a browser on an empty profile folder."""
    try:
        return open_chromium(profile)
    except NoChromium as error:
        missing("chromium", str(error))
