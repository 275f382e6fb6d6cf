"""The official account: cryptography against wechatpy, events, quota and ways out of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from wechatpy.crypto import WeChatCrypto
from wechatpy.exceptions import InvalidSignatureException
from wechatpy.utils import check_signature as wechatpy_check

from bot.channels.adapter import SENT, Outbound, Picture, Rejected
from bot.channels.wechat_crypto import check_signature, decrypt, encrypt, key_of, signature
from bot.desk.contact import link_phone
from bot.desk.messages import deliver_pending, say
from bot.storage.conversations import Conversation
from tests.channels.conftest import Office, OpenOffice
from tests.channels.simulators.platform import Posted
from tests.channels.simulators.wechat import AES_KEY, PNG, WechatSimulator

REQUEST = "我家宽带断网了，在城关区幸福小区3号楼"
APP = "wx0123456789abcdef"


@pytest.fixture
async def office(open_office: OpenOffice) -> Office:
    return await open_office("wechat", "sms")


def account(office: Office) -> WechatSimulator:
    return office.platforms["wechat"]  # type: ignore[return-value]


TICKET = {"number": "T20260302-000001", "resolve_by": "2026-03-03T10:05:00+08:00"}


def say_in(
    office: Office, text: str, *, author: str = "bot", ticket: bool = False, buttons: list[dict[str, str]] | None = None
) -> None:
    """Write and release a message in the only conversation."""
    with office.desk.sessions.begin() as session:
        [conversation] = session.query(Conversation).filter_by(channel="wechat").all()
        payload = {"ticket": TICKET} if ticket else {"buttons": buttons} if buttons else None
        say(session, office.desk.gate, conversation, text=text, author=author, now=office.clock(), payload=payload)
        deliver_pending(session, conversation.id, now=office.clock())


# -- cryptography ---------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["<xml>您好</xml>", "x" * 31, "x" * 32, "好" * 3000])
def test_wechatpy_reads_what_we_encrypt_and_we_read_what_it_encrypts(text: str) -> None:
    theirs = WeChatCrypto("token", AES_KEY, APP)
    sealed = encrypt(text.encode(), key=key_of(AES_KEY), receiver=APP)
    signed = signature("token", "1", "n", sealed)
    packet = {"Encrypt": sealed}
    assert theirs.decrypt_message(f"<xml><Encrypt>{sealed}</Encrypt></xml>", signed, "1", "n") == text

    back = theirs.encrypt_message(text, "n", "1")
    inner = back.split("<Encrypt><![CDATA[")[1].split("]]>")[0]
    given = back.split("<MsgSignature><![CDATA[")[1].split("]]>")[0]
    check_signature(given, "token", "1", "n", inner)
    assert decrypt(inner, key=key_of(AES_KEY), receiver=APP).decode() == text
    assert packet["Encrypt"] != inner


@pytest.mark.parametrize(("given", "good"), [("right", True), ("0" * 40, False), ("", False), ("é", False)])
def test_both_judge_a_signature_alike(given: str, good: bool) -> None:
    given = signature("token", "5", "n") if given == "right" else given
    results = []
    for check in (lambda: wechatpy_check("token", given, "5", "n"), lambda: check_signature(given, "token", "5", "n")):
        try:
            check()
            results.append(True)
        except (InvalidSignatureException, Rejected):
            results.append(False)
    assert results == [good, good]


def test_a_message_for_another_account_is_refused() -> None:
    sealed = encrypt(b"<xml/>", key=key_of(AES_KEY), receiver="wx-other")
    with pytest.raises(Rejected):
        decrypt(sealed, key=key_of(AES_KEY), receiver=APP)


@pytest.mark.parametrize("key", ["", "short", "!" * 43, "a" * 44])
def test_a_wrong_key_stops_the_start(key: str) -> None:
    with pytest.raises(ValueError, match="43 characters"):
        key_of(key)


# -- callbacks ------------------------------------------------------------------------------------


async def test_the_address_is_proved_by_an_echo(office: Office) -> None:
    timestamp = str(int(office.clock.seconds()))
    query = {"timestamp": timestamp, "nonce": "n", "echostr": "12345", "signature": signature("hook-token", timestamp, "n")}

    answer = await office.receive("wechat", Posted(query, method="GET"))
    assert answer.body == b"12345"


async def test_a_plain_message_is_not_believed_where_encryption_is_configured(office: Office) -> None:
    plain = WechatSimulator(office.clock.seconds, aes=False).message("o1", REQUEST)

    with pytest.raises(Rejected):
        await office.receive("wechat", plain)


async def test_a_new_follower_is_greeted_and_the_quota_is_small(office: Office) -> None:
    await office.receive("wechat", account(office).event("o1", "subscribe"))
    await office.deliver()

    [text] = account(office).text_to("o1")
    assert "您好" in text and "1. " in text


async def test_a_key_of_the_menu_says_what_it_stands_for(office: Office) -> None:
    await office.receive("wechat", account(office).event("o1", "CLICK", "PROGRESS"))

    assert [m.text for m in office.messages()] == ["查询工单进度"]


async def test_an_event_that_is_told_twice_is_one(office: Office) -> None:
    posted = account(office).event("o1", "subscribe")
    await office.receive("wechat", posted)
    await office.receive("wechat", account(office).event("o1", "subscribe"))
    await office.deliver()

    assert len(account(office).sent) == 1


async def test_who_left_is_sent_nothing(office: Office) -> None:
    await office.converse("wechat", "o1", REQUEST)
    await office.receive("wechat", account(office).event("o1", "unsubscribe"))
    say_in(office, "您的工单正在处理，请您耐心等待。")
    await office.deliver()

    assert len(account(office).sent) == 1
    assert [d.state for d in office.deliveries()] == ["sent", "held"]


async def test_a_picture_is_kept_with_its_message(office: Office) -> None:
    account(office).open_window("o1")
    inner = "<MsgType>image</MsgType><PicUrl>http://x/1</PicUrl><MediaId>M1</MediaId><MsgId>77</MsgId>"
    await office.receive("wechat", account(office).posted("o1", inner))
    await office.deliver()

    [message] = office.messages()
    assert message.payload["attachment"]["media_type"] == "image/png"
    assert "图片已收到" in account(office).text_to("o1")[0]


async def test_a_picture_is_fetched_though_the_token_has_ended(office: Office) -> None:
    await office.converse("wechat", "o1", REQUEST)
    account(office).token = "another"
    inner = "<MsgType>image</MsgType><PicUrl>http://x/1</PicUrl><MediaId>M1</MediaId><MsgId>77</MsgId>"
    await office.receive("wechat", account(office).posted("o1", inner))

    assert office.messages()[-1].payload["attachment"]["media_type"] == "image/png"
    assert account(office).tokens_given == 2


async def test_a_picture_is_sent_though_the_token_has_ended(office: Office, tmp_path: Path) -> None:
    await office.converse("wechat", "o1", REQUEST)
    account(office).token = "another"
    (tmp_path / "a.png").write_bytes(PNG)
    picture = Picture("a.png", "image/png", tmp_path / "a.png")
    sent = await office.adapter("wechat").send(Outbound("id", "o1", "", picture=picture), office.post.line)

    assert (sent.state, account(office).tokens_given) == (SENT, 2)
    assert [content for name, content in account(office).calls if name == "upload"] == [PNG]


async def test_a_video_is_not_said_to_have_been_received(office: Office) -> None:
    account(office).open_window("o1")
    inner = "<MsgType>video</MsgType><MediaId>M1</MediaId><ThumbMediaId>T1</ThumbMediaId><MsgId>78</MsgId>"
    await office.receive("wechat", account(office).posted("o1", inner))
    await office.deliver()

    assert "在这里无法查看" in account(office).text_to("o1")[0]


VOICES = [("<Recognition>家里断网了</Recognition>", "家里断网了"), ("", "")]


@pytest.mark.parametrize(("extra", "text"), VOICES)
async def test_a_voice_is_its_transcript(office: Office, extra: str, text: str) -> None:
    account(office).open_window("o1")
    inner = f"<MsgType>voice</MsgType><MediaId>M1</MediaId><Format>amr</Format>{extra}<MsgId>78</MsgId>"
    await office.receive("wechat", account(office).posted("o1", inner))

    assert [(m.kind, m.text) for m in office.messages()] == [("voice", text)]


async def test_a_place_is_told_in_words(office: Office) -> None:
    inner = (
        "<MsgType>location</MsgType><Location_X>36.06</Location_X><Location_Y>103.83</Location_Y>"
        "<Scale>15</Scale><Label>城关区幸福小区</Label><MsgId>79</MsgId>"
    )
    await office.receive("wechat", account(office).posted("o1", inner))

    [message] = office.messages()
    assert (message.text, message.payload["location"]["lat"]) == ("我的位置：城关区幸福小区", "36.06")


# -- quota ----------------------------------------------------------------------------------------


async def test_texts_that_wait_become_one_message(office: Office) -> None:
    await office.converse("wechat", "o1", REQUEST)
    for number in range(5):
        say_in(office, f"第{number}条说明，请您知悉。")
    await office.deliver()

    assert len(account(office).sent) == 2
    assert account(office).text_to("o1")[1].count("请您知悉") == 5


async def test_choices_are_not_lost_when_texts_are_joined(office: Office) -> None:
    await office.converse("wechat", "o1", REQUEST)
    buttons = [{"title": "宽带故障", "payload": "宽带故障"}, {"title": "话费疑问", "payload": "话费疑问"}]
    say_in(office, "第一条说明，请您知悉。")
    say_in(office, "请问您要办理哪一项？", buttons=buttons)
    say_in(office, "第二条说明，请您知悉。")
    await office.deliver()

    choosing, after = account(office).text_to("o1")[1:]
    assert choosing.startswith("第一条说明，请您知悉。\n请问您要办理哪一项？") and choosing.endswith("2. 话费疑问")
    assert after == "第二条说明，请您知悉。"


async def test_one_message_is_kept_for_the_outcome(office: Office) -> None:
    await office.converse("wechat", "o1", REQUEST)
    for number in range(6):
        say_in(office, f"第{number}条说明，请您知悉。")
        await office.deliver()
    assert len(account(office).sent) == 4

    say_in(office, "您的工单已办结，感谢您的配合。", author="system")
    await office.deliver()
    assert account(office).text_to("o1")[-1] == "您的工单已办结，感谢您的配合。"
    assert len(account(office).sent) == 5


async def test_what_was_held_goes_out_when_the_customer_writes(office: Office) -> None:
    await office.converse("wechat", "o1", REQUEST)
    for number in range(6):
        say_in(office, f"第{number}条说明，请您知悉。")
        await office.deliver()
    await office.converse("wechat", "o1", "地址是和平路12号")

    assert account(office).text_to("o1")[4].startswith("第3条说明，请您知悉。\n第4条说明")
    assert {d.state for d in office.deliveries()} == {"sent", "merged"}


async def test_past_the_quota_an_outcome_goes_by_template(office: Office) -> None:
    await office.converse("wechat", "o1", REQUEST)
    office.clock.pass_(hours=49)
    say_in(office, "您的工单已办结。", author="system", ticket=True)
    await office.deliver()

    [template] = account(office).templates
    assert template["data"]["character_string1"]["value"] == "T20260302-000001"
    # The field takes no other way of writing a time.
    assert template["data"]["time3"]["value"] == "2026年3月3日 10:05"


async def test_after_a_template_that_is_refused_comes_the_sms(open_office: OpenOffice) -> None:
    office = await open_office("wechat", "sms")
    await office.converse("wechat", "o1", REQUEST)
    with office.desk.sessions.begin() as session:
        [conversation] = session.query(Conversation).all()
        link_phone(session, conversation, "13900001111", secret=office.desk.settings.secret, now=office.clock())
    office.clock.pass_(hours=49)
    # Without a ticket the template has nothing to show.
    say_in(office, "您的工单已办结。", author="system")
    await office.deliver()

    assert office.platforms["sms"].text_to("13900001111") == ["您的工单已办结。"]
    assert office.deliveries()[-1].state == "sent"


async def test_without_a_template_it_goes_by_sms_to_a_proved_phone(open_office: OpenOffice) -> None:
    office = await open_office("wechat", "sms", wechat={"template_id": ""})
    await office.converse("wechat", "o1", REQUEST)
    with office.desk.sessions.begin() as session:
        [conversation] = session.query(Conversation).all()
        link_phone(session, conversation, "13900001111", secret=office.desk.settings.secret, now=office.clock())
    office.clock.pass_(hours=49)
    say_in(office, "您的工单已办结。", author="system")
    await office.deliver()

    assert office.platforms["sms"].text_to("13900001111") == ["您的工单已办结。"]


async def test_without_any_way_out_it_waits_for_the_customer(open_office: OpenOffice) -> None:
    office = await open_office("wechat", wechat={"template_id": ""})
    await office.converse("wechat", "o1", REQUEST)
    office.clock.pass_(hours=49)
    say_in(office, "您的工单已办结。", author="system")
    await office.deliver()
    assert office.deliveries()[-1].state == "held"

    office.clock.pass_(hours=49)
    await office.deliver()
    assert office.deliveries()[-1].state == "expired"
    assert office.messages("out")[-1].state == "failed"


async def test_the_platform_is_believed_when_it_counts_otherwise(office: Office) -> None:
    await office.converse("wechat", "o1", REQUEST)
    account(office).windows["o1"][3] = 5
    say_in(office, "请您知悉。")
    await office.deliver()

    assert office.deliveries()[-1].state == "held"


# -- token ----------------------------------------------------------------------------------------


async def test_a_token_that_the_platform_no_longer_takes_is_renewed(office: Office) -> None:
    await office.converse("wechat", "o1", REQUEST)
    account(office).token = "another"
    await office.converse("wechat", "o1", "地址是和平路12号")

    assert len(account(office).sent) == 2
    assert account(office).tokens_given == 2


async def test_a_token_is_renewed_before_its_end(office: Office) -> None:
    await office.converse("wechat", "o1", REQUEST)
    office.clock.pass_(minutes=116)
    await office.converse("wechat", "o1", "地址是和平路12号")

    assert account(office).tokens_given == 2


async def test_a_process_that_died_while_sending_sends_again_the_same(office: Office) -> None:
    from bot.channels import parcels
    from bot.storage.channels import ChannelDelivery

    await office.receive("wechat", account(office).message("o1", REQUEST))
    tables, adapters = office.post.tables, office.post.adapters
    with office.desk.sessions.begin() as session:
        parcels.collect(session, ["wechat"], after=0, now=office.clock())
        [row] = session.query(ChannelDelivery).all()
        assert parcels.claim(session, row.conversation_id, lease=timedelta(minutes=1), now=office.clock())
        first = parcels.take(session, tables, adapters, row.conversation_id, now=office.clock())
    await office.deliver()
    assert account(office).sent == []

    office.clock.pass_(minutes=2)
    with office.desk.sessions.begin() as session:
        session.execute(update(Conversation).values(team=None))
    await office.deliver()
    assert [sent.text for sent in account(office).sent] == [first.text]
