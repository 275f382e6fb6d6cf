"""A short version of `make chaos`: two dozen kills, twelve on each database."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError

from tests.chaos.harness import Harness, kill_all
from tests.needs import missing


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_nothing_is_lost_or_doubled_by_a_kill(kind: str) -> None:
    try:
        killed, wrong = kill_all(Harness(), kind, kills=12, seed=7)
    except OperationalError as error:
        if kind == "sqlite":
            raise
        missing("postgresql", f"PostgreSQL cannot be reached: {error.orig}")

    assert (wrong, killed >= 11) == ([], True)
