"""Tether 牵绳: run a command that ends, with all it started, when the process that asked for it does.

A process that is killed cannot tell its children. But it holds the other end of our standard
input, and that end closes with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence


def tethered(words: Sequence[str]) -> list[str]:
    """Return the command to start in a session of its own, with a pipe as its standard input."""
    return [sys.executable, "-m", "bot.coach.tether", *words]


def main(words: Sequence[str]) -> int:
    """Run the command; return 1 when it failed."""
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    return int(subprocess.run(words, stdin=subprocess.DEVNULL, check=False).returncode != 0)


def _end_with_the_parent() -> None:
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
