"""Chapters 2.2 and 4: who holds a conversation, changed by compare-and-set; the queue."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from bot.desk.conversations import (
    change_holder,
    claim,
    end,
    find_conversation,
    hand_back,
    hand_off,
    is_quiet_since,
    open_conversation,
    queue_place,
    reopen_by_customer,
)
from bot.handbook.errors import NotFound
from bot.handbook.handoff import LEGAL, ConversationState, IllegalHandoff, StaleHolder
from bot.handbook.requests import Urgency
from bot.handbook.tables import Handbook
from bot.storage.conversations import Conversation

Maker = Callable[..., Conversation]
MINUTE = timedelta(minutes=1)


def test_a_customer_of_a_channel_has_one_conversation(session: Session, now: datetime) -> None:
    first = open_conversation(session, channel="web", external_id="v1", now=now)
    again = open_conversation(session, channel="web", external_id="v1", now=now + MINUTE)
    other = open_conversation(session, channel="wechat", external_id="v1", now=now)

    assert again.id == first.id != other.id
    assert (first.state, first.epoch) == ("bot", 0)


def test_first_messages_at_once_make_one_conversation(sessions: sessionmaker, now: datetime) -> None:
    def arrive(_: int) -> str:
        with sessions.begin() as session:
            return open_conversation(session, channel="web", external_id="v1", now=now).id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(arrive, range(8)))) == 1
    with sessions() as session:
        assert session.execute(select(func.count(Conversation.id))).scalar_one() == 1


def test_a_conversation_that_is_not_there_is_not_found(session: Session) -> None:
    with pytest.raises(NotFound):
        find_conversation(session, "nobody")


@pytest.mark.parametrize("old", list(ConversationState))
@pytest.mark.parametrize("new", list(ConversationState))
def test_only_the_changes_of_the_table_are_made(
    session: Session, make_conversation: Maker, now: datetime, old: ConversationState, new: ConversationState
) -> None:
    conversation = make_conversation(session, state=old.value, epoch=5)
    if new in LEGAL[old]:
        change_holder(session, conversation, to=new, epoch=5, now=now)
        assert (conversation.state, conversation.epoch) == (new.value, 6)
    else:
        with pytest.raises(IllegalHandoff):
            change_holder(session, conversation, to=new, epoch=5, now=now)
        assert (conversation.state, conversation.epoch) == (old.value, 5)


def test_a_change_decided_under_an_old_epoch_is_refused(
    session: Session, make_conversation: Maker, now: datetime
) -> None:
    conversation = make_conversation(session, state="waiting", epoch=3, waiting_since=now)
    claim(session, conversation, staff_id=1, epoch=3, now=now)
    with pytest.raises(StaleHolder) as refused:
        claim(session, conversation, staff_id=2, epoch=3, now=now)

    assert refused.value.data == {"holder_id": 1, "state": "staff", "epoch": 4}
    assert (conversation.holder_id, conversation.epoch) == (1, 4)


def test_of_many_who_claim_at_once_one_gets_it(
    sessions: sessionmaker, make_conversation: Maker, now: datetime
) -> None:
    with sessions.begin() as session:
        conversation_id = make_conversation(session, state="waiting", epoch=1, waiting_since=now).id

    def try_to(staff_id: int) -> int | None:
        with sessions.begin() as session:
            try:
                claim(session, find_conversation(session, conversation_id), staff_id=staff_id, epoch=1, now=now)
            except StaleHolder:
                return None
            return staff_id

    with ThreadPoolExecutor(12) as pool:
        [winner] = [taken for taken in pool.map(try_to, range(1, 13)) if taken is not None]
    with sessions() as session:
        found = find_conversation(session, conversation_id)
        assert (found.holder_id, found.epoch) == (winner, 2)


def test_every_change_clears_what_belongs_to_the_old_state(
    session: Session, handbook: Handbook, make_conversation: Maker, now: datetime
) -> None:
    conversation = make_conversation(session)
    hand_off(session, handbook, conversation, reason="转人工", urgency=Urgency.MAJOR, now=now)
    assert (conversation.waiting_since, conversation.holder_id) == (now, None)
    claim(session, conversation, staff_id=7, epoch=1, now=now)
    assert (conversation.waiting_since, conversation.holder_id) == (None, 7)
    hand_back(session, conversation, epoch=2, now=now)
    assert (conversation.state, conversation.holder_id) == ("bot", None)
    end(session, conversation, epoch=3, now=now)
    assert (conversation.state, conversation.ended_at) == ("ended", now)


def test_a_long_reason_is_cut(
    session: Session, handbook: Handbook, make_conversation: Maker, now: datetime
) -> None:
    conversation = make_conversation(session)
    hand_off(session, handbook, conversation, reason="长" * 5000, urgency=Urgency.GENERAL, now=now)

    assert len(conversation.handoff_reason) == 200


def test_asking_again_for_a_person_keeps_the_place(
    session: Session, handbook: Handbook, make_conversation: Maker, now: datetime
) -> None:
    conversation = make_conversation(session)
    hand_off(session, handbook, conversation, reason="转人工", urgency=Urgency.GENERAL, now=now)
    place = hand_off(session, handbook, conversation, reason="快点", urgency=Urgency.URGENT, now=now + MINUTE)

    assert (place.position, conversation.waiting_since, conversation.epoch) == (1, now, 1)


# (urgency and minute of arrival of those who wait; place of the one who came at minute 10)
QUEUES = [
    ("general", [], 1),
    ("general", [("general", 5)], 2),
    ("general", [("general", 15)], 1),
    ("general", [("urgent", 15)], 2),  # more urgent goes first
    ("urgent", [("general", 5), ("major", 5)], 1),
    ("urgent", [("urgent", 5), ("urgent", 15)], 2),
    ("major", [("general", 1), ("major", 2), ("urgent", 20), ("major", 30)], 3),
]


@pytest.mark.parametrize(("urgency", "others", "position"), QUEUES)
def test_the_queue_goes_by_urgency_and_then_by_waiting(
    session: Session, handbook: Handbook, make_conversation: Maker, now: datetime,
    urgency: str, others: list[tuple[str, int]], position: int,
) -> None:  # fmt: skip
    def wait(level: str, minute: int) -> Conversation:
        return make_conversation(session, state="waiting", team=handbook.reception, urgency=level,
                                 waiting_since=now + minute * MINUTE)  # fmt: skip

    for level, minute in others:
        wait(level, minute)
    own = wait(urgency, 10)

    assert queue_place(session, handbook, own, now=now + 40 * MINUTE).position == position


def test_other_teams_do_not_stand_in_the_way(
    session: Session, handbook: Handbook, make_conversation: Maker, now: datetime
) -> None:
    make_conversation(session, state="waiting", team="network", urgency="urgent", waiting_since=now)
    conversation = make_conversation(session)

    assert hand_off(session, handbook, conversation, reason="转人工", urgency=Urgency.GENERAL, now=now).position == 1


@pytest.mark.parametrize(
    ("moment", "on_duty", "opens"),
    [
        ("2026-03-02 08:00", True, None),
        ("2026-03-02 21:59", True, None),
        ("2026-03-02 22:00", False, "2026-03-03 08:00"),
        ("2026-03-02 07:59", False, "2026-03-02 08:00"),
    ],
)
def test_out_of_hours_the_next_opening_is_named(
    session: Session, handbook: Handbook, make_conversation: Maker, at: Callable[[str], datetime],
    moment: str, on_duty: bool, opens: str | None,
) -> None:  # fmt: skip
    conversation = make_conversation(session)
    place = hand_off(session, handbook, conversation, reason="转人工", urgency=Urgency.GENERAL, now=at(moment))

    assert place.on_duty is on_duty
    assert opens is None or place.opens_at == at(opens)


def test_a_customer_who_writes_again_gets_the_bot(
    session: Session, make_conversation: Maker, now: datetime
) -> None:
    conversation = make_conversation(session, state="ended", epoch=2, dialogue={"intake": {}})
    reopen_by_customer(session, conversation, now=now)

    assert (conversation.state, conversation.epoch, conversation.dialogue) == ("bot", 3, None)


@pytest.mark.parametrize("state", ["bot", "waiting", "staff"])
def test_writing_on_changes_no_holder(
    session: Session, make_conversation: Maker, now: datetime, state: str
) -> None:
    conversation = make_conversation(session, state=state, epoch=2)
    reopen_by_customer(session, conversation, now=now)

    assert (conversation.state, conversation.epoch) == (state, 2)


@pytest.mark.parametrize(("minutes", "quiet"), [(None, True), (9, False), (10, True)])
def test_silence_is_measured_from_the_customers_last_word(
    session: Session, make_conversation: Maker, now: datetime, minutes: int | None, quiet: bool
) -> None:
    last = None if minutes is None else now - minutes * MINUTE
    conversation = make_conversation(session, last_customer_at=last)

    assert is_quiet_since(conversation, now=now, within=10 * MINUTE) is quiet
