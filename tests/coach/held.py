"""Wait for processes that a test started, and see whether they live by the lock they hold."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable
from pathlib import Path

import pytest

# As long as the page waits for a tool that reads all of the data (`desk.js`).
TOOL_S = 118.0


def is_held(path: Path) -> bool:
    """Tell whether some process holds the lock."""
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def until(done: Callable[[], bool], what: str) -> None:
    """Wait for something; fail with the words when it does not come."""
    for _ in range(1200):
        if done():
            return
        time.sleep(0.05)
    pytest.fail(what)
