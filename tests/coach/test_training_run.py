"""Training: progress by file, cancel, one at a time, and a card beside the model."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bot.coach.train import Cancelled
from bot.coach.training_run import progress, stages_of, train_candidate
from bot.desk.coach_runs import (
    AnotherRuns,
    cancel_job,
    is_running,
    noted_job,
    only_job,
    run_state,
    state_path,
)
from bot.desk.model_files import card_path, kept_models, read_json, write_json
from bot.handbook.errors import DeskError
from bot.handbook.signal_table import signals_in_force
from bot.settings import ROOT, Settings, load_settings
from tests.coach.held import is_held, until

# Stands in for Rasa's own command: what it prints and leaves is what the run looks at.
TRAIN = """
import pathlib, sys, time
print("Starting to train component 'NgramFeaturizer'.", flush=True)
time.sleep({seconds})
pathlib.Path([*pathlib.Path({models!r}).glob('.draft-*')][0], 'intake.tar.gz').write_bytes(b'model')
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings with a home of their own."""
    return load_settings({"INTAKE_HOME": str(tmp_path)})


def words(settings: Settings, seconds: float = 0.0, code: str = TRAIN) -> list[str]:
    return [sys.executable, "-c", code.format(seconds=seconds, models=str(settings.home / "models"))]


def test_a_trained_model_has_a_card(settings: Settings) -> None:
    name = train_candidate(settings, by="trainer1", words=words(settings))["model"]

    made = read_json(card_path(settings.home, name))
    assert (made["by"], made["fingerprint"]) == ("trainer1", name.removeprefix("intake-"))
    assert made["sentences"] > 6000
    assert made["signals"] == signals_in_force()
    assert made["libraries"]["rasa"] == "3.6.21"
    assert [model["name"] for model in kept_models(settings.home)] == [name]


def test_unchanged_data_is_not_trained_twice(settings: Settings) -> None:
    train_candidate(settings, by="a", words=words(settings))

    assert train_candidate(settings, by="a", words=["false"])["new"] is False


def test_a_failure_leaves_no_model_and_says_why(settings: Settings) -> None:
    with pytest.raises(DeskError, match="boom"):
        train_candidate(settings, by="a", words=[sys.executable, "-c", "raise SystemExit('boom')"])

    assert kept_models(settings.home) == []
    assert run_state(settings.home)["state"] == "failed"


def test_one_job_at_a_time(settings: Settings) -> None:
    with only_job(settings.home), pytest.raises(AnotherRuns):
        train_candidate(settings, by="a", words=words(settings))


def test_a_running_training_is_cancelled(settings: Settings) -> None:
    def cancel() -> None:
        for _ in range(800):
            if run_state(settings.home).get("stage") == "NgramFeaturizer":
                break
            time.sleep(0.05)
        cancel_job(settings.home)

    threading.Thread(target=cancel).start()
    with pytest.raises(Cancelled):
        train_candidate(settings, by="a", words=words(settings, 60))
    assert run_state(settings.home)["state"] == "cancelled"
    assert not is_running(settings.home)


# Stands in for a long training: who holds the lock is alive, whoever is its parent then.
LONG = """
import fcntl, pathlib, sys, time
held = open({held!r}, 'w')
fcntl.flock(held, fcntl.LOCK_EX)
print("Starting to train component 'NgramFeaturizer'.", flush=True)
time.sleep(600)
"""
COMMAND = """
import sys
from bot.coach.training_run import train_candidate
from bot.settings import load_settings
train_candidate(load_settings(), by="zhou", words=[sys.executable, "-c", {code!r}])
"""


@pytest.mark.parametrize(("number", "ended"), [(signal.SIGKILL, "failed"), (signal.SIGTERM, "cancelled")])
def test_the_training_ends_with_the_command_that_is_killed(
    settings: Settings, number: int, ended: str
) -> None:
    held = settings.home / "held"
    (settings.home / "models" / f".draft-{os.getpid()}").mkdir(parents=True)
    code = COMMAND.format(code=LONG.format(held=str(held)))
    command = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL,
        env=dict(os.environ) | {"INTAKE_HOME": str(settings.home)},
    )
    until(lambda: run_state(settings.home).get("stage") == "NgramFeaturizer", "the training never began")
    assert is_held(held)
    command.send_signal(number)
    command.wait()

    until(lambda: not is_held(held), "the training outlived its command")
    assert run_state(settings.home)["state"] == ended
    assert train_candidate(settings, by="zhou", words=words(settings))["new"] is True
    assert list((settings.home / "models").glob(".draft-*")) == []


JOB = """
import time
from bot.__main__ import stopped_by_sigterm
from bot.desk.coach_runs import noted_job
from bot.settings import load_settings
with stopped_by_sigterm(), noted_job(load_settings().home, "gate"):
    time.sleep(600)
"""


def test_a_job_that_is_cancelled_says_so(settings: Settings) -> None:
    from bot.desk.coach_runs import cancel_job

    command = subprocess.Popen(
        [sys.executable, "-c", JOB], cwd=ROOT, stderr=subprocess.DEVNULL,
        env=dict(os.environ) | {"INTAKE_HOME": str(settings.home)},
    )
    until(lambda: run_state(settings.home).get("state") == "running", "the job never began")
    assert cancel_job(settings.home)

    assert command.wait(30) == 143
    assert (run_state(settings.home)["state"], run_state(settings.home)["message"]) == ("cancelled", "已取消")


def test_a_job_that_died_is_not_shown_as_running(settings: Settings) -> None:
    from bot.desk.coach_runs import note_state

    note_state(settings.home, kind="train", state="running", pid=2**22 + 1)
    assert run_state(settings.home)["state"] == "failed"


@pytest.mark.parametrize(
    ("log", "spent", "usual", "stage", "share"),
    [
        ([], 2.0, None, "reading", 0.0),
        (["Starting to train component 'NgramFeaturizer'."], 5.0, None, "NgramFeaturizer", 0.25),
        (["Starting to train component 'NgramFeaturizer'."], 50.0, 100.0, "NgramFeaturizer", 0.5),
        (["Starting to train component 'RulePolicy'."], 5.0, None, "RulePolicy", 0.75),
    ],
)
def test_progress_is_read_from_the_log(
    log: list[str], spent: float, usual: float | None, stage: str, share: float
) -> None:
    found = progress(log, ["reading", "NgramFeaturizer", "Urgency", "RulePolicy"], spent, usual)
    assert (found["stage"], found["share"]) == (stage, share)


def test_stages_are_those_of_the_configuration_in_the_order_of_rasas_log() -> None:
    stages = stages_of(ROOT / "config.yml")
    assert stages[:3] == ["reading", "RulePolicy", "JiebaTokenizer"]
    log, shares = [], []
    for name in stages[1:-1]:
        log.append(f"Starting to train component '{name}'.")
        shares.append(progress(log, stages, 10.0, None)["share"])
    assert shares == sorted(set(shares))


def test_a_job_that_never_began_is_not_shown_as_starting_for_ever(tmp_path: Path) -> None:
    write_json(state_path(tmp_path), {"kind": "gate", "state": "starting"})
    assert run_state(tmp_path)["state"] == "starting"
    os.utime(state_path(tmp_path), (1.0, 1.0))
    assert run_state(tmp_path)["state"] == "failed"


def test_a_job_notes_how_it_ended(tmp_path: Path) -> None:
    with noted_job(tmp_path, "gate", model="new"):
        assert run_state(tmp_path)["state"] == "running"
    assert run_state(tmp_path)["state"] == "done"
    with pytest.raises(ValueError, match="boom"), noted_job(tmp_path, "gate"):
        raise ValueError("boom")
    assert (run_state(tmp_path)["state"], run_state(tmp_path)["message"]) == ("failed", "boom")
