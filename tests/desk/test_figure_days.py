"""The stored days: closed only when swept, corrected when facts come late, each fact with its person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session, sessionmaker

from bot.desk import clock, figure_days
from bot.desk.audit import audit_page, verify_audit
from bot.desk.clock import sweep
from bot.desk.figure_days import CORRECTED, close_days, corrections, day_left_open
from bot.desk.figures import day_bounds, outcomes_between, tickets_behind
from bot.desk.replays import replay_all
from bot.desk.tickets import record_human_response, take_step
from bot.handbook.figures import figures
from bot.handbook.requests import Urgency
from bot.handbook.tables import Handbook
from bot.storage.clock import FigureDay, LateFact
from bot.storage.tickets import Ticket
from tests.moments import at

Make = Callable[..., Ticket]


def closed(sessions: sessionmaker, handbook: Handbook, when: str) -> list[str]:
    """Close what can be closed, and return all days that are."""
    with sessions.begin() as session:
        close_days(session, handbook, now=at(when))
    with sessions() as session:
        return list(session.execute(select(FigureDay.day).distinct().order_by(FigureDay.day)).scalars())


def left_open(sessions: sessionmaker, when: str) -> dict[str, Any] | None:
    """Return the day that is left open, as the page of figures shows it."""
    with sessions() as session:
        return day_left_open(session, now=at(when))


def stored(sessions: sessionmaker, day: str, name: str, by: str = "all", group: str = "") -> tuple | None:
    """Return numerator and denominator of a stored figure."""
    row = FigureDay
    with sessions() as session:
        found = session.execute(
            select(row.numerator, row.denominator).where(row.day == day, row.name == name, row.by == by, row.group == group)
        ).first()
        return None if found is None else tuple(found)


def do(sessions: sessionmaker, handbook: Handbook, number: int, step: str, when: str, **more: Any) -> None:
    """Take one step of a ticket as staff member 7."""
    with sessions.begin() as session:
        values = {"who": "staff", "actor_id": 7, **more}
        take_step(session, handbook, session.get(Ticket, number), step, now=at(when), **values)


@pytest.fixture
def urgent(sessions: sessionmaker, make_ticket: Make) -> int:
    """Open an urgent ticket on Monday at nine; its response is due at ten."""
    with sessions.begin() as session:
        return make_ticket(session, urgency=Urgency.URGENT).id


def test_a_day_stays_open_until_what_was_due_in_it_is_swept(sessions: sessionmaker, handbook: Handbook, make_ticket: Make, urgent: int) -> None:
    with sessions.begin() as session:
        other = make_ticket(session).id
        record_human_response(session, handbook, session.get(Ticket, other), staff_id=7, now=at("2026-03-02 09:30"))

    assert closed(sessions, handbook, "2026-03-04 00:10") == []
    assert left_open(sessions, "2026-03-04 00:11") == {"day": date(2026, 3, 2), "unswept": 3}

    sweep(sessions, handbook, now=at("2026-03-04 00:20"))
    assert left_open(sessions, "2026-03-04 00:20") is None
    assert closed(sessions, handbook, "2026-03-04 00:21") == ["2026-03-02", "2026-03-03"]
    assert stored(sessions, "2026-03-02", "response_rate") == (1, 2)


def test_a_day_is_not_passed_over_for_a_later_one(sessions: sessionmaker, handbook: Handbook, make_ticket: Make) -> None:
    with sessions.begin() as session:
        first, second = (make_ticket(session).id for _ in range(2))
    do(sessions, handbook, first, "contact", "2026-03-02 09:30", reason="已联系")
    do(sessions, handbook, first, "withdraw", "2026-03-02 09:40", reason="误登记", confirmed=True)
    do(sessions, handbook, second, "contact", "2026-03-03 08:00", reason="已联系")

    # Half of the time of the second resolution passed on Monday evening, and nobody has swept.
    assert closed(sessions, handbook, "2026-03-04 00:10") == []


def test_a_ticket_that_breaks_the_sweep_leaves_no_day_open_and_is_counted_when_it_is_served(
    sessions: sessionmaker, handbook: Handbook, make_ticket: Make, urgent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sessions.begin() as session:
        make_ticket(session, urgency=Urgency.URGENT)
    fire = clock._fire

    def broken(session: Session, handbook: Handbook, ticket: Ticket, *rest: Any, **more: Any) -> None:
        if ticket.id == urgent:
            raise KeyError("a row nobody foresaw")
        fire(session, handbook, ticket, *rest, **more)

    monkeypatch.setattr(clock, "_fire", broken)
    sweep(sessions, handbook, now=at("2026-03-03 00:01"))
    assert closed(sessions, handbook, "2026-03-03 00:02") == ["2026-03-02"]
    assert stored(sessions, "2026-03-02", "response_rate") == (0, 1)

    monkeypatch.setattr(clock, "_fire", fire)
    sweep(sessions, handbook, now=at("2026-03-03 00:10"))
    closed(sessions, handbook, "2026-03-03 00:11")
    assert stored(sessions, "2026-03-02", "response_rate") == (0, 2)


def test_a_call_recorded_after_the_fact_reaches_the_closed_day(
    sessions: sessionmaker, engine: Engine, handbook: Handbook, make_ticket: Make
) -> None:
    with sessions.begin() as session:
        ticket = make_ticket(session)
        number, id_ = ticket.number, ticket.id
        other = make_ticket(session).id
    do(sessions, handbook, other, "contact", "2026-03-02 10:00", reason="已联系")
    sweep(sessions, handbook, now=at("2026-03-03 00:01"))
    assert closed(sessions, handbook, "2026-03-03 00:02") == ["2026-03-02"]
    assert stored(sessions, "2026-03-02", "first_response_minutes") == (1, 1)

    do(sessions, handbook, id_, "contact", "2026-03-02 18:00", reason="昨晚已电话联系", actor_id=8)
    assert replay_all(engine, handbook, now=at("2026-03-03 08:01")).differences == []
    for _ in range(2):
        closed(sessions, handbook, "2026-03-03 08:02")

    assert stored(sessions, "2026-03-02", "first_response_minutes") == (2, 2)
    assert stored(sessions, "2026-03-02", "first_response_minutes", "person", "8") == (1, 1)
    assert replay_all(engine, handbook, now=at("2026-03-03 08:03")).differences == []
    with sessions() as session:
        [entry] = audit_page(session, action=CORRECTED)
        assert (entry.data["day"], entry.data["tickets"]) == ("2026-03-02", [number])
        assert verify_audit(session)[1] is None
        [shown] = corrections(session)
        assert {"name": "response_rate", "by": "all", "group": "", "was": [1, 1, 1.0], "now": [2, 2, 1.0], "title": "响应率"} in shown["changes"]
        assert session.execute(select(func.count()).select_from(LateFact)).scalar_one() == 0


def test_a_fact_of_a_day_without_figures_is_not_lost_behind_the_last_one(sessions: sessionmaker, handbook: Handbook, make_ticket: Make) -> None:
    with sessions.begin() as session:
        other = make_ticket(session, now=at("2026-03-02 12:00")).id
    do(sessions, handbook, other, "contact", "2026-03-03 08:00", reason="已联系")
    sweep(sessions, handbook, now=at("2026-03-04 00:01"))
    assert closed(sessions, handbook, "2026-03-04 00:02") == ["2026-03-03"]

    with sessions.begin() as session:
        record_human_response(session, handbook, make_ticket(session, now=at("2026-03-02 20:00")), staff_id=7, now=at("2026-03-02 21:00"))
    assert closed(sessions, handbook, "2026-03-04 00:12") == ["2026-03-02", "2026-03-03"]
    assert stored(sessions, "2026-03-02", "response_rate") == (1, 1)


def test_a_closed_day_that_cannot_be_reckoned_anew_holds_up_no_other(
    sessions: sessionmaker, handbook: Handbook, make_ticket: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sessions.begin() as session:
        ids = [make_ticket(session).id for _ in range(2)]
        for each, when in zip(ids, ("2026-03-02 20:00", "2026-03-03 08:00"), strict=True):
            record_human_response(session, handbook, session.get(Ticket, each), staff_id=7, now=at(when))
    sweep(sessions, handbook, now=at("2026-03-04 00:01"))
    closed(sessions, handbook, "2026-03-04 00:02")
    with sessions.begin() as session:
        session.query(FigureDay).update({"numerator": 9})
        session.add_all(LateFact(day=day, ticket_id=ids[0]) for day in ("2026-03-02", "2026-03-03"))
    anew = figure_days._reckon_anew

    def broken(session: Session, handbook: Handbook, day: str, **more: Any) -> Any:
        found = anew(session, handbook, day, **more)
        if day == "2026-03-02":
            raise KeyError("a day nobody foresaw")
        return found

    monkeypatch.setattr(figure_days, "_reckon_anew", broken)
    closed(sessions, handbook, "2026-03-04 00:12")

    assert stored(sessions, "2026-03-02", "response_rate") == (9, 1)
    assert stored(sessions, "2026-03-03", "response_rate")[0] < 9
    with sessions() as session:
        assert session.execute(select(LateFact.day)).scalars().all() == ["2026-03-02"]


def test_a_reopening_counts_with_the_resolution_it_takes_back(
    sessions: sessionmaker, engine: Engine, handbook: Handbook, make_ticket: Make
) -> None:
    with sessions.begin() as session:
        numbers = {make_ticket(session).id: None for _ in range(3)}
        numbers = {each: session.get(Ticket, each).number for each in numbers}
    soon, late, done = numbers
    for each in numbers:
        do(sessions, handbook, each, "claim", "2026-03-02 09:10")
        do(sessions, handbook, each, "contact", "2026-03-02 09:20", reason="已联系")
        do(sessions, handbook, each, "resolve", "2026-03-02 10:00", reason="已修复")
    sweep(sessions, handbook, now=at("2026-03-03 00:01"))
    closed(sessions, handbook, "2026-03-03 00:02")
    assert stored(sessions, "2026-03-02", "reopened_rate") == (0, 3)

    do(sessions, handbook, soon, "reopen", "2026-03-05 09:00", who="customer", actor_id=None, reason="又断了")
    do(sessions, handbook, soon, "transfer", "2026-03-05 09:30", team="field", reason="需要上门")
    do(sessions, handbook, late, "reopen", "2026-03-12 09:00", who="customer", actor_id=None, reason="又断了")
    sweep(sessions, handbook, now=at("2026-03-12 12:00"))
    closed(sessions, handbook, "2026-03-12 12:01")

    assert stored(sessions, "2026-03-02", "reopened_rate") == (1, 3)
    assert stored(sessions, "2026-03-02", "reopened_rate", "person", "7") == (1, 3)
    with sessions() as session:
        for first, last in (("2026-03-02", "2026-03-12"), ("2026-03-05", "2026-03-12")):
            start, end = at(f"{first} 00:00"), at(f"{last} 23:59")
            for each in figures(outcomes_between(session, start, end)):
                assert each.numerator <= each.denominator
        span = {"name": "reopened_rate", "by": "all", "group": "", "start": at("2026-03-02 00:00"), "end": at("2026-03-13 00:00")}
        parts = {part: tickets_behind(session, handbook, numerator=part, **span) for part in (True, False)}
        assert parts == {True: [numbers[soon]], False: [numbers[late], numbers[done]]}
    assert replay_all(engine, handbook, now=at("2026-03-12 12:02")).differences == []


def test_a_first_response_is_counted_for_who_gave_it(sessions: sessionmaker, engine: Engine, handbook: Handbook, make_ticket: Make) -> None:
    with sessions.begin() as session:
        id_ = make_ticket(session).id
    do(sessions, handbook, id_, "claim", "2026-03-02 09:10", actor_id=8)
    with sessions.begin() as session:
        record_human_response(session, handbook, session.get(Ticket, id_), staff_id=5, now=at("2026-03-02 09:20"))
    do(sessions, handbook, id_, "resolve", "2026-03-02 10:00", reason="已修复", actor_id=8)
    start, end = day_bounds(at("2026-03-02 09:00").date())

    with sessions() as session:
        people = {
            (each.name, each.group) for each in figures(outcomes_between(session, start, end)) if each.by == "person"
        }
    assert {("first_response_minutes", "5"), ("response_rate", "5"), ("resolution_rate", "8")} <= people
    assert not {("first_response_minutes", "8"), ("response_rate", "8")} & people
    assert replay_all(engine, handbook, now=at("2026-03-02 10:01")).differences == []
