"""Chapter 4.4: the audit log is append-only and its chain shows any change."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import sessionmaker

from bot.desk.audit import record_audit, verify_audit


def write(sessions: sessionmaker, number: int, now: datetime) -> None:
    with sessions.begin() as session:
        record_audit(
            session,
            action="revealed",
            subject=f"ticket:{number}",
            now=now,
            staff_name="王敏",
            data={"reason": "回电", "n": number},
        )


def verified(sessions: sessionmaker) -> tuple[int, str | None]:
    with sessions() as session:
        number, broken = verify_audit(session, batch=7)
        return number, broken and broken.what


def test_lines_written_at_once_make_one_chain(sessions: sessionmaker, now: datetime) -> None:
    before, _ = verified(sessions)  # the adoption of the rules, where the database begins with it
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda n: write(sessions, n, now), range(60)))

    assert (before + 60, None) == verified(sessions)


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_entries SET subject = 'x'", "DELETE FROM audit_entries"]
)
def test_the_database_refuses_to_change_a_line(
    sessions: sessionmaker, now: datetime, statement: str
) -> None:
    write(sessions, 1, now)

    with pytest.raises(DBAPIError, match="append-only"), sessions.begin() as session:
        session.execute(text(statement))


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE audit_entries SET subject = 'ticket:9' WHERE id = 3", "内容与校验值不符"),
        ("UPDATE audit_entries SET at = '2026-03-03 01:00:00' WHERE id = 3", "内容与校验值不符"),
        ("DELETE FROM audit_entries WHERE id = 3", "缺少第3行"),
    ],
)
def test_a_change_behind_the_desks_back_is_found(
    sessions: sessionmaker, now: datetime, statement: str, found: str
) -> None:
    for number in range(5):
        write(sessions, number, now)
    with sessions.begin() as session:
        _unseal(session)
        session.execute(text(statement))

    assert (2, found) == verified(sessions)


def _unseal(session: object) -> None:
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET session_replication_role = replica"))
        return
    for verb in ("UPDATE", "DELETE"):
        session.execute(text(f"DROP TRIGGER audit_entries_{verb}"))
