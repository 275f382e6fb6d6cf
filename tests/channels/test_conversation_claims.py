"""A waiting customer is told of as a card; its button claims the conversation, for the first of them."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.orm import Session, sessionmaker

from bot.channels.adapter import Inbound
from bot.channels.staff_chat import title_of
from bot.channels.staff_claims import answer_claim
from bot.desk import absence
from bot.desk.conversations import change_holder, hand_off, open_conversation
from bot.desk.messages import Gate
from bot.desk.outbox import Outgoing
from bot.desk.serving import Office as Serving
from bot.desk.staff import add_staff
from bot.handbook.handoff import ConversationState
from bot.handbook.reception_tables import load_access, load_reception
from bot.handbook.requests import Urgency
from bot.handbook.tables import Handbook
from bot.storage.conversations import Conversation, Message
from bot.storage.notices import Delivery
from bot.storage.staff import Offer, Staff
from tests.channels.conftest import Office, OpenOffice
from tests.channels.test_staff_claims import STAFF, cards

NAMES = ("wecom", "dingtalk", "feishu")
PEOPLE = (("zhang", "张工", []), ("li", "李工", []), ("far", "远工", ["billing"]))


def add_people(session: Session, now: datetime) -> None:
    for account, title, teams in PEOPLE:
        add_staff(
            session, load_access(), name=account, title=title, password="Long-enough-7!", role="staff",
            teams=teams, now=now, must_change=False,
        )


def queued(session: Session, handbook: Handbook, since: datetime) -> Conversation:
    conversation = open_conversation(session, channel="sms", external_id="13900000001", now=since)
    hand_off(session, handbook, conversation, reason="客户要求人工", urgency=Urgency.GENERAL, now=since, team="care")
    return conversation


async def warned(open_office: OpenOffice, name: str) -> Office:
    """Open an office whose only customer has waited too long, and tell those it concerns."""
    office = await open_office(name, "sms", **{name: {"staff": STAFF}})
    await office.converse("sms", "13900000001", "嗯")
    desk, now = office.desk, office.clock()
    reception = load_reception()
    with desk.sessions.begin() as session:
        add_people(session, now)
        queued(session, desk.handbook, now - reception.warn_wait_after)
        assert absence.warn_of_waiting(session, Serving(desk.handbook, reception, desk.gate), now=now)
        sent = session.query(Delivery).filter_by(sender="webhook").one()
        outgoing = Outgoing(sent.delivery_id, sent.sender, sent.target, sent.payload, 1, now)
    await asyncio.to_thread(cards(office).send, outgoing, now=now)
    return office


def shown(office: Office, name: str) -> dict[str, Any]:
    return {sent.to: sent for sent in office.platforms[name].sent}


def holder(office: Office) -> str | None:
    held = office.conversation("sms", "13900000001")
    with office.desk.sessions() as session:
        staff = session.get(Staff, held.holder_id) if held.holder_id else None
        return staff.name if staff else None


@pytest.mark.parametrize("name", NAMES)
async def test_the_first_press_takes_the_customer_and_the_second_is_told_by_whom(
    open_office: OpenOffice, name: str
) -> None:
    office = await warned(open_office, name)
    platform: Any = office.platforms[name]
    card = shown(office, name)
    assert set(card) == {"u-zhang", "u-li"}

    for who in ("u-zhang", "u-li", "u-zhang"):
        await office.receive(name, platform.press(card[who]))
    await office.deliver()

    assert holder(office) == "zhang"
    assert "张工" in platform.text_to("u-li")[-1] and "张工" not in platform.text_to("u-zhang")[-1]
    assert "张工" in office.platforms["sms"].text_to("13900000001")[-1]


@pytest.mark.parametrize("who", ["u-far", "u-gone", "u-stranger"])
async def test_who_may_not_serve_the_customer_does_not_get_them(open_office: OpenOffice, who: str) -> None:
    office = await warned(open_office, "feishu")
    platform: Any = office.platforms["feishu"]
    await office.receive("feishu", platform.press(replace(shown(office, "feishu")["u-li"], to=who)))

    assert holder(office) is None


async def test_a_card_of_an_earlier_wait_claims_nothing(open_office: OpenOffice) -> None:
    office = await warned(open_office, "wecom")
    platform: Any = office.platforms["wecom"]
    with office.desk.sessions.begin() as session:
        held = session.query(Conversation).filter_by(channel="sms").one()
        change_holder(session, held, to=ConversationState.BOT, epoch=held.epoch, now=office.clock())
    await office.receive("wecom", platform.press(shown(office, "wecom")["u-li"]))
    await office.deliver()

    assert holder(office) is None
    assert platform.text_to("u-li")[-1] == "客户已不在排队，无需接入。"


def test_the_card_says_that_it_is_about_a_conversation() -> None:
    titles = [title_of({"level": "warning", **more}) for more in ({}, {"conversation": "c"})]
    assert titles == ["工单预警", "会话预警"]


# -- both databases -------------------------------------------------------------------------------


class Presses:
    """Presses on cards of one customer, straight into the database."""

    def __init__(self, sessions: sessionmaker, handbook: Handbook, gate: Gate, now: datetime) -> None:
        self.sessions, self.now = sessions, now
        self.desk = SimpleNamespace(handbook=handbook, gate=gate)
        with sessions.begin() as session:
            add_people(session, now)
            conversation = queued(session, handbook, now - timedelta(minutes=5))
            self.id, self.key = conversation.id, f"{conversation.id}:{conversation.epoch}"

    def by(self, person: str) -> str | None:
        adapter: Any = SimpleNamespace(staff=STAFF)
        inbound = Inbound("event", "1", person, "", self.now, payload={"claim": self.key}, event="claim")
        with self.sessions.begin() as session:
            return answer_claim(session, self.desk, adapter, inbound, set(), now=self.now)


@pytest.fixture
def presses(sessions: sessionmaker, handbook: Handbook, spoken: tuple[Gate, Any], now: datetime) -> Presses:
    return Presses(sessions, handbook, spoken[0], now)


def test_of_two_who_press_at_once_one_gets_the_customer(presses: Presses) -> None:
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(presses.by, ["u-zhang", "u-li"]))

    with presses.sessions() as session:
        held = session.get(Conversation, presses.id)
        holder = session.get(Staff, held.holder_id)
        greetings = session.query(Message).filter_by(conversation_id=presses.id).all()
    winner = {"zhang": 0, "li": 1}[holder.name]
    assert told[winner] == "接入成功，请在5分钟内到工作台答复客户。"
    assert told[1 - winner] == f"该会话已由{holder.title}接待。"
    assert [message.state for message in greetings] == ["sent"]


def test_a_refused_press_leaves_nothing_behind(presses: Presses) -> None:
    with presses.sessions.begin() as session:
        staff = session.query(Staff).filter_by(name="zhang").one()
        staff.capacity = 0
        held = session.get(Conversation, presses.id)
        session.add(
            Offer(
                conversation_id=held.id, epoch=held.epoch, round=0, staff_id=staff.id, state="open",
                offered_at=presses.now, expires_at=presses.now + timedelta(minutes=1),
            )
        )
    told = presses.by("u-zhang")

    with presses.sessions() as session:
        assert session.query(Offer).one().state == "open"
        assert session.get(Conversation, presses.id).state == "waiting"
    assert told is not None and "上限" in told
