"""The engine and the schema, on SQLite and PostgreSQL: migrations, constraints, instants, writers."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, select, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError, OperationalError, StatementError
from sqlalchemy.orm import Session, sessionmaker

from bot.handbook.deadlines import SHANGHAI
from bot.storage.conversations import Conversation, Message, Verdict
from bot.storage.engine import migrate, open_engine, reading, session_factory
from bot.storage.language import RulesInForce
from bot.storage.locks import lock_name
from bot.storage.rows import Base

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=timezone.utc)


def conversation(id: str = "c1", **columns: Any) -> Conversation:
    values = {"channel": "web", "external_id": id, "state": "bot", "epoch": 0, "created_at": NOW, **columns}
    return Conversation(id=id, **values)


def message(**columns: Any) -> Message:
    values = {"conversation_id": "c1", "author": "bot", "text": "您好", "epoch": 0, "created_at": NOW}
    return Message(**{**values, **columns})


def test_migrating_again_changes_nothing(engine: Engine) -> None:
    migrate(engine)
    migrate(engine)

    with engine.connect() as connection:
        assert set(MigrationContext.configure(connection).get_current_heads()) != set()


def test_migrations_make_the_schema_of_the_rows(engine: Engine) -> None:
    options = {"compare_type": False, "include_object": _has_rows}
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []


def _has_rows(_object: Any, name: str, kind: str, *_: Any) -> bool:
    # The index of full-text search and SQLite's counters are made by each database for itself.
    return not (kind == "table" and name.startswith(("ticket_texts", "sqlite_")))


def test_several_processes_may_migrate_an_empty_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "desk.db"
    engines = [open_engine(f"sqlite:///{path}") for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        # alembic keeps its configuration in a module proxy, so threads take turns as processes
        # do at the database's lock.
        list(pool.map(_migrate_alone, engines))

    with engines[0].connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM tickets")).scalar_one() == 0
    for engine in engines:
        engine.dispose()


_ONE = threading.Lock()


def _migrate_alone(engine: Engine) -> None:
    with _ONE:
        migrate(engine)


def test_the_folder_of_a_new_file_is_made(tmp_path: Path) -> None:
    open_engine(f"sqlite:///{tmp_path}/a/b/desk.db").dispose()

    assert (tmp_path / "a" / "b").is_dir()


def test_sqlite_runs_in_wal_mode_with_foreign_keys(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/desk.db")
    with engine.connect() as connection:
        told = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "foreign_keys")]
    engine.dispose()

    assert told == ["wal", 1]


# (columns of the message, whether the database takes it)
SENT = [
    ({"direction": "out", "state": "sent"}, False),
    ({"direction": "out", "state": "pending"}, True),
    ({"direction": "out", "state": "dropped"}, True),
    ({"direction": "in", "state": "received", "author": "customer"}, True),
]


@pytest.mark.parametrize(("columns", "taken"), SENT)
def test_the_database_refuses_a_sent_message_without_a_verdict(
    session: Session, columns: dict[str, str], taken: bool
) -> None:
    session.add(conversation())
    session.flush()
    session.add(message(**columns))
    if taken:
        session.flush()
    else:
        with pytest.raises(IntegrityError, match="sent_has_verdict"):
            session.flush()


def test_a_pending_message_cannot_become_sent_without_a_verdict(session: Session) -> None:
    session.add(conversation())
    session.flush()
    session.add(message(direction="out", state="pending"))
    session.flush()

    with pytest.raises(IntegrityError, match="sent_has_verdict"):
        session.execute(text("UPDATE messages SET state = 'sent'"))


def test_a_message_with_a_verdict_may_be_sent(session: Session) -> None:
    version = session.execute(select(RulesInForce.version)).scalar_one()
    verdict = Verdict(
        verdict="pass", speaker="bot", rules_version=version, findings=[], created_at=NOW
    )
    session.add_all([conversation(), verdict])
    session.flush()
    session.add(message(direction="out", state="sent", verdict_id=verdict.id))
    session.flush()

    assert session.execute(select(Message.state)).scalar_one() == "sent"


def test_one_external_id_is_stored_once_in_a_conversation(session: Session) -> None:
    session.add_all([conversation(), conversation("c2")])
    session.flush()
    inbound = {"direction": "in", "author": "customer", "state": "received", "external_id": "m1"}
    session.add_all([message(**inbound), message(**inbound, conversation_id="c2")])
    session.flush()
    session.add(message(**inbound))

    with pytest.raises(IntegrityError):
        session.flush()


def test_a_naive_datetime_is_refused(session: Session) -> None:
    session.add(conversation(created_at=datetime(2026, 3, 2, 9, 0)))

    with pytest.raises(StatementError, match="naive"):
        session.flush()


def test_a_naive_datetime_is_refused_in_a_query(session: Session) -> None:
    query = select(Conversation).where(Conversation.created_at < datetime(2026, 3, 2, 9, 0))

    with pytest.raises(StatementError, match="naive"):
        session.execute(query)


def test_an_instant_comes_back_aware_and_in_utc(sessions: sessionmaker) -> None:
    told = datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=SHANGHAI)
    with sessions.begin() as session:
        session.add(conversation(created_at=told))
    with sessions() as session:
        found = session.get(Conversation, "c1").created_at

    assert (found, found.utcoffset()) == (told, timedelta(0))


def test_json_comes_back_as_it_was(sessions: sessionmaker) -> None:
    told = {"intake": {"facts": {"地址": "幸福小区"}, "asked": {"address": 1}, "outcome": None}}
    with sessions.begin() as session:
        session.add(conversation(dialogue=told))
    with sessions() as session:
        assert session.get(Conversation, "c1").dialogue == told


def test_many_writers_at_once_wait_for_each_other(sessions: sessionmaker) -> None:
    with sessions.begin() as session:
        session.add(conversation())
    start = threading.Barrier(8)

    def write(number: int) -> None:
        start.wait()
        for turn in range(5):
            with sessions.begin() as session:
                # Reads first and writes later: what a deferred transaction fails at.
                session.execute(select(func.count(Message.id))).scalar_one()
                session.add(message(direction="in", author="customer", state="received",
                                    external_id=f"{number}-{turn}"))  # fmt: skip

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    with sessions() as session:
        assert session.execute(select(func.count(Message.id))).scalar_one() == 40


def test_a_reader_does_not_wait_for_a_writer(tmp_path: Path, sqlite_template: Path) -> None:
    path = tmp_path / "desk.db"
    path.write_bytes(sqlite_template.read_bytes())
    engine = open_engine(f"sqlite:///{path}")
    factory = session_factory(engine)
    with factory.begin() as writer:
        writer.add(conversation())
        writer.flush()
        with reading(factory) as reader:
            assert reader.execute(select(func.count(Conversation.id))).scalar_one() == 0
    engine.dispose()


def test_a_reader_that_writes_beside_a_writer_is_refused_and_harms_nothing(
    tmp_path: Path, sqlite_template: Path
) -> None:
    path = tmp_path / "desk.db"
    path.write_bytes(sqlite_template.read_bytes())
    engine = open_engine(f"sqlite:///{path}")
    factory = session_factory(engine)
    with reading(factory) as reader:
        reader.execute(select(Conversation)).all()
        with factory.begin() as writer:
            writer.add(conversation())
        reader.add(conversation("c2"))
        with pytest.raises(OperationalError, match="locked"):
            reader.flush()
    with factory() as session:
        assert session.execute(select(Conversation.id)).scalars().all() == ["c1"]
    engine.dispose()


def test_a_named_lock_lets_one_transaction_pass_at_a_time(sessions: sessionmaker) -> None:
    inside, most, guard = 0, 0, threading.Lock()
    start = threading.Barrier(6)

    def pass_through(_: int) -> None:
        nonlocal inside, most
        start.wait()
        with sessions.begin() as session:
            lock_name(session, "one at a time")
            # SQLite takes its lock at the first statement.
            session.execute(text("SELECT 1"))
            with guard:
                inside += 1
                most = max(most, inside)
            threading.Event().wait(0.02)
            with guard:
                inside -= 1

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(pass_through, range(6)))
    assert most == 1
