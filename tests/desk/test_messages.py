"""Chapter 1.3: the message ledger: stored once, checked before it is sent, dropped when stale."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from bot.desk.conversations import claim
from bot.desk.messages import (
    Gate,
    LanguageBlocked,
    deliver,
    deliver_pending,
    last_said,
    receive_message,
    replies_to,
    say,
    settle,
    shown_messages,
    unhandled_messages,
)
from bot.handbook.language.checker import load_checker
from bot.storage.conversations import Conversation, Message, Review, Verdict

Maker = Callable[..., Conversation]
GOOD = "您好，您的情况已记录，请问方便联系您的电话号码是多少？"
RUDE = "不知道，你自己看着办。"
SAFE = "您好，您的情况已收到，我为您核实后答复。"


@pytest.fixture(scope="module")
def gate() -> Gate:
    """Return the gate with the project's own rules."""
    return Gate(load_checker(verify=False), SAFE)


def receive(session: Session, conversation: Conversation, now: datetime, **more: Any) -> Message:
    values = {"text": "宽带断了", "external_id": "m1", **more}
    return receive_message(session, conversation, now=now, **values)[0]


# -- in


def test_a_message_is_stored_once_by_its_id(
    session: Session, make_conversation: Maker, now: datetime
) -> None:
    conversation = make_conversation(session)
    first, is_new = receive_message(session, conversation, text="断了", external_id="m1", now=now)
    again, again_new = receive_message(session, conversation, text="别的", external_id="m1", now=now)

    assert (again.id, again.text) == (first.id, "断了")
    assert (is_new, again_new) == (True, False)


def test_the_same_id_of_another_customer_is_another_message(
    session: Session, make_conversation: Maker, now: datetime
) -> None:
    ids = {receive(session, make_conversation(session), now).id for _ in range(2)}

    assert len(ids) == 2


def test_one_message_sent_many_times_at_once_is_stored_once(
    sessions: sessionmaker, make_conversation: Maker, now: datetime
) -> None:
    with sessions.begin() as session:
        conversation_id = make_conversation(session).id

    def send(_: int) -> tuple[int, bool]:
        with sessions.begin() as session:
            conversation = session.get(Conversation, conversation_id)
            message, is_new = receive_message(session, conversation, text="断了", external_id="m1", now=now)
            return message.id, is_new

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(send, range(8)))
    assert len({id for id, _ in done}) == 1
    assert sum(is_new for _, is_new in done) == 1


def test_messages_wait_in_order_until_a_turn_settles_them(
    session: Session, make_conversation: Maker, now: datetime
) -> None:
    conversation = make_conversation(session)
    stored = [receive(session, conversation, now, external_id=f"m{n}", text=f"{n}") for n in range(3)]
    settle(session, [stored[0].id, stored[1].id])

    assert [m.id for m in unhandled_messages(session, conversation.id)] == [stored[2].id]
    assert stored[0].state == "handled"


def test_the_last_word_of_the_customer_is_dated(
    session: Session, make_conversation: Maker, now: datetime
) -> None:
    conversation = make_conversation(session)
    receive(session, conversation, now)

    assert conversation.last_customer_at == now


# -- out


def test_a_reply_waits_with_its_verdict_and_is_sent(
    session: Session, gate: Gate, make_conversation: Maker, now: datetime
) -> None:
    conversation = make_conversation(session)
    message = say(session, gate, conversation, text=GOOD, author="bot", now=now)
    assert (message.state, message.verdict.verdict) == ("pending", "pass")

    assert deliver(session, message, now=now + timedelta(seconds=1)) is True
    assert (message.state, message.sent_at) == ("sent", now + timedelta(seconds=1))


def test_a_reply_is_sent_once(
    session: Session, gate: Gate, make_conversation: Maker, now: datetime
) -> None:
    message = say(session, gate, make_conversation(session), text=GOOD, author="bot", now=now)

    assert [deliver(session, message, now=now) for _ in range(2)] == [True, False]
    assert message.state == "sent"


def test_a_blocked_reply_of_the_bot_is_replaced_and_kept_for_review(
    session: Session, gate: Gate, make_conversation: Maker, now: datetime
) -> None:
    conversation = make_conversation(session)
    message = say(session, gate, conversation, text=RUDE, author="bot", now=now)
    [review] = session.execute(select(Review)).scalars()

    assert (message.text, message.verdict.replaced_text) == (SAFE, RUDE)
    assert (review.reason, review.conversation_id) == ("bot_reply_blocked", conversation.id)
    assert RUDE not in review.text


def test_a_blocked_reply_of_staff_is_refused_and_leaves_no_row(
    session: Session, gate: Gate, make_conversation: Maker, now: datetime
) -> None:
    conversation = make_conversation(session)
    with pytest.raises(LanguageBlocked) as refused:
        say(session, gate, conversation, text=RUDE, author="staff", now=now, staff_id=1)

    assert refused.value.code == "language_blocked"
    assert (refused.value.data["overridable"], refused.value.data["findings"] != []) == (True, True)
    assert session.execute(select(func.count(Message.id))).scalar_one() == 0


def test_a_reason_does_not_help_where_a_rule_may_not_be_overridden(
    session: Session, gate: Gate, make_conversation: Maker, now: datetime
) -> None:
    text = "请把短信验证码告诉我。"
    with pytest.raises(LanguageBlocked) as refused:
        say(session, gate, make_conversation(session), text=text, author="staff", now=now,
            staff_id=1, override_reason="客户要求")  # fmt: skip

    assert refused.value.data["overridable"] is False


@pytest.mark.parametrize("reason", ["1", "。", "哦", "123"])
def test_a_reason_that_says_nothing_is_none(
    session: Session, gate: Gate, make_conversation: Maker, now: datetime, reason: str
) -> None:
    with pytest.raises(LanguageBlocked, match="至少两个字"):
        say(session, gate, make_conversation(session), text=RUDE, author="staff", now=now,
            staff_id=7, override_reason=reason)  # fmt: skip


def test_an_override_is_written_to_the_verdict(
    session: Session, gate: Gate, make_conversation: Maker, now: datetime
) -> None:
    message = say(session, gate, make_conversation(session), text=RUDE, author="staff", now=now,
                  staff_id=7, override_reason="引用客户原话")  # fmt: skip

    assert (message.text, message.verdict.verdict) == (RUDE, "block")
    assert (message.verdict.overridden_by, message.verdict.override_reason) == (7, "引用客户原话")


def test_a_reply_made_before_a_person_took_over_is_dropped(
    session: Session, gate: Gate, make_conversation: Maker, now: datetime
) -> None:
    conversation = make_conversation(session)
    message = say(session, gate, conversation, text=GOOD, author="bot", now=now)
    claim(session, conversation, staff_id=1, epoch=0, now=now)

    assert deliver(session, message, now=now) is False
    assert (message.state, message.sent_at) == ("dropped", None)


def test_a_reply_says_under_which_epoch_it_was_made(
    session: Session, gate: Gate, make_conversation: Maker, now: datetime
) -> None:
    conversation = make_conversation(session, epoch=4)
    late = say(session, gate, conversation, text=GOOD, author="bot", now=now, epoch=3)
    current = say(session, gate, conversation, text=GOOD, author="bot", now=now)

    assert [m.id for m in deliver_pending(session, conversation.id, now=now)] == [current.id]
    assert late.state == "dropped"


def test_a_dropped_reply_is_not_sent_after_the_conversation_comes_back(
    session: Session, gate: Gate, make_conversation: Maker, now: datetime
) -> None:
    conversation = make_conversation(session)
    message = say(session, gate, conversation, text=GOOD, author="bot", now=now)
    claim(session, conversation, staff_id=1, epoch=0, now=now)
    deliver(session, message, now=now)
    conversation.epoch = 0
    session.flush()

    assert deliver_pending(session, conversation.id, now=now) == []


def test_replies_are_delivered_and_shown_in_the_order_they_were_said(
    session: Session, gate: Gate, make_conversation: Maker, now: datetime
) -> None:
    conversation = make_conversation(session)
    asked = receive(session, conversation, now)
    said = [say(session, gate, conversation, text=GOOD, author="bot", now=now, reply_to=asked.id) for _ in range(3)]
    sent = deliver_pending(session, conversation.id, now=now)

    assert [m.id for m in sent] == [m.id for m in replies_to(session, conversation.id, asked.id)] == [m.id for m in said]
    assert last_said(session, conversation.id).id == said[-1].id


def test_a_message_under_way_holds_back_what_comes_after_it(
    session: Session, gate: Gate, make_conversation: Maker, now: datetime
) -> None:
    conversation = make_conversation(session)
    first = receive(session, conversation, now)
    waiting = say(session, gate, conversation, text=GOOD, author="bot", now=now)
    second = receive(session, conversation, now, external_id="m2")
    before = [m.id for m in shown_messages(session, conversation.id)]
    deliver(session, waiting, now=now)
    after = [m.id for m in shown_messages(session, conversation.id, after=first.id)]

    assert (before, after) == ([first.id], [waiting.id, second.id])


def test_dropped_replies_and_other_conversations_are_not_shown(
    session: Session, gate: Gate, make_conversation: Maker, now: datetime
) -> None:
    conversation, other = make_conversation(session), make_conversation(session)
    dropped = say(session, gate, conversation, text=GOOD, author="bot", now=now, epoch=-1)
    deliver(session, dropped, now=now)
    receive(session, other, now)
    own = receive(session, conversation, now)

    assert [m.id for m in shown_messages(session, conversation.id)] == [own.id]


def test_every_reply_has_a_verdict_of_its_own(
    session: Session, gate: Gate, make_conversation: Maker, now: datetime
) -> None:
    conversation = make_conversation(session)
    for _ in range(3):
        say(session, gate, conversation, text=GOOD, author="bot", now=now)

    assert session.execute(select(func.count(Verdict.id))).scalar_one() == 3
