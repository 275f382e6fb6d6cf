"""A trial stack ends with who asked for it, whoever of them is killed, and leaves no home behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.coach.gate import play_conversations
from bot.settings import ROOT
from tests.coach.held import is_held, until

# Stands in for a process of the stack: who holds the lock is alive, whoever is its parent then.
PART = """
import fcntl, sys, time
held = open(sys.argv[1], 'w')
fcntl.flock(held, fcntl.LOCK_EX)
time.sleep(600)
"""
# The trial itself, over such parts, with a conversation that does not end.
TRIAL = f"""
import os, sys, time
from pathlib import Path
from bot import trial
from bot.supervisor import Part
folder = Path({{folder!r}})
def parts_of(settings, model):
    (folder / "home").write_text(str(settings.home))
    command = lambda name: [sys.executable, "-c", {PART!r}, str(folder / name)]
    return [Part(name, command(name), "", dict(os.environ), settings.home / "logs" / name) for name in ("rasa", "desk")]
def play(url, script):
    (folder / "trial").write_text(str(os.getpid()))
    time.sleep(600)
trial.parts_of, trial.wait_until_ready, trial.play = parts_of, lambda parts: None, play
sys.exit(trial.main(Path("model")))
"""
GATE = """
import sys
from pathlib import Path
from bot.coach.gate import play_conversations
[said] = play_conversations(Path("model"), words=[sys.executable, "-c", {trial!r}])
sys.exit(0 if said.startswith("the trial did not run") else 1)
"""


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[subprocess.Popen]:
    """Start a command that plays, and wait until its stack runs."""
    code = GATE.format(trial=TRIAL.format(folder=str(tmp_path)))
    command = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    parts = [tmp_path / "rasa", tmp_path / "desk"]
    until((tmp_path / "trial").exists, "nothing was ever played")
    until(lambda: all(map(is_held, parts)), "the stack never ran")
    yield command
    command.kill()
    command.wait()
    until(lambda: not any(map(is_held, parts)), "the stack outlived its trial")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_stack_ends_with_the_command_that_is_killed(
    gate: subprocess.Popen, tmp_path: Path, number: int
) -> None:
    home = Path((tmp_path / "home").read_text())
    assert home.is_dir()
    gate.send_signal(number)

    until(lambda: not is_held(tmp_path / "desk"), "the desk outlived the command")
    until(lambda: not is_held(tmp_path / "rasa"), "the engine outlived the command")
    until(lambda: not home.exists(), "the trial left its home")


def test_the_stack_ends_with_the_trial_that_is_killed(gate: subprocess.Popen, tmp_path: Path) -> None:
    os.kill(int((tmp_path / "trial").read_text()), signal.SIGKILL)

    until(lambda: not is_held(tmp_path / "desk"), "the desk outlived the trial")
    until(lambda: not is_held(tmp_path / "rasa"), "the engine outlived the trial")
    assert 0 == gate.wait()


def test_what_a_trial_says_is_read_though_conversations_failed() -> None:
    said = 'print(\'{"played": 2, "failed": ["one"]}\'); raise SystemExit(1)'
    assert ["one"] == play_conversations(Path("model"), words=[sys.executable, "-c", said])

    [wrong] = play_conversations(
        Path("model"), words=[sys.executable, "-c", "raise SystemExit('no engine')"]
    )
    assert wrong == "the trial did not run: no engine"
