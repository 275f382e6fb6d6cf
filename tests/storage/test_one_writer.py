"""Who writes into an SQLite file queues for it, over threads and processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import sessionmaker

from bot.storage import one_writer
from bot.storage.engine import open_engine, reading, session_factory

OTHER = """
import sys
from sqlalchemy import text
from bot.storage.engine import open_engine
with open_engine(sys.argv[1]).begin() as connection:
    connection.execute(text("insert into words values ('theirs')"))
    print("holds it", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/desk.db"


@pytest.fixture
def sessions(url: str) -> sessionmaker:
    factory = session_factory(open_engine(url))
    with factory.begin() as session:
        session.execute(text("create table words (word text)"))
    return factory


@pytest.fixture
def other(url: str, sessions: sessionmaker) -> subprocess.Popen[str]:
    """Start another process that writes and does not come to an end."""
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "holds it\n"
    return process


def write(sessions: sessionmaker, word: str) -> None:
    with sessions.begin() as session:
        session.execute(text("insert into words values (:word)"), {"word": word})


def words(sessions: sessionmaker) -> list[str]:
    with reading(sessions) as session:
        return list(session.execute(text("select word from words order by rowid")).scalars())


@pytest.mark.parametrize(
    ("end", "left"),
    [(lambda other: other.communicate("\n"), ["theirs", "ours"]), (lambda other: other.kill(), ["ours"])],
    ids=["commits", "is killed"],
)
def test_a_writer_waits_for_another_process_and_no_longer(
    sessions: sessionmaker, other: subprocess.Popen[str], end: Callable[[subprocess.Popen[str]], object], left: list[str]
) -> None:
    with ThreadPoolExecutor(1) as pool:
        ours = pool.submit(write, sessions, "ours")
        assert words(sessions) == []
        assert not ours.done()
        end(other)
        ours.result(one_writer.PATIENCE_S)

    assert words(sessions) == left


def test_who_writes_within_his_own_writing_is_told_so(
    sessions: sessionmaker, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_writer, "PATIENCE_S", 0.1)
    with sessions.begin() as session:
        session.execute(text("insert into words values ('outer')"))
        with pytest.raises(OperationalError, match="locked"):
            write(session_factory(open_engine(url)), "inner")
    write(sessions, "later")

    assert words(sessions) == ["outer", "later"]


def test_a_turn_ends_when_the_writing_fails(sessions: sessionmaker) -> None:
    with pytest.raises(OperationalError, match="no such table"), sessions.begin() as session:
        session.execute(text("insert into nowhere values (1)"))
    write(sessions, "next")

    assert words(sessions) == ["next"]


def test_many_writers_get_all_they_write_in(sessions: sessionmaker, url: str) -> None:
    engines = [sessions, session_factory(open_engine(url))]
    wanted = [f"{number}" for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda word: write(engines[int(word) % 2], word), wanted))

    assert sorted(words(sessions), key=int) == wanted
