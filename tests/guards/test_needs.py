"""A test that is skipped for want of a service fails where the run requires the service."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.needs import missing

TESTS = Path(__file__).parents[1]


def test_what_is_required_must_not_be_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTAKE_TEST_REQUIRE", "postgresql,redis")
    with pytest.raises(pytest.fail.Exception, match="redis is required: not there"):
        missing("redis", "not there")
    with pytest.raises(pytest.skip.Exception, match="not there"):
        missing("chromium", "not there")


def test_no_test_opens_a_browser_past_the_rule() -> None:
    past = re.compile(r"except NoChromium|except OperationalError[^\n]*\n\s+pytest\.skip")
    found = {p.name for p in TESTS.rglob("*.py") if past.search(p.read_text("utf-8"))}
    assert found == {"needs.py", "screenshots.py", "test_needs.py"}
