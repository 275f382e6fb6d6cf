"""A standing shadow reads new turns, answers none, and what it reads otherwise is in the inbox."""

from __future__ import annotations

import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from bot.coach import shadow as tool
from bot.desk.engine_routes import in_share
from bot.desk.model_files import models_folder, point_to
from bot.desk.shadowing import end_shadow, set_shadow, shadow
from bot.engines import Engines
from bot.handbook.errors import NotFound, Refusal
from bot.handbook.training_table import load_training
from bot.settings import Settings, load_settings
from bot.storage.audit import AuditEntry
from bot.storage.coach import InboxItem
from bot.storage.conversations import Conversation, Message
from bot.storage.engine import migrate, open_engine, session_factory
from bot.storage.notices import Notice


@pytest.fixture
def settings(home: Path, now: datetime) -> Settings:
    """Serve the old model."""
    point_to(home, "old", now=now, previous=None, watched=False)
    return load_settings({"INTAKE_HOME": str(home)})


class Model:
    """Read every text as one type."""

    def __init__(self, archive: Path) -> None:
        self.type = "port_out" if archive.name.startswith("new") else "payment"

    def read(self, texts: list[str]) -> Iterator[SimpleNamespace]:
        """Read."""
        for _ in texts:
            yield SimpleNamespace(
                types=((self.type, 0.9),), type=self.type, type_confidence=0.9, urgency="general"
            )


def say(sessions: sessionmaker, conversation: str, texts: list[str], now: datetime) -> None:
    with sessions.begin() as session:
        if session.get(Conversation, conversation) is None:
            session.add(Conversation(
                id=conversation, channel="web", external_id=conversation, state="bot", epoch=0,
                created_at=now,
            ))  # fmt: skip
        for text in texts:
            session.add(Message(
                conversation_id=conversation, direction="in", author="customer", text=text,
                external_id=text, state="handled", created_at=now,
            ))  # fmt: skip


def stand(
    settings: Settings, sessions: sessionmaker, done: Callable[[dict[str, Any]], bool],
    open_model: Callable[[Path], Any] = Model,
) -> dict[str, Any]:
    """Let the shadow stand until its figures are as wanted; return them."""
    end = time.monotonic() + 60
    tool.stand_by(
        settings, sessions, load_training(), open_model=open_model, every=0.01,
        ended=lambda: done(shadow(settings.home)) or time.monotonic() > end,
    )
    found = shadow(settings.home)
    assert done(found), found
    return found


def begin(session: Session, home: Path, now: datetime, *, share: float = 1.0, hours: float = 1.0) -> None:
    set_shadow(session, home, "new", share=share, hours=hours, by="a", now=now, serving="old")


def read(count: int) -> Callable[[dict[str, Any]], bool]:
    return lambda found: bool(found["turns"] == count)


def test_differences_come_into_the_inbox_as_turns_come_and_survive_a_restart(
    sessions: sessionmaker, settings: Settings, now: datetime
) -> None:
    say(sessions, "c0", ["这是昨天说的话"], now - timedelta(days=1))
    say(sessions, "c1", ["授权码一直没到", "转网办到哪一步了"], now)
    with sessions.begin() as session:
        begin(session, settings.home, now)
    stand(settings, sessions, read(2))
    say(sessions, "c1", ["短信也没收到呢"], now)
    found = stand(settings, sessions, read(3))

    assert (found["differences"], found["state"], found["against"]) == (3, "reading", "old")
    with sessions() as session:
        texts = session.execute(select(InboxItem.text).order_by(InboxItem.id)).scalars().all()
        assert texts == ["授权码一直没到", "转网办到哪一步了", "短信也没收到呢"]
        assert session.execute(select(func.count(Message.id))).scalar() == 4


def test_only_the_share_of_the_conversations_is_read(
    sessions: sessionmaker, settings: Settings, now: datetime
) -> None:
    within = [f"c{n}" for n in range(20) if in_share(f"c{n}", 0.3)]
    for number in range(20):
        say(sessions, f"c{number}", ["授权码一直没到"], now)
    with sessions.begin() as session:
        begin(session, settings.home, now, share=0.3)

    stand(settings, sessions, read(len(within)))
    assert 0 < len(within) < 20


def test_a_candidate_that_cannot_be_opened_is_said(
    sessions: sessionmaker, settings: Settings, now: datetime
) -> None:
    def fails(archive: Path) -> Any:
        raise EOFError("half an archive")

    with sessions.begin() as session:
        begin(session, settings.home, now)
    for _ in range(2):
        with pytest.raises(EOFError):
            stand(settings, sessions, read(1), fails)

    found = shadow(settings.home)
    assert (found["state"], "half an archive" in found["message"]) == ("failed", True)
    with sessions() as session:
        [notice] = session.execute(select(Notice)).scalars()
        assert (notice.role, "未能打开" in notice.text) == ("trainer", True)


def test_a_shadow_rests_while_its_model_serves(
    sessions: sessionmaker, settings: Settings, now: datetime
) -> None:
    with sessions.begin() as session:
        begin(session, settings.home, now)
    point_to(settings.home, "new", now=now, previous="old", watched=False)

    assert stand(settings, sessions, lambda f: f["state"] == "resting")["turns"] == 0


def test_a_shadow_ends_and_who_began_and_ended_it_is_kept(
    session: Session, settings: Settings, now: datetime
) -> None:
    home = settings.home
    begin(session, home, now)
    end_shadow(session, home, by="b", now=now)

    assert shadow(home) == {}
    said = session.execute(
        select(AuditEntry.action, AuditEntry.staff_name)
        .where(AuditEntry.action.like("model_shadow%")).order_by(AuditEntry.id)
    ).all()
    assert said == [("model_shadow", "a"), ("model_shadow_end", "b")]
    with pytest.raises(NotFound):
        end_shadow(session, home, by="b", now=now)
    with pytest.raises(Refusal):
        set_shadow(session, home, "old", share=0.5, hours=0, by="a", now=now, serving="old")
    with pytest.raises(Refusal):
        begin(session, home, now, share=1.5)


def test_the_command_begins_shows_and_ends_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = open_engine(settings.database_url)
    migrate(engine)
    monkeypatch.setattr(tool, "load_settings", lambda: settings)

    def command(*words: str) -> str:
        parser = ArgumentParser()
        tool.add_arguments(parser)
        assert tool.run(parser.parse_args(words)) == 0
        return capsys.readouterr().out

    assert "new reads 20% along" in command("new", "--stay", "--share", "0.2")
    assert "0 turns read, 0 differ" in command()
    command("--end")
    assert command() == "no standing shadow\n"
    assert session_factory(engine)


def test_the_supervisor_keeps_the_shadow_alive_while_it_is_set(
    session: Session, settings: Settings, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def begun(self: Engines, *words: str) -> subprocess.Popen[bytes]:
        assert words == ("shadow", "--run")
        started.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]))
        return started[-1]

    clock = iter(range(1000, 100_000, 40))
    monkeypatch.setattr(Engines, "_tool", begun)
    engines = Engines.begin(settings, [], models_folder(settings.home) / "old.tar.gz")
    engines.clock = lambda: float(next(clock))
    engines.tick()
    assert started == []
    begin(session, settings.home, now)
    engines.tick()
    engines.tick()
    assert len(started) == 1
    started[0].kill()
    started[0].wait()
    engines.tick()
    assert len(started) == 2
    engines.stop()
    assert started[1].wait(10) != 0
