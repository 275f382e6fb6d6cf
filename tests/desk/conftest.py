"""People on duty, customers who wait, and the tables of the staff desk."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from bot.desk import serving, staff
from bot.desk.messages import Gate
from bot.handbook.language.checker import load_checker
from bot.handbook.reception import Reception
from bot.handbook.reception_tables import load_access, load_reception
from bot.storage.conversations import Conversation
from bot.storage.staff import Staff

PASSWORD = "Correct-Horse-7"


@pytest.fixture(scope="module")
def reception() -> Reception:
    """Return the project's table."""
    return load_reception()


@pytest.fixture(scope="module")
def office(reception: Reception) -> serving.Office:
    from bot.handbook.tables import load_handbook

    return serving.Office(
        load_handbook(), reception, Gate(load_checker(verify=False), "您好，请稍等。")
    )


@pytest.fixture
def person(session: Session, now: datetime) -> Callable[..., Staff]:
    """Return a builder of people who are on duty and connected."""

    def make(name: str, *teams: str, idle_for: int = 0, **values: object) -> Staff:
        row = staff.add_staff(
            session,
            load_access(),
            name=name,
            password=PASSWORD,
            role="staff",
            teams=teams,
            now=now,
            **{"capacity": 2, **values},
        )
        row.presence, row.seen_at = "duty", now
        row.idle_since = now - timedelta(seconds=idle_for)
        session.flush()
        return row

    return make


@pytest.fixture
def waiting(
    session: Session, now: datetime, make_conversation: Callable[..., Conversation]
) -> Callable[..., Conversation]:
    def make(for_s: int = 30, **values: object) -> Conversation:
        columns = {
            "state": "waiting",
            "team": "care",
            "epoch": 1,
            "waiting_since": now - timedelta(seconds=for_s),
        }
        return make_conversation(session, **{**columns, **values})

    return make
