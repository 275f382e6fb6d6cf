"""Databases of measurements: a migrated SQLite file or a PostgreSQL database of one's own."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine, make_url

from bot.desk.messages import Gate
from bot.desk.rules_in_force import adopt_rules
from bot.handbook.language.checker import load_checker
from bot.storage.engine import migrate, open_engine, session_factory

POSTGRES = os.environ.get("INTAKE_TEST_POSTGRES", "postgresql://127.0.0.1/postgres")


@contextmanager
def database(kind: str) -> Iterator[str]:
    """Make a migrated database of a kind and take it away afterwards."""
    if kind == "sqlite":
        folder = Path(tempfile.mkdtemp(prefix="intake-load-"))
        try:
            yield _migrated(f"sqlite:///{folder / 'desk.db'}")
        finally:
            shutil.rmtree(folder)
        return
    server = create_engine(POSTGRES, isolation_level="AUTOCOMMIT", future=True)
    name = f"intake_load_{secrets.token_hex(4)}"
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield _migrated(make_url(POSTGRES).set(database=name).render_as_string(hide_password=False))
    finally:
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        server.dispose()


def _migrated(url: str) -> str:
    engine = open_engine(url)
    migrate(engine)
    adopt_current_rules(engine)
    engine.dispose()
    return url


def adopt_current_rules(engine: Engine) -> None:
    """Put the project's own language rules into force, as the desk does at its start."""
    with session_factory(engine).begin() as session:
        gate = Gate(load_checker(verify=False), "")
        adopt_rules(session, gate, now=datetime(2026, 1, 1, tzinfo=timezone.utc))
