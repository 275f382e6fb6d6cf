"""Chapter 3.1: questions before, in and after an intake; corrections; what the customer cannot say."""

from __future__ import annotations

from typing import Any

import pytest

from bot.desk.intakes import read_back
from bot.handbook.intake import CONFIRM, OFFER, SOLVED, Reading, advance, begin
from bot.handbook.intake_parts import Intake
from bot.handbook.intake_steps import questions_in
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


def began(text: str, type: str, **more: Any) -> tuple[Intake, list[str]]:
    intake, turn = begin(read(text, type, **more), TABLES, key="key")
    return intake, [*names(turn), str(turn.ask)]


def advanced(intake: Intake, *readings: Reading) -> list[str]:
    """Return what is said and asked after the last of the readings."""
    turn = [advance(intake, reading, TABLES) for reading in readings][-1]
    return [*names(turn), str(turn.ask or turn.outcome)]


# -- an order that is asked about


@pytest.mark.parametrize(
    ("said", "type", "entry"),
    [
        ("携号转网需要什么条件", "port_out", "port_conditions"),
        ("怎么携号转网", "port_out", "port_steps"),
        ("esim怎么办", "sim_replace", "sim_esim"),
        ("销户要什么手续", "close_account", "close_steps"),
        ("出国怎么开漫游", "roaming", "roaming_open"),
    ],
)
def test_who_asks_how_is_answered_before_anything_is_registered(
    said: str, type: str, entry: str
) -> None:
    intake, heard = began(said, type)

    assert heard == ["knowledge", SOLVED]
    assert entry in intake.asked


@pytest.mark.parametrize(
    ("said", "type"),
    [
        ("我要携号转网", "port_out"), ("卡丢了怎么补", "sim_replace"), ("交了费怎么还没复机", "suspend_resume"),
        ("携号转网你们怎么不给办", "port_out"),
    ],
)  # fmt: skip
def test_who_wants_it_done_is_registered_at_once(said: str, type: str) -> None:
    assert began(said, type)[1] == ["acknowledge_order", "phone_number"]


def test_after_the_answer_the_order_is_taken_down() -> None:
    intake, _ = began("携号转网需要什么条件", "port_out")

    assert advanced(intake, read("我有合约能转吗", "port_out", confidence=0.9)) == ["knowledge", SOLVED]
    assert advanced(intake, read("那我要转", "port_out", confidence=0.9)) == ["switched", "phone_number"]


def test_what_is_on_offer_becomes_an_order_when_it_is_wanted() -> None:
    intake, _ = began("5G套餐有哪些", "plan_consult")

    assert advanced(intake, read("我要办", "unclear")) == ["switched", "phone_number"]
    assert intake.type == "plan_change"


# -- a consultation that goes on


def test_a_question_that_goes_on_is_answered_too() -> None:
    intake, _ = began("营业厅几点开门", "store_info")
    assert advanced(intake, read("周日呢", "inform")) == ["knowledge", SOLVED]
    assert "store_holiday" in intake.asked

    intake, _ = began("我有多少积分", "account_query")
    assert advanced(intake, read("怎么换", "nlu_fallback")) == ["knowledge", SOLVED]
    assert "plan_points" in intake.asked


def test_a_question_that_no_entry_answers_is_registered() -> None:
    intake, _ = began("销户要什么手续", "close_account")

    assert advanced(intake, read("在邮局能办吗", "nlu_fallback")) == ["answer_not_enough", "phone_number"]
    assert "在邮局能办吗" in intake.words


def test_what_the_answer_asked_for_is_no_failure_of_it() -> None:
    assert advanced(answered(), read(PHONE, phone_number=PHONE)) == ["noted", CONFIRM]
    assert advanced(answered(), read(f"没解决 {PHONE}", phone_number=PHONE)) == ["answer_not_enough", CONFIRM]


def test_what_goes_on_with_the_question_is_not_refused() -> None:
    intake, _ = began("esim怎么办", "sim_replace")

    assert advanced(intake, read("手机换新的了", "out_of_scope"))[-1] == "phone_number"


def test_a_wrong_consultation_is_corrected() -> None:
    intake, _ = began("查一下流量", "usage_query")
    said = read("不是，我问的是话费", "deny", ranking=(("deny", 0.7), ("bill_query", 0.26)))

    assert advanced(intake, said) == ["knowledge", SOLVED]
    assert intake.type == "bill_query"


def test_a_suggestion_is_registered_and_a_question_answered() -> None:
    assert began("建议app做大字版", "suggestion")[1] == ["acknowledge_suggestion", CONFIRM]
    assert began("怎么提建议", "suggestion")[1] == ["knowledge", SOLVED]


# -- in the middle


def test_an_answer_in_between_makes_no_offer_that_would_not_be_kept() -> None:
    intake = start("close_account", "我要销户")
    turn = advance(intake, read("怎么查我的话费余额", "bill_query", confidence=0.9), TABLES)
    [said] = [say.values["answer"] for say in turn.says]

    assert said.endswith("三种方式结果一致。")
    assert "没解决" not in said
    assert "没解决" in TABLES.knowledge["bill_balance"].answer


@pytest.mark.parametrize("said", ["收费吗", "多少钱", "这个要收费吗？"])
def test_the_price_of_it_is_no_other_consultation(said: str) -> None:
    intake = start("relocate", "我要移机")

    assert advanced(intake, read(said, "plan_consult", confidence=0.9)) == ["fee", "address"]


@pytest.mark.parametrize("said", ["[图片]", "[动画表情] [表情]", "😀！"])
def test_what_stands_for_a_picture_is_no_word(said: str) -> None:
    assert not read(said, "unclear").has_words


def test_at_home_is_not_the_mobile() -> None:
    intake = start("fault_mobile", "网络慢")
    assert advanced(intake, read("家里的", "inform")) == ["switched_sorry", "address"]

    assert advanced(start("fault_mobile", "手机没信号"), read("家里的", "inform"))[-1] == "phone_number"


def test_a_protest_is_no_question_for_the_table() -> None:
    intake = start("bill_query", "一天扣我5块", urgency=Urgency.MAJOR)

    assert advanced(intake, read("凭什么", "unclear")) == ["listening", "phone_number"]


@pytest.mark.parametrize("said", ["我冇內地號碼", "我没有电话", "没手机号"])
def test_who_has_no_number_hears_what_is_possible(said: str) -> None:
    assert advanced(start(facts={"address": PLACE}), read(said, "account_query")) == [OFFER]


def test_a_place_in_english_is_one() -> None:
    intake = start()
    advance(intake, read("Room 302, Building 5, Sunshine Community", "inform"), TABLES)

    assert intake.facts["address"] == "Room 302, Building 5, Sunshine Community"


def test_what_asks_nothing_of_us_is_not_refused() -> None:
    intake = start("sim_replace", "补卡")

    assert advanced(intake, read("手机换新的了", "out_of_scope")) == ["noted", "phone_number"]
    assert advanced(intake, read("帮我订个外卖", "out_of_scope"))[0] == "out_of_scope_short"


@pytest.mark.parametrize("said", ["那不要了", "不要了吧", "没有了谢谢", "没事谢谢"])
def test_who_wants_it_no_more_is_let_go(said: str) -> None:
    assert advanced(start("vas_subscribe", "开通来电显示"), read(said, "thanks")) == ["cancel"]


def test_who_cancels_a_service_is_not_let_go_by_the_same_words() -> None:
    assert advanced(start("vas_cancel", "退彩铃"), read("那个彩铃不要了", "vas_cancel"))[-1] != "cancel"


def test_a_change_of_mind_is_followed() -> None:
    intake = start("plan_change", "我要换个套餐")
    said = read("算了还是先查下我现在什么套餐吧", "account_query", confidence=0.9)

    assert advanced(intake, said) == ["knowledge", SOLVED]


# -- what the customer cannot say


@pytest.mark.parametrize("said", ["不知道", "我不知道", "我不清楚", "忘了", "记不得"])
def test_who_does_not_know_is_not_asked_again(said: str) -> None:
    intake = start()

    assert advanced(intake, read(said, "deny")) == [OFFER]
    assert "address" not in intake.facts
    assert advanced(intake, read("不用，继续登记", "deny")) == ["phone_number"]


def test_in_danger_it_goes_on_without_the_place() -> None:
    intake = start("report_hazard", "电线杆要倒了")

    assert advanced(intake, read("我不知道这是哪", "inform")) == ["noted", "phone_number"]


@pytest.mark.parametrize(
    ("said", "told"),
    [("1360000001", ["number_of_digits"]), ("136000000123", ["number_of_digits"]), ("91234567", []), ("136-0000", [])],
)
def test_a_number_too_short_is_asked_for_again(said: str, told: list[str]) -> None:
    intake = start(facts={"address": PLACE})
    turn = advance(intake, read(said), TABLES)

    assert (names(turn), turn.ask, turn.again) == (told, "phone_number", True)


# -- the read-back


def test_a_demand_is_no_yes() -> None:
    intake = confirming("complaint_service")

    assert advanced(intake, read("要求你们查清楚", "complaint_service", confidence=0.9)) == ["noted", CONFIRM]


def test_two_characters_are_an_addition() -> None:
    intake = confirming("fault_mobile")

    assert advanced(intake, read("曼谷", "unclear")) == ["noted", CONFIRM]
    assert "曼谷" in intake.words


@pytest.mark.parametrize("said", ["不是手机，是宽带", "不对，我说的是家里的网"])
def test_the_line_is_corrected_at_the_read_back(said: str) -> None:
    intake = confirming("fault_mobile")

    assert advanced(intake, read(said, "deny")) == ["switched_sorry", CONFIRM]
    assert intake.type == "fault_broadband"


def test_a_corrected_place_is_no_part_of_the_story() -> None:
    intake = confirming()
    advance(intake, read("哦不对是高新区科技路9号", address="高新区科技路9号"), TABLES)

    assert intake.facts["address"] == "高新区科技路9号"
    assert "科技路" not in "".join(intake.story)


def test_a_sum_is_read_back_with_its_unit() -> None:
    intake = confirming("bill_dispute", amount="30")

    assert "金额：30元" in read_back(intake, HANDBOOK)


def test_the_money_decides_between_two_complaints() -> None:
    intake = start("complaint_marketing", "没同意就给我开了套餐")
    advance(intake, read(PHONE, phone_number=PHONE), TABLES)
    assert intake.asking == "detail"
    advance(intake, read("退了，把钱还我", "bill_dispute", confidence=0.9), TABLES)

    assert (intake.type, intake.asking) == ("bill_dispute", CONFIRM)


def test_money_asked_back_goes_on_with_the_question_about_it() -> None:
    intake = start("bill_query", "一天扣我5块", urgency=Urgency.MAJOR)
    heard = advanced(intake, read("退钱", "bill_dispute", confidence=0.9))

    assert (intake.type, intake.pending, heard[0]) == ("bill_dispute", [], "switched_sorry")


# -- two questions in one message


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("多久能修好？要收费吗？", ["not_yet_submitted", "fee"]),
        ("师傅来几个人 要不要收钱", ["knowledge", "fee"]),
        ("修要多久啊，我不在家怎么办", ["not_yet_submitted", "knowledge"]),
        ("要收费吗", ["fee"]),
        ("师傅要来几个人？修一次好多钱？", ["knowledge", "fee"]),
        ("要几多钱啊", ["fee"]),
        ("要多少钱，收不收费", ["knowledge"]),
    ],
)
def test_each_of_two_questions_is_answered(said: str, heard: list[str]) -> None:
    intake = start()
    turn = advance(intake, read(said, "unclear"), TABLES)

    assert (names(turn), turn.ask) == (heard, "address")


def test_a_question_without_an_answer_takes_none_from_the_other() -> None:
    intake = start()
    turn = advance(intake, read("师傅来几个人？你们老板姓什么？", "unclear"), TABLES)

    assert names(turn) == ["knowledge"]


@pytest.mark.parametrize("said", ["在幸福小区吗？我也不清楚，多久啊", "家里宽带断了", "我要投诉，你们管不管？到底管不管？"])
def test_what_is_not_two_questions_is_none(said: str) -> None:
    assert len(questions_in(said)) < 2 or len(names(advance(start(), read(said, "unclear"), TABLES))) < 2


def test_no_answers_come_before_a_danger() -> None:
    intake = start()
    said = "重启光猫有用吗？电线冒烟了，孩子在家，多久能来人？"
    turn = advance(intake, read(said, "report_hazard", urgency=Urgency.URGENT, confidence=0.95), TABLES)

    assert (intake.type, names(turn)[0]) == ("report_hazard", "acknowledge_urgent_report_hazard")
