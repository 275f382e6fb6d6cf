"""Delivery: no channel waits for another's platform, no message is looked past."""

from __future__ import annotations

import asyncio

import pytest

from bot.channels import delivery
from bot.channels.adapter import SENT, Delivery, Line, Outbound
from bot.channels.telegram import Telegram
from bot.desk.messages import deliver_pending, say
from tests.channels.conftest import OpenOffice


async def test_a_platform_that_hangs_holds_no_other_channel_up(
    open_office: OpenOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, answered, asked = await open_office("telegram", "sms"), asyncio.Event(), []

    async def hang(_self: Telegram, outbound: Outbound, _line: Line) -> Delivery:
        asked.append(outbound.target)
        await answered.wait()
        return Delivery(SENT)

    monkeypatch.setattr(Telegram, "send", hang)
    monkeypatch.setattr(delivery, "AT_ONCE", 2)
    for number in range(5):
        await office.receive("telegram", office.platforms["telegram"].message(f"10{number}", "我家宽带断网了"))
    await office.receive("sms", office.platforms["sms"].message("13900000001", "我家宽带断网了"))
    for _ in range(4_000):
        await office.post.deliveries.round()
        if office.platforms["sms"].sent and len(asked) == 2:
            break
        await asyncio.sleep(0.01)

    assert len(office.platforms["sms"].sent) == 1
    assert len(asked) == 2
    answered.set()
    await office.deliver()
    assert sorted(asked) == [f"10{number}" for number in range(5)]
    assert {row.state for row in office.deliveries()} == {"sent"}


async def test_words_committed_late_are_found(open_office: OpenOffice) -> None:
    office = await open_office("sms")
    await office.converse("sms", "13900000001", "我家宽带断网了")
    conversation = office.conversation("sms", "13900000001")
    with office.desk.sessions.begin() as session:
        say(session, office.desk.gate, conversation, text="稍后请您留意电话。", author="bot", now=office.clock())
    await office.converse("sms", "13900000002", "这个月话费多扣了")
    for _ in range(4):
        office.clock.pass_(minutes=2)
        await office.deliver()

    with office.desk.sessions.begin() as session:
        assert deliver_pending(session, conversation.id, now=office.clock())
    office.clock.pass_(minutes=1)
    await office.deliver()

    assert office.platforms["sms"].text_to("13900000001")[-1] == "稍后请您留意电话。"


@pytest.mark.parametrize("error", [FileNotFoundError("picture"), ValueError("expires_in"), KeyError("url")])
async def test_an_error_nobody_foresaw_is_a_failed_try_and_blocks_nothing(
    open_office: OpenOffice, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    office, send = await open_office("telegram"), Telegram.send

    async def stumble(self: Telegram, outbound: Outbound, line: Line) -> Delivery:
        if "图片" in outbound.text:
            raise error
        return await send(self, outbound, line)

    monkeypatch.setattr(Telegram, "send", stumble)
    await office.converse("telegram", "1", "我家宽带断网了，在城关区幸福小区3号楼")
    conversation = office.conversation("telegram", "1")
    with office.desk.sessions.begin() as session:
        for text in ("请您看这张图片。", "稍后请您留意电话。"):
            say(session, office.desk.gate, conversation, text=text, author="bot", now=office.clock())
        deliver_pending(session, conversation.id, now=office.clock())
    for _ in range(14):
        await office.deliver()
        office.clock.pass_(minutes=6)

    assert [row.state for row in office.deliveries()] == ["sent", "failed", "sent"]
    assert office.platforms["telegram"].text_to("1")[-1] == "稍后请您留意电话。"
