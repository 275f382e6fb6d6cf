"""Chapters 3.4 and 4.5: what moves the time of an incident reaches each member, once, in its log."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session, sessionmaker

from bot.desk import incident_serving
from bot.desk.clock import sweep
from bot.desk.incidents import join_or_count
from bot.desk.replays import replay_all
from bot.desk.tickets import take_step
from bot.handbook.requests import Urgency
from bot.handbook.tables import Handbook
from bot.storage.clock import Incident
from bot.storage.notices import Delivery
from bot.storage.tickets import Ticket, TicketEntry
from tests.moments import at, wall

Make = Callable[..., Ticket]
PLACE = "城关区幸福小区3号楼"


@pytest.fixture
def outage(sessions: sessionmaker, handbook: Handbook, make_ticket: Make) -> None:
    """Let five report from nine on: one incident, due the next day at nine; its ticket is taken."""
    with sessions.begin() as session:
        for minute in range(5):
            report(session, handbook, make_ticket, f"2026-03-02 09:0{minute}")
    act(sessions, handbook, "claim", "2026-03-02 09:10")


def report(session: Session, handbook: Handbook, make_ticket: Make, when: str) -> Ticket:
    ticket = make_ticket(session, facts={"address": PLACE}, now=at(when))
    join_or_count(session, handbook, ticket, now=at(when))
    return ticket


def act(sessions: sessionmaker, handbook: Handbook, step: str, when: str, **more: Any) -> None:
    """Take a step on the ticket of the incident."""
    with sessions.begin() as session:
        carrier = session.get(Ticket, session.execute(select(Incident.ticket_id)).scalar_one())
        take_step(session, handbook, carrier, step, who=more.pop("who", "leader"), actor_id=7, now=at(when), **more)


def members(session: Session) -> list[Ticket]:
    return list(session.execute(select(Ticket).where(Ticket.conversation_id.is_not(None)).order_by(Ticket.id)).scalars())


def due(sessions: sessionmaker) -> set[str]:
    """Return the due times of the members."""
    with sessions() as session:
        return {wall(ticket.resolution_due_at) for ticket in members(session)}


def told(sessions: sessionmaker) -> list[tuple[str, str]]:
    """Return what the first reporter was told since the announcement, each with the time named."""
    with sessions() as session:
        rows = session.execute(select(Delivery.payload).where(Delivery.ticket_id == members(session)[0].id).order_by(Delivery.id)).scalars()
        return [(row["response"], row["values"]["resolve_by"]) for row in rows][1:]


def test_a_hold_and_its_end_reach_every_member_once(outage: None, sessions: sessionmaker, handbook: Handbook, engine: Engine) -> None:
    act(sessions, handbook, "hold", "2026-03-02 10:00", hold_reason="part")
    for minute in range(3):
        sweep(sessions, handbook, now=at(f"2026-03-02 10:0{minute}"))
    assert due(sessions) == {"2026-03-05 09:00"}

    act(sessions, handbook, "resume", "2026-03-02 12:00")
    for minute in range(3):
        sweep(sessions, handbook, now=at(f"2026-03-02 12:0{minute}"))

    assert due(sessions) == {"2026-03-03 11:00"}
    assert [name for name, _ in told(sessions)] == ["utter_incident_held", "utter_incident_resumed"]
    with sessions() as session:
        lines = session.execute(select(TicketEntry.ticket_id).where(TicketEntry.step == "redate")).scalars().all()
        assert len(lines) == 10
    assert replay_all(engine, handbook, now=at("2026-03-02 12:10")).differences == []


def test_a_longer_class_of_the_incident_reaches_every_member(outage: None, sessions: sessionmaker, handbook: Handbook) -> None:
    act(sessions, handbook, "reclassify", "2026-03-02 10:00", reason="需更换光缆", urgency=Urgency.MAJOR)
    sweep(sessions, handbook, now=at("2026-03-02 10:01"))

    assert (due(sessions), told(sessions)) == ({"2026-03-04 09:00"}, [("utter_incident_redated", "3月4日（周三）09:00")])


def test_what_moves_no_time_is_no_news(outage: None, sessions: sessionmaker, handbook: Handbook) -> None:
    act(sessions, handbook, "transfer", "2026-03-02 10:00", team="field", reason="需要上门")
    sweep(sessions, handbook, now=at("2026-03-02 10:01"))

    assert told(sessions) == []


def test_a_delay_is_told_before_the_time_passes_and_again_as_long_as_it_lasts(
    outage: None, sessions: sessionmaker, handbook: Handbook, engine: Engine
) -> None:
    times = []
    for half in range(2 * 48):
        now = at("2026-03-02 09:30") + timedelta(minutes=30 * half)
        before = len(told(sessions))
        sweep(sessions, handbook, now=now)
        times += [(wall(now), *each) for each in told(sessions)[before:]]

    assert [when for when, *_ in times] == ["2026-03-03 07:00", "2026-03-03 20:00", "2026-03-04 08:00"]
    assert {name for _, name, _ in times} == {"utter_incident_delayed"}
    assert due(sessions) == {"2026-03-04 21:00"}
    assert replay_all(engine, handbook, now=now).differences == []


def test_who_joins_after_a_delay_hears_the_new_time_alone(outage: None, sessions: sessionmaker, handbook: Handbook, make_ticket: Make) -> None:
    sweep(sessions, handbook, now=at("2026-03-03 07:00"))
    with sessions.begin() as session:
        late = report(session, handbook, make_ticket, "2026-03-03 07:10").id
    sweep(sessions, handbook, now=at("2026-03-03 07:11"))

    with sessions() as session:
        names = session.execute(select(Delivery.payload).where(Delivery.ticket_id == late)).scalars().all()
        assert wall(session.get(Ticket, late).resolution_due_at) == "2026-03-03 21:00"
        assert [row["response"] for row in names] == ["utter_incident_announced"]


@pytest.fixture
def broken(outage: None, sessions: sessionmaker, monkeypatch: pytest.MonkeyPatch) -> int:
    """Let every step on the first member fail; return its id."""
    with sessions() as session:
        first = int(members(session)[0].id)
    whole = incident_serving.take_step

    def fail(session: Session, handbook: Handbook, ticket: Ticket, *rest: Any, **more: Any) -> Any:
        if ticket.id == first:
            raise KeyError("a member nobody foresaw")
        return whole(session, handbook, ticket, *rest, **more)

    monkeypatch.setattr(incident_serving, "take_step", fail)
    return first


def test_a_member_who_cannot_be_told_holds_up_no_other(
    broken: int, sessions: sessionmaker, handbook: Handbook, monkeypatch: pytest.MonkeyPatch
) -> None:
    act(sessions, handbook, "reclassify", "2026-03-02 10:00", reason="需更换光缆", urgency=Urgency.MAJOR)
    sweep(sessions, handbook, now=at("2026-03-02 10:01"))
    assert due(sessions) == {"2026-03-03 09:00", "2026-03-04 09:00"}

    monkeypatch.undo()
    sweep(sessions, handbook, now=at("2026-03-02 10:02"))
    assert told(sessions) == []
    sweep(sessions, handbook, now=at("2026-03-02 10:07"))
    assert [name for name, _ in told(sessions)] == ["utter_incident_redated"]


def test_a_member_who_cannot_be_resolved_is_not_forgotten(
    broken: int, sessions: sessionmaker, handbook: Handbook, monkeypatch: pytest.MonkeyPatch
) -> None:
    act(sessions, handbook, "resolve", "2026-03-02 10:00", reason="光缆已熔接")
    sweep(sessions, handbook, now=at("2026-03-02 10:01"))
    with sessions() as session:
        states = [ticket.state for ticket in members(session)]
        assert (states, session.execute(select(Incident.state)).scalar_one()) == (["accepted", *["resolved"] * 4], "restored")

    monkeypatch.undo()
    sweep(sessions, handbook, now=at("2026-03-02 10:07"))
    with sessions() as session:
        assert session.get(Ticket, broken).state == "resolved"
        assert session.execute(select(Incident.state)).scalar_one() == "ended"


def test_who_joins_while_the_incident_is_held_is_due_when_it_is(
    outage: None, sessions: sessionmaker, handbook: Handbook, make_ticket: Make
) -> None:
    def join(minute: int) -> None:
        with sessions.begin() as session:
            report(session, handbook, make_ticket, f"2026-03-02 09:{minute}")

    def hold(_: int) -> None:
        act(sessions, handbook, "hold", "2026-03-02 09:30", hold_reason="part")

    def look(_: int) -> None:
        assert sweep(sessions, handbook, now=at("2026-03-02 09:31")).failed == 0

    with ThreadPoolExecutor(6) as pool:
        works = [(join, 21), (join, 22), (hold, 0), (look, 0), (join, 23), (look, 0), (join, 24), (look, 0)]
        for each in [pool.submit(work, number) for work, number in works]:
            each.result()
    sweep(sessions, handbook, now=at("2026-03-02 09:32"))

    assert due(sessions) == {"2026-03-05 09:00"}
