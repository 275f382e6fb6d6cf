"""Chapters 3.1, 3.2 and 2.4: a ticket is opened once, numbered without gaps, classed by the table."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from bot.desk.intakes import open_callback_ticket, open_ticket_of_intake, read_back
from bot.desk.tickets import find_ticket, hash_phone, next_number, open_ticket, tickets_of
from bot.handbook.errors import NotFound
from bot.handbook.intake import NOT_GIVEN, Intake
from bot.handbook.requests import RequestKind, Urgency
from bot.handbook.tables import Handbook
from bot.storage.conversations import Conversation
from bot.storage.tickets import Ticket, TicketEntry

Maker = Callable[..., Conversation]
TicketMaker = Callable[..., Ticket]
THREADS = 16
OF_KIND = {
    "consult": "bill_query", "order": "relocate", "fault": "fault_tv",
    "complaint": "complaint_service", "safety": "report_hazard",
}  # fmt: skip
# Clause 2.4: class, hours to the first response, hours to the solution.
CLASSES = {
    "urgent": ("urgent", 1, 24),
    "major": ("major", 24, 48),
    "general": ("general", 24, 24),
    "consultation": ("consultation", 24, 24),
}


def open_one(session: Session, handbook: Handbook, conversation: Conversation, **more: Any) -> tuple[Ticket, bool]:
    values = {
        "type": "fault_broadband", "urgency": Urgency.GENERAL, "facts": {}, "summary": "断网",
        "signals": [], "key": "k", **more,
    }  # fmt: skip
    return open_ticket(session, handbook, conversation=conversation, **values)


@pytest.fixture
def conversation_id(sessions: sessionmaker, make_conversation: Maker) -> str:
    """Return a stored conversation's id."""
    with sessions.begin() as session:
        return make_conversation(session).id


def test_one_request_sent_by_sixteen_threads_opens_one_ticket(
    sessions: sessionmaker, handbook: Handbook, conversation_id: str, now: datetime
) -> None:
    def work(_: int) -> tuple[str, bool]:
        with sessions.begin() as session:
            conversation = session.get(Conversation, conversation_id)
            ticket, is_new = open_one(session, handbook, conversation, now=now)
            return ticket.number, is_new

    with ThreadPoolExecutor(THREADS) as pool:
        opened = list(pool.map(work, range(THREADS)))

    assert {number for number, _ in opened} == {"T20260302-000001"}
    assert sum(is_new for _, is_new in opened) == 1
    with sessions() as session:
        assert session.execute(select(func.count(TicketEntry.id))).scalar_one() == 2


def test_numbers_of_sixteen_threads_are_unique_and_without_gaps(
    sessions: sessionmaker, handbook: Handbook, conversation_id: str, now: datetime
) -> None:
    def work(number: int) -> str:
        with sessions.begin() as session:
            conversation = session.get(Conversation, conversation_id)
            return open_one(session, handbook, conversation, now=now, key=f"k{number}")[0].number

    with ThreadPoolExecutor(THREADS) as pool:
        numbers = sorted(pool.map(work, range(3 * THREADS)))

    assert numbers == [f"T20260302-{n:06d}" for n in range(1, 3 * THREADS + 1)]


def test_a_ticket_that_is_not_committed_leaves_no_gap(
    sessions: sessionmaker, handbook: Handbook, conversation_id: str, now: datetime
) -> None:
    with sessions() as session:
        open_one(session, handbook, session.get(Conversation, conversation_id), now=now)
        session.rollback()
    with sessions.begin() as session:
        ticket, _ = open_one(session, handbook, session.get(Conversation, conversation_id), now=now)

    assert ticket.number == "T20260302-000001"


@pytest.mark.parametrize(
    ("moment", "number"),
    [("2026-03-02 23:59", "T20260302-000001"), ("2026-03-03 00:00", "T20260303-000001"),
     ("2026-03-02 00:30", "T20260302-000001")],
)  # fmt: skip
def test_the_day_of_a_number_is_that_of_shanghai(
    session: Session, at: Callable[[str], datetime], moment: str, number: str
) -> None:
    assert next_number(session, at(moment)) == number


@pytest.mark.parametrize("urgency", list(Urgency))
@pytest.mark.parametrize("kind", OF_KIND)
def test_the_class_comes_from_kind_and_urgency(
    session: Session, make_ticket: TicketMaker, now: datetime, kind: str, urgency: Urgency
) -> None:
    consultation = kind == "consult" and urgency is Urgency.GENERAL
    name, respond_h, resolve_h = CLASSES["consultation" if consultation else urgency.value]
    ticket = make_ticket(session, type=OF_KIND[kind], urgency=urgency)

    assert (ticket.kind, ticket.deadline_class) == (kind, name)
    assert ticket.response_due_at == now + timedelta(hours=respond_h)
    assert ticket.resolution_due_at == now + timedelta(hours=resolve_h)


def test_every_kind_of_request_is_in_the_table_above() -> None:
    assert set(OF_KIND) == {kind.value for kind in RequestKind if kind.is_request}


def test_a_ticket_keeps_the_version_of_the_table_and_goes_to_the_team_of_its_type(
    session: Session, handbook: Handbook, make_ticket: TicketMaker
) -> None:
    ticket = make_ticket(session, type="fault_enterprise")

    assert (ticket.state, ticket.team, ticket.holder_id) == ("accepted", "enterprise", None)
    assert ticket.table_version == handbook.versions["deadlines"]


def test_the_history_begins_with_application_and_acceptance(
    session: Session, make_ticket: TicketMaker, now: datetime
) -> None:
    ticket = make_ticket(session, urgency=Urgency.MAJOR, signals=["多次报修"])
    submitted, accepted = ticket.entries

    assert [(e.seq, e.step, e.actor_kind, e.at) for e in ticket.entries] == [
        (1, "submit", "customer", now), (2, "accept", "bot", now),
    ]
    assert (submitted.to_state, accepted.from_state, accepted.to_state) == ("submitted", "submitted", "accepted")
    assert accepted.data["allowance"] == {"response_h": 24, "resolution_h": 48, "hours": "always@1"}
    assert accepted.data["signals"] == ["多次报修"]


def test_a_matter_older_than_its_ticket_keeps_its_start(
    session: Session, make_ticket: TicketMaker, now: datetime
) -> None:
    ticket = make_ticket(session, clock_started=now - timedelta(hours=5))

    assert ticket.resolution_due_at == now + timedelta(hours=19)


@pytest.mark.parametrize("type", ["astrology", "greet", "ticket_status"])
def test_a_type_that_is_no_request_opens_nothing(
    session: Session, make_ticket: TicketMaker, type: str
) -> None:
    with pytest.raises(NotFound):
        make_ticket(session, type=type, urgency=Urgency.URGENT)


def test_tickets_are_found_by_number_in_any_case(session: Session, make_ticket: TicketMaker) -> None:
    ticket = make_ticket(session)

    assert find_ticket(session, f" {ticket.number.lower()} ").id == ticket.id
    with pytest.raises(NotFound):
        find_ticket(session, "T20260302-999999")


def test_a_customer_sees_own_tickets_of_every_channel_newest_first(
    session: Session, make_ticket: TicketMaker, make_conversation: Maker
) -> None:
    web, other = make_conversation(session), make_conversation(session)
    first = make_ticket(session, conversation=web)
    make_ticket(session, conversation=other)
    last = make_ticket(session, conversation=web)

    assert [t.id for t in tickets_of(session, web)] == [last.id, first.id]


def test_a_hashed_number_does_not_depend_on_how_it_is_written() -> None:
    assert hash_phone("138 0000-0000", secret="s") == hash_phone("13800000000", secret="s")
    assert hash_phone("13800000000", secret="s") != hash_phone("13800000000", secret="t")


# -- from an intake


def taken(**more: Any) -> Intake:
    values = {
        "type": "fault_broadband", "key": "c:1:fault_broadband", "urgency": "major", "signals": ["多次报修"],
        "facts": {"address": "城关区幸福小区", "phone_number": "138****0099"}, "words": ["断网了", "138****0099"],
    }  # fmt: skip
    return Intake(**{**values, **more})


def test_an_intake_becomes_a_ticket_with_its_facts_and_words(
    session: Session, handbook: Handbook, make_conversation: Maker, now: datetime
) -> None:
    ticket, is_new = open_ticket_of_intake(
        session, handbook, make_conversation(session), taken(), secret="s", now=now
    )

    assert (is_new, ticket.deadline_class, ticket.summary) == (True, "major", "断网了\n138****0099")
    assert ticket.facts == {"address": "城关区幸福小区", "phone_number": "138****0099"}
    assert ticket.phone_hash == hash_phone("138****0099", secret="s")


def test_what_was_not_given_and_what_the_form_noted_is_no_fact(
    session: Session, handbook: Handbook, make_conversation: Maker, now: datetime
) -> None:
    intake = taken(facts={"address": NOT_GIVEN, "stuck": "address", "detail": "红灯"})
    ticket, _ = open_ticket_of_intake(
        session, handbook, make_conversation(session), intake, secret="s", now=now
    )

    assert (ticket.facts, ticket.phone_hash) == ({"detail": "红灯"}, None)


def test_an_intake_that_is_concluded_twice_opens_one_ticket(
    session: Session, handbook: Handbook, make_conversation: Maker, now: datetime
) -> None:
    conversation = make_conversation(session)
    numbers = {
        open_ticket_of_intake(session, handbook, conversation, taken(), secret="s", now=now)[0].number
        for _ in range(2)
    }
    assert len(numbers) == 1


def test_endless_words_are_cut(
    session: Session, handbook: Handbook, make_conversation: Maker, now: datetime
) -> None:
    ticket, _ = open_ticket_of_intake(
        session, handbook, make_conversation(session), taken(words=["长" * 5000]), secret="s", now=now
    )
    assert len(ticket.summary) == 2000


@pytest.mark.parametrize(
    ("text", "summary"), [("找个人说", "找个人说"), ("", "客户要求人工联系")]
)
def test_a_wish_for_a_person_out_of_hours_is_a_ticket(
    session: Session, handbook: Handbook, make_conversation: Maker, now: datetime, text: str, summary: str
) -> None:
    ticket, _ = open_callback_ticket(
        session, handbook, make_conversation(session), None, text=text, key="k", secret="s", now=now
    )
    assert (ticket.type, ticket.summary) == ("account_query", summary)


READ_BACK = [
    (taken(), "诉求类型：宽带故障；地址：“城关区幸福小区”；联系电话：138****0099；您的描述：“断网了”"),
    # The story stands for the first words; quotation marks of the customer do not end the quotation.
    (taken(facts={"detail": "他说“等着”"}), "诉求类型：宽带故障；您的描述：“他说等着”"),
    # Facts that the type does not need are not read back.
    (taken(facts={"duration": "P2D", "count": "5"}, words=[]), "诉求类型：宽带故障"),
    (taken(facts={"detail": NOT_GIVEN}, words=["断网了"]), "诉求类型：宽带故障"),
]


@pytest.mark.parametrize(("intake", "text"), READ_BACK)
def test_what_the_customer_is_asked_to_check(handbook: Handbook, intake: Intake, text: str) -> None:
    assert read_back(intake, handbook) == text


def test_a_long_story_is_read_back_in_short_and_masked(handbook: Handbook) -> None:
    told = read_back(taken(facts={"detail": "1381234" + "5678" + "长" * 90 + "，最后说的"}), handbook)

    assert "12345678" not in told
    assert "…" in told
    assert told.endswith("，最后说的”")  # what was added last is seen
