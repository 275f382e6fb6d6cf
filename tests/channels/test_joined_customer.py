"""One customer on several channels: proved by a code, carried over, told where they read."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from bot.channels.choices import as_numbers, number_in
from bot.desk.contact import reachable_conversation
from bot.desk.messages import deliver_pending, say
from bot.desk.outbox import Outgoing
from bot.desk.senders import CustomerSender
from bot.desk.tickets import tickets_of
from bot.dialogue.texts import load_texts
from bot.storage.channels import PhoneCode
from bot.storage.conversations import Conversation, Customer
from tests.channels.conftest import TABLES, Office, OpenOffice

REQUEST = "我家宽带断网了，在城关区幸福小区3号楼"
PHONE = "13900001111"


@pytest.fixture
async def office(open_office: OpenOffice) -> Office:
    return await open_office("telegram", "wechat_kf", "sms")


def code_for(office: Office) -> str:
    return re.findall(r"\d{6}", office.platforms["sms"].text_to(PHONE)[-1])[0]


async def bind(office: Office, channel: str, sender: str) -> None:
    await office.converse(channel, sender, f"绑定手机 {PHONE}")
    await office.converse(channel, sender, code_for(office))
    office.clock.pass_(minutes=2)


def last(office: Office, channel: str, sender: str) -> str:
    return office.platforms[channel].text_to(sender)[-1]


async def test_a_code_by_sms_proves_the_phone(office: Office) -> None:
    await bind(office, "telegram", "1")

    assert "139****1111已绑定成功" in last(office, "telegram", "1")
    with office.desk.sessions() as session:
        [customer] = session.query(Customer).all()
        assert (customer.phone, customer.verified_at is not None) == (PHONE, True)


async def test_without_a_gateway_the_code_is_on_the_console(
    open_office: OpenOffice, capsys: pytest.CaptureFixture[str]
) -> None:
    office = await open_office("telegram")
    await office.converse("telegram", "1", f"绑定手机 {PHONE}")

    shown = capsys.readouterr().out
    assert "sms.console" in shown and PHONE not in shown
    code = re.findall(r"验证码是(\d{6})", shown)[0]
    await office.converse("telegram", "1", code)
    assert "已绑定成功" in last(office, "telegram", "1")


async def test_the_code_itself_is_nowhere_in_the_database(office: Office) -> None:
    await office.converse("telegram", "1", f"绑定手机 {PHONE}")

    with office.desk.sessions() as session:
        [row] = session.query(PhoneCode).all()
        assert code_for(office) not in row.code_hash
    assert all(code_for(office) not in m.text for m in office.messages("out"))


async def test_guessing_ends_after_five_tries(office: Office) -> None:
    await office.converse("telegram", "1", f"绑定手机 {PHONE}")
    wrong = "000000" if code_for(office) != "000000" else "111111"
    for _ in range(5):
        await office.converse("telegram", "1", wrong)
    await office.converse("telegram", "1", code_for(office))

    assert "验证码已失效" in office.platforms["telegram"].text_to("1")[5]
    with office.desk.sessions() as session:
        assert session.query(Customer).count() == 0


async def test_a_code_ends_after_five_minutes(office: Office) -> None:
    await office.converse("telegram", "1", f"绑定手机 {PHONE}")
    office.clock.pass_(minutes=6)
    await office.converse("telegram", "1", code_for(office))

    with office.desk.sessions() as session:
        assert session.query(Customer).count() == 0


async def test_codes_are_not_sent_without_end(office: Office) -> None:
    for sender in ("1", "2", "3"):
        await office.converse("telegram", sender, f"绑定手机 {PHONE}")

    assert len(office.platforms["sms"].text_to(PHONE)) == 1
    assert "请您稍后再试" in last(office, "telegram", "3")


async def test_a_code_works_only_in_its_own_conversation(office: Office) -> None:
    await office.converse("telegram", "1", f"绑定手机 {PHONE}")
    await office.converse("telegram", "2", code_for(office))

    with office.desk.sessions() as session:
        assert session.query(Customer).count() == 0


async def test_tickets_are_seen_from_the_other_channel(office: Office) -> None:
    await office.converse("telegram", "1", REQUEST)
    await bind(office, "telegram", "1")
    await bind(office, "wechat_kf", "u1")

    with office.desk.sessions() as session:
        there = session.query(Conversation).filter_by(channel="wechat_kf").one()
        assert [t.type for t in tickets_of(session, there)] == ["fault_broadband"]


async def test_an_intake_goes_on_where_the_customer_is_now(office: Office) -> None:
    await office.converse("telegram", "1", "嗯")
    await bind(office, "telegram", "1")
    intake = {"type": "fault_broadband", "key": "k", "urgency": "general", "facts": {}, "words": ["断网"]}
    with office.desk.sessions.begin() as session:
        session.query(Conversation).filter_by(channel="telegram").one().dialogue = {"intake": intake}
    await bind(office, "wechat_kf", "u1")

    assert "您在Telegram上登记的内容已为您接续" in last(office, "wechat_kf", "u1")
    assert office.conversation("wechat_kf", "u1").dialogue == {"intake": intake}
    assert office.conversation("telegram", "1").dialogue is None


INTAKE = {"type": "fault_broadband", "key": "k", "urgency": "general", "facts": {}, "words": ["断网"]}


async def begun_on_telegram(office: Office) -> None:
    """Let a customer of two linked channels begin an intake on Telegram."""
    await both(office)
    await office.converse("telegram", "1", "嗯")
    with office.desk.sessions.begin() as session:
        session.query(Conversation).filter_by(channel="telegram").one().dialogue = {"intake": INTAKE}


async def test_an_intake_goes_on_at_the_next_word_on_another_linked_channel(office: Office) -> None:
    await begun_on_telegram(office)
    office.clock.pass_(minutes=10)
    before = len(office.platforms["wechat_kf"].sent)
    await office.converse("wechat_kf", "u1", "在城关区幸福小区3号楼")

    told = "\n".join(office.platforms["wechat_kf"].text_to("u1")[before:])
    assert "您在Telegram上登记的内容已为您接续" in told and "工单号" in told
    assert office.conversation("telegram", "1").dialogue is None


async def test_what_was_left_long_ago_or_before_the_last_word_here_stays(office: Office) -> None:
    await begun_on_telegram(office)
    with office.desk.sessions.begin() as session:
        session.query(Conversation).filter_by(channel="telegram").one().last_customer_at = office.clock() - timedelta(hours=1)
    await office.converse("wechat_kf", "u1", "嗯")
    assert office.conversation("telegram", "1").dialogue == {"intake": INTAKE}

    office.clock.pass_(hours=25)
    await office.converse("wechat_kf", "u1", "嗯")
    assert office.conversation("telegram", "1").dialogue == {"intake": INTAKE}


# -- where notices go -----------------------------------------------------------------------------


def notice(office: Office, id: str = "n-1") -> Outgoing:
    payload: dict[str, Any] = {"response": "utter_greet", "values": {}}
    return Outgoing(id, "customer", office.conversation("telegram", "1").id, payload, 1, office.clock())


async def both(office: Office) -> None:
    await bind(office, "telegram", "1")
    await bind(office, "wechat_kf", "u1")


async def tell(office: Office, id: str = "n-1") -> dict[str, int]:
    """Send a notice of the conversation on Telegram; return how much arrived where."""
    before = {name: len(each.sent) for name, each in office.platforms.items()}
    CustomerSender(office.desk.sessions, office.desk.gate, office.desk.texts).send(notice(office, id), now=office.clock())
    await office.deliver()
    return {name: len(each.sent) - before[name] for name, each in office.platforms.items()}


async def test_a_notice_goes_to_the_channel_used_last(office: Office) -> None:
    await both(office)
    assert await tell(office) == {"telegram": 0, "wechat_kf": 1, "sms": 0}

    await office.converse("telegram", "1", "你好")
    assert await tell(office, "n-2") == {"telegram": 1, "wechat_kf": 0, "sms": 0}


async def test_a_chosen_channel_comes_before_the_one_used_last(office: Office) -> None:
    await both(office)
    await office.converse("wechat_kf", "u1", "以后通知发到Telegram")

    assert "今后的处理进度和回访将通过Telegram通知您" in last(office, "wechat_kf", "u1")
    assert await tell(office) == {"telegram": 1, "wechat_kf": 0, "sms": 0}


async def test_sms_may_be_chosen_without_ever_having_written_one(office: Office) -> None:
    await bind(office, "telegram", "1")
    await office.converse("telegram", "1", "以后通知发到短信")

    assert "今后的处理进度和回访将通过短信通知您" in last(office, "telegram", "1")
    assert await tell(office) == {"telegram": 0, "wechat_kf": 0, "sms": 1}
    assert office.platforms["sms"].sent[-1].to == PHONE


REFUSED = [("微信客服", "您还没有用过微信客服与我们联系"), ("邮件", "我们还没有开通邮件通知")]


@pytest.mark.parametrize(("title", "words"), REFUSED)
async def test_a_channel_where_nothing_reaches_the_customer_is_not_promised(
    office: Office, title: str, words: str
) -> None:
    await bind(office, "telegram", "1")
    await office.converse("telegram", "1", f"以后通知发到{title}")

    assert words in last(office, "telegram", "1")
    assert await tell(office) == {"telegram": 1, "wechat_kf": 0, "sms": 0}


async def test_without_a_proved_phone_no_channel_is_promised(office: Office) -> None:
    await office.converse("telegram", "1", "以后通知发到短信")

    assert "请您先回复“绑定手机”加手机号" in last(office, "telegram", "1")


async def test_a_notice_that_is_repeated_stays_where_it_was_said(office: Office) -> None:
    await both(office)
    await tell(office)
    await office.converse("telegram", "1", "你好")

    assert await tell(office) == {"telegram": 0, "wechat_kf": 0, "sms": 0}


async def test_somebody_without_a_proved_phone_is_answered_where_they_are(office: Office) -> None:
    await office.converse("telegram", "1", REQUEST)
    with office.desk.sessions() as session:
        [conversation] = session.query(Conversation).all()
        assert reachable_conversation(session, conversation, now=office.clock()).id == conversation.id


# -- numbers for buttons --------------------------------------------------------------------------

BUTTONS = [{"title": "宽带故障", "payload": "我要报宽带故障"}, {"title": "话费疑问", "payload": "话费疑问"}]
NUMBERS = [
    ("1", 1), ("２", 2), ("第二个", 2), ("选3", 3), ("10", 10), ("1。", 1), ("一", 1),
    ("1号楼", None), ("13900001111", None), ("第1次断网", None), ("", None), ("²", None), ("12层", None),
]


@pytest.mark.parametrize(("text", "number"), NUMBERS)
def test_a_number_is_read_only_when_it_is_all_that_was_said(text: str, number: int | None) -> None:
    assert number_in(text) == number


def test_buttons_become_numbered_lines() -> None:
    text = as_numbers("请选择。", BUTTONS, TABLES.said)
    assert text.splitlines() == ["请选择。", "回复序号即可选择：", "1. 宽带故障", "2. 话费疑问"]


async def show_buttons(office: Office) -> None:
    with office.desk.sessions.begin() as session:
        [conversation] = session.query(Conversation).all()
        say(session, office.desk.gate, conversation, text="请问您要办理哪一项？", author="bot", now=office.clock(), payload={"buttons": BUTTONS})
        deliver_pending(session, conversation.id, now=office.clock())
    await office.deliver()


@pytest.mark.parametrize(("typed", "heard"), [("1", "我要报宽带故障"), ("2。", "话费疑问"), ("3", "3"), ("其他", "其他")])
async def test_a_number_is_heard_as_its_button(open_office: OpenOffice, typed: str, heard: str) -> None:
    office = await open_office("feishu")
    await office.converse("feishu", "ou_1", "嗯")
    await show_buttons(office)
    assert "1. 宽带故障" in last(office, "feishu", "ou_1")
    office.clock.pass_(seconds=5)
    await office.converse("feishu", "ou_1", typed)

    assert office.messages()[-1].text == heard


async def test_a_number_after_a_persons_words_answers_the_person(open_office: OpenOffice) -> None:
    office = await open_office("feishu")
    await office.converse("feishu", "ou_1", "嗯")
    await show_buttons(office)
    with office.desk.sessions.begin() as session:
        [conversation] = session.query(Conversation).all()
        say(session, office.desk.gate, conversation, text="请问您家是几单元？", author="staff", now=office.clock(), staff_id=1)
        deliver_pending(session, conversation.id, now=office.clock())
    office.clock.pass_(seconds=5)
    await office.converse("feishu", "ou_1", "1")

    assert office.messages()[-1].text == "1"


@pytest.mark.parametrize("name", ["utter_ask_rating", "utter_survey_ask_score"])
def test_the_number_of_a_mark_is_the_mark(name: str) -> None:
    lines = as_numbers("请打分。", load_texts().buttons(name), TABLES.said).splitlines()

    assert lines[-5:] == [f"{mark}. {mark}分" for mark in range(1, 6)]


async def test_a_number_long_after_other_words_is_only_a_number(open_office: OpenOffice) -> None:
    office = await open_office("feishu")
    await office.converse("feishu", "ou_1", "嗯")
    await show_buttons(office)
    for text in ("先不选", "1"):
        office.clock.pass_(seconds=timedelta(minutes=1).total_seconds())
        await office.converse("feishu", "ou_1", text)

    assert office.messages()[-1].text == "1"
