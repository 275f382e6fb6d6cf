"""The engine (数据库连接): SQLite in WAL mode or PostgreSQL, sessions, migrations at start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import QueuePool, StaticPool

from bot.storage.one_writer import WriterQueue, writer_queue

MIGRATIONS = Path(__file__).resolve().parent / "migrations"


def open_engine(url: str) -> Engine:
    """Open an engine; make the folder of an SQLite file, and set its locking for two writers."""
    parsed = make_url(url)
    options: dict[str, Any] = {"future": True}
    if parsed.get_backend_name() != "sqlite":
        return create_engine(url, pool_size=10, max_overflow=20, pool_pre_ping=True, **options)
    options |= {"connect_args": {"check_same_thread": False, "timeout": 30}, "poolclass": StaticPool}
    if parsed.database not in (None, "", ":memory:"):
        # SQLAlchemy 1.4 opens a file anew for every transaction; the last one to close it writes
        # the whole log back, which costs more than the transaction itself.
        options |= {"poolclass": QueuePool, "pool_size": 10, "max_overflow": 20}
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, **options)
    event.listen(engine, "connect", _prepare_sqlite)
    if options["poolclass"] is QueuePool:
        _queue_for_writing(engine, writer_queue(str(parsed.database)))
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _queue_for_writing(engine: Engine, queue: WriterQueue) -> None:
    def begin(connection: Any) -> None:
        if not _only_reads(connection):
            queue.enter(connection.connection.info)

    def checkin(_connection: Any, record: Any) -> None:
        queue.leave(record.info)

    event.listen(engine, "begin", begin)
    event.listen(engine, "checkin", checkin)


def _only_reads(connection: Any) -> bool:
    return bool(connection.get_execution_options().get("intake_read_only"))


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # pysqlite's own BEGIN comes too late to keep two writers apart; see _begin_immediate.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.close()


def _begin_immediate(connection: Any) -> None:
    # A deferred transaction that reads first and writes later fails with "database is locked"
    # when another process wrote in between; readers ask for a deferred one by an option.
    connection.exec_driver_sql("BEGIN" if _only_reads(connection) else "BEGIN IMMEDIATE")


class Sessions(sessionmaker):
    """Make sessions that write, and of their own kind those that only read."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, future=True, expire_on_commit=False)
        read_only = engine.execution_options(intake_read_only=True)
        self.readers = sessionmaker(read_only, future=True, expire_on_commit=False)


def open_database(url: str) -> Sessions:
    """Open a database at its newest version, made if need be; return the maker of sessions."""
    engine = open_engine(url)
    migrate(engine)
    return session_factory(engine)


def session_factory(engine: Engine) -> Sessions:
    """Return the maker of sessions; objects stay readable after commit."""
    return Sessions(engine)


@contextmanager
def reading(factory: Sessions) -> Iterator[Session]:
    """Open a session that only reads and never waits for a writer."""
    with factory.readers() as session:
        yield session


def insertion(session: Session) -> AbstractContextManager[Any]:
    """Return the block for a row that another writer may just have made.

    PostgreSQL needs a savepoint to go on after a refused row; SQLite lets nobody else write.
    """
    alone = session.get_bind().dialect.name == "sqlite"
    return nullcontext() if alone else session.begin_nested()


def migrate(engine: Engine) -> None:
    """Bring the schema to the newest version; safe when several processes start at once."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = engine
    command.upgrade(config, "heads")
