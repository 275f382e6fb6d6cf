"""Commands on a fresh home and with odd inputs: one sentence with the way out, never a traceback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from bot.__main__ import main, told
from bot.settings import ROOT


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set a home in which nothing is yet."""
    home = tmp_path / "home"
    monkeypatch.setenv("INTAKE_HOME", str(home))
    monkeypatch.delenv("INTAKE_DATABASE_URL", raising=False)
    return home


@pytest.mark.parametrize(
    ("words", "way_out"),
    [
        ("history", "intake coach train"),
        ("promote", "intake coach label"),
        ("gate", "intake coach train"),
        ("gate x", "intake coach train"),
        ("label 1 --type port_out --urgency major", "没有这条"),
        ("shadow x", "intake coach train"),
        ("canary x", "intake coach train"),
        ("rollback", "intake coach history"),
        ("switch x --reason y", "intake coach train"),
    ],
)
def test_on_a_fresh_home_what_is_missing_is_told(
    fresh: Path, capsys: pytest.CaptureFixture[str], words: str, way_out: str
) -> None:
    assert main(["coach", *words.split()]) == 1
    out, err = capsys.readouterr()

    assert out == ""
    [line] = [line for line in err.splitlines() if line.startswith("intake coach: ")]
    assert way_out in line


@pytest.mark.parametrize(("tool", "field"), [("history", "models"), ("promote", "train")])
def test_data_of_a_fresh_home_are_empty(fresh: Path, capsys: pytest.CaptureFixture[str], tool: str, field: str) -> None:
    assert main(["coach", tool, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[field] == []


def test_a_database_that_is_none_is_told(fresh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fresh.mkdir()
    (fresh / "desk.db").write_bytes(b"no database" * 1000)

    assert main(["coach", "history"]) == 1
    assert "file is not a database (see INTAKE_DATABASE_URL" in capsys.readouterr().err
    assert (fresh / "desk.db").read_bytes() == b"no database" * 1000


@pytest.mark.parametrize("url", ["nonsense", "oracle9://x", "postgresql+psycopg2://127.0.0.1:1/x"])
def test_an_address_of_no_database_is_told(
    fresh: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("INTAKE_DATABASE_URL", url)

    assert main(["audit", "verify"]) == 1
    assert "INTAKE_DATABASE_URL" in capsys.readouterr().err


def test_a_locked_database_is_told() -> None:
    assert "try again" in told(OperationalError("BEGIN", None, Exception("database is locked")))


def intake(*words: str, **more: object) -> subprocess.Popen[str]:
    return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
        [sys.executable, "-m", "bot", *words], cwd=ROOT, text=True, stderr=subprocess.PIPE, **more
    )


@pytest.mark.parametrize("words", ["settings", "coach situations port_out"])
def test_a_reader_that_goes_is_no_error(words: str) -> None:
    into, out_of = os.pipe()
    os.close(into)
    process = intake(*words.split(), stdout=out_of)
    os.close(out_of)

    assert process.communicate()[1] == ""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_who_is_stopped_leaves_the_old_file_and_no_draft(tmp_path: Path, number: int, status: int) -> None:
    target = tmp_path / "old.jsonl"
    target.write_text("before", encoding="utf-8")
    process = intake("lint", "--no-opinion", "--output", str(target), stdin=subprocess.PIPE)
    while len(list(tmp_path.iterdir())) < 2:
        assert process.poll() is None
    process.send_signal(number)
    _, err = process.communicate()

    assert (process.returncode, target.read_text(), list(tmp_path.iterdir())) == (status, "before", [target])
    assert "Traceback" not in err
