"""Steps, clocks and the warning ladder over the records, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from bot.desk.clock import sweep
from bot.desk.ticket_log import reindex
from bot.desk.tickets import find_ticket, record_human_response, take_step
from bot.handbook.lifecycle import IllegalStep, MissingReason
from bot.handbook.requests import Urgency
from bot.handbook.tables import Handbook
from bot.storage.clock import LadderFiring, TicketClock
from bot.storage.notices import Delivery, Notice
from bot.storage.tickets import Ticket, TicketEntry
from tests.moments import at, wall

Make = Callable[..., Ticket]


def step(session: Session, handbook: Handbook, ticket: Ticket, name: str, when: str, **more: object) -> TicketEntry:
    """Take one step as staff member 7."""
    values = {"who": "staff", "actor_id": 7, **more}
    return take_step(session, handbook, ticket, name, now=at(when), **values)


def told(session: Session) -> list[str]:
    """Return what the customer's outbox holds, in order."""
    rows = session.execute(select(Delivery.payload).where(Delivery.sender == "customer").order_by(Delivery.id)).scalars()
    return [payload["response"] for payload in rows]


def test_a_whole_life_is_told_to_the_customer(session: Session, handbook: Handbook, make_ticket: Make) -> None:
    ticket = make_ticket(session)
    step(session, handbook, ticket, "claim", "2026-03-02 09:30")
    step(session, handbook, ticket, "hold", "2026-03-02 10:00", hold_reason="part")
    step(session, handbook, ticket, "resume", "2026-03-02 12:00")
    step(session, handbook, ticket, "resolve", "2026-03-02 15:00", reason="已更换光猫")

    assert told(session) == ["utter_told_dispatched", "utter_told_held", "utter_told_resumed", "utter_told_resolved"]
    assert wall(ticket.resolution_due_at) == "2026-03-03 11:00"


def test_a_claim_does_not_set_the_first_response(session: Session, handbook: Handbook, make_ticket: Make) -> None:
    ticket = make_ticket(session)
    step(session, handbook, ticket, "claim", "2026-03-02 09:30")
    assert ticket.first_response_at is None

    record_human_response(session, handbook, ticket, staff_id=7, now=at("2026-03-02 09:40"))
    record_human_response(session, handbook, ticket, staff_id=7, now=at("2026-03-02 09:50"))

    assert wall(ticket.first_response_at) == "2026-03-02 09:40"
    assert [e.step for e in session.execute(select(TicketEntry)).scalars()].count("respond") == 1


@pytest.mark.parametrize(
    ("steps", "refused", "who", "legal"),
    [
        ([], "resume", "staff", "claim"),
        (["claim"], "close", "staff", "resolve"),
        (["claim", "resolve"], "hold", "staff", "contact"),
        ([], "respond", "staff", "claim"),
        (["claim"], "assign", "staff", "hold"),
    ],
)
def test_an_illegal_step_is_refused_with_the_legal_ones(
    session: Session, handbook: Handbook, make_ticket: Make, steps: list[str], refused: str, who: str, legal: str
) -> None:
    ticket = make_ticket(session)
    for name in steps:
        step(session, handbook, ticket, name, "2026-03-02 10:00", reason="已处理")

    with pytest.raises(IllegalStep) as error:
        step(session, handbook, ticket, refused, "2026-03-02 11:00", who=who, reason="x", person=1)

    assert legal in error.value.data["legal"]
    assert refused not in error.value.data["legal"]


def test_a_customer_withdraws_only_after_confirming(session: Session, handbook: Handbook, make_ticket: Make) -> None:
    ticket = make_ticket(session)
    with pytest.raises(MissingReason):
        step(session, handbook, ticket, "withdraw", "2026-03-02 10:00", who="customer", reason="不用了")

    step(session, handbook, ticket, "withdraw", "2026-03-02 10:00", who="customer", reason="不用了", confirmed=True)

    assert ticket.state == "withdrawn"


@pytest.mark.parametrize(
    ("who", "when", "outcome"),
    [("staff", "2026-03-02 10:00", "refused"), ("leader", "2026-03-02 09:30", "major"), ("leader", "2026-03-02 10:01", "refused")],
)
def test_a_longer_class_needs_a_leader_before_the_deadline(
    session: Session, handbook: Handbook, make_ticket: Make, who: str, when: str, outcome: str
) -> None:
    ticket = make_ticket(session, urgency=Urgency.URGENT)
    try:
        step(session, handbook, ticket, "reclassify", when, who=who, reason="一户", urgency=Urgency.MAJOR)
    except IllegalStep:
        assert outcome == "refused"
        return

    assert (ticket.deadline_class, wall(ticket.response_due_at)) == (outcome, "2026-03-03 09:00")


@pytest.mark.parametrize(
    ("who", "when", "refused"),
    [("staff", "2026-03-02 10:00", True), ("leader", "2026-03-02 10:00", False), ("leader", "2026-03-17 10:00", True)],
)
def test_only_a_leader_in_time_lets_a_complaint_be_one_no_longer(
    session: Session, handbook: Handbook, make_ticket: Make, who: str, when: str, refused: bool
) -> None:
    ticket = make_ticket(session, type="complaint_service")
    step(session, handbook, ticket, "contact", "2026-03-02 09:10", reason="已致电")
    try:
        step(session, handbook, ticket, "reclassify", when, who=who, reason="实为故障", type="fault_broadband")
    except IllegalStep:
        assert (refused, ticket.kind) == (True, "complaint")
        return

    assert (refused, ticket.kind) == (False, "fault")


def test_a_shorter_class_keeps_the_start(session: Session, handbook: Handbook, make_ticket: Make) -> None:
    ticket = make_ticket(session)
    step(session, handbook, ticket, "reclassify", "2026-03-02 09:20", reason="整栋楼", urgency=Urgency.URGENT)

    assert wall(ticket.response_due_at) == "2026-03-02 10:00"


def test_reopening_goes_one_rung_up_with_the_time_that_was_left(session: Session, handbook: Handbook, make_ticket: Make) -> None:
    ticket = make_ticket(session)
    step(session, handbook, ticket, "resolve", "2026-03-03 05:00", reason="已恢复")
    step(session, handbook, ticket, "reopen", "2026-03-05 05:00", who="customer", reason="又断了")

    notice = session.execute(select(Notice)).scalar_one()
    assert (ticket.rung, wall(ticket.resolution_due_at), notice.role) == (1, "2026-03-05 09:00", "leader")


def test_reopening_after_thirty_days_is_refused(session: Session, handbook: Handbook, make_ticket: Make) -> None:
    ticket = make_ticket(session)
    step(session, handbook, ticket, "resolve", "2026-03-03 05:00", reason="已恢复")

    with pytest.raises(IllegalStep):
        step(session, handbook, ticket, "reopen", "2026-04-03 05:00", who="customer", reason="又断了")


def test_a_step_sent_twice_is_taken_once(session: Session, handbook: Handbook, make_ticket: Make) -> None:
    ticket = make_ticket(session)
    first = step(session, handbook, ticket, "claim", "2026-03-02 10:00", key="request-1")
    second = step(session, handbook, ticket, "claim", "2026-03-02 10:05", key="request-1")

    assert first is second


def test_history_never_goes_back_in_time(session: Session, handbook: Handbook, make_ticket: Make) -> None:
    ticket = make_ticket(session)
    step(session, handbook, ticket, "claim", "2026-03-02 10:00")
    step(session, handbook, ticket, "note", "2026-03-02 09:59", reason="另一台机器的钟慢一分钟")

    times = session.execute(select(TicketEntry.at).order_by(TicketEntry.seq)).scalars().all()
    assert times == sorted(times)


def fired(session: Session, clock: str) -> list[str]:
    """Return the ladder steps of one clock, in order of firing."""
    query = select(LadderFiring.step).where(LadderFiring.clock == clock).order_by(LadderFiring.id)
    return list(session.execute(query).scalars())


def open_one(sessions: sessionmaker, make_ticket: Make, **more: object) -> str:
    """Open a ticket in a transaction of its own and return its number."""
    with sessions.begin() as session:
        return make_ticket(session, **more).number


def test_each_step_of_the_ladder_fires_once_at_its_time(sessions: sessionmaker, handbook: Handbook, make_ticket: Make) -> None:
    open_one(sessions, make_ticket, urgency=Urgency.URGENT)
    seen = []
    for minute in range(0, 190):
        now = at("2026-03-02 09:00") + timedelta(minutes=minute)
        for _ in range(2):
            if sweep(sessions, handbook, now=now).fired:
                seen.append(wall(now)[-5:])

    with sessions() as session:
        assert fired(session, "response") == ["50", "75", "90", "delay:202603021000", "100", "overdue:1", "overdue:2"]
    # At 10:44 and 10:54 the call is warned of that the customer was promised at 09:54.
    assert seen == ["09:30", "09:45", "09:54", "10:00", "10:44", "10:54", "11:00", "12:00"]


def test_after_a_long_stop_only_the_last_step_is_told(sessions: sessionmaker, handbook: Handbook, make_ticket: Make) -> None:
    open_one(sessions, make_ticket, urgency=Urgency.URGENT)

    sweep(sessions, handbook, now=at("2026-03-02 13:30"))

    with sessions() as session:
        rows = session.execute(select(LadderFiring.step, LadderFiring.told).where(LadderFiring.clock == "response")).all()
        assert [tuple(row) for row in rows] == [("50", False), ("75", False), ("90", False), ("100", False), ("overdue:3", True), ("delay:202603021000", True)]


def test_a_breach_climbs_and_takes_an_urgent_matter_from_its_holder(sessions: sessionmaker, handbook: Handbook, make_ticket: Make) -> None:
    number = open_one(sessions, make_ticket, urgency=Urgency.URGENT)
    with sessions.begin() as session:
        step(session, handbook, find_ticket(session, number), "claim", "2026-03-02 09:10")

    sweep(sessions, handbook, now=at("2026-03-02 10:00"))

    with sessions() as session:
        ticket = find_ticket(session, number)
        roles = set(session.execute(select(Notice.role).where(Notice.key.like("%:response:100:%"))).scalars())
        assert (ticket.rung, ticket.holder_id, roles) == (1, None, {"team", "leader", "duty_manager"})


def test_the_customer_hears_of_a_delay_before_the_due_time(sessions: sessionmaker, handbook: Handbook, make_ticket: Make) -> None:
    number = open_one(sessions, make_ticket)

    sweep(sessions, handbook, now=at("2026-03-03 06:36"))

    with sessions() as session:
        ticket = find_ticket(session, number)
        payload = session.execute(select(Delivery.payload).where(Delivery.key == f"{number}:delay:202603030900:resolution")).scalar_one()
        promise = session.execute(select(TicketClock).where(TicketClock.clock.like("callback:%"))).scalar_one()
        assert payload["values"]["new_time"].endswith("09:00")
        assert promise.due_at == ticket.resolution_due_at + timedelta(hours=24)


def test_a_forgotten_hold_is_resumed(sessions: sessionmaker, handbook: Handbook, make_ticket: Make) -> None:
    number = open_one(sessions, make_ticket)
    with sessions.begin() as session:
        ticket = find_ticket(session, number)
        step(session, handbook, ticket, "claim", "2026-03-02 09:10")
        step(session, handbook, ticket, "hold", "2026-03-02 10:00", hold_reason="part")

    swept = sweep(sessions, handbook, now=at("2026-03-04 10:00"))

    with sessions() as session:
        ticket = find_ticket(session, number)
        assert (swept.resumed, ticket.state, wall(ticket.resolution_due_at)) == (1, "processing", "2026-03-05 09:00")


def test_warnings_that_are_not_urgent_wait_for_the_morning_and_come_together(sessions: sessionmaker, handbook: Handbook, make_ticket: Make) -> None:
    open_one(sessions, make_ticket)
    open_one(sessions, make_ticket)

    sweep(sessions, handbook, now=at("2026-03-03 06:36"))

    with sessions() as session:
        mails = session.execute(select(Delivery).where(Delivery.sender == "mail")).scalars().all()
        assert {(wall(each.next_at), each.digest) for each in mails} == {("2026-03-03 07:30", f"mail:{role}:network:") for role in ("leader", "team")}


def test_nothing_fires_for_a_ticket_that_is_done(sessions: sessionmaker, handbook: Handbook, make_ticket: Make) -> None:
    number = open_one(sessions, make_ticket)
    with sessions.begin() as session:
        step(session, handbook, find_ticket(session, number), "withdraw", "2026-03-02 09:10", reason="误登记")

    assert sweep(sessions, handbook, now=at("2026-03-09 09:00")).fired == 0


def test_the_index_is_what_the_log_says(sessions: sessionmaker, handbook: Handbook, make_ticket: Make) -> None:
    number = open_one(sessions, make_ticket, urgency=Urgency.URGENT)
    sweep(sessions, handbook, now=at("2026-03-02 12:00"))

    with sessions.begin() as session:
        ticket = find_ticket(session, number)
        before = [(r.clock, r.due_at, r.next_fire_at, r.outcome) for r in session.execute(select(TicketClock).order_by(TicketClock.clock)).scalars()]
        reindex(session, handbook, ticket, now=at("2026-03-02 12:00"))
        after = [(r.clock, r.due_at, r.next_fire_at, r.outcome) for r in session.execute(select(TicketClock).order_by(TicketClock.clock)).scalars()]
        assert before == after
        assert session.execute(select(func.count()).select_from(Notice)).scalar_one() > 0


def test_several_sweeps_at_once_fire_each_step_once(
    sessions: sessionmaker, handbook: Handbook, make_ticket: Make
) -> None:
    for _ in range(12):
        open_one(sessions, make_ticket, urgency=Urgency.URGENT)

    with ThreadPoolExecutor(4) as pool:
        rounds = [pool.submit(sweep, sessions, handbook, now=at("2026-03-02 09:50")) for _ in range(4)]
    swept = [each.result() for each in rounds]

    assert (sum(each.fired for each in swept), sum(each.failed for each in swept)) == (24, 0)


def test_a_step_and_a_sweep_at_once_both_happen(
    sessions: sessionmaker, handbook: Handbook, make_ticket: Make
) -> None:
    numbers = [open_one(sessions, make_ticket, urgency=Urgency.URGENT) for _ in range(8)]

    def claim(number: str) -> None:
        with sessions.begin() as session:
            step(session, handbook, find_ticket(session, number), "claim", "2026-03-02 09:50")

    with ThreadPoolExecutor(6) as pool:
        work = [pool.submit(claim, number) for number in numbers]
        work += [pool.submit(sweep, sessions, handbook, now=at("2026-03-02 09:50")) for _ in range(3)]
    for each in work:
        each.result()

    with sessions() as session:
        states = session.execute(select(Ticket.state)).scalars().all()
        assert (set(states), len(fired(session, "response"))) == ({"processing"}, 16)
