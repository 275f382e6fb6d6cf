"""What is peculiar to DingTalk, Feishu, Telegram, WeCom and SMS."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from bot.channels import telegram
from bot.channels.adapter import Rejected
from bot.channels.registry import adapters_of
from bot.desk.conversations import claim
from bot.desk.messages import deliver_pending, say
from bot.settings import SettingError, load_settings
from bot.storage.channels import ChannelDelivery
from bot.storage.conversations import Conversation
from tests.channels.conftest import START, Office, OpenOffice
from tests.channels.simulators.platform import Posted
from tests.channels.simulators.wechat import AES_KEY, PNG

REQUEST = "我家宽带断网了，在城关区幸福小区3号楼"
BUTTONS = [{"title": "宽带故障", "payload": "宽带故障"}, {"title": "话费疑问", "payload": "话费疑问"}]


def tell(office: Office, text: str, **payload: Any) -> None:
    with office.desk.sessions.begin() as session:
        [conversation] = session.query(Conversation).all()
        say(session, office.desk.gate, conversation, text=text, author="bot", now=office.clock(), payload=payload or None)
        deliver_pending(session, conversation.id, now=office.clock())


# -- DingTalk -------------------------------------------------------------------------------------


async def test_an_ended_session_webhook_is_replaced_by_a_message_of_the_robot(open_office: OpenOffice) -> None:
    office = await open_office("dingtalk")
    await office.converse("dingtalk", "user1", REQUEST)
    office.clock.pass_(hours=2)
    tell(office, "您的工单正在处理。")
    await office.deliver()

    ways = [sent.extra.get("way") for sent in office.platforms["dingtalk"].sent]
    assert ways == [None, "robot"]


async def test_a_webhook_that_leads_elsewhere_is_not_followed(open_office: OpenOffice) -> None:
    office = await open_office("dingtalk")
    platform = office.platforms["dingtalk"]
    posted = platform.message("user1", REQUEST)
    body = json.loads(posted.body)
    body["sessionWebhook"] = "http://169.254.169.254/latest"
    await office.receive("dingtalk", dataclasses.replace(posted, body=json.dumps(body).encode()))
    await office.deliver()

    assert [sent.extra.get("way") for sent in platform.sent] == ["robot"]


def of_group(posted: Posted, **changes: Any) -> Posted:
    """Return the same message as the platform posts it when it is written in a group."""
    body = json.loads(posted.body) | {"conversationType": "2", "conversationId": "cid-group"} | changes
    return dataclasses.replace(posted, body=json.dumps(body).encode())


async def test_a_group_neither_asks_nor_hears_what_is_said_to_one(open_office: OpenOffice) -> None:
    office = await open_office("dingtalk")
    platform = office.platforms["dingtalk"]
    await office.converse("dingtalk", "user1", REQUEST)
    ends = int((office.clock.seconds() + 3600) * 1000)
    webhook = f"{platform.url}/robot/sendBySession?session=group%7C{ends}"
    answer = await office.receive("dingtalk", of_group(platform.message("user1", "大家好"), sessionWebhook=webhook))
    tell(office, "您的工单正在处理。")
    await office.deliver()

    assert answer.status == 200
    assert [m.text for m in office.messages()] == [REQUEST]
    assert {sent.to for sent in platform.sent} == {"user1"}


@pytest.mark.parametrize("words", ["", "光猫红灯一直亮"])
async def test_a_picture_sent_in_dingtalk_is_kept_with_its_message(open_office: OpenOffice, words: str) -> None:
    office = await open_office("dingtalk")
    platform = office.platforms["dingtalk"]
    await office.converse("dingtalk", "user1", REQUEST)
    office.clock.pass_(hours=1)
    platform.token = "another"
    await office.receive("dingtalk", platform.picture("user1", PNG, words=words))
    await office.deliver()

    message = office.messages()[-1]
    assert (message.text, message.payload["attachment"]["media_type"]) == (words, "image/png")
    assert any("图片已收到" in sent.text for sent in platform.sent) == (not words)


# -- Feishu ---------------------------------------------------------------------------------------


async def test_feishu_is_answered_its_challenge(open_office: OpenOffice) -> None:
    office = await open_office("feishu")
    answer = await office.receive("feishu", office.platforms["feishu"].verification_request())

    assert json.loads(answer.body) == {"challenge": "c-1"}


@pytest.mark.parametrize("change", [{"chat_type": "group"}, {"message_type": "sticker"}])
async def test_groups_and_stickers_need_no_turn(open_office: OpenOffice, change: dict[str, str]) -> None:
    office = await open_office("feishu")
    event = {
        "header": {"event_type": "im.message.receive_v1", "token": "verification-token"},
        "event": {
            "sender": {"sender_id": {"open_id": "ou_1"}},
            "message": {"message_id": "om_1", "chat_type": "p2p", "message_type": "text", "content": "{}", "create_time": str(office.platforms["feishu"].now() * 1000), **change},
        },
    }
    await office.receive("feishu", office.platforms["feishu"].event(event, at=office.clock.seconds()))
    await office.deliver()

    assert office.platforms["feishu"].sent == []


async def test_a_picture_sent_in_feishu_is_kept_though_the_token_has_ended(open_office: OpenOffice) -> None:
    office = await open_office("feishu")
    await office.converse("feishu", "ou_1", REQUEST)
    office.platforms["feishu"].token = "another"
    await office.receive("feishu", office.platforms["feishu"].picture("ou_1", PNG))

    assert office.messages()[-1].payload["attachment"]["media_type"] == "image/png"


# -- Telegram -------------------------------------------------------------------------------------


async def test_telegram_has_buttons_of_its_own(open_office: OpenOffice) -> None:
    office = await open_office("telegram")
    await office.converse("telegram", "1", "嗯")
    tell(office, "请问您要办理哪一项？", buttons=BUTTONS)
    await office.deliver()

    sent = office.platforms["telegram"].sent[-1]
    assert sent.text == "请问您要办理哪一项？"
    assert sent.extra["reply_markup"]["keyboard"] == [[{"text": "宽带故障"}], [{"text": "话费疑问"}]]


async def test_a_button_of_the_platforms_own_means_what_it_means_on_the_web(open_office: OpenOffice) -> None:
    office = await open_office("telegram")
    await office.converse("telegram", "1", "嗯")
    tell(office, "请问您要办理哪一项？", buttons=[{"title": "宽带故障", "payload": "我要报宽带故障"}])
    await office.deliver()
    office.clock.pass_(seconds=5)
    await office.converse("telegram", "1", "宽带故障")

    heard = office.messages()[-1]
    assert (heard.text, heard.payload) == ("我要报宽带故障", {"typed": "宽带故障"})


async def test_start_is_greeted(open_office: OpenOffice) -> None:
    office = await open_office("telegram")
    await office.converse("telegram", "1", "/start")

    assert "您好" in office.platforms["telegram"].text_to("1")[0]


async def test_another_command_reaches_the_dialogue_as_plain_words(open_office: OpenOffice) -> None:
    office = await open_office("telegram")
    await office.converse("telegram", "1", "/restart 我家宽带断网了，在城关区幸福小区")

    assert office.messages()[0].state == "handled"
    assert "工单" in office.platforms["telegram"].text_to("1")[0]


async def test_who_blocked_the_bot_gets_what_was_held_on_coming_back(open_office: OpenOffice) -> None:
    office = await open_office("telegram")
    platform = office.platforms["telegram"]
    await office.converse("telegram", "1", REQUEST)
    platform.blocked_by.add("1")
    tell(office, "您的工单正在处理。")
    await office.deliver()
    assert office.deliveries()[-1].state == "held"

    platform.blocked_by.clear()
    await office.converse("telegram", "1", "你好")
    assert platform.text_to("1")[1] == "您的工单正在处理。"


async def test_texts_are_apart_where_nobody_counts_them(open_office: OpenOffice) -> None:
    office = await open_office("telegram")
    await office.converse("telegram", "1", "嗯")
    before = len(office.platforms["telegram"].sent)
    for number in range(3):
        tell(office, f"第{number}条说明。")
    await office.deliver()

    assert office.platforms["telegram"].text_to("1")[before:] == ["第0条说明。", "第1条说明。", "第2条说明。"]


async def test_a_long_text_arrives_in_pieces_in_order(open_office: OpenOffice) -> None:
    office = await open_office("wecom")
    await office.converse("wecom", "zhang", "嗯")
    before = len(office.platforms["wecom"].sent)
    text = "".join(f"第{number}条说明，请您知悉。" for number in range(120))
    tell(office, text)
    await office.deliver()

    pieces = office.platforms["wecom"].text_to("zhang")[before:]
    assert len(pieces) > 1 and "".join(pieces) == text


async def test_the_same_words_twice_arrive_twice_and_a_repetition_once(open_office: OpenOffice) -> None:
    office = await open_office("wecom")
    await office.converse("wecom", "zhang", "嗯")
    for _ in range(2):
        tell(office, "请问您的地址是哪里？")
        await office.deliver()
        # The process died between sending and noting it.
        with office.desk.sessions.begin() as session:
            row = session.query(ChannelDelivery).order_by(ChannelDelivery.id.desc()).first()
            row.state, row.body = "queued", {**row.body, "done": 0}
        await office.deliver()

    assert office.platforms["wecom"].text_to("zhang").count("请问您的地址是哪里？") == 2


async def test_a_member_whom_the_platform_left_out_was_not_reached(open_office: OpenOffice) -> None:
    office = await open_office("wecom")
    await office.converse("wecom", "zhang", "嗯")
    office.platforms["wecom"].left_out = "zhang"
    tell(office, "请您知悉。")
    await office.deliver()

    assert [row.state for row in office.deliveries()] == ["sent", "failed"]


async def test_the_bot_is_silent_once_a_person_has_taken_over(open_office: OpenOffice) -> None:
    office = await open_office("telegram")
    await office.converse("telegram", "1", "嗯")
    before = len(office.platforms["telegram"].sent)
    tell(office, "请问您要办理哪一项？")
    with office.desk.sessions.begin() as session:
        [conversation] = session.query(Conversation).all()
        claim(session, conversation, staff_id=1, epoch=conversation.epoch, now=office.clock())
    await office.deliver()

    assert len(office.platforms["telegram"].sent) == before
    assert office.messages("out")[-1].state == "dropped"


# -- what cannot be looked at -----------------------------------------------------------------------


def unseen(office: Office, name: str, kind: str) -> Posted:
    """Return the request by which a platform tells of a video or a file."""
    platform: Any = office.platforms[name]
    if name == "feishu":
        return platform.message("c", "", content={"file_key": "f", "file_name": "x"}, kind=kind)
    posted = platform.message("c", "")
    body = json.loads(posted.body)
    if name == "telegram":
        del body["message"]["text"]
        body["message"][kind] = {"file_id": "f", "mime_type": "application/pdf"}
    else:
        del body["text"]
        body |= {"msgtype": kind, "content": {"downloadCode": "d", "fileName": "x"}}
    return platform.sealed(json.dumps(body).encode())


UNSEEN = [("telegram", "document"), ("telegram", "video"), ("feishu", "file"), ("feishu", "media"), ("dingtalk", "file"), ("dingtalk", "video")]


@pytest.mark.parametrize(("name", "kind"), UNSEEN)
async def test_who_sends_what_cannot_be_looked_at_is_told_so(open_office: OpenOffice, name: str, kind: str) -> None:
    office = await open_office(name)
    await office.receive(name, unseen(office, name, kind))
    await office.deliver()

    assert "您发来的内容在这里无法查看" in office.platforms[name].text_to("c")[0]


@pytest.mark.parametrize("words", ["", "光猫红灯一直亮"])
async def test_a_picture_among_words_in_feishu_is_kept_with_its_message(open_office: OpenOffice, words: str) -> None:
    office = await open_office("feishu")
    platform = office.platforms["feishu"]
    platform.pictures["img_1"] = PNG
    line = [{"tag": "text", "text": words}] if words else []
    content = {"title": "", "content": [line, [{"tag": "img", "image_key": "img_1"}]]}
    await office.receive("feishu", platform.message("ou_1", "", content=content, kind="post"))

    message = office.messages()[-1]
    assert (message.text, message.kind) == (words, "text" if words else "image")
    assert message.payload["attachment"]["media_type"] == "image/png"


def test_a_picture_sent_as_a_file_in_telegram_is_a_picture() -> None:
    shown = {"file_id": "f1", "mime_type": "image/png"}
    message = {"date": 1, "chat": {"id": 1, "type": "private"}, "document": shown, "caption": "光猫"}
    [inbound] = telegram.parse({"update_id": 7, "message": message}, START)

    assert (inbound.kind, inbound.text, inbound.payload) == ("image", "光猫", {"media": {"id": "f1"}})


# -- settings -------------------------------------------------------------------------------------

GOOD = {"platform": "telegram", "bot_token": "1:a", "secret": "s"}
WRONG = [
    ("[]", "expected `channels`"),
    ("channels: 5", "expected a list"),
    ("channels: [5]", "entry 1: expected a mapping"),
    ("channels: [{platform: pigeon}]", "expected one of"),
    ("channels: [{platform: telegram, secret: s}]", "bot_token: missing"),
    ("channels: [{platform: telegram, secret: s, bot_token: t, colour: red}]", "colour: unknown"),
    ("channels: [{platform: telegram, id: tg, secret: s, bot_token: t}]", "id: expected telegram"),
    ("channels: [{platform: telegram, secret: s, bot_token: t}, {platform: telegram, secret: s, bot_token: t}]", "used twice"),
    ("channels: [{platform: wechat, app_id: a, secret: s, token: t, aes_key: short}]", "43 characters"),
    ("channels: [{platform: telegram, secret: {file: /no/such}, bot_token: t}]", "No such file"),
    ("channels: [", "cannot be read"),
]


def load(tmp_path: Path, text: str) -> dict[str, Any]:
    path = tmp_path / "channels.yml"
    path.write_text(text, encoding="utf-8")
    return adapters_of(load_settings({"INTAKE_HOME": str(tmp_path), "INTAKE_CHANNELS_FILE": str(path)}))


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_a_wrong_file_stops_the_start_and_says_where(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(SettingError) as caught:
        load(tmp_path, text)
    assert expected in str(caught.value)


def test_a_secret_may_be_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{AES_KEY}\n")
    text = f"channels: [{{platform: wechat, id: wechat-north, app_id: a, secret: s, token: t, aes_key: {{file: {tmp_path}/key}}}}]"

    assert load(tmp_path, text)["wechat-north"].aes_key == AES_KEY


def test_without_a_file_there_are_no_channels(tmp_path: Path) -> None:
    assert adapters_of(load_settings({"INTAKE_HOME": str(tmp_path)})) == {}


async def test_sms_without_a_secret_takes_nothing_in(open_office: OpenOffice) -> None:
    office = await open_office("sms", sms={"secret": ""})
    with pytest.raises(Rejected):
        await office.receive("sms", office.platforms["sms"].message("13900001111", REQUEST))
