"""Chapter 4.3: lost people, passing on, relief by a ticket, and a wait that is measured."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy.orm import Session

from bot.desk import absence, handing, serving
from bot.desk.intakes import CALLBACK_KEY, open_callback_ticket
from bot.desk.tickets import record_human_response
from bot.desk.waits import expected_wait
from bot.handbook.access import Forbidden
from bot.handbook.errors import NotFound
from bot.handbook.reception import NotThere
from bot.handbook.reception_tables import load_access
from bot.handbook.tables import Handbook
from bot.storage.conversations import Conversation, Message
from bot.storage.notices import Delivery
from bot.storage.staff import StaffEvent
from bot.storage.tickets import Ticket
from tests.desk.callers import caller


def test_after_five_silent_minutes_a_held_conversation_goes_to_the_front(
    session, person, waiting, office, now
) -> None:
    row = person("a", "care")
    held, other = waiting(for_s=30), waiting(for_s=900)
    serving.claim_conversation(session, office, caller(row), held, now=now)
    before = absence.return_abandoned(session, office, now=now + timedelta(minutes=4, seconds=59))
    [returned] = absence.return_abandoned(
        session, office, now=now + timedelta(minutes=5, seconds=1)
    )

    words = (
        session.query(Message)
        .filter_by(conversation_id=held.id)
        .order_by(Message.id.desc())
        .first()
    )
    assert [] == before
    assert ("waiting", None) == (returned.state, returned.holder_id)
    assert returned.waiting_since < other.waiting_since
    assert "抱歉" in words.text


def test_when_nobody_comes_a_ticket_with_a_due_time_stands_in(
    session, person, waiting, office, now
) -> None:
    conversation = waiting(for_s=31 * 60, handoff_reason="宽带断了")
    [relieved] = absence.relieve_queue(session, office, secret="s", now=now)

    ticket = session.query(Ticket).filter_by(conversation_id=conversation.id).one()
    said = session.query(Message).filter_by(conversation_id=conversation.id).one()
    assert "bot" == relieved.state
    assert ticket.number in said.text
    assert ["3月2日（周一）09:00到12:00", "3月2日（周一）14:00到18:00", "3月2日（周一）18:00到20:00"] == [
        button["title"] for button in said.payload["buttons"]
    ]


def test_who_asked_at_night_gets_no_second_ticket_when_relieved(
    session, waiting, office, now
) -> None:
    conversation = waiting(for_s=31 * 60, handoff_reason="转人工")
    first, _ = open_callback_ticket(
        session, office.handbook, conversation, None, text="转人工", secret="s",
        key=f"{conversation.id}:7{CALLBACK_KEY}", now=now - timedelta(minutes=31),
    )
    absence.relieve_queue(session, office, secret="s", now=now)

    said = session.query(Message).filter_by(conversation_id=conversation.id).one()
    assert [first] == session.query(Ticket).all()
    assert first.number in said.text


def test_what_is_new_is_added_to_the_call_back_ticket(session, waiting, office, now) -> None:
    conversation = waiting()
    tickets = [
        open_callback_ticket(
            session, office.handbook, conversation, None, text=text, secret="s",
            key=f"{conversation.id}:{number}{CALLBACK_KEY}", now=now + timedelta(minutes=number),
        )
        for number, text in enumerate(["转人工", "留言：宽带账号被停了"])
    ]

    assert tickets == [(tickets[0][0], True), (tickets[0][0], False)]
    assert "留言：宽带账号被停了" == tickets[0][0].entries[-1].reason


def test_an_answered_call_back_ticket_is_not_taken_for_a_new_wish(
    session, person, waiting, office, now
) -> None:
    conversation = waiting()
    for number in range(2):
        ticket, is_new = open_callback_ticket(
            session, office.handbook, conversation, None, text="转人工", secret="s",
            key=f"{conversation.id}:{number}{CALLBACK_KEY}", now=now + timedelta(hours=number),
        )
        assert is_new
        record_human_response(
            session, office.handbook, ticket, staff_id=person(f"p{number}").id,
            now=now + timedelta(hours=number, minutes=5),
        )


def test_of_each_long_wait_the_team_hears_once(session, waiting, office, now) -> None:
    patience = int(office.reception.warn_wait_after.total_seconds())
    conversation = waiting(for_s=patience, team="billing")
    waiting(for_s=patience - 1)

    assert [conversation] == absence.warn_of_waiting(session, office, now=now)
    assert [] == absence.warn_of_waiting(session, office, now=now)

    sent = session.query(Delivery).one()
    assert ("webhook", "team:billing:") == (sent.sender, sent.target)
    assert (conversation.id, conversation.epoch) == (sent.payload["conversation"], sent.payload["epoch"])

    conversation.epoch += 2
    session.flush()
    assert [conversation] == absence.warn_of_waiting(session, office, now=now)


def test_nobody_is_sent_away_while_somebody_is_there(session, person, waiting, office, now) -> None:
    person("a", "care")
    waiting(for_s=31 * 60)

    assert [] == absence.relieve_queue(session, office, secret="s", now=now)


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        ({"presence": "off"}, NotThere),
        ({"presence": "break"}, NotThere),
        ({"seen_at": None}, NotThere),
        ({"seen_at": datetime(2026, 3, 2, tzinfo=timezone.utc)}, NotThere),
        ({"role": "inspector"}, Forbidden),
    ],
)
def test_nobody_passes_a_conversation_to_who_cannot_take_it(
    session, person, waiting, office, now, values, refusal
) -> None:
    row, other = person("a", "care"), person("b", "care")
    for name, value in values.items():
        setattr(other, name, value)
    held = waiting()
    serving.claim_conversation(session, office, caller(row), held, now=now)

    with pytest.raises(refusal):
        handing.transfer(
            session, office, caller(row), held, access=load_access(), person=other.id, now=now
        )
    assert (held.holder_id, held.state) == (row.id, "staff")


def test_what_a_person_holds_who_was_never_seen_goes_back_to_the_queue(
    session, person, waiting, office, now
) -> None:
    row = person("a", "care")
    row.seen_at = None
    held = waiting(state="staff", holder_id=row.id)
    returned = absence.return_abandoned(session, office, now=now)

    assert ([held], "waiting") == (returned, held.state)


def test_a_place_at_the_front_is_not_taken_for_a_long_wait(
    session, person, waiting, office, now
) -> None:
    row = person("a", "billing")
    waiting(for_s=29 * 60)
    held = waiting(team="billing")
    serving.claim_conversation(session, office, caller(row), held, now=now)
    handing.transfer(session, office, caller(row), held, access=load_access(), team="care", now=now)
    later = now + timedelta(minutes=2)

    assert [held.id] != [
        c.id for c in absence.relieve_queue(session, office, secret="s", now=later)
    ]
    assert "waiting" == held.state


def test_no_minutes_are_told_before_they_are_measured(session, person, reception, now) -> None:
    person("a", "care")
    for minute in range(2):
        _taken(session, now - timedelta(minutes=minute), waited_s=600)
    before = expected_wait(session, reception, "care", 4, now=now)
    _taken(session, now - timedelta(minutes=2), waited_s=600)
    after = expected_wait(session, reception, "care", 4, now=now)

    assert (None, 4) == (before.minutes, after.minutes)
    assert "第4位" in before.words(reception)
    assert "预计" not in before.words(reception)
    assert after.words(reception) is None


def test_with_nobody_there_no_wait_is_promised_by_day(session, person, reception, now) -> None:
    person("a", "care").seen_at = now - timedelta(hours=1)
    for minute in range(3):
        _taken(session, now - timedelta(minutes=minute), waited_s=600)
    wait = expected_wait(session, reception, "care", 1, now=now)

    assert (wait.there, wait.minutes) == (False, None)
    assert "30分钟内没有接通" in wait.words(reception)
    assert "不在线" in wait.words(reception, still=True)


def _taken(session: Session, at: datetime, *, waited_s: float) -> None:
    session.add(StaffEvent(kind="claimed", team="care", data={"waited_s": waited_s}, at=at))
    session.flush()


def test_a_customer_who_cannot_be_relieved_takes_nothing_from_the_others(
    session, waiting, office, now, monkeypatch
) -> None:
    broken, other = waiting(for_s=32 * 60), waiting(for_s=31 * 60)
    opened = absence.open_callback_ticket

    def open_one(
        session: Session, handbook: Handbook, conversation: Conversation, *rest: object, **more: object
    ) -> object:
        if conversation.id == broken.id:
            raise NotFound("没有这个诉求类型")
        return opened(session, handbook, conversation, *rest, **more)

    monkeypatch.setattr(absence, "open_callback_ticket", open_one)

    assert [other] == absence.relieve_queue(session, office, secret="s", now=now)
    assert ("waiting", "bot") == (broken.state, other.state)


def test_one_lost_person_s_conversation_that_cannot_go_back_keeps_no_other(
    session, person, waiting, office, now, monkeypatch
) -> None:
    rows = [person(name, "care") for name in ("a", "b")]
    broken, other = (waiting(state="staff", holder_id=row.id) for row in rows)
    said = absence.say

    def say(session: Session, gate: object, conversation: Conversation, **more: object) -> object:
        if conversation.id == broken.id:
            raise KeyError("a row nobody foresaw")
        return said(session, gate, conversation, **more)

    monkeypatch.setattr(absence, "say", say)
    later = now + timedelta(minutes=6)

    assert [other] == absence.return_abandoned(session, office, now=later)
    assert ("staff", "waiting") == (broken.state, other.state)


def test_one_wait_that_cannot_be_told_keeps_no_other_from_being_told(
    session, waiting, office, now, monkeypatch
) -> None:
    broken, other = waiting(for_s=600), waiting(for_s=500)
    told = absence.notify_staff

    def notify(session: Session, **more: object) -> object:
        if broken.id in str(more["key"]):
            raise KeyError("a row nobody foresaw")
        return told(session, **more)

    monkeypatch.setattr(absence, "notify_staff", notify)

    assert [other] == absence.warn_of_waiting(session, office, now=now)
