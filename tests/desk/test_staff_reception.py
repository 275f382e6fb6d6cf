"""Chapter 4.3: offers, presence, capacity, certificates, and what the desk tells."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from bot.desk import complaints, presence, serving
from bot.desk.clock import sweep
from bot.desk.complaints import note_appeal, watch_appeals
from bot.desk.messages import receive_message
from bot.desk.qualifications import set_qualification
from bot.desk.tickets import take_step
from bot.handbook.handoff import StaleHolder
from bot.handbook.reception import AtCapacity, NotQualified, OfferedToOther, words_in
from bot.handbook.tables import Handbook
from bot.storage.clock import TicketClock
from bot.storage.conversations import Conversation
from bot.storage.notices import Notice
from bot.storage.staff import Offer
from bot.storage.tickets import Ticket, TicketEntry
from tests.desk.callers import caller


def offered(session: Session) -> list[tuple[str, int, str]]:
    rows = session.query(Offer).order_by(Offer.id)
    return [(row.conversation_id, row.staff_id, row.state) for row in rows]


def test_the_longest_idle_person_is_offered_the_most_urgent(
    session, person, waiting, reception, now
) -> None:
    person("short", "care", idle_for=10)
    long = person("long", "care", idle_for=60)
    waiting(for_s=300)
    urgent = waiting(for_s=5, urgency="urgent")
    presence.sweep_offers(session, reception, now=now)

    assert (urgent.id, long.id, "open") == offered(session)[0]


def test_an_offer_that_lapses_goes_to_the_next_person(
    session, person, waiting, reception, now
) -> None:
    first, second = person("a", "care", idle_for=60), person("b", "care", idle_for=10)
    conversation = waiting()
    presence.sweep_offers(session, reception, now=now)
    later = now + timedelta(seconds=20)
    for row in (first, second):
        row.seen_at = later
    presence.sweep_offers(session, reception, now=later)

    assert [(conversation.id, first.id, "lapsed"), (conversation.id, second.id, "open")] == offered(
        session
    )


def test_who_is_silent_for_a_minute_loses_the_offer(
    session, person, waiting, reception, now
) -> None:
    patient = replace(
        reception,
        desks={
            **reception.desks,
            "care": replace(reception.desks["care"], accept_for=timedelta(minutes=9)),
        },
    )
    lost = person("a", "care")
    waiting()
    presence.sweep_offers(session, patient, now=now)
    presence.sweep_offers(session, patient, now=now + timedelta(seconds=61))

    assert ["lapsed"] == [state for _, id_, state in offered(session) if id_ == lost.id]


@pytest.mark.parametrize(
    "values",
    [
        {"presence": "break"},
        {"presence": "off"},
        {"capacity": 0},
        {"teams": ["field"]},
        {"seen_at": None},
        {"disabled_at": "now"},
    ],
    ids=str,
)
def test_who_takes_no_work_is_offered_none(
    session, person, waiting, reception, now, values
) -> None:
    row = person("a", "care")
    for name, value in values.items():
        setattr(row, name, now if value == "now" else value)
    waiting()
    presence.sweep_offers(session, reception, now=now)

    assert [] == offered(session)


def test_an_offered_conversation_is_not_taken_by_another(
    session, person, waiting, office, reception, now
) -> None:
    mine, other = person("a", "care", idle_for=60), person("b", "care")
    conversation = waiting()
    presence.sweep_offers(session, reception, now=now)

    with pytest.raises(OfferedToOther):
        serving.claim_conversation(session, office, caller(other), conversation, now=now)
    serving.claim_conversation(session, office, caller(mine), conversation, now=now)
    assert ("staff", mine.id) == (conversation.state, conversation.holder_id)


def test_the_capacity_of_a_person_is_kept(session, person, waiting, office, now) -> None:
    row = person("a", "billing", capacity=1)
    first, second = waiting(team="billing"), waiting(team="billing")
    serving.claim_conversation(session, office, caller(row), first, now=now)

    with pytest.raises(AtCapacity):
        serving.claim_conversation(session, office, caller(row), second, now=now)


@pytest.mark.parametrize(
    ("until", "admitted"),
    [(None, False), (date(2026, 3, 1), False), (date(2026, 3, 2), True)],
)
def test_a_lapsed_certificate_takes_no_new_work(
    session, person, waiting, office, now, until, admitted
) -> None:
    desks = {
        **office.reception.desks,
        "billing": replace(office.reception.desks["billing"], needs=("service",)),
    }
    strict = replace(office, reception=replace(office.reception, desks=desks))
    row = person("a", "billing")
    if until is not None:
        set_qualification(session, row, skill="service", expires_on=until, now=now)
    conversation = waiting(team="billing")
    try:
        serving.claim_conversation(session, strict, caller(row), conversation, now=now)
        taken = True
    except NotQualified:
        taken = False

    assert admitted == taken


def hear(session: Session, ticket: Ticket, text: str, external_id: str, now: datetime) -> None:
    conversation = session.get(Conversation, ticket.conversation_id)
    receive_message(session, conversation, text=text, external_id=external_id, now=now)


def clocks_of(session: Session, ticket: Ticket) -> dict[str, datetime]:
    rows = session.query(TicketClock).filter_by(ticket_id=ticket.id)
    return {row.clock: row.due_at for row in rows}


def test_words_of_an_appeal_are_noticed_once(session, make_ticket, handbook, reception, now) -> None:
    ticket = make_ticket(session, type="complaint_service")
    tables = (handbook, reception.complaints)
    hear(session, ticket, "我要去通信管理局申诉", "a1", now)

    first = watch_appeals(session, *tables, now=now)
    hear(session, ticket, "已经打了12300", "a2", now)
    assert ([ticket], []) == (first, watch_appeals(session, *tables, now=now))
    assert 1 == session.query(TicketEntry).filter_by(step="appeal").count()


@pytest.mark.parametrize("kind", ["fault_broadband", "bill_query", "complaint_service"])
def test_an_appeal_on_any_ticket_has_fifteen_days_from_its_day(
    session, make_ticket, handbook, reception, now, kind: str
) -> None:
    ticket = make_ticket(session, type=kind)
    before = clocks_of(session, ticket)
    later = now + timedelta(days=2)
    hear(session, ticket, "我要向工信部申诉", "d1", later)
    watch_appeals(session, handbook, reception.complaints, now=later)

    [entry] = session.query(TicketEntry).filter_by(step="appeal")
    assert {f"complaint:{entry.seq}": later + timedelta(days=15)} == {
        name: due for name, due in clocks_of(session, ticket).items() if name not in before
    }
    [notice] = session.query(Notice).filter_by(kind="appeal")
    assert "须在3月19日（周四）09:00前答复" in notice.text


def test_who_only_names_a_newspaper_starts_no_clock(session, make_ticket, handbook, reception, now) -> None:
    ticket = make_ticket(session)
    tables = (handbook, reception.complaints)
    first = note_appeal(session, *tables, ticket, "我找记者曝光你们", now=now)
    assert (first.answer_due_at, {"response", "resolution"}) == (None, set(clocks_of(session, ticket)))

    second = note_appeal(session, *tables, ticket, "已经打了12300", now=now)
    assert second.answer_due_at == now + timedelta(days=15)


def test_an_appeal_is_warned_about_until_it_is_answered(
    sessions, make_ticket, handbook, reception, now
) -> None:
    with sessions.begin() as session:
        ticket = make_ticket(session, summary="再不修好我就打12300")
        number, ticket_id = ticket.number, ticket.id
        watch_appeals(session, handbook, reception.complaints, now=now)
    sweep(sessions, handbook, now=now + timedelta(days=8))
    with sessions.begin() as session:
        ticket = session.get(Ticket, ticket_id)
        told = [each.text for each in session.query(Notice) if "申诉答复" in each.text]
        take_step(session, handbook, ticket, "answer", who="staff", actor_id=7,
                  now=now + timedelta(days=9), reason="已书面答复")  # fmt: skip
    sweep(sessions, handbook, now=now + timedelta(days=16))
    with sessions.begin() as session:
        [clock] = session.query(TicketClock).filter(TicketClock.clock.startswith("complaint:"))
        later = [each.text for each in session.query(Notice) if "申诉答复" in each.text]

    assert told and number in told[0] and later == told
    assert (clock.outcome, clock.due_at) == ("met", now + timedelta(days=15))


@pytest.mark.parametrize("number", ["13812300456", "13912345678"])
def test_a_phone_number_is_no_appeal(reception, number: str) -> None:
    assert words_in(f"我的电话{number}", reception.complaints.appeal_words) == []


def test_an_appeal_without_a_ticket_calls_the_leader_once(
    session, make_conversation, handbook, reception, now
) -> None:
    conversation = make_conversation(session)
    receive_message(session, conversation, text="我要去工信部告你们", external_id="b1", now=now)
    for _ in range(2):
        watch_appeals(session, handbook, reception.complaints, now=now)

    notices = session.query(Notice).filter(Notice.kind == "appeal").all()
    assert [notice.role for notice in notices] == ["leader"]


def test_a_message_that_commits_late_is_read_all_the_same(
    session, make_ticket, handbook, reception, now
) -> None:
    tables = (handbook, reception.complaints)
    ticket = make_ticket(session, type="complaint_service")
    conversation = session.get(Conversation, ticket.conversation_id)
    late, _ = receive_message(session, conversation, text="我去12315", external_id="c1", now=now)
    late.direction = "out"  # not there yet
    receive_message(session, conversation, text="快点", external_id="c2", now=now)
    watch_appeals(session, *tables, now=now)
    late.direction = "in"

    assert watch_appeals(session, *tables, now=now) == [ticket]


def test_every_text_told_by_the_desk_passes_the_language_check(
    office: serving.Office, handbook: Handbook
) -> None:
    values = {
        "title": "李敏",
        "team_title": "账务服务组",
        "number": "T20260302-000001",
        "state_title": "处理中",
        "type_title": "宽带故障",
        "fact_title": "故障地址",
        "respond_by": "今天（3月2日周一）18:00",
        "name": "光猫.png",
        "position": 2,
        "minutes": 30,
        "time": "3月3日（周二）09:00到12:00",
    }
    words = [text.format(**values) for text in office.reception.words.values()]
    known = {
        "staff_title": "李敏",
        "resolve_by": values["respond_by"],
        "type_title": "宽带故障",
        "fact_title": "故障地址",
        **values,
    }
    words += [reply.text.format(**known) for reply in office.reception.canned]
    verdicts = {
        text: office.gate.checker.check(text, speaker="staff", turn="mid").verdict.value
        for text in words
    }

    assert {} == {text: verdict for text, verdict in verdicts.items() if verdict == "block"}


def test_a_stale_takeover_changes_nothing(session, person, waiting, office, now) -> None:
    one, two = person("a", "care"), person("b", "care")
    conversation = waiting()
    serving.claim_conversation(session, office, caller(one), conversation, now=now, epoch=1)

    with pytest.raises(StaleHolder):
        serving.claim_conversation(session, office, caller(two), conversation, now=now, epoch=1)
    assert one.id == conversation.holder_id


def test_one_conversation_that_cannot_be_offered_keeps_no_other(
    session, person, waiting, reception, now, monkeypatch
) -> None:
    person("a", "care")
    broken, other = waiting(for_s=300), waiting(for_s=30)
    chosen = presence._next_person

    def choose(session: Session, reception: object, conversation: Conversation, *rest: object, **more: object) -> object:
        if conversation.id == broken.id:
            raise KeyError("a row nobody foresaw")
        return chosen(session, reception, conversation, *rest, **more)

    monkeypatch.setattr(presence, "_next_person", choose)

    assert [other.id] == presence.sweep_offers(session, reception, now=now)


def test_one_appeal_that_cannot_be_noted_keeps_no_other(
    session, make_ticket, handbook, reception, now, monkeypatch
) -> None:
    words = {"type": "complaint_service", "summary": "我要去通信管理局申诉"}
    broken, other = make_ticket(session, **words), make_ticket(session, **words)
    noted = complaints.note_appeal

    def note(session: Session, *rest: object, **more: object) -> object:
        if broken in rest:
            raise KeyError("a row nobody foresaw")
        return noted(session, *rest, **more)

    monkeypatch.setattr(complaints, "note_appeal", note)

    assert [other] == watch_appeals(session, handbook, reception.complaints, now=now)
