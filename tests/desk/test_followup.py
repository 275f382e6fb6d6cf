"""The closed loop of 3.5: asked on the same channel, answered in words, closed or reopened."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from bot.desk.clock import sweep
from bot.desk.followup import answer_survey
from bot.desk.tickets import find_ticket, take_step
from bot.handbook.requests import Urgency
from bot.handbook.tables import Handbook
from bot.storage.clock import Improvement, Survey
from bot.storage.conversations import Conversation
from bot.storage.notices import Delivery, Notice
from bot.storage.tickets import Ticket
from tests.moments import at, wall

Make = Callable[..., Ticket]


def resolved(sessions: sessionmaker, handbook: Handbook, make_ticket: Make, **more: object) -> str:
    """Open and resolve a ticket at 10:00 and return its number."""
    with sessions.begin() as session:
        ticket = make_ticket(session, **more)
        take_step(session, handbook, ticket, "resolve", who="staff", actor_id=7, now=at("2026-03-02 10:00"), reason="线路已修复")
        return ticket.number


def say(session: Session, handbook: Handbook, number: str, text: str, when: str) -> tuple[str, str]:
    """Answer the survey in words; return the outcome and the ticket's state."""
    ticket = find_ticket(session, number)
    conversation = session.get(Conversation, ticket.conversation_id)
    outcome = answer_survey(session, handbook, conversation, now=at(when), text=text)
    return outcome.kind, ticket.state


@pytest.mark.parametrize(
    ("answers", "outcomes"),
    [
        (["解决了，5分"], [("closed", "closed")]),
        (["已解决", "4分"], [("ask_score", "confirmed"), ("closed", "closed")]),
        (["很满意"], [("closed", "closed")]),
        (["没有解决"], [("reopened", "processing")]),
        (["还是上不了网"], [("reopened", "processing")]),
        (["2分"], [("ask_solved", "resolved")]),
        (["2分", "解决了"], [("ask_solved", "resolved"), ("closed", "closed")]),
        (["1分，根本没修好"], [("reopened", "processing")]),
        (["你们上班到几点"], [("noted", "resolved")]),
        (["解决了，5分", "4分"], [("closed", "closed"), ("none", "closed")]),
    ],
    ids=lambda value: "，".join(value) if isinstance(value[0], str) else "",
)
def test_an_answer(
    sessions: sessionmaker, handbook: Handbook, make_ticket: Make, answers: list[str], outcomes: list[tuple[str, str]]
) -> None:
    number = resolved(sessions, handbook, make_ticket)
    with sessions() as session:
        found = [say(session, handbook, number, text, f"2026-03-02 11:0{n}") for n, text in enumerate(answers)]

    assert [outcome for outcome in found if outcome[0] != "none"] == [o for o in outcomes if o[0] != "none"]


def test_not_solved_is_one_rung_up_and_asked_again_in_the_next_cycle(sessions: sessionmaker, handbook: Handbook, make_ticket: Make) -> None:
    number = resolved(sessions, handbook, make_ticket)
    with sessions.begin() as session:
        say(session, handbook, number, "没有解决", "2026-03-02 11:00")
        ticket = find_ticket(session, number)
        take_step(session, handbook, ticket, "resolve", who="staff", now=at("2026-03-02 12:00"), reason="重新熔接光纤")

    with sessions() as session:
        cycles = session.execute(select(Survey.cycle, Survey.state).order_by(Survey.cycle)).all()
        assert (find_ticket(session, number).rung, [tuple(c) for c in cycles]) == (1, [(1, "unsolved"), (2, "asking")])


def asked(sessions: sessionmaker) -> list[tuple[str, str]]:
    """Return what the customer was asked and when."""
    with sessions() as session:
        rows = session.execute(select(Delivery).where(Delivery.sender == "customer").order_by(Delivery.id)).scalars()
        return [(row.payload["response"], wall(row.created_at)) for row in rows]


def sweep_hours(sessions: sessionmaker, handbook: Handbook, *, hours: int) -> None:
    """Sweep every half hour of virtual time after the resolution."""
    for half in range(hours * 2 + 1):
        sweep(sessions, handbook, now=at("2026-03-02 10:00") + timedelta(minutes=30 * half))


def test_silence_is_filed_as_unconfirmed_after_three_asks(sessions: sessionmaker, handbook: Handbook, make_ticket: Make) -> None:
    number = resolved(sessions, handbook, make_ticket)

    sweep_hours(sessions, handbook, hours=80)

    assert asked(sessions) == [
        ("utter_told_resolved", "2026-03-02 10:00"), ("utter_survey_second", "2026-03-03 10:00"),
        ("utter_survey_last", "2026-03-04 10:00"), ("utter_told_closed_unconfirmed", "2026-03-05 10:00"),
    ]
    with sessions() as session:
        assert find_ticket(session, number).state == "closed_unconfirmed"


def test_nobody_is_asked_at_night(sessions: sessionmaker, handbook: Handbook, make_ticket: Make) -> None:
    resolved(sessions, handbook, make_ticket, urgency=Urgency.URGENT)

    sweep_hours(sessions, handbook, hours=24)

    assert asked(sessions)[1] == ("utter_survey_second", "2026-03-03 08:30")


def test_a_person_calls_where_the_class_demands_it(sessions: sessionmaker, handbook: Handbook, make_ticket: Make) -> None:
    number = resolved(sessions, handbook, make_ticket, urgency=Urgency.MAJOR)

    sweep_hours(sessions, handbook, hours=120)

    with sessions() as session:
        calls = session.execute(select(Notice.role).where(Notice.kind == "call").order_by(Notice.id)).scalars().all()
        assert (find_ticket(session, number).state, calls) == ("resolved", ["team", "leader"])


def test_a_low_mark_makes_an_improvement_item_and_tells_the_leader_once(sessions: sessionmaker, handbook: Handbook, make_ticket: Make) -> None:
    number = resolved(sessions, handbook, make_ticket)
    with sessions.begin() as session:
        say(session, handbook, number, "1分，态度很差", "2026-03-02 11:00")
        say(session, handbook, number, "解决了", "2026-03-02 11:01")

    with sessions() as session:
        item = session.execute(select(Improvement)).scalar_one()
        roles = session.execute(select(Notice.role).where(Notice.kind == "low_mark")).scalars().all()
        assert (wall(item.due_at), roles, find_ticket(session, number).satisfaction) == ("2026-03-03 11:00", ["leader"], 1)


def test_solved_without_a_mark_is_closed_after_a_day(sessions: sessionmaker, handbook: Handbook, make_ticket: Make) -> None:
    number = resolved(sessions, handbook, make_ticket)
    with sessions.begin() as session:
        say(session, handbook, number, "已解决", "2026-03-02 11:00")

    sweep(sessions, handbook, now=at("2026-03-03 11:00"))

    with sessions() as session:
        assert find_ticket(session, number).state == "closed"


def test_a_confirmation_that_a_person_records_asks_for_the_mark_once_and_closes(
    sessions: sessionmaker, handbook: Handbook, make_ticket: Make
) -> None:
    number = resolved(sessions, handbook, make_ticket)
    with sessions.begin() as session:
        ticket = find_ticket(session, number)
        take_step(session, handbook, ticket, "confirm", who="staff", actor_id=7, now=at("2026-03-02 12:00"), reason="客户说已能上网")
        survey = session.execute(select(Survey)).scalar_one()
        assert (survey.state, survey.solved) == ("score", True)

    sweep_hours(sessions, handbook, hours=80)

    assert asked(sessions) == [("utter_told_resolved", "2026-03-02 10:00"), ("utter_survey_ask_score", "2026-03-02 12:00")]
    with sessions() as session:
        assert (find_ticket(session, number).state, wall(find_ticket(session, number).closed_at)) == ("closed", "2026-03-03 12:00")


def test_a_mark_after_a_confirmation_that_a_person_recorded_closes_the_ticket(
    sessions: sessionmaker, handbook: Handbook, make_ticket: Make
) -> None:
    number = resolved(sessions, handbook, make_ticket)
    with sessions.begin() as session:
        take_step(session, handbook, find_ticket(session, number), "confirm", who="staff", actor_id=7, now=at("2026-03-02 12:00"), reason="客户说已能上网")

    with sessions.begin() as session:
        assert say(session, handbook, number, "4分", "2026-03-02 13:00") == ("closed", "closed")


def test_a_ticket_left_confirmed_with_its_survey_still_asking_is_closed(
    sessions: sessionmaker, handbook: Handbook, make_ticket: Make
) -> None:
    number = resolved(sessions, handbook, make_ticket)
    with sessions.begin() as session:
        take_step(session, handbook, find_ticket(session, number), "confirm", who="staff", actor_id=7, now=at("2026-03-02 12:00"), reason="客户说已能上网")
        survey = session.execute(select(Survey)).scalar_one()
        survey.state, survey.next_at = "asking", at("2026-03-03 10:00")

    sweep_hours(sessions, handbook, hours=30)

    with sessions() as session:
        assert find_ticket(session, number).state == "closed"
