"""Chapter 3.4: the customer hears of every change of what was promised, with the time that holds now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from bot.desk import serving, ticket_links
from bot.desk.clock import sweep
from bot.desk.tickets import find_ticket, take_step
from bot.dialogue.texts import load_texts
from bot.handbook.language.checker import load_checker
from bot.handbook.requests import Urgency
from bot.handbook.tables import Handbook
from bot.storage.notices import Delivery
from bot.storage.staff import Staff
from bot.storage.tickets import Ticket
from tests.desk.callers import caller
from tests.moments import at, wall

Make = Callable[..., Ticket]


def said(session: Session, number: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the texts and their values that the customer of a ticket was sent, in order."""
    ticket = find_ticket(session, number)
    rows = session.execute(
        select(Delivery.payload).where(Delivery.sender == "customer", Delivery.ticket_id == ticket.id).order_by(Delivery.id)
    ).scalars()
    return [(row["response"], row["values"]) for row in rows]


def names(session: Session, number: str) -> list[str]:
    return [name for name, _ in said(session, number)]


def act(sessions: sessionmaker, handbook: Handbook, number: str, step: str, when: str, **more: Any) -> None:
    values = {"who": "staff", "actor_id": 7, **more}
    with sessions.begin() as session:
        take_step(session, handbook, find_ticket(session, number), step, now=at(when), **values)


@pytest.fixture
def number(sessions: sessionmaker, make_ticket: Make) -> str:
    """Open a general fault on Monday at nine, due on Tuesday at nine."""
    with sessions.begin() as session:
        return make_ticket(session).number


def delays(sessions: sessionmaker, number: str) -> list[tuple[str, str]]:
    with sessions() as session:
        return [(name, values["new_time"]) for name, values in said(session, number) if "new_time" in values]


def test_a_delay_is_told_again_after_reopening(number: str, sessions: sessionmaker, handbook: Handbook) -> None:
    sweep(sessions, handbook, now=at("2026-03-03 06:36"))
    act(sessions, handbook, number, "contact", "2026-03-03 07:00", reason="已电话说明")
    act(sessions, handbook, number, "resolve", "2026-03-03 08:00", reason="已修复")
    act(sessions, handbook, number, "reopen", "2026-03-03 12:00", who="customer", actor_id=None, reason="又断了")
    for minute in range(3):
        sweep(sessions, handbook, now=at(f"2026-03-03 12:0{minute}"))

    assert delays(sessions, number) == [
        ("utter_told_delayed", "3月4日（周三）09:00"), ("utter_told_delayed", "3月4日（周三）13:00"),
    ]


def test_no_delay_is_told_while_a_ticket_is_held(number: str, sessions: sessionmaker, handbook: Handbook) -> None:
    act(sessions, handbook, number, "claim", "2026-03-02 10:00")
    sweep(sessions, handbook, now=at("2026-03-03 06:36"))
    act(sessions, handbook, number, "contact", "2026-03-03 07:00", reason="已电话说明")
    act(sessions, handbook, number, "hold", "2026-03-03 07:30", hold_reason="part")
    for hour in range(8, 24):
        sweep(sessions, handbook, now=at(f"2026-03-03 {hour:02}:00"))
    assert len(delays(sessions, number)) == 1

    sweep(sessions, handbook, now=at("2026-03-05 07:30"))
    sweep(sessions, handbook, now=at("2026-03-05 07:31"))
    assert delays(sessions, number)[1:] == [("utter_told_delayed", "3月6日（周五）09:00")]


def test_a_call_that_will_be_late_is_told_before_and_promised_anew(number: str, sessions: sessionmaker, handbook: Handbook) -> None:
    act(sessions, handbook, number, "promise", "2026-03-02 10:00", by=at("2026-03-02 20:00"))
    sweep(sessions, handbook, now=at("2026-03-02 18:59"))
    assert delays(sessions, number) == []

    sweep(sessions, handbook, now=at("2026-03-02 19:00"))
    sweep(sessions, handbook, now=at("2026-03-02 19:01"))

    assert delays(sessions, number) == [("utter_told_call_delayed", "3月3日（周二）20:00")]


def test_an_answer_to_a_complaint_that_will_be_late_is_told_before(sessions: sessionmaker, handbook: Handbook, make_ticket: Make) -> None:
    with sessions.begin() as session:
        number = make_ticket(session, type="complaint_service").number
    act(sessions, handbook, number, "resolve", "2026-03-02 12:00", reason="已改约", cause="delay")

    sweep(sessions, handbook, now=at("2026-03-15 20:59"))
    before = delays(sessions, number)
    sweep(sessions, handbook, now=at("2026-03-15 21:00"))

    assert (before, delays(sessions, number)) == ([], [("utter_told_answer_delayed", "3月20日（周五）09:00")])


@pytest.mark.parametrize(
    ("urgency", "early", "told_at", "new_time"),
    [
        (Urgency.URGENT, "2026-03-02 09:53", "2026-03-02 09:54", "11:00"),
        (Urgency.MAJOR, "2026-03-03 06:35", "2026-03-03 06:36", "3月3日（周二）21:00"),
        (Urgency.GENERAL, "2026-03-03 06:35", "2026-03-03 06:36", None),
    ],
)
def test_a_first_response_that_will_be_late_is_told_before(
    sessions: sessionmaker, handbook: Handbook, make_ticket: Make, urgency: Urgency, early: str, told_at: str, new_time: str | None
) -> None:
    with sessions.begin() as session:
        number = make_ticket(session, urgency=urgency).number
    sweep(sessions, handbook, now=at(early))
    assert delays(sessions, number) == []

    for _ in range(2):
        sweep(sessions, handbook, now=at(told_at))

    # A general matter is to be solved at the same time, of which the customer is told already.
    found = [(name, when[-len(new_time or "") :]) for name, when in delays(sessions, number) if name == "utter_told_response_delayed"]
    assert found == ([("utter_told_response_delayed", new_time)] if new_time else [])
    act(sessions, handbook, number, "contact", told_at, reason="已致电")
    for hours in range(1, 6):
        sweep(sessions, handbook, now=at(told_at) + timedelta(hours=hours))
    assert not [name for name, _ in delays(sessions, number) if name == "utter_told_call_delayed"]


def test_a_ticket_that_nobody_touches_is_told_of_once_a_day(number: str, sessions: sessionmaker, handbook: Handbook) -> None:
    for hour in range(24 * 5):
        sweep(sessions, handbook, now=at("2026-03-02 09:00") + timedelta(hours=hour))

    found = delays(sessions, number)
    assert [name for name, _ in found] == ["utter_told_delayed", *["utter_told_call_delayed"] * 4]
    assert [when[:4] for _, when in found] == ["3月4日", "3月5日", "3月6日", "3月7日", "3月8日"]


RECLASSED = [
    # (urgency, who, when, answered, text)
    (Urgency.URGENT, "staff", "2026-03-02 09:10", False, "utter_told_reclassed"),
    (Urgency.URGENT, "staff", "2026-03-02 09:10", True, "utter_told_reclassed_answered"),
    (Urgency.URGENT, "system", "2026-03-02 11:00", False, "utter_told_reclassed_answered"),
    (Urgency.MAJOR, "leader", "2026-03-02 12:00", True, "utter_told_reclassed_answered"),
    (Urgency.URGENT, "staff", "2026-03-03 12:00", True, "utter_told_reclassed_answered"),
]


@pytest.mark.parametrize(("urgency", "who", "when", "answered", "text"), RECLASSED)
def test_another_class_is_told_with_the_times_that_hold_now(
    number: str, sessions: sessionmaker, handbook: Handbook, urgency: Urgency, who: str, when: str, answered: bool, text: str
) -> None:
    if answered:
        act(sessions, handbook, number, "contact", "2026-03-02 09:05", reason="已致电")
    act(sessions, handbook, number, "reclassify", when, who=who, urgency=urgency, reason="客户补充")

    with sessions() as session:
        [(name, values)] = said(session, number)
        ticket = find_ticket(session, number)
        assert (name, values["class_title"]) == (text, handbook.classes[ticket.deadline_class].title)
        assert values["resolve_by"].endswith(wall(ticket.resolution_due_at)[-5:])


def test_the_same_class_again_is_no_news(number: str, sessions: sessionmaker, handbook: Handbook) -> None:
    act(sessions, handbook, number, "reclassify", "2026-03-02 09:10", type="fault_tv", reason="实为电视故障")

    with sessions() as session:
        assert names(session, number) == []


def test_what_staff_take_back_is_confirmed_to_the_customer(number: str, sessions: sessionmaker, handbook: Handbook) -> None:
    act(sessions, handbook, number, "withdraw", "2026-03-02 09:10", reason="客户来电撤单")

    with sessions() as session:
        assert names(session, number) == ["utter_told_withdrawn"]


def test_the_customers_own_withdrawal_is_answered_in_the_talk(number: str, sessions: sessionmaker, handbook: Handbook) -> None:
    act(sessions, handbook, number, "withdraw", "2026-03-02 09:10", who="customer", actor_id=None, reason="客户确认撤单", confirmed=True)

    with sessions() as session:
        assert names(session, number) == []


@pytest.mark.parametrize(
    ("day", "words"),
    [("2026-03-02", "3月3日（周二）10:00前处理完成"), ("2026-03-04", "已超过承诺时限，非常抱歉，已上报班长督办")],
)
@pytest.mark.parametrize("step", ["send_back", "reopen"])
def test_a_solution_taken_back_is_told(number: str, sessions: sessionmaker, handbook: Handbook, step: str, day: str, words: str) -> None:
    act(sessions, handbook, number, "resolve", f"{day} 12:00", reason="已修复")
    act(sessions, handbook, number, step, f"{day} 13:00", who="leader", reason="未修复")

    with sessions() as session:
        name, values = said(session, number)[-1]
        assert (name, values["due_words"]) == ("utter_told_reopened", words)


def test_of_a_late_ticket_the_promised_call_is_told_and_no_time_that_is_over(
    number: str, sessions: sessionmaker, handbook: Handbook
) -> None:
    sweep(sessions, handbook, now=at("2026-03-03 06:36"))
    act(sessions, handbook, number, "claim", "2026-03-03 10:00")

    with sessions() as session:
        [_, (name, values)] = said(session, number)
        text = load_texts().render(name, **values)
        payload = session.execute(select(Delivery.payload).where(Delivery.sender == "customer").order_by(Delivery.id.desc()).limit(1)).scalar_one()
        found = load_checker(verify=False).check(text, speaker="bot", context=payload["context"], facts=payload["facts"], now=at("2026-03-03 10:00"))
    assert text.endswith("接单处理，已超过承诺时限，非常抱歉，3月4日（周三）09:00前我们会联系您说明进展。")
    assert [finding for finding in found.findings if finding.level == "block"] == []


def test_a_request_that_is_not_taken_is_told_with_the_reason(number: str, sessions: sessionmaker, handbook: Handbook) -> None:
    with sessions.begin() as session:
        find_ticket(session, number).state = "submitted"
    act(sessions, handbook, number, "reject", "2026-03-02 09:10", reason="地址不在服务区")

    with sessions() as session:
        [(name, values)] = said(session, number)
        assert (name, values["result"]) == ("utter_told_rejected", "地址不在服务区")


def test_a_merged_ticket_goes_on_under_the_other_number(
    session: Session, office: serving.Office, person: Callable[..., Staff], make_ticket: Make
) -> None:
    older = make_ticket(session)
    newer = make_ticket(session, conversation=None, now=at("2026-03-02 09:05"))
    newer.conversation_id = older.conversation_id

    ticket_links.merge_tickets(
        session, office, caller(person("wang")), newer, older, reason="同一故障", now=at("2026-03-02 09:10")
    )

    assert names(session, newer.number) == []
    [(name, values)] = said(session, older.number)
    assert (name, values["number"], values["other"]) == ("utter_told_merged", older.number, newer.number)
    assert values["resolve_by"] == "3月3日（周二）09:00"
