"""WeChat customer service: fetched by cursor, states both ways, our ids, menus and the quota."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from bot.channels.wechat_kf import WechatKf
from bot.desk.conversations import claim, end, hand_back
from bot.desk.messages import deliver_pending, say
from bot.storage.channels import ChannelAccount, ChannelCursor
from bot.storage.conversations import Conversation
from tests.channels.conftest import Office, OpenOffice
from tests.channels.simulators.wecom import KfSimulator

REQUEST = "我家宽带断网了，在城关区幸福小区3号楼"


@pytest.fixture
async def office(open_office: OpenOffice) -> Office:
    return await open_office("wechat_kf")


@pytest.fixture
async def wecom_office(open_office: OpenOffice) -> Office:
    return await open_office("wechat_kf", wechat_kf={"handover": "wecom"})


def kf(office: Office) -> KfSimulator:
    return office.platforms["wechat_kf"]  # type: ignore[return-value]


def adapter(office: Office) -> WechatKf:
    return office.adapter("wechat_kf")  # type: ignore[return-value]


async def fetched(office: Office) -> None:
    await office.receive("wechat_kf", kf(office).hint())


async def test_the_address_is_proved_by_a_decrypted_echo(office: Office) -> None:
    answer = await office.receive("wechat_kf", kf(office).echo("6789"))
    assert answer.body == b"6789"


async def test_pages_are_fetched_until_there_are_no_more(office: Office) -> None:
    kf(office).page = 3
    for number in range(10):
        kf(office).write(f"u{number}", REQUEST)
    await fetched(office)

    assert len(office.messages()) == 10
    with office.desk.sessions() as session:
        assert session.execute(select(ChannelCursor.value)).scalars().all() == ["10"]


async def test_nothing_is_fetched_twice_and_a_lost_hint_is_made_good(office: Office) -> None:
    kf(office).write("u1", REQUEST)
    await fetched(office)
    kf(office).write("u1", "地址是和平路12号")
    for wish in adapter(office).wishes():
        await office.post.fetch(adapter(office), wish)
    await office.quiet()
    await fetched(office)

    assert [m.text for m in office.messages()] == [REQUEST, "地址是和平路12号"]


async def test_a_cursor_that_is_lost_repeats_messages_but_not_turns(office: Office) -> None:
    await office.converse("wechat_kf", "u1", REQUEST)
    with office.desk.sessions.begin() as session:
        session.query(ChannelCursor).delete()
    await fetched(office)
    await office.deliver()

    assert len(office.messages()) == 1
    assert len(kf(office).sent) == 1


async def test_what_was_written_before_the_first_look_is_not_answered(wecom_office: Office) -> None:
    office = wecom_office
    kf(office).page = 2
    for number in range(5):
        kf(office).write(f"old{number}", REQUEST, at=office.clock.seconds() - 3600 * number - 700)
    kf(office).servicer_says("old1", "您好，马上为您处理。")
    kf(office).log[-1]["send_time"] -= 700
    kf(office).write("u1", REQUEST)
    await fetched(office)
    await office.deliver()
    assert [sent.to for sent in kf(office).sent] == ["u1"]
    assert {m.text for m in office.messages("in")} == {REQUEST} and len(office.messages("in")) == 1

    # What waited while the desk was down is answered.
    kf(office).write("u2", REQUEST, at=office.clock.seconds() - 3600)
    await fetched(office)
    await office.deliver()
    assert [sent.to for sent in kf(office).sent] == ["u1", "u2"]


async def test_a_hint_for_an_account_that_others_serve_is_acknowledged_and_left(office: Office) -> None:
    kf(office).account = "wk-other"
    answer = await office.receive("wechat_kf", kf(office).message("u1", REQUEST))

    assert (answer.status, answer.body, office.messages()) == (200, b"success", [])


async def test_our_message_id_makes_a_repetition_harmless(office: Office) -> None:
    await office.converse("wechat_kf", "u1", REQUEST)
    [call] = [body for name, body in kf(office).calls if name == "send"]

    assert len(call["msgid"]) == 32
    assert office.deliveries()[0].platform_id == call["msgid"]


async def test_buttons_become_a_menu(office: Office) -> None:
    await office.converse("wechat_kf", "u1", "嗯")
    with office.desk.sessions.begin() as session:
        [conversation] = session.query(Conversation).all()
        buttons = [{"title": "宽带故障", "payload": "宽带故障"}, {"title": "话费疑问", "payload": "话费疑问"}]
        say(session, office.desk.gate, conversation, text="请问您要办理哪一项？", author="bot", now=office.clock(), payload={"buttons": buttons})
        deliver_pending(session, conversation.id, now=office.clock())
    await office.deliver()

    menu = kf(office).sent[-1].extra["msgmenu"]
    assert [item["click"]["content"] for item in menu["list"]] == ["宽带故障", "话费疑问"]


async def test_the_quota_of_five_is_kept(office: Office) -> None:
    await office.converse("wechat_kf", "u1", REQUEST)
    for number in range(8):
        with office.desk.sessions.begin() as session:
            [conversation] = session.query(Conversation).all()
            say(session, office.desk.gate, conversation, text=f"第{number}条说明。", author="bot", now=office.clock())
            deliver_pending(session, conversation.id, now=office.clock())
        await office.deliver()

    assert kf(office).used["u1"] == 4
    assert all(name != "send" or body for name, body in kf(office).calls)


# -- states ---------------------------------------------------------------------------------------


async def follow(office: Office) -> int:
    return await office.post.follow_states(adapter(office))


async def test_our_bot_is_the_platforms_assistant(office: Office) -> None:
    await office.converse("wechat_kf", "u1", REQUEST)
    await follow(office)

    assert kf(office).moves == [("u1", 1)]
    assert await follow(office) == 0


async def test_the_console_serves_in_the_assistants_state(office: Office) -> None:
    await office.converse("wechat_kf", "u1", "转人工")
    await follow(office)

    # The interface sends only in states 0 and 1.
    assert kf(office).states["u1"] == 1


async def test_a_handoff_puts_the_customer_into_the_platforms_pool(wecom_office: Office) -> None:
    office = wecom_office
    await office.converse("wechat_kf", "u1", REQUEST)
    await follow(office)
    await office.converse("wechat_kf", "u1", "转人工")
    await follow(office)

    assert kf(office).moves == [("u1", 1), ("u1", 2)]


async def test_staff_in_wecom_take_reply_and_end(wecom_office: Office) -> None:
    office = wecom_office
    await office.converse("wechat_kf", "u1", "转人工")
    await follow(office)
    kf(office).changed("u1", 1)
    kf(office).servicer_says("u1", "您好，我是客服张三，请问有什么可以帮您？")
    await fetched(office)
    assert office.conversation("wechat_kf", "u1").state == "staff"

    before = len(kf(office).sent)
    await office.converse("wechat_kf", "u1", "宽带断了")
    said = [m for m in office.messages("out") if m.author == "staff"]
    assert len(kf(office).sent) == before
    assert (said[0].state, said[0].verdict_id is not None) == ("sent", True)

    kf(office).changed("u1", 3)
    await fetched(office)
    assert office.conversation("wechat_kf", "u1").state == "bot"
    await office.converse("wechat_kf", "u1", REQUEST)
    assert kf(office).sent[-1].to == "u1" and len(kf(office).sent) > before


async def test_what_wecom_staff_said_is_written_once(wecom_office: Office) -> None:
    office = wecom_office
    kf(office).write("u1", REQUEST)
    kf(office).servicer_says("u1", "您好，马上为您处理。")
    await fetched(office)
    with office.desk.sessions.begin() as session:
        session.query(ChannelCursor).delete()
    await fetched(office)

    assert len([m for m in office.messages("out") if m.author == "staff"]) == 1


async def test_an_end_at_our_desk_ends_on_the_platform(office: Office) -> None:
    await office.converse("wechat_kf", "u1", REQUEST)
    with office.desk.sessions.begin() as session:
        [conversation] = session.query(Conversation).all()
        claim(session, conversation, staff_id=1, epoch=conversation.epoch, now=office.clock())
        hand_back(session, conversation, epoch=conversation.epoch, now=office.clock())
        end(session, conversation, epoch=conversation.epoch, now=office.clock())
    await follow(office)
    assert kf(office).states["u1"] == 4

    await office.converse("wechat_kf", "u1", "我想再问一下话费")
    await follow(office)
    assert kf(office).states["u1"] == 1


async def test_a_refused_change_is_replaced_by_what_the_platform_says(office: Office) -> None:
    await office.converse("wechat_kf", "u1", REQUEST)
    kf(office).states["u1"] = 3
    await follow(office)

    with office.desk.sessions() as session:
        [account] = session.execute(select(ChannelAccount)).scalars()
        assert account.service_state == 3


async def test_one_customer_whom_the_platform_refuses_blocks_no_other(office: Office) -> None:
    kf(office).unknown = {"u1"}
    for user in ("u1", "u2"):
        await office.converse("wechat_kf", user, REQUEST)
    for _ in range(5):
        await follow(office)

    assert kf(office).moves == [("u2", 1)]
    assert kf(office).asked.count("u1") == 1
    kf(office).unknown = set()
    office.clock.pass_(minutes=1)
    await follow(office)
    assert ("u1", 1) in kf(office).moves


async def test_a_message_that_did_not_arrive_is_marked(office: Office) -> None:
    await office.converse("wechat_kf", "u1", REQUEST)
    kf(office).append(
        msgid="e1", send_time=kf(office).now(), origin=4, msgtype="event",
        event={"event_type": "msg_send_fail", "open_kfid": kf(office).account, "external_userid": "u1", "fail_msgid": kf(office).sent[0].id, "fail_type": 4},
    )
    await fetched(office)

    assert [d.state for d in office.deliveries()] == ["failed"]
