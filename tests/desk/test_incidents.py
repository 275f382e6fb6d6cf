"""Outage mode of 4.5 over the records: opened at the threshold, joined, widened, split, ended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from bot.desk.clock import sweep
from bot.desk.followup import answer_survey
from bot.desk.incident_control import (
    end_incident,
    open_incident,
    split_incident,
    widen_incident,
    would_join,
)
from bot.desk.incidents import Joined, join_or_count
from bot.desk.tickets import take_step
from bot.handbook.errors import Refusal
from bot.handbook.tables import Handbook
from bot.storage.clock import Incident, Survey, TicketClock
from bot.storage.conversations import Conversation
from bot.storage.notices import Delivery
from bot.storage.tickets import Ticket
from tests.moments import at, wall

Make = Callable[..., Ticket]


def report(
    session: Session, handbook: Handbook, make_ticket: Make, minute: int, address: str = "城关区幸福小区3号楼", **more: object
) -> tuple[Ticket, Joined | None]:
    """Open a ticket some minutes after nine and count it."""
    now = at("2026-03-02 09:00") + timedelta(minutes=minute)
    ticket = make_ticket(session, facts={"address": address}, now=now, **more)
    return ticket, join_or_count(session, handbook, ticket, now=now)


def burst(session: Session, handbook: Handbook, make_ticket: Make, count: int = 5) -> list[Ticket]:
    """Report so many faults, one a minute."""
    return [report(session, handbook, make_ticket, minute)[0] for minute in range(count)]


def told(session: Session, response: str) -> int:
    """Return how many customers were told something."""
    rows = session.execute(select(Delivery.payload).where(Delivery.sender == "customer")).scalars()
    return sum(payload["response"] == response for payload in rows)


def test_five_reports_become_one_incident_with_the_first_ones_deadline(session: Session, handbook: Handbook, make_ticket: Make) -> None:
    tickets = burst(session, handbook, make_ticket)

    incident = session.execute(select(Incident)).scalar_one()
    carrier = session.get(Ticket, incident.ticket_id)
    assert {t.incident_id for t in tickets} == {incident.id}
    assert (carrier.deadline_class, wall(carrier.response_due_at), wall(carrier.resolution_due_at)) == ("urgent", "2026-03-02 10:00", "2026-03-03 09:00")
    assert told(session, "utter_incident_announced") == 5


def test_the_members_have_no_clock_of_their_own(session: Session, handbook: Handbook, make_ticket: Make) -> None:
    burst(session, handbook, make_ticket)

    running = session.execute(select(func.count()).select_from(TicketClock).where(TicketClock.next_fire_at.is_not(None))).scalar_one()
    assert running == 2


def test_a_later_reporter_joins_at_intake(session: Session, handbook: Handbook, make_ticket: Make) -> None:
    burst(session, handbook, make_ticket)

    ticket, joined = report(session, handbook, make_ticket, 45, "幸福小区8号楼")

    assert (joined.area, joined.opened, wall(ticket.resolution_due_at)) == ("城关区幸福小区", False, "2026-03-03 09:00")


def test_other_places_other_faults_and_slow_reports_stay_apart(session: Session, handbook: Handbook, make_ticket: Make) -> None:
    for minute in range(4):
        report(session, handbook, make_ticket, minute)
    report(session, handbook, make_ticket, 5, "七里河区幸福小区1号楼")
    report(session, handbook, make_ticket, 6, "城关区阳光家园1号楼")
    report(session, handbook, make_ticket, 7, type="fault_mobile")
    report(session, handbook, make_ticket, 8, type="bill_query")
    report(session, handbook, make_ticket, 40)

    assert session.execute(select(func.count()).select_from(Incident)).scalar_one() == 0


def test_one_customer_who_reports_five_times_is_no_outage(session: Session, handbook: Handbook, make_ticket: Make, make_conversation: Callable[..., Conversation]) -> None:
    conversation = make_conversation(session)
    for minute in range(6):
        report(session, handbook, make_ticket, minute, conversation=conversation)

    assert session.execute(select(func.count()).select_from(Incident)).scalar_one() == 0


def restore(sessions: sessionmaker, handbook: Handbook, make_ticket: Make, count: int) -> None:
    """Let so many report, and resolve the incident at ten."""
    with sessions.begin() as session:
        burst(session, handbook, make_ticket, count)
        incident = session.execute(select(Incident)).scalar_one()
        carrier = session.get(Ticket, incident.ticket_id)
        take_step(session, handbook, carrier, "resolve", who="staff", actor_id=7, now=at("2026-03-02 10:00"), reason="光缆已熔接")
    sweep(sessions, handbook, now=at("2026-03-02 10:01"))


def test_the_restoration_is_told_to_all_and_asked_of_a_sample(sessions: sessionmaker, handbook: Handbook, make_ticket: Make) -> None:
    restore(sessions, handbook, make_ticket, 25)

    with sessions() as session:
        incident = session.execute(select(Incident)).scalar_one()
        states = session.execute(select(Ticket.state, func.count()).group_by(Ticket.state)).all()
        asked = session.execute(select(func.count()).select_from(Survey).where(Survey.most == 3)).scalar_one()
        assert (incident.state, dict(map(tuple, states))) == ("ended", {"closed": 1, "resolved": 25})
        assert told(session, "utter_incident_resolved") == 25
        assert 5 <= asked < 25


def test_a_member_whose_fault_goes_on_is_served_alone_with_the_time_that_was_left(sessions: sessionmaker, handbook: Handbook, make_ticket: Make) -> None:
    restore(sessions, handbook, make_ticket, 5)
    with sessions.begin() as session:
        ticket = session.execute(select(Ticket).where(Ticket.state == "resolved").order_by(Ticket.id)).scalars().first()
        conversation = session.get(Conversation, ticket.conversation_id)
        answer_survey(session, handbook, conversation, now=at("2026-03-02 12:01"), text="还是没恢复")

        assert (ticket.state, wall(ticket.resolution_due_at)) == ("processing", "2026-03-03 11:00")


def test_a_ticket_taken_out_has_its_old_deadline(session: Session, handbook: Handbook, make_ticket: Make) -> None:
    tickets = burst(session, handbook, make_ticket)
    incident = session.execute(select(Incident)).scalar_one()

    count, own = split_incident(session, handbook, incident, tickets=tickets[3:4], staff_id=9, reason="室内线路", now=at("2026-03-02 11:00"))

    assert (own, count, tickets[3].incident_id, wall(tickets[3].resolution_due_at)) == (None, 1, None, "2026-03-03 09:03")


def widened(session: Session, handbook: Handbook, make_ticket: Make) -> tuple[Incident, list[Ticket]]:
    """Let a leader take another fault's reports into an incident by mistake; return it and them."""
    others = [report(session, handbook, make_ticket, n, f"城关区阳光家园{n}号楼")[0] for n in range(1, 4)]
    burst(session, handbook, make_ticket)
    incident = session.execute(select(Incident)).scalar_one()
    widen_incident(session, handbook, incident, names=["阳光家园"], now=at("2026-03-02 09:10"))
    return incident, others


def test_tickets_of_another_fault_are_split_off_as_an_incident_of_their_own(session: Session, handbook: Handbook, make_ticket: Make) -> None:
    incident, others = widened(session, handbook, make_ticket)

    count, own = split_incident(session, handbook, incident, tickets=others, staff_id=9, reason="另一处光缆", now=at("2026-03-02 09:20"), own=True)

    session.expire_all()
    carrier = session.get(Ticket, own.ticket_id)
    assert (count, own.areas, incident.areas, wall(carrier.resolution_due_at)) == (3, ["阳光家园"], ["幸福"], "2026-03-03 09:01")
    assert {each.incident_id for each in others} == {own.id}
    assert (told(session, "utter_incident_left"), told(session, "utter_incident_announced")) == (0, 5 + 3 + 3)
    later, joined = report(session, handbook, make_ticket, 30, "城关区阳光家园9号楼")
    assert (joined.opened, later.incident_id) == (False, own.id)


def test_an_incident_of_their_own_needs_an_area_of_their_own(session: Session, handbook: Handbook, make_ticket: Make) -> None:
    incident, others = widened(session, handbook, make_ticket)
    inside = session.execute(select(Ticket).where(Ticket.incident_id == incident.id, Ticket.id.not_in([each.id for each in others]))).scalars().all()

    for tickets in ([*others, *inside], inside):
        with pytest.raises(Refusal):
            split_incident(session, handbook, incident, tickets=tickets, staff_id=9, reason="另一处", now=at("2026-03-02 09:20"), own=True)


def test_what_was_split_off_joins_the_incident_that_a_leader_opens_next_and_not_its_old_one(session: Session, handbook: Handbook, make_ticket: Make) -> None:
    incident, others = widened(session, handbook, make_ticket)
    split_incident(session, handbook, incident, tickets=others, staff_id=9, reason="另一处光缆", now=at("2026-03-02 09:20"))
    widen_incident(session, handbook, incident, names=["阳光家园"], now=at("2026-03-02 09:21"))
    assert {each.incident_id for each in others} == {None}
    where = {"type": "fault_broadband", "address": "城关区阳光家园", "level": "community"}

    assert would_join(session, handbook, **where, now=at("2026-03-02 09:22"))[1] == 3
    own = open_incident(session, handbook, **where, staff_id=9, now=at("2026-03-02 09:22"))

    assert {each.incident_id for each in others} == {own.id} != {incident.id}


def test_a_widened_incident_takes_the_reports_of_the_new_area(session: Session, handbook: Handbook, make_ticket: Make) -> None:
    report(session, handbook, make_ticket, 0, "城关区阳光家园2号楼")
    burst(session, handbook, make_ticket)
    incident = session.execute(select(Incident)).scalar_one()

    assert widen_incident(session, handbook, incident, names=["阳光家园"], now=at("2026-03-02 09:10")) == 1


def test_a_false_alarm_gives_every_member_its_clock_back(sessions: sessionmaker, handbook: Handbook, make_ticket: Make) -> None:
    with sessions.begin() as session:
        burst(session, handbook, make_ticket)
        incident = session.execute(select(Incident)).scalar_one()
        end_incident(session, handbook, incident, staff_id=9, reason="误报", now=at("2026-03-02 09:20"))
    sweep(sessions, handbook, now=at("2026-03-02 09:21"))

    with sessions() as session:
        running = session.execute(select(func.count()).select_from(TicketClock).where(TicketClock.ended_at.is_(None))).scalar_one()
        assert (session.execute(select(Incident.state)).scalar_one(), running) == ("ended", 10)


def test_a_leader_opens_an_incident_before_the_threshold(session: Session, handbook: Handbook, make_ticket: Make) -> None:
    ticket, _ = report(session, handbook, make_ticket, 0)

    incident = open_incident(session, handbook, type="fault_broadband", address="城关区幸福小区", level="community", staff_id=9, now=at("2026-03-02 09:05"))

    assert ticket.incident_id == incident.id


def test_who_says_no_district_joins_once_it_is_clear_which_is_meant(session: Session, handbook: Handbook, make_ticket: Make) -> None:
    known = [report(session, handbook, make_ticket, n, f"{where}幸福小区1号楼")[0] for n, where in ((-300, "七里河区"), (-299, "城关区"))]
    unsaid = [report(session, handbook, make_ticket, n, "幸福小区2号楼")[0] for n in range(6)]
    assert {each.incident_id for each in (*known, *unsaid)} == {None}

    said = [report(session, handbook, make_ticket, 6 + n, "城关区幸福小区3号楼")[0] for n in range(5)]

    [incident] = session.execute(select(Incident)).scalars()
    session.expire_all()
    assert (incident.district, {each.incident_id for each in (*unsaid, *said)}) == ("城关区", {incident.id})
    assert {each.incident_id for each in known} == {None}


def test_what_stays_quiet_for_long_is_not_taken_from_another_district(session: Session, handbook: Handbook, make_ticket: Make) -> None:
    for n, district in enumerate(("七里河区", "安宁区")):
        report(session, handbook, make_ticket, n - 300, f"{district}幸福小区1号楼")
    burst(session, handbook, make_ticket)

    _, joined = report(session, handbook, make_ticket, 60, "幸福小区8号楼")
    _, apart = report(session, handbook, make_ticket, 300, "幸福小区9号楼")

    assert (joined is not None, apart) == (True, None)
