"""Improvement items: owner and leader hear when one is due, and again while it is late."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import sessionmaker

from bot.desk.calls import finish_improvement
from bot.desk.clock import sweep
from bot.desk.followup import note_low_mark
from bot.handbook.tables import Handbook
from bot.storage.clock import Improvement
from bot.storage.notices import Delivery, Notice
from bot.storage.tickets import Ticket
from tests.moments import at

Make = Callable[..., Ticket]
MARKED = at("2026-03-02 11:00")
DUE = at("2026-03-03 11:00")
HOUR = timedelta(hours=1)


@pytest.fixture
def low_mark(sessions: sessionmaker, handbook: Handbook, make_ticket: Make) -> int:
    """Leave the improvement item of a low mark on a ticket that person 7 holds."""
    with sessions.begin() as session:
        ticket = make_ticket(session)
        ticket.holder_id = 7
        note_low_mark(session, handbook, ticket, cycle=1, score=1, words="没人接电话", now=MARKED)
        return session.execute(select(Improvement.id)).scalar_one()


def reminded(sessions: sessionmaker) -> list[tuple[str, int | None]]:
    """Return whom each reminder is for, in order."""
    with sessions() as session:
        rows = session.execute(select(Notice.role, Notice.staff_id).where(Notice.kind == "improvement").order_by(Notice.id))
        return [tuple(row) for row in rows]


def texts(sessions: sessionmaker) -> list[str]:
    with sessions() as session:
        query = select(Notice.text).where(Notice.kind == "improvement", Notice.role == "leader").order_by(Notice.id)
        return list(session.execute(query).scalars())


def test_owner_and_leader_hear_once_when_it_is_due(sessions: sessionmaker, handbook: Handbook, low_mark: int) -> None:
    sweep(sessions, handbook, now=DUE - timedelta(minutes=1))
    assert reminded(sessions) == []

    for minutes in (0, 1, 60, 23 * 60):
        sweep(sessions, handbook, now=DUE + timedelta(minutes=minutes))

    assert reminded(sessions) == [("holder", 7), ("leader", None)]
    assert "已到期（03-03 11:00）" in texts(sessions)[0]
    with sessions() as session:
        by = session.execute(select(Delivery.sender).join(Notice, Notice.id == Delivery.notice_id).where(Notice.kind == "improvement")).scalars()
        assert list(by) == ["mail", "mail"]


def test_a_late_one_is_told_again_at_the_interval_of_the_table(sessions: sessionmaker, handbook: Handbook, low_mark: int) -> None:
    every = handbook.clock.closure.improvement_late.every

    for hours in range(int(2 * every / HOUR) + 1):
        sweep(sessions, handbook, now=DUE + hours * HOUR)

    assert [text.split("，")[1] for text in texts(sessions)[1:]] == ["第1次督办", "第2次督办"]
    assert "已逾期（应在03-03 11:00前）" in texts(sessions)[1]


def test_what_a_stopped_sweep_missed_is_told_once(sessions: sessionmaker, handbook: Handbook, low_mark: int) -> None:
    every = handbook.clock.closure.improvement_late.every

    sweep(sessions, handbook, now=DUE + 5 * every + HOUR)
    sweep(sessions, handbook, now=DUE + 5 * every + 2 * HOUR)

    assert [text.split("，")[1] for text in texts(sessions)] == ["第5次督办"]


def test_nobody_hears_of_one_that_is_done(sessions: sessionmaker, handbook: Handbook, low_mark: int) -> None:
    with sessions.begin() as session:
        finish_improvement(session, session.get(Improvement, low_mark), result="已培训", staff_id=8, now=DUE - HOUR)

    sweep(sessions, handbook, now=DUE + HOUR)

    assert reminded(sessions) == []


def test_without_an_owner_the_leader_hears(sessions: sessionmaker, handbook: Handbook, low_mark: int) -> None:
    with sessions.begin() as session:
        session.execute(select(Ticket)).scalar_one().holder_id = None

    sweep(sessions, handbook, now=DUE)

    assert reminded(sessions) == [("leader", None)]


def test_several_sweeps_at_once_tell_once(sessions: sessionmaker, handbook: Handbook, low_mark: int) -> None:
    with ThreadPoolExecutor(4) as pool:
        swept = list(pool.map(lambda _: sweep(sessions, handbook, now=DUE), range(4)))

    assert (sum(each.improvements for each in swept), sum(each.failed for each in swept)) == (1, 0)
    assert len(reminded(sessions)) == 2
