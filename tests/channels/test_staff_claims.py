"""Warnings as cards to people, claimed by their button: by those who may, by the first of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bot.channels.adapter import SENT, Adapter, Delivery, Line, Outbound, Picture, Rejected
from bot.channels.feishu import Feishu
from bot.channels.staff_cards import StaffCards
from bot.desk.outbox import DeliveryError, Outgoing
from bot.desk.staff import add_staff
from bot.handbook.reception_tables import load_access
from bot.storage.tickets import Ticket
from tests.channels.conftest import Office, OpenOffice

NAMES = ("wecom", "dingtalk", "feishu")
STAFF = {"u-zhang": "zhang", "u-li": "li", "u-far": "far", "u-gone": "nobody"}
REQUEST = "我家宽带断网了，在城关区幸福小区3号楼"


async def opened(open_office: OpenOffice, name: str) -> tuple[Office, str]:
    """Open an office with three people at the desk, and one ticket."""
    office = await open_office(name, "sms", **{name: {"staff": STAFF}})
    with office.desk.sessions.begin() as session:
        for account, title, teams in (("zhang", "张工", []), ("li", "李工", []), ("far", "远工", ["billing"])):
            add_staff(
                session, load_access(), name=account, title=title, password="Long-enough-7!", role="staff",
                teams=teams, now=office.clock(), must_change=False,
            )
    await office.converse("sms", "13900000001", REQUEST)
    with office.desk.sessions() as session:
        return office, session.query(Ticket).one().number


def warning(office: Office, number: str, **more: Any) -> Outgoing:
    payload = {"kind": "ladder", "level": "warning", "text": f"工单{number}已到时限的75%", "role": "team", "team": "network", "staff_id": None, "ticket": number}
    return Outgoing("n-1", "webhook", "team:network:", {**payload, **more}, 1, office.clock())


def cards(office: Office) -> StaffCards:
    return StaffCards(
        office.desk.sessions, office.post.adapters, "https://desk.example", office.post.send_from_thread
    )


async def warn(office: Office, number: str, **more: Any) -> None:
    await asyncio.to_thread(cards(office).send, warning(office, number, **more), now=office.clock())


def holder(office: Office) -> str | None:
    with office.desk.sessions() as session:
        ticket = session.query(Ticket).one()
        names = {1: "zhang", 2: "li", 3: "far"}
        return names.get(ticket.holder_id)


def told(office: Office, name: str, who: str) -> str:
    return office.platforms[name].text_to(who)[-1]


@pytest.mark.parametrize("name", NAMES)
async def test_the_first_press_claims_and_the_second_is_told_by_whom(open_office: OpenOffice, name: str) -> None:
    office, number = await opened(open_office, name)
    platform: Any = office.platforms[name]
    await warn(office, number)
    shown = {sent.to: sent for sent in platform.sent}
    assert set(shown) == {"u-zhang", "u-li"} and all(number in sent.text or name == "wecom" for sent in shown.values())

    await office.receive(name, platform.press(shown["u-zhang"]))
    await office.receive(name, platform.press(shown["u-li"]))
    await office.receive(name, platform.press(shown["u-zhang"]))
    await office.deliver()

    assert holder(office) == "zhang"
    assert "张工" in told(office, name, "u-li")
    assert number in platform.text_to("u-zhang")[1]


@pytest.mark.parametrize("name", NAMES)
async def test_a_press_that_is_not_the_platforms_claims_nothing(open_office: OpenOffice, name: str) -> None:
    office, number = await opened(open_office, name)
    platform: Any = office.platforms[name]
    await warn(office, number)
    posted = platform.press(platform.sent[0])
    changed = {
        "wecom": replace(posted, query={**posted.query, "msg_signature": "0" * 40}),
        "dingtalk": replace(posted, headers={**posted.headers, "sign": "AAAA"}),
        "feishu": replace(posted, headers={**posted.headers, "X-Lark-Signature": "0" * 64}),
    }[name]

    with pytest.raises(Rejected):
        await office.receive(name, changed)
    assert holder(office) is None


@pytest.mark.parametrize("who", ["u-far", "u-gone", "u-stranger"])
@pytest.mark.parametrize("name", NAMES)
async def test_who_may_not_take_the_ticket_does_not_get_it(open_office: OpenOffice, name: str, who: str) -> None:
    office, number = await opened(open_office, name)
    platform: Any = office.platforms[name]
    await warn(office, number)

    await office.receive(name, platform.press(replace(platform.sent[0], to=who)))
    await office.deliver()

    assert holder(office) is None


async def test_written_words_claim_too_and_a_customers_do_not(open_office: OpenOffice) -> None:
    office, number = await opened(open_office, "feishu")
    await office.receive("sms", office.platforms["sms"].message("13900000001", f"认领 {number}"))
    assert holder(office) is None
    await office.converse("feishu", "u-li", f"认领{number}")
    assert holder(office) == "li" and number in told(office, "feishu", "u-li")


async def test_a_notice_for_one_person_goes_to_that_person(open_office: OpenOffice) -> None:
    office, number = await opened(open_office, "feishu")
    await warn(office, number, staff_id=2)
    assert [sent.to for sent in office.platforms["feishu"].sent] == ["u-li"]


async def test_a_repetition_leaves_out_who_has_the_card(open_office: OpenOffice) -> None:
    office, number = await opened(open_office, "feishu")
    asked: list[str] = []

    def send(_adapter: Adapter, outbound: Outbound) -> Delivery:
        asked.append(outbound.target)
        return Delivery("retry", error="busy") if len(asked) == 2 else Delivery(SENT)

    sender, notice = replace(cards(office), send_by=send), warning(office, number)
    with pytest.raises(DeliveryError) as failed:
        sender.send(notice, now=office.clock())
    assert not failed.value.permanent
    sender.send(notice, now=office.clock())

    assert asked == ["u-zhang", "u-li", "u-li"]


class Webhook:
    """The next sender; it keeps what it was sent."""

    def __init__(self) -> None:
        self.got: list[str] = []

    def send(self, outgoing: Outgoing, *, now: datetime) -> None:
        self.got.append(outgoing.id)


async def test_a_card_that_must_wait_keeps_no_other_back(open_office: OpenOffice) -> None:
    office, number = await opened(open_office, "feishu")
    asked: list[str] = []

    def send(_adapter: Adapter, outbound: Outbound) -> Delivery:
        asked.append(outbound.target)
        return Delivery("retry", error="busy") if len(asked) == 1 else Delivery(SENT)

    then = Webhook()
    sender, notice = replace(cards(office), send_by=send, then=then), warning(office, number)
    with pytest.raises(DeliveryError) as failed:
        sender.send(notice, now=office.clock())

    assert (asked, then.got, failed.value.permanent) == (["u-zhang", "u-li"], ["n-1"], False)
    sender.send(notice, now=office.clock())
    assert (asked, then.got) == (["u-zhang", "u-li", "u-zhang"], ["n-1"])


async def test_an_adapter_that_stumbles_over_one_card_keeps_no_other_back(
    open_office: OpenOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, number = await opened(open_office, "feishu")
    send, stumbled = Feishu.send, []

    async def stumble(self: Feishu, outbound: Outbound, line: Line) -> Delivery:
        if not stumbled:
            stumbled.append(outbound.target)
            raise KeyError("data")
        return await send(self, outbound, line)

    monkeypatch.setattr(Feishu, "send", stumble)
    with pytest.raises(DeliveryError):
        await warn(office, number)

    assert (stumbled, [sent.to for sent in office.platforms["feishu"].sent]) == (["u-zhang"], ["u-li"])


@pytest.mark.parametrize("name", ["dingtalk", "feishu"])
async def test_a_picture_arrives_as_a_picture(open_office: OpenOffice, name: str, tmp_path: Path) -> None:
    office = await open_office(name)
    path = tmp_path / "site.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\npixels")
    outbound = Outbound("a" * 32, "u-1", "", picture=Picture("site.png", "image/png", path))

    delivery = await office.adapter(name).send(outbound, office.post.line)

    platform: Any = office.platforms[name]
    assert delivery.state == SENT
    assert list(platform.uploaded.values()) == [path.read_bytes()] and platform.sent[0].to == "u-1"
