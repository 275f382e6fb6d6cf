"""Chapter 3.1: what goes on with a story, and what is another request beside it."""

from __future__ import annotations

import pytest

from bot.handbook.intake import CONFIRM, advance
from bot.handbook.one_story import belongs, fitting, tells_done
from bot.handbook.requests import Urgency
from tests.handbook.intakes import (
    HANDBOOK,
    PHONE,
    PLACE,
    TABLES,
    answered,
    confirming,
    names,
    read,
    start,
)

# told, its type, said, its type, and the type of the one story
JOINED = [
    # a consequence, a cause
    ("实名认证没过", "real_name", "所以号码被停了", "suspend_resume", "real_name"),
    ("家里网慢", "fault_broadband", "因为你们把带宽降了", "complaint_service", "fault_broadband"),
    ("打雷以后光猫不亮了", "fault_broadband", "电视也跟着看不了", "fault_tv", "fault_broadband"),
    # what was done before, and what came of it
    ("昨天办了携号转网", "port_out", "卡没信号", "fault_mobile", "fault_mobile"),
    ("新装的宽带刚装好", "new_install", "天天掉线", "fault_broadband", "fault_broadband"),
    # an earlier attempt
    ("欠费停机了", "suspend_resume", "我刚充了一百块", "payment", "suspend_resume"),
    ("手机欠费停机", "suspend_resume", "我儿子帮我交了", "payment", "suspend_resume"),
    ("欠费停机了", "suspend_resume", "现在还是打不出去", "fault_mobile", "suspend_resume"),
    # how it is being handled; what is demanded decides
    ("家里断网了", "fault_broadband", "打了两次电话没人来", "complaint_service", "fault_broadband"),
    ("家里断网了", "fault_broadband", "我要投诉你们装维", "complaint_service", "complaint_service"),
    # of two complaints the one that says what it is about
    ("营业员说不要钱", "complaint_service", "现在每个月扣我十块", "bill_dispute", "bill_dispute"),
    ("多扣了我50块", "bill_dispute", "我要投诉你们", "complaint_service", "bill_dispute"),
    ("没同意就开了套餐", "complaint_marketing", "退了，把钱还我", "bill_dispute", "bill_dispute"),
    # a question about a charge, what speaks against it, and the money asked back
    ("怎么扣了我三十多", "bill_query", "没开过什么流量的，你帮我查查", "account_query", "bill_query"),
    ("一天扣我5块", "bill_query", "退钱", "bill_dispute", "bill_dispute"),
    # danger stays danger
    ("电线杆倒了", "report_hazard", "我们家网也因为这个断了", "fault_broadband", "report_hazard"),
]
SEPARATE = [
    ("家里断网了", "fault_broadband", "另外帮我查下话费", "bill_query"),
    ("家里断网了", "fault_broadband", "还有一件事，投诉你们营业员", "complaint_service"),
    ("家里断网了", "fault_broadband", "我要改套餐", "plan_change"),
    ("家里断网了", "fault_broadband", "手机还是没信号", "fault_mobile"),  # another line
    ("我的宽带断了", "fault_broadband", "手机停机了", "suspend_resume"),
    ("手机欠费停机", "suspend_resume", "帮我交了吧", "payment"),
    ("手机欠费停机", "suspend_resume", "叫我妈帮我交了吧", "payment"),
    ("我要移机", "relocate", "上个月多扣了我30块", "bill_dispute"),  # a wish is no cause
    ("充了话费没到账", "payment", "家里宽带断了", "fault_broadband"),
    ("给老人办张卡", "new_install", "我的服务密码也忘了", "password_reset"),
    ("要携号转网", "port_out", "办之前先把彩铃退了", "vas_cancel"),
    ("网断了重启光猫", "fault_broadband", "还是帮我查下话费吧", "bill_query"),
]


@pytest.mark.parametrize(("told", "first", "said", "second", "one"), JOINED)
def test_a_story_goes_on(told: str, first: str, said: str, second: str, one: str) -> None:
    types = HANDBOOK.types[first], HANDBOOK.types[second]

    assert belongs(told, types[0], said, types[1])
    assert fitting(told, types[0], said, types[1]).id == one


@pytest.mark.parametrize(("told", "first", "said", "second"), SEPARATE)
def test_another_request_stands_beside_it(told: str, first: str, said: str, second: str) -> None:
    assert not belongs(told, HANDBOOK.types[first], said, HANDBOOK.types[second])


@pytest.mark.parametrize(
    ("text", "done"),
    [("换了套餐", True), ("过户给我儿子以后", True), ("已经交完费", True), ("改不了密码", False), ("想补张卡", False), ("办好了吗", False)],
)
def test_what_was_done_is_told_from_what_is_wanted(text: str, done: bool) -> None:
    assert tells_done(text) is done


def test_a_story_over_several_messages_is_one_request_with_all_its_words() -> None:
    intake = start("suspend_resume", "欠费停机了")
    paid = advance(intake, read("我刚充了一百块", "payment"), TABLES)
    advance(intake, read("现在还是打不出去", "fault_mobile"), TABLES)

    assert (names(paid), paid.ask, paid.again) == (["noted"], "phone_number", False)
    assert (intake.type, intake.pending) == ("suspend_resume", [])
    assert intake.words == ["欠费停机了", "我刚充了一百块", "现在还是打不出去"]


def test_a_story_in_many_messages_is_no_row_of_failed_answers() -> None:
    intake = start("fault_broadband", "家里断网了")
    for said in ("打了电话没人接", "师傅约了没来", "客服也说不清楚", "又等了一上午"):
        turn = advance(intake, read(said, "complaint_service"), TABLES)

    assert (turn.ask, len(intake.story)) == ("address", 5)


def test_what_is_wrong_now_is_what_is_registered() -> None:
    intake = start("port_out", "昨天办了携号转网")
    turn = advance(intake, read("卡没信号", "fault_mobile"), TABLES)

    assert (names(turn), intake.type, intake.pending) == (["switched_sorry"], "fault_mobile", [])
    assert (turn.ask, turn.again) == ("phone_number", False)


def test_a_complaint_about_a_fault_still_asks_where_to_repair_it() -> None:
    intake = start("fault_broadband", "家里网断了三天了，报修两次都没人来")
    advance(intake, read("我要投诉你们的装维", "complaint_service"), TABLES)
    asked = advance(intake, read(PHONE, phone_number=PHONE), TABLES)
    done = advance(intake, read(PLACE, address=PLACE), TABLES)

    assert (intake.type, asked.ask, done.ask) == ("complaint_service", "address", CONFIRM)


def test_more_of_the_story_at_the_read_back_is_read_back() -> None:
    intake = confirming()
    turn = advance(intake, read("打了两次电话都没人来", "complaint_service"), TABLES)

    assert (names(turn), turn.ask, intake.pending) == (["noted"], CONFIRM, [])
    assert "打了两次电话都没人来" in intake.story


def test_what_follows_an_answered_question_keeps_the_words_before_it() -> None:
    intake = answered()
    turn = advance(intake, read("结果多扣了我五十块", "bill_dispute"), TABLES)

    assert (turn.outcome, intake.type, len(intake.words)) == (None, "bill_dispute", 2)


def test_danger_is_taken_up_at_once_even_as_part_of_the_story() -> None:
    intake = start("fault_broadband", "家里断网了")
    fallen = read("因为电线杆倒了", "report_hazard", urgency=Urgency.URGENT)
    advance(intake, fallen, TABLES)

    assert (intake.type, [row["type"] for row in intake.pending]) == ("report_hazard", ["fault_broadband"])
