"""Chapters 2.2 and 3.4: promised times get clocks; after a hand-back the bot knows what was said."""

from __future__ import annotations

from datetime import datetime, timedelta

import httpx
import pytest

from bot.desk.followup import not_yet_asked
from bot.desk.handing import said_meanwhile
from bot.desk.messages import receive_message
from bot.desk.tickets import take_step
from bot.handbook.deadlines import SHANGHAI
from bot.storage.clock import TicketClock
from bot.storage.conversations import Conversation, Message
from bot.storage.notices import Delivery
from bot.storage.tickets import Ticket
from tests.console.conftest import LocalDesk


def customer_says(local: LocalDesk, id_: str, text: str, external_id: str) -> None:
    with local.desk.sessions.begin() as session:
        conversation = session.get(Conversation, id_)
        receive_message(session, conversation, text=text, external_id=external_id, now=local.now())


def promise(local: LocalDesk, hours: float) -> tuple[str, datetime]:
    """Return a reply that promises a call at a full hour, and when that is."""
    at = (local.now() + timedelta(hours=hours)).astimezone(SHANGHAI)
    at = at.replace(minute=0, second=0, microsecond=0)
    return f"您好，我会在{at.month}月{at.day}日{at.hour}:00前给您回电说明进展。", at


def test_a_time_promised_in_a_reply_gets_a_reminder_of_its_own(
    local: LocalDesk, staff: httpx.Client, held: str
) -> None:
    number = local.ticket(held, "bill_dispute", summary="多扣了三十元")
    words, at = promise(local, 5)
    answer = staff.post(f"/conversations/{held}/reply", json={"text": words})

    page = staff.get(f"/tickets/{number}").json()["data"]
    [promised] = [entry for entry in page["history"] if entry["step"] == "promise"]
    [clock] = [each for each in page["clocks"] if each["clock"].startswith("callback")]
    with local.desk.sessions() as session:
        rows = session.query(TicketClock).join(Ticket, Ticket.id == TicketClock.ticket_id)
        row = rows.filter(Ticket.number == number, TicketClock.clock == clock["clock"]).one()
    assert (201, at) == (answer.status_code, datetime.fromisoformat(promised["data"]["by"]))
    assert at == row.due_at and row.started_at < row.next_fire_at <= at


def test_the_due_time_of_the_ticket_named_to_the_minute_is_no_new_promise(
    local: LocalDesk, staff: httpx.Client, held: str
) -> None:
    number = local.ticket(held, "bill_dispute", summary="多扣了三十元")
    with local.desk.sessions() as session:
        due = session.query(Ticket).filter_by(number=number).one().resolution_due_at.astimezone(SHANGHAI)
    words = f"您好，会在{due.month}月{due.day}日{due:%H:%M}前处理完成。"
    answer = staff.post(f"/conversations/{held}/reply", json={"text": words, "ticket": number})

    history = staff.get(f"/tickets/{number}").json()["data"]["history"]
    assert (answer.status_code, [e for e in history if e["step"] == "promise"]) == (201, [])


@pytest.mark.parametrize("leaves", ["end", "hand-back"])
def test_the_question_after_a_resolution_comes_when_the_talk_is_over(
    local: LocalDesk, staff: httpx.Client, held: str, leaves: str
) -> None:
    number = local.ticket(held, "bill_query")
    with local.desk.sessions.begin() as session:
        ticket = session.query(Ticket).filter(Ticket.number == number).one()
        for step in ({"step": "claim", "actor_id": 1}, {"step": "resolve", "reason": "已修复"}):
            take_step(session, local.desk.handbook, ticket, who="staff", now=local.now(), **step)
        waiting = session.query(Delivery).filter(Delivery.ticket_id == ticket.id).order_by(Delivery.id.desc()).first()
        assert waiting.payload["survey"]
        question = waiting.id
        waiting.next_at = local.now() + timedelta(minutes=10)  # as the outbox puts it off meanwhile
        assert not not_yet_asked(session, session.get(Conversation, held))

    assert staff.post(f"/conversations/{held}/{leaves}").status_code == 200

    with local.desk.sessions() as session:
        asked = session.get(Delivery, question)
        assert asked.next_at <= local.now()
        assert asked.state == "sent" or not_yet_asked(session, session.get(Conversation, held))


def test_a_promise_goes_to_the_ticket_that_the_reply_names(
    local: LocalDesk, staff: httpx.Client, held: str
) -> None:
    first, second = (local.ticket(held, kind) for kind in ("bill_dispute", "bill_query"))
    words, _ = promise(local, 5)
    staff.post(f"/conversations/{held}/reply", json={"text": words, "ticket": first})

    steps = {n: staff.get(f"/tickets/{n}").json()["data"]["history"] for n in (first, second)}
    assert [(first, True), (second, False)] == [
        (n, any(entry["step"] == "promise" for entry in found)) for n, found in steps.items()
    ]


def half_told(local: LocalDesk, id_: str) -> None:
    """Leave a conversation in the middle of an intake: the address is asked."""
    intake = {"type": "fault_broadband", "key": f"{id_}:1", "asking": "address",
              "asked": {"address": 2}, "words": ["宽带断了"]}  # fmt: skip
    with local.desk.sessions.begin() as session:
        session.get(Conversation, id_).dialogue = {"intake": intake}


def last_words(local: LocalDesk, id_: str) -> str:
    with local.desk.sessions() as session:
        rows = session.query(Message).filter_by(conversation_id=id_).order_by(Message.id.desc())
        return str(rows.first().text)


@pytest.mark.parametrize(
    ("told", "asking", "opening"),
    [
        ("我住城关区幸福小区3号楼", "phone_number", "还需要您提供联系电话"),
        ("城关区幸福小区3号楼，电话13800001234", "confirmation", "请问现在登记吗"),
        ("快点修好", "address", "还需要您提供地址"),
    ],
)
def test_after_a_hand_back_the_bot_goes_on_with_what_the_person_was_told(
    local: LocalDesk, staff: httpx.Client, held: str, told: str, asking: str, opening: str
) -> None:
    half_told(local, held)
    customer_says(local, held, told, "told")
    staff.post(f"/conversations/{held}/hand-back")

    with local.desk.sessions() as session:
        intake = session.get(Conversation, held).dialogue["intake"]
    assert (asking, ["宽带断了", told]) == (intake["asking"], intake["words"])
    assert opening in last_words(local, held)


def test_what_was_written_in_the_queue_is_known_after_the_hand_back(
    local: LocalDesk, staff: httpx.Client
) -> None:
    id_ = local.waiting()
    half_told(local, id_)
    customer_says(local, id_, "我住城关区幸福小区3号楼", "told in the queue")
    staff.post(f"/conversations/{id_}/claim")
    with local.desk.sessions() as session:
        said = said_meanwhile(session, session.get(Conversation, id_))
        assert "我住城关区幸福小区3号楼" in [message.text for message in said]
    staff.post(f"/conversations/{id_}/hand-back")

    with local.desk.sessions() as session:
        intake = session.get(Conversation, id_).dialogue["intake"]
    assert ("phone_number", ["宽带断了", "我住城关区幸福小区3号楼"]) == (intake["asking"], intake["words"])


def test_what_was_said_to_the_bot_is_not_told_it_again(
    local: LocalDesk, staff: httpx.Client
) -> None:
    id_ = local.waiting()
    staff.post(f"/conversations/{id_}/claim")
    with local.desk.sessions() as session:
        texts = [m.text for m in said_meanwhile(session, session.get(Conversation, id_))]

    assert "转人工" not in texts


def test_what_the_person_was_told_is_added_to_the_ticket_once_it_is_handed_back(
    local: LocalDesk, staff: httpx.Client, held: str
) -> None:
    number = local.ticket(held, "bill_dispute", summary="多扣了三十元")
    customer_says(local, held, "我电话是13800001234", "told")
    staff.post(f"/conversations/{held}/hand-back")

    with local.desk.sessions() as session:
        ticket = session.query(Ticket).filter_by(number=number).one()
        assert "13800001234" == ticket.facts["phone_number"]
        assert "supplement" == ticket.entries[-1].step
    assert number in last_words(local, held)


def test_what_was_told_before_a_transfer_is_known_after_the_hand_back_as_well(
    local: LocalDesk, staff: httpx.Client, held: str
) -> None:
    half_told(local, held)
    customer_says(local, held, "我住城关区幸福小区3号楼", "told first")
    staff.post(f"/conversations/{held}/transfer", json={"team": "billing"})
    other = local.person("staff", "billing")
    other.post(f"/conversations/{held}/claim")
    customer_says(local, held, "我电话是13800001234", "told then")
    other.post(f"/conversations/{held}/hand-back")

    with local.desk.sessions() as session:
        facts = session.get(Conversation, held).dialogue["intake"]["facts"]
    assert {"address", "phone_number"} == set(facts)
