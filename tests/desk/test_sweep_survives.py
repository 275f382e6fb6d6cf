"""The sweep and one row that cannot be served: the others are served, in the same round."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import sessionmaker

from bot.desk import clock
from bot.handbook.requests import Urgency
from bot.handbook.tables import Handbook
from bot.storage.clock import Incident, TicketClock
from bot.storage.tickets import Ticket
from tests.moments import at

DUE = at("2026-03-02 09:30")


def test_a_ticket_that_breaks_the_sweep_is_put_off_and_the_others_are_served(
    sessions: sessionmaker, handbook: Handbook, make_ticket: Callable[..., Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    with sessions.begin() as session:
        first, *_ = [make_ticket(session, urgency=Urgency.URGENT).id for _ in range(3)]
    fire = clock._fire

    def broken(session: Any, handbook: Handbook, ticket: Ticket, *rest: Any, **more: Any) -> None:
        if ticket.id == first:
            raise KeyError("a row nobody foresaw")
        fire(session, handbook, ticket, *rest, **more)

    monkeypatch.setattr(clock, "_fire", broken)

    swept = clock.sweep(sessions, handbook, now=DUE)

    assert (swept.fired, swept.failed) == (2, 1)
    with sessions() as session:
        rows = session.execute(select(TicketClock.next_fire_at).where(TicketClock.ticket_id == first)).scalars().all()
        assert min(each for each in rows if each) == DUE + timedelta(minutes=5)


def test_incidents_that_break_the_sweep_hold_up_no_other(
    sessions: sessionmaker, handbook: Handbook, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sessions.begin() as session:
        session.add_all(
            Incident(symptom="固网故障", level="community", district="", areas=["幸福小区"], state="restored", opened_at=DUE, next_at=DUE)
            for _ in range(50)
        )
    served: list[int] = []

    def serve(session: Any, handbook: Handbook, incident: Incident, *, now: Any) -> int:
        if incident.id <= 45:
            raise ValueError("a member nobody foresaw")
        served.append(incident.id)
        incident.state, incident.next_at = "ended", None
        return 1

    monkeypatch.setattr(clock, "serve_incident", serve)

    swept = clock.sweep(sessions, handbook, now=DUE)

    assert (len(served), swept.failed) == (5, 45)
