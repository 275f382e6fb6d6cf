"""Which model a start takes: that of the present data, unless people or the gate said otherwise."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from bot.coach import train
from bot.coach.train import model_at_start
from bot.desk.engine_routes import routes_path
from bot.desk.model_files import gate_path, models_folder, point_to, pointer, write_json
from bot.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return a home of its own, and let training only leave an archive."""

    def made(settings: Settings, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"model")
        return path

    monkeypatch.setattr(train, "train", made)
    look_as(monkeypatch, "one")
    return load_settings({"INTAKE_HOME": str(tmp_path)})


def look_as(monkeypatch: pytest.MonkeyPatch, data: str) -> None:
    """Let data and code have this fingerprint."""
    monkeypatch.setattr(train, "fingerprint", lambda settings, root=None: data)


def keep(home: Path, name: str, **gate: object) -> None:
    models_folder(home).mkdir(exist_ok=True)
    (models_folder(home) / f"{name}.tar.gz").write_bytes(b"model")
    if gate:
        write_json(gate_path(home, name), gate)


def test_the_first_start_trains_and_says_what_serves(settings: Settings, now: datetime) -> None:
    path = model_at_start(settings, now=now)

    assert path.name == "intake-one.tar.gz"
    assert (pointer(settings.home)["model"], pointer(settings.home)["by"]) == ("intake-one", "start")


def test_new_data_retrain_what_only_a_start_chose(
    settings: Settings, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_at_start(settings, now=now)
    look_as(monkeypatch, "two")

    assert model_at_start(settings, now=now).name == "intake-two.tar.gz"
    assert pointer(settings.home)["model"] == "intake-two"


def test_a_restart_brings_no_stopped_model_into_service(
    settings: Settings, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_at_start(settings, now=now)
    look_as(monkeypatch, "two")
    keep(settings.home, "intake-two", passed=False)

    assert model_at_start(settings, now=now).name == "intake-one.tar.gz"


def test_what_a_trainer_put_into_service_stays(
    settings: Settings, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(settings.home, "chosen")
    point_to(settings.home, "chosen", now=now, previous=None, watched=False)
    look_as(monkeypatch, "two")

    assert model_at_start(settings, now=now).name == "chosen.tar.gz"
    assert "by" not in pointer(settings.home)


def test_without_a_pointer_a_stopped_model_does_not_follow_the_one_that_served(
    settings: Settings, now: datetime
) -> None:
    keep(settings.home, "before")
    keep(settings.home, "intake-one", passed=False)
    write_json(routes_path(settings.home), {"serving": {"model": "before"}})

    assert model_at_start(settings, now=now).name == "before.tar.gz"
    assert pointer(settings.home)["model"] == "before"


def test_a_start_goes_on_without_a_second_opinion_and_says_so(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = CompletedProcess([], 1, "", "Traceback …\nOSError: disk full\n")
    monkeypatch.setattr(train.subprocess, "run", lambda *_, **__: failed)
    train.fit_at_start(settings)

    assert "no second opinion on staff replies: OSError: disk full" in capsys.readouterr().err


def test_a_start_fits_the_second_opinion_of_its_own_home(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = []

    def run(command: list[str], **how: object) -> CompletedProcess[str]:
        ran.append((command[1:], how["env"]["INTAKE_HOME"]))
        return CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(train.subprocess, "run", run)
    train.fit_at_start(settings)

    assert ran == [(["-m", "bot.coach.opinion"], str(settings.home))]
    assert "no second opinion" not in capsys.readouterr().err
