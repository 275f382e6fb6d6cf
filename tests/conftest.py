"""What tests share: tables, databases of both kinds, builders of rows, instants.

`engine` and `sessions` run every test that asks for them on SQLite and on PostgreSQL. The
PostgreSQL server is that of `INTAKE_TEST_POSTGRES`; when it cannot be reached those runs are
skipped, visibly. Each test starts with an empty, migrated schema.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import create_engine, insert, select, text
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from bot.desk.tickets import open_ticket
from bot.handbook.requests import Urgency
from bot.handbook.tables import Handbook, load_handbook
from bot.storage.conversations import Conversation
from bot.storage.engine import migrate, open_engine, session_factory
from bot.storage.language import RulesInForce
from bot.storage.rows import Base
from bot.storage.tickets import Ticket
from tests.load.databases import POSTGRES, adopt_current_rules, database
from tests.moments import at as moment_at
from tests.needs import missing
from tests.stack import live_desk, live_stack  # noqa: F401 - fixtures for every folder

# Files that take minutes go first: begun last, one of them would keep a single core busy at the end.
LONG = (
    "test_journey.py", "test_coach_page.py", "test_opinion.py", "test_kills.py", "test_new_intent.py",
    "test_coach_api.py", "test_schemathesis.py", "test_examples.py",
)  # fmt: skip


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, behind the shuffle of all others."""
    places = {name: at for at, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONG)))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a long value by its length: pytest hands a test's id to every process it starts.

    An environment string of more than 128 KiB lets no process start (execve(2)).
    """
    if isinstance(val, (str, bytes)) and len(val) > 200:
        return f"{argname}-of-{len(val)}"
    return None


@pytest.fixture(autouse=True)
def own_logs() -> None:
    """Log as if nothing had been set: a command run in this process leaves its closed stream."""
    structlog.reset_defaults()
    # Rich tracebacks print the locals, a whole handbook among them: seconds for each error.
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])


@pytest.fixture(scope="session")
def handbook() -> Handbook:
    """Return the project's own tables."""
    return load_handbook()


@pytest.fixture
def at() -> Callable[[str], datetime]:
    """Return the function from `2026-03-02 17:50` (Shanghai) to an instant."""
    return moment_at


@pytest.fixture
def now() -> datetime:
    """Return a Monday morning on which nothing special happens."""
    return moment_at("2026-03-02 09:00")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a migrated, empty SQLite file that tests copy."""
    path = tmp_path_factory.mktemp("template") / "desk.db"
    engine = open_engine(f"sqlite:///{path}")
    migrate(engine)
    adopt_current_rules(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def postgres_server() -> None:
    """Skip, visibly, what needs PostgreSQL where it cannot be reached."""
    server = create_engine(POSTGRES, future=True)
    try:
        server.connect().close()
    except OperationalError as error:
        missing("postgresql", f"PostgreSQL at {make_url(POSTGRES).render_as_string()}: {error.orig}")
    server.dispose()


@pytest.fixture(scope="session")
def postgres_url(postgres_server: None) -> Iterator[str]:
    """Return the database that tests use one after the other, each emptying it behind itself."""
    with database("postgresql") as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the address of an empty, migrated database, once of each kind."""
    if request.param == "sqlite":
        path = tmp_path / "desk.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    url = request.getfixturevalue("postgres_url")
    engine = create_engine(url, future=True)
    with engine.connect() as connection:
        rules = connection.execute(select(RulesInForce.__table__)).mappings().one()
    yield url
    with engine.begin() as connection:
        empty_tables(connection)
        connection.execute(insert(RulesInForce.__table__).values(**rules))
    engine.dispose()


def empty_tables(connection: Connection) -> None:
    """Take every row away; only tables that have some, since TRUNCATE of all takes a second."""
    # Foreign keys are triggers; off, the tables can be emptied in any order.
    connection.execute(text("SET LOCAL session_replication_role = replica"))
    for table in Base.metadata.sorted_tables:
        used = connection.execute(text(f"SELECT EXISTS (SELECT 1 FROM {table.name})")).scalar()
        if used:
            connection.execute(text(f"DELETE FROM {table.name}"))
    for (sequence,) in connection.execute(
        text("SELECT sequencename FROM pg_sequences WHERE last_value IS NOT NULL")
    ).all():
        connection.execute(text(f"ALTER SEQUENCE {sequence} RESTART"))


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """Open the database."""
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def sessions(engine: Engine) -> sessionmaker:
    """Return the maker of sessions on the database."""
    return session_factory(engine)


@pytest.fixture
def session(sessions: sessionmaker) -> Iterator[Session]:
    """Open one session; what the test does not commit is rolled back."""
    with sessions() as session:
        yield session


@pytest.fixture
def sqlite_session(sqlite_template: Path, tmp_path: Path) -> Iterator[Session]:
    """Open one session on SQLite, for tests that are not about the database."""
    path = tmp_path / "one.db"
    shutil.copy(sqlite_template, path)
    engine = open_engine(f"sqlite:///{path}")
    with session_factory(engine)() as session:
        yield session
    engine.dispose()


@pytest.fixture
def make_conversation(now: datetime) -> Callable[..., Conversation]:
    """Return a builder `make_conversation(session, **columns)` of stored conversations."""
    numbers = itertools.count(1)

    def make(session: Session, **columns: Any) -> Conversation:
        number = next(numbers)
        values = {
            "id": f"conversation-{number}", "channel": "web", "external_id": f"visitor-{number}",
            "state": "bot", "epoch": 0, "created_at": now, **columns,
        }
        conversation = Conversation(**values)
        session.add(conversation)
        session.flush()
        return conversation

    return make


@pytest.fixture
def make_ticket(
    handbook: Handbook, now: datetime, make_conversation: Callable[..., Conversation]
) -> Callable[..., Ticket]:
    """Return a builder `make_ticket(session, **arguments)` that opens a ticket as the desk does."""
    numbers = itertools.count(1)

    def make(session: Session, **arguments: Any) -> Ticket:
        values: dict[str, Any] = {
            "type": "fault_broadband", "urgency": Urgency.GENERAL, "summary": "家里宽带断了",
            "facts": {"address": "城关区幸福小区3号楼"}, "signals": [], "now": now,
            "key": f"key-{next(numbers)}", **arguments,
        }
        values.setdefault("conversation", None)
        if values["conversation"] is None:
            values["conversation"] = make_conversation(session)
        ticket, _ = open_ticket(session, handbook, **values)
        return ticket

    return make
