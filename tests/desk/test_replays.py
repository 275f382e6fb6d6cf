"""The database replayed: no difference after honest work, each tampering found; the figures."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from openpyxl import load_workbook
from sqlalchemy import update
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session, sessionmaker

from bot.desk.clock import sweep
from bot.desk.complaints import note_appeal
from bot.desk.figure_days import close_days
from bot.desk.figures import (
    export_csv,
    export_xlsx,
    figures_between,
    outcomes_between,
    tickets_behind,
)
from bot.desk.followup import answer_survey
from bot.desk.replays import replay_all
from bot.desk.tickets import record_human_response, take_step
from bot.handbook.figures import figures, wilson
from bot.handbook.reception_tables import load_reception
from bot.handbook.requests import Urgency
from bot.handbook.tables import Handbook
from bot.storage.clock import FigureDay, TicketClock, TicketOutcome
from bot.storage.conversations import Conversation
from bot.storage.tickets import Ticket, TicketEntry
from tests.moments import at

Make = Callable[..., Ticket]
END = "2026-03-05 09:00"


def live_half_a_week(sessions: sessionmaker, handbook: Handbook, make_ticket: Make) -> None:
    """Work four tickets: answered and solved, late, reopened, forgotten, two appealed; sweep all the time."""
    complaints = load_reception().complaints
    with sessions.begin() as session:
        tickets = [make_ticket(session, urgency=u) for u in (Urgency.GENERAL, Urgency.URGENT, Urgency.MAJOR, Urgency.GENERAL)]
        ids = [ticket.id for ticket in tickets]
    plan = {
        2: lambda s, t: record_human_response(s, handbook, t[0], staff_id=7, now=at("2026-03-02 10:00")),
        3: lambda s, t: take_step(s, handbook, t[2], "claim", who="staff", actor_id=8, now=at("2026-03-02 10:30")),
        6: lambda s, t: take_step(s, handbook, t[0], "resolve", who="staff", actor_id=7, now=at("2026-03-02 12:00"), reason="已修复"),
        7: lambda s, t: take_step(s, handbook, t[2], "hold", who="staff", actor_id=8, now=at("2026-03-02 12:30"), hold_reason="part"),
        8: lambda s, t: answer_survey(s, handbook, s.get(Conversation, t[0].conversation_id), now=at("2026-03-02 13:00"), text="解决了，5分"),
        60: lambda s, t: take_step(s, handbook, t[1], "resolve", who="staff", actor_id=7, now=at("2026-03-03 15:00"), reason="已修复"),
        65: lambda s, t: note_appeal(s, handbook, complaints, t[3], "已经打了12300", now=at("2026-03-03 17:30")),
        66: lambda s, t: note_appeal(s, handbook, complaints, t[0], "我向工信部申诉", now=at("2026-03-03 18:00")),
        69: lambda s, t: take_step(s, handbook, t[0], "answer", who="staff", actor_id=7, now=at("2026-03-03 19:30"), reason="已答复"),
        70: lambda s, t: answer_survey(s, handbook, s.get(Conversation, t[1].conversation_id), now=at("2026-03-03 20:00"), text="没有解决"),
    }
    # Every half hour while things happen, then every two.
    for half in (*range(72), *range(72, 48 * 3 + 1, 4)):
        now = at("2026-03-02 09:00") + timedelta(minutes=30 * half)
        if half in plan:
            with sessions.begin() as session:
                plan[half](session, [session.get(Ticket, each) for each in ids])
        sweep(sessions, handbook, now=now)
        if half % 8 == 0:
            with sessions.begin() as session:
                close_days(session, handbook, now=now)


@pytest.fixture
def lived(sessions: sessionmaker, handbook: Handbook, make_ticket: Make) -> None:
    """Live the days before the test."""
    live_half_a_week(sessions, handbook, make_ticket)


def test_honest_work_leaves_no_difference(lived: None, engine: Engine, handbook: Handbook) -> None:
    done = replay_all(engine, handbook, now=at(END))

    assert (done.tickets, done.differences) == (4, [])
    assert done.events > 12 and done.figures > 20
    with Session(engine) as session:
        clocks = session.query(TicketClock).filter(TicketClock.clock.startswith("complaint:"))
        assert [each.outcome for each in clocks.order_by(TicketClock.ticket_id)] == ["met", None]


# Each shows by itself: what an earlier one left does not show under its name.
TAMPERINGS = (
    ("resolution_due_at", update(Ticket).where(Ticket.id == 4).values(resolution_due_at=at("2026-04-01 00:00"))),
    ("next_due_at", update(Ticket).where(Ticket.id == 4).values(next_due_at=at("2026-04-01 00:00"))),
    ("next_clock", update(Ticket).where(Ticket.id == 4).values(next_clock="callback:9")),
    ("state", update(Ticket).where(Ticket.id == 1).values(state="processing")),
    ("clock response", update(TicketClock).where(TicketClock.ticket_id == 2, TicketClock.clock == "response").values(outcome="met")),
    ("outcomes", update(TicketOutcome).where(TicketOutcome.ticket_id == 2, TicketOutcome.place == 0).values(ok=True)),
    ("response_rate all ", update(FigureDay).where(FigureDay.name == "response_rate", FigureDay.by == "all").values(numerator=9)),
    ("first_response_at", update(TicketEntry).where(TicketEntry.step == "respond").values(at=at("2026-03-02 09:59"))),
)


def test_every_tampering_is_found(lived: None, engine: Engine, sessions: sessionmaker, handbook: Handbook) -> None:
    found: set[str] = set()
    for what, change in TAMPERINGS:
        assert what not in found
        with sessions.begin() as session:
            session.execute(change.execution_options(synchronize_session=False))
        found = {difference[1] for difference in replay_all(engine, handbook, now=at(END)).differences}
        assert what in found


def test_figures_have_numerator_denominator_interval_and_tickets(lived: None, session: Session, handbook: Handbook) -> None:
    start, end = at("2026-03-02 00:00"), at("2026-03-09 00:00")

    found = figures_between(session, handbook, start=start, end=end, now=at(END))
    rate = next(f for f in found["figures"] if (f["name"], f["by"]) == ("response_rate", "all"))
    late = tickets_behind(session, handbook, name="response_rate", by="all", group="", start=start, end=end, numerator=False)

    assert (rate["numerator"], rate["denominator"], len(late)) == (1, 4, 3)
    assert (round(rate["low"], 3), round(rate["high"], 3)) == (0.046, 0.699)
    assert {cause["cause"] for cause in found["breach_causes"]} >= {"dispatch"}


def test_exports_hold_every_figure(lived: None, session: Session, tmp_path: object) -> None:
    found = figures(outcomes_between(session, at("2026-03-02 00:00"), at(END)))
    path = tmp_path / "figures.xlsx"
    path.write_bytes(export_xlsx(found))

    assert load_workbook(path).active.max_row == len(found) + 1
    assert export_csv(found).decode("utf-8-sig").count("\r\n") == len(found) + 1


@pytest.mark.parametrize(("k", "n", "low", "high"), [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)])
def test_wilson_intervals_are_those_of_the_literature(k: int, n: int, low: float, high: float) -> None:
    found = wilson(k, n)

    assert (round(found[0], 4), round(found[1], 4)) == (low, high)
