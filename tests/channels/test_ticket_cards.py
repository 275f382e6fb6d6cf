"""A customer's ticket as a card where the messenger has cards, as text where it has none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.desk.messages import deliver_pending, say
from bot.storage.channels import ChannelAccount
from bot.storage.conversations import Conversation
from tests.channels.conftest import BUILDERS, Office, OpenOffice
from tests.channels.simulators.platform import Sent

REQUEST = "我家宽带断网了，在城关区幸福小区3号楼"
CARDS = ("wecom", "dingtalk", "feishu", "wechat_kf")
TEXTS = tuple(name for name in BUILDERS if name not in CARDS)


def is_card(name: str, sent: Sent) -> bool:
    """Tell whether the platform was handed a card, by the field that only a card has."""
    shown: dict[str, Any] = {
        "wecom": sent.extra.get("template_card"), "dingtalk": sent.extra.get("singleURL"),
        "feishu": sent.extra.get("shown", {}).get("elements"), "wechat_kf": sent.extra.get("msgmenu"),
    }
    return bool(shown.get(name))


async def told(office: Office, name: str, text: str, **payload: Any) -> Sent:
    """Let the desk say something in the only conversation; return what the platform got."""
    with office.desk.sessions.begin() as session:
        [conversation] = session.query(Conversation).all()
        say(session, office.desk.gate, conversation, text=text, author="bot", now=office.clock(), payload=payload)
        deliver_pending(session, conversation.id, now=office.clock())
    await office.deliver()
    return office.platforms[name].sent[-1]


TICKET = {"number": "T20260302-000009", "type_title": "宽带故障"}


@pytest.mark.parametrize("name", CARDS)
async def test_an_opened_ticket_is_a_card_with_the_words_of_the_answer(open_office: OpenOffice, name: str) -> None:
    office = await open_office(name)
    await office.converse(name, "13900000001", REQUEST)

    [sent], [answer] = office.platforms[name].sent, office.messages("out")
    assert is_card(name, sent) and answer.text in sent.text


@pytest.mark.parametrize("name", CARDS)
async def test_its_button_asks_for_the_progress(open_office: OpenOffice, name: str) -> None:
    office = await open_office(name)
    platform: Any = office.platforms[name]
    await office.converse(name, "13900000001", REQUEST)
    posted = platform.press(platform.sent[0])
    for _ in range(2):
        await office.receive(name, posted)
    await office.deliver()

    assert [m.text for m in office.messages()] == [REQUEST, "查进度"]
    assert len(platform.sent) == 2


@pytest.mark.parametrize("name", TEXTS)
async def test_where_there_are_no_cards_the_ticket_is_text(open_office: OpenOffice, name: str) -> None:
    office = await open_office(name)
    await office.converse(name.split()[0], "13900000001", REQUEST)

    [sent] = next(iter(office.platforms.values())).sent
    assert sent.text == office.messages("out")[0].text


@pytest.mark.parametrize("name", ["wecom", "dingtalk", "feishu"])
async def test_choices_of_its_own_stay_numbers(open_office: OpenOffice, name: str) -> None:
    office = await open_office(name)
    await office.converse(name, "13900000001", "嗯")
    buttons = [{"title": "已解决", "payload": "已解决"}, {"title": "没解决", "payload": "没解决"}]

    sent = await told(office, name, "请问问题解决了吗？", ticket=TICKET, buttons=buttons)
    assert not is_card(name, sent) and sent.text.endswith("1. 已解决\n2. 没解决")


@pytest.mark.parametrize("name", CARDS)
async def test_what_does_not_fit_a_card_is_text(open_office: OpenOffice, name: str) -> None:
    office = await open_office(name)
    await office.converse(name, "13900000001", "嗯")
    text, adapter = "您的工单正在处理。", office.adapter(name)
    assert is_card(name, await told(office, name, text, ticket=TICKET))

    shorter = replace(adapter.limits, card_chars=len(text) - 1)
    office.post.adapters[name] = replace(adapter, limits=shorter)
    sent = await told(office, name, text, ticket=TICKET)
    assert not is_card(name, sent) and sent.text == text


async def test_marks_of_markdown_reach_dingtalk_as_they_are(open_office: OpenOffice) -> None:
    office = await open_office("dingtalk")
    await office.converse("dingtalk", "13900000001", "嗯")

    sent = await told(office, "dingtalk", "请拨*100#查询。", ticket=TICKET)
    assert not is_card("dingtalk", sent) and sent.text == "请拨*100#查询。"


async def test_a_refused_card_goes_as_text(open_office: OpenOffice) -> None:
    office = await open_office("wecom")
    office.platforms["wecom"].refuses_cards = True
    await office.converse("wecom", "13900000001", REQUEST)

    [sent] = office.platforms["wecom"].sent
    assert sent.text == office.messages("out")[0].text
    assert [d.state for d in office.deliveries()] == ["sent"]


async def test_a_card_counts_as_one_message(open_office: OpenOffice) -> None:
    office = await open_office("wechat_kf")
    platform: Any = office.platforms["wechat_kf"]
    await office.converse("wechat_kf", "13900000001", REQUEST)

    with office.desk.sessions() as session:
        assert session.query(ChannelAccount).one().used == platform.used["13900000001"] == 1
