"""What the tests of the service language share: the checker over the real tables."""

from __future__ import annotations

import pytest

from bot.handbook.language.checker import Checker, load_checker


@pytest.fixture(scope="session")
def checker() -> Checker:
    return load_checker(verify=False)
