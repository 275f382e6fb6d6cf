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
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile

# What a command that clears up after itself has for it before it is killed.
GRACE_S = 30.0


def tethered(words: Sequence[str]) -> list[str]:
    """Return the command to start in a session of its own, with a pipe as its standard input."""
    return [sys.executable, "-m", "bot.coach.tether", *words]


def run_tethered(words: Sequence[str], *, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command to its end and return what it said; should we be killed, it ends with us."""
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        with subprocess.Popen(
            tethered(words), cwd=cwd, stdin=subprocess.PIPE, stdout=out, stderr=err,
            start_new_session=True,
        ) as process:
            process.wait()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess([*words], process.returncode, out.read(), err.read())


def main(words: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    # The whole group is told to end; we wait for the command, which may have to clear up.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    alone = threading.Event()
    with subprocess.Popen(words, stdin=subprocess.DEVNULL) as child:
        threading.Thread(target=_end_with_the_parent, args=(child, alone), daemon=True).start()
        code = child.wait()
    if alone.is_set():
        os.killpg(0, signal.SIGKILL)
    return code if code >= 0 else 128 - code


def _end_with_the_parent(child: subprocess.Popen[bytes], alone: threading.Event) -> None:
    while os.read(0, 1):
        pass
    alone.set()
    os.killpg(0, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        child.wait(GRACE_S)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
