"""A customer, the bot and two people on the real stack: asked for, served, passed on, given back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
from sqlalchemy.orm import sessionmaker

from bot.desk.staff import add_staff
from bot.handbook.reception_tables import load_access
from bot.storage.conversations import Conversation
from bot.storage.engine import open_engine, session_factory
from bot.storage.staff import Staff
from tests.console.conftest import PASSWORD
from tests.console.test_conversations import png
from tests.pages.chromium import PATIENCE_S
from tests.stack import Customer, Stack

pytestmark = pytest.mark.rasa
BAD = "这事儿不归我管，你自己看着办吧。"


@pytest.fixture(scope="module")
def sessions(live_stack: Stack) -> Iterator[sessionmaker]:
    """Look into the stack's database, and open the accounts."""
    engine = open_engine(live_stack.database_url)
    factory = session_factory(engine)
    with factory.begin() as session:
        for name, role, title in (("li", "staff", "李敏"), ("chen", "staff", "陈晨"), ("wang", "leader", "王强")):
            add_staff(
                session, load_access(), name=f"live-{name}", password=PASSWORD, role=role, title=title,
                teams=("care", "network", "billing"), now=datetime.now(timezone.utc), must_change=False,
            )  # fmt: skip
    yield factory
    engine.dispose()


@pytest.fixture
def person(live_stack: Stack, sessions: sessionmaker) -> Iterator[Callable[[str], httpx.Client]]:
    """Sign people in."""
    opened: list[httpx.Client] = []

    def sign_in(name: str) -> httpx.Client:
        client = httpx.Client(base_url=f"{live_stack.url}/api/v1/staff", timeout=30)
        opened.append(client)
        body = {"name": f"live-{name}", "password": PASSWORD}
        client.headers["X-CSRF-Token"] = data(client.post("/sign-in", json=body))["csrf_token"]
        return client

    yield sign_in
    for client in opened:
        client.post("/presence", json={"presence": "off", "reason": "下班"})
        client.close()


def data(answer: httpx.Response) -> dict[str, Any]:
    assert answer.is_success, answer.text
    return dict(answer.json()["data"])


def taken(client: httpx.Client, id_: str) -> dict[str, Any]:
    """Take a conversation, once it is not held out to somebody else."""
    until = time.monotonic() + 2 * PATIENCE_S
    while time.monotonic() < until:
        answer = client.post(f"/conversations/{id_}/claim")
        if answer.is_success:
            return dict(answer.json()["data"]["conversation"])
        assert answer.json()["error"]["code"] == "offered_to_other", answer.text
        time.sleep(0.5)
    raise AssertionError("the conversation could not be taken")


def heard(customer: Customer, text: str) -> dict[str, Any]:
    """Wait until the customer sees a message with the words."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        found = [m for m in customer.messages() if text in m["text"]]
        if found:
            return found[-1]
        time.sleep(0.2)
    raise AssertionError([m["text"] for m in customer.messages()])


def words_of(customer: Customer) -> list[tuple[str, str]]:
    return [(m["author"], m["text"]) for m in customer.messages()]


def test_a_customer_is_served_by_two_people_and_the_bot_goes_on_with_what_they_were_told(
    live_stack: Stack, person: Callable[[str], httpx.Client], sessions: sessionmaker
) -> None:
    customer, li, chen = live_stack.customer(), person("li"), person("chen")
    id_ = customer.conversation_id
    assert "地址" in customer.say("我家宽带断了，已经两天了").text
    # Straight from the bot: what "转人工" answers depends on the hour.
    with sessions.begin() as session:
        session.get(Conversation, id_).team = "network"
    data(li.post("/presence", json={"presence": "duty"}))
    taken(li, id_)
    heard(customer, "客服代表李敏为您服务")

    blocked = li.post(f"/conversations/{id_}/reply", json={"text": BAD})
    [finding] = [f for f in checked(li, id_, BAD)["findings"] if f.get("rewrite")][:1]
    rewritten = finding["rewrite"]["text"]
    assert (422, "language_blocked") == (blocked.status_code, blocked.json()["error"]["code"])
    data(li.post(f"/conversations/{id_}/reply", json={"text": rewritten}))
    assert "李敏" == heard(customer, rewritten)["author_name"]

    customer.post("我住城关区幸福小区3号楼2单元", wait=False)
    data(li.post(f"/conversations/{id_}/note", json={"text": "客户情绪平稳"}))
    data(li.post(f"/conversations/{id_}/attachments", files={"file": ("光猫.png", png())}))
    picture = heard(customer, "光猫.png")["attachment"]
    assert png() == httpx.get(f"{live_stack.url}{picture['url']}").content

    with sessions() as session:
        target = session.query(Staff).filter_by(name="live-chen").one().id
    data(chen.post("/presence", json={"presence": "duty"}))
    data(li.post(f"/conversations/{id_}/transfer", json={"person": target, "note": "请接着登记"}))
    data(chen.post(f"/conversations/{id_}/reply", json={"text": "您好，请问您的联系电话是多少？"}))
    data(chen.post(f"/conversations/{id_}/hand-back"))
    # Nobody else's customer is to be held out to who has gone.
    data(chen.post("/presence", json={"presence": "off", "reason": "下班"}))

    opening = heard(customer, "人工服务已结束")
    assert ("bot", "宽带故障还需要您提供联系电话") == (opening["author"], opening["text"][-16:].strip("，。"))
    assert not any("客户情绪平稳" in text for _, text in words_of(customer))
    asked = customer.say("13800001234")
    assert "地址" in asked.text and "幸福小区" in asked.text
    ticket = customer.say("确认").ticket
    assert ticket is not None and "fault_broadband" == ticket["type"]
    spoken = [text for author, text in words_of(customer) if author == "bot"]
    assert 1 == sum("人工服务已结束" in text for text in spoken)


def checked(client: httpx.Client, id_: str, text: str) -> dict[str, Any]:
    return data(client.post("/lint", json={"text": text, "conversation": id_}))


def test_whoever_asks_for_a_person_is_offered_to_one(
    live_stack: Stack, person: Callable[[str], httpx.Client]
) -> None:
    customer, li = live_stack.customer(), person("li")
    data(li.post("/presence", json={"presence": "duty"}))
    answer = customer.say("转人工")
    assert answer.text
    shown = taken(li, customer.conversation_id)

    assert ("staff", "李敏") == (shown["state"], shown["holder"]["title"])
    heard(customer, "客服代表李敏为您服务")
    data(li.post(f"/conversations/{customer.conversation_id}/end"))


def test_a_leader_approves_a_waiver_that_staff_may_then_promise(
    live_stack: Stack, person: Callable[[str], httpx.Client]
) -> None:
    customer, li, wang = live_stack.customer(), person("li"), person("wang")
    id_ = customer.conversation_id
    customer.say("转人工")
    taken(li, id_)
    body = {"type": "bill_dispute", "summary": "重复扣费八十八元"}
    number = data(li.post(f"/conversations/{id_}/tickets", json=body))["ticket"]["number"]
    sum_ = {"kind": "waiver", "amount": 88, "reason": "重复扣费"}
    asked = data(li.post(f"/tickets/{number}/approvals", json=sum_))["approvals"][0]
    promise = {"text": "您好，我给您减免88元话费。", "ticket": number}
    before = li.post(f"/conversations/{id_}/reply", json=promise)
    data(wang.post(f"/approvals/{asked['id']}/approve", json={"note": "同意"}))
    after = li.post(f"/conversations/{id_}/reply", json=promise)

    assert ("open", 422, 201) == (asked["state"], before.status_code, after.status_code), after.text
    data(li.post(f"/conversations/{id_}/end"))


def test_a_lost_connection_brings_the_conversation_back_to_the_queue(
    live_stack: Stack, person: Callable[[str], httpx.Client], sessions: sessionmaker
) -> None:
    customer, chen = live_stack.customer(), person("chen")
    id_ = customer.conversation_id
    customer.say("转人工")
    taken(chen, id_)
    with sessions.begin() as session:
        # As after more than five minutes without a sign of life.
        lost = session.query(Staff).filter_by(name="live-chen").one()
        lost.seen_at = datetime.now(timezone.utc) - timedelta(minutes=6)

    heard(customer, "连接中断")
    with sessions() as session:
        conversation = session.get(Conversation, id_)
        assert ("waiting", None) == (conversation.state, conversation.holder_id)
