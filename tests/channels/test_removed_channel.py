"""A channel that was taken out: what waits there goes another way or is a dead letter that says why."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from bot.channels.delivery import Deliveries
from bot.channels.removed import UNSERVED
from bot.desk.messages import deliver_pending, say
from bot.desk.notices import put_delivery
from bot.desk.outbox import DEAD, SENT, dead_letters, deliver_due, send_again
from bot.desk.senders import CustomerSender
from bot.storage.conversations import Message
from bot.storage.notices import Delivery
from tests.channels.conftest import Office, OpenOffice
from tests.channels.test_joined_customer import PHONE, bind

WORDS = "工程师明天上午与您联系，请您保持电话畅通。"


@pytest.fixture
async def office(open_office: OpenOffice) -> Office:
    return await open_office("telegram", "wechat_kf", "sms")


def without(office: Office, *removed: str, after: Any = UNSERVED) -> None:
    """Start the desk anew with channels taken out of its file."""
    office.clock.now += after
    post = office.post
    post.adapters = {id_: each for id_, each in post.adapters.items() if id_ not in removed}
    post.deliveries = Deliveries(office.desk, post.tables, post.adapters, post.line, post.writer)


async def settled(office: Office) -> None:
    """Let the desk collect what was said, and look at removed channels after that."""
    await office.deliver()
    office.clock.pass_(minutes=1)
    await office.deliver()


def written(office: Office, channel: str = "telegram", sender: str = "1", author: str = "bot") -> int:
    """Say something in a conversation, as yet undelivered; return the message."""
    conversation = office.conversation(channel, sender)
    with office.desk.sessions.begin() as session:
        message = say(session, office.desk.gate, conversation, text=WORDS, author=author, now=office.clock())
        deliver_pending(session, conversation.id, now=office.clock())
        return int(message.id)


def state(office: Office, message_id: int) -> str:
    with office.desk.sessions() as session:
        return str(session.get(Message, message_id).state)


def letters(office: Office) -> list[Delivery]:
    with office.desk.sessions() as session:
        return dead_letters(session)


def outbox(office: Office) -> None:
    """Carry out what is due in the desk's outbox."""
    desk = office.desk
    sender = CustomerSender(desk.sessions, desk.gate, desk.texts, connected=office.post.adapters)
    deliver_due(desk.sessions, desk.handbook, {"customer": sender}, now=office.clock())


def press_again(office: Office, letter: Delivery) -> None:
    """Press 重新发送 at the outbox."""
    with office.desk.sessions.begin() as session:
        send_again(session, letter.delivery_id, now=office.clock())
    outbox(office)


async def test_what_waits_on_a_removed_channel_is_a_dead_letter_that_says_why(office: Office) -> None:
    await office.converse("telegram", "1", "嗯")
    message = written(office)
    without(office, "telegram")
    await settled(office)

    [letter] = letters(office)
    assert letter.last_error == "channel_removed: Telegram已停用，客户没有其他可以联系的渠道"
    assert (letter.sender, letter.target) == ("customer", office.conversation("telegram", "1").id)
    assert (state(office, message), office.deliveries()[-1].state) == ("failed", "failed")


async def test_a_held_message_is_not_looked_at_for_two_days(office: Office) -> None:
    await office.converse("wechat_kf", "u1", "嗯")
    for _ in range(6):
        written(office, "wechat_kf", "u1")
        await office.deliver()
    assert office.deliveries()[-1].state == "held"
    held = sum(row.state == "held" for row in office.deliveries())
    without(office, "wechat_kf")
    await settled(office)

    assert {row.state for row in office.deliveries()} == {"sent", "failed"}
    assert len(letters(office)) == held


async def test_nothing_of_a_removed_channel_is_served_meanwhile(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.converse("telegram", "1", "嗯")
    written(office)
    without(office, "telegram", after=UNSERVED / 2)
    served: list[str] = []

    async def serve(conversation_id: str) -> None:
        served.append(conversation_id)

    monkeypatch.setattr(office.post.deliveries, "_serve", serve)
    for _ in range(3):
        await office.post.deliveries.round()
        await asyncio.sleep(0)

    # Another process may serve it yet: nothing is ended before its time.
    assert (served, letters(office), office.deliveries()[-1].state) == ([], [], "queued")


async def test_a_channel_that_comes_back_sends_what_waited(office: Office) -> None:
    await office.converse("telegram", "1", "嗯")
    adapters = office.post.adapters
    without(office, "telegram", after=UNSERVED / 2)
    written(office)
    await office.deliver()
    office.post.adapters = adapters
    without(office, after=UNSERVED)
    await settled(office)

    assert office.platforms["telegram"].text_to("1")[-1] == WORDS
    assert letters(office) == []


async def test_where_the_customer_has_another_channel_it_is_said_there(office: Office) -> None:
    await bind(office, "telegram", "1")
    await bind(office, "wechat_kf", "u1")
    message = written(office)
    without(office, "telegram")
    await settled(office)

    assert office.platforms["wechat_kf"].text_to("u1")[-1] == WORDS
    assert (state(office, message), letters(office)) == ("failed", [])
    assert office.deliveries()[-2].last_error == "channel_removed: Telegram已停用"


async def test_without_another_channel_an_sms_goes_to_the_proved_phone(office: Office) -> None:
    await bind(office, "telegram", "1")
    written(office)
    without(office, "telegram")
    await settled(office)

    assert office.platforms["sms"].text_to(PHONE)[-1] == WORDS
    assert letters(office) == []


def tell(office: Office) -> str:
    """Put a notice to the customer on Telegram into the outbox and carry it out."""
    with office.desk.sessions.begin() as session:
        row = put_delivery(
            session, key="k", sender="customer", target=office.conversation("telegram", "1").id,
            payload={"response": "utter_greet", "values": {}}, now=office.clock(),
        )
        id_ = row.delivery_id
    outbox(office)
    return str(id_)


async def test_a_notice_is_written_where_the_customer_can_still_be_reached(office: Office) -> None:
    await bind(office, "wechat_kf", "u1")
    await bind(office, "telegram", "1")
    without(office, "telegram")
    before = len(office.platforms["wechat_kf"].sent)
    tell(office)
    await settled(office)

    assert len(office.platforms["wechat_kf"].sent) == before + 1
    assert letters(office) == []


async def test_the_notice_itself_becomes_the_dead_letter(office: Office) -> None:
    await office.converse("telegram", "1", "嗯")
    without(office, "telegram")
    id_ = tell(office)
    await settled(office)

    assert [letter.delivery_id for letter in letters(office)] == [id_]
    press_again(office, letters(office)[0])
    assert [letter.last_error for letter in letters(office)] == ["channel_removed: 客户所用的渠道仍未接通"]


async def test_a_dead_letter_goes_out_once_its_channel_is_back(office: Office) -> None:
    await office.converse("telegram", "1", "嗯")
    written(office)
    adapters = office.post.adapters
    without(office, "telegram")
    await settled(office)
    office.post.adapters = adapters
    without(office)
    press_again(office, letters(office)[0])
    await office.deliver()
    outbox(office)
    await settled(office)

    assert office.platforms["telegram"].text_to("1")[1:] == [WORDS]
    with office.desk.sessions() as session:
        assert session.execute(select(Delivery.state)).scalars().all() == [SENT]


async def test_a_dead_letter_goes_to_the_channel_that_the_customer_found_since(office: Office) -> None:
    await office.converse("telegram", "1", "嗯")
    written(office)
    adapters = office.post.adapters
    without(office, "telegram")
    await settled(office)
    [letter] = letters(office)
    office.post.adapters = adapters
    without(office)
    await bind(office, "telegram", "1")
    await bind(office, "wechat_kf", "u1")
    without(office, "telegram")
    press_again(office, letter)
    await settled(office)

    assert office.platforms["wechat_kf"].text_to("u1")[-1] == WORDS
    assert [row.state for row in letters(office)] == []
    assert letter.state == DEAD
