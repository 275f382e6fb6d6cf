"""Chapter 8.3: long jobs of trainers (训练任务): one at a time, in their own process, watched by file.

The job writes `coach/run.json` as it goes; the console starts it, reads it and cancels it. The
lock is held by the job itself, so that a job that died leaves nothing locked.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bot.desk.model_files import read_json, write_json
from bot.handbook.errors import Refusal

LOG_LINES = 200
START_WITHIN_S = 90.0


class AnotherRuns(Refusal):
    """Say that a job of trainers runs on this machine already."""

    code = "another_runs"


def coach_folder(home: Path) -> Path:
    """Return the folder of jobs: state, log, lock."""
    return home / "coach"


def state_path(home: Path) -> Path:
    """Return where the state of the last job lies."""
    return coach_folder(home) / "run.json"


@contextmanager
def only_job(home: Path, name: str = "lock") -> Iterator[None]:
    """Hold the machine's lock on jobs, or another one; raise `AnotherRuns`."""
    folder = coach_folder(home)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AnotherRuns("本机已有任务在进行，请等它结束或先取消") from None
        yield


def is_running(home: Path) -> bool:
    """Tell whether a job holds the lock now."""
    try:
        with only_job(home):
            return False
    except AnotherRuns:
        return True


def note_state(home: Path, **values: Any) -> None:
    """Change the state of the job that runs."""
    write_json(state_path(home), {**read_json(state_path(home)), **values})


def run_state(home: Path) -> dict[str, Any]:
    """Return the last job: kind, state, stage, share, seconds left, result; with its log's end."""
    state = read_json(state_path(home))
    if state.get("state") in {"starting", "running"} and _has_ended(home, state):
        # The job was killed, or died, before it could say how it ended.
        ended = "cancelled" if state.get("cancelling") else "failed"
        state |= {"state": ended, "message": "已取消" if ended == "cancelled" else "任务进程已中断"}
    if state:
        # Training writes Rasa's own log beside that of the job.
        name = "run.log" if state.get("kind") == "train" else "job.log"
        state["log"] = tail(coach_folder(home) / name)
    return state


def _has_ended(home: Path, state: dict[str, Any]) -> bool:
    if state["state"] == "starting" and time.time() - state_path(home).stat().st_mtime < START_WITHIN_S:
        return False
    return not is_running(home)


@contextmanager
def noted_job(home: Path, kind: str, **values: Any) -> Iterator[None]:
    """Hold the lock while a job runs, and note how it began and ended."""
    with only_job(home):
        state_path(home).unlink(missing_ok=True)
        note_state(home, kind=kind, state="running", pid=os.getpid(), share=0.0, **values)
        try:
            yield
        except (KeyboardInterrupt, SystemExit):
            note_state(home, state="cancelled", message="已取消")
            raise
        except BaseException as error:
            note_state(home, state="failed", message=str(error) or type(error).__name__)
            raise
        note_state(home, state="done", share=1.0)


def tail(path: Path, lines: int = LOG_LINES) -> list[str]:
    """Return the last lines of a log."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 40_000))
            return file.read().decode("utf-8", "replace").splitlines()[-lines:]
    except OSError:
        return []


def start_job(words: Sequence[str], *, root: Path, environ: dict[str, str], home: Path) -> int:
    """Start `intake coach …` apart from the caller; return its process id."""
    if is_running(home):
        raise AnotherRuns("本机已有任务在进行，请等它结束或先取消")
    folder = coach_folder(home)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(state_path(home), {"kind": words[0], "state": "starting", "words": list(words)})
    with (folder / "job.log").open("wb") as out:
        started = subprocess.Popen(
            [sys.executable, "-m", "bot", "coach", *words], cwd=root,
            env=dict(os.environ) | environ, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            start_new_session=True,
        )
    return started.pid


def cancel_job(home: Path) -> bool:
    """Ask the job that runs to stop; return whether there was one."""
    pid = read_json(state_path(home)).get("pid")
    if not isinstance(pid, int) or not is_running(home):
        return False
    note_state(home, cancelling=True)
    os.kill(pid, signal.SIGTERM)
    return True
