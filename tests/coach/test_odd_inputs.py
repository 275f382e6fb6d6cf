"""Commands on a fresh home and with odd inputs: one sentence with the way out, never a traceback."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError, StatementError

from bot.__main__ import main, told
from bot.handbook.language.checker import TABLES
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


@pytest.mark.parametrize(
    "error",
    [
        StatementError("boom", "INSERT INTO customers", {"phone": "13812345678"}, None),
        IntegrityError("INSERT", None, Exception("duplicate key\nDETAIL:  Key (phone)=(13812345678) already exists.")),
    ],
)
def test_what_a_database_says_names_no_customer(error: Exception) -> None:
    assert "13812345678" not in told(error)


ODD = {
    "empty": b"", "half": '{"text": "断'.encode(), "gbk": "id: 您好".encode("gbk"), "list": b"- a\n", "marked": b"\xef\xbb\xbf",
    "nul": b"a\0b", "tab": b"a:\n\t- b\n", "deep": b"[" * 100_000, "number": b"5\n",
}


@pytest.mark.parametrize("command", ["coach new-intent --no-model", "coach words --signal", "evaluate-language --no-opinion --deaf"])
@pytest.mark.parametrize("content", ODD)
def test_a_file_of_another_form_is_named(
    fresh: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, content: str
) -> None:
    file = tmp_path / content
    file.write_bytes(ODD[content])

    assert main([*command.split(), str(file)]) == 1
    assert f"{file}: " in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("coach label 99999999999999999999 --type port_out --urgency major", "expected an id"),
        ("coach split --share 7", "between 0 and 1, got 7"),
        ("coach split --data /nowhere", "/nowhere: no folder of training files"),
        ("figures --from x", "x: expected a day like 2026-03-02"),
        ("figures --from 0001-01-01", "expected a day"),
        ("figures --from 2026-02-01 --to 2026-01-01", "later than --to"),
        ("clock --seconds -1", "--seconds: expected more than 0"),
        ("staff add a --capacity -1", "--capacity: expected 1 or more"),
        ("staff qualify a b 2026", "2026: expected a day"),
        ("language report --since x", "x: expected a day"),
        ("classify --model {file}", "not a model that can be read"),
        ("evaluate {file} --model {file}", "not a model that can be read"),
    ],
)
def test_a_value_that_cannot_be_used_is_told(
    fresh: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str, told: str
) -> None:
    (tmp_path / "x").write_bytes(b"\x01" * 999)

    assert main([word.format(file=tmp_path / "x") for word in words.split()]) == 1
    assert told in capsys.readouterr().err.splitlines()[-1]


def intake(*words: str, **more: object) -> subprocess.Popen[str]:
    return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
        [sys.executable, "-m", "bot", *words], cwd=ROOT, text=True, stderr=subprocess.PIPE,
        # What a shell starts in the background inherits that SIGINT is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **more,
    )  # fmt: skip


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
    (tables := tmp_path / "few").mkdir()
    shutil.copy(TABLES / "format.yml", tables)
    process = intake("lint", "--no-opinion", "--tables", str(tables), "--output", str(target), stdin=subprocess.PIPE)
    while len(list(tmp_path.iterdir())) < 3:
        assert process.poll() is None
    time.sleep(1)  # until it reads
    process.send_signal(number)
    _, err = process.communicate()

    assert (process.returncode, target.read_text(), set(tmp_path.iterdir())) == (status, "before", {target, tables})
    assert "Traceback" not in err
