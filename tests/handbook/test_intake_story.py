"""Chapter 3.1: what a message adds: urgency over several messages, places, numbers, danger."""

from __future__ import annotations

import pytest

from bot.handbook.intake import CONFIRM, OFFER, IntakeTables, Reading, advance
from bot.handbook.requests import Urgency
from bot.handbook.signal_table import load_signals
from tests.handbook.intakes import (
    HANDBOOK,
    OTHER_PHONE,
    PHONE,
    PLACE,
    TABLES,
    confirming,
    names,
    offered,
    read,
    start,
)

LONG = "13900139000"
SIGNALS = IntakeTables(HANDBOOK.types, HANDBOOK.facts, HANDBOOK.knowledge, load_signals())

TOLD = [
    ("fault_broadband", ["宽带断了", "已经五天了", "报修过三次都没人来"], "major"),
    ("fault_landline", ["座机打不通", "我妈八十多了一个人住"], "urgent"),
    ("fault_mobile", ["手机没信号", "整个小区都这样"], "urgent"),
    ("fault_broadband", ["宽带断了", "再不修我就打12315"], "major"),
    ("fault_broadband", ["宽带断了", "我的电话13812345678"], "general"),
    ("fault_broadband", ["宽带断了", "昨天的事"], "general"),
]


@pytest.mark.parametrize(("type", "bubbles", "urgency"), TOLD)
def test_urgency_told_over_several_messages_counts(
    type: str, bubbles: list[str], urgency: str
) -> None:
    intake = start(type, bubbles[0])
    for bubble in bubbles[1:]:
        advance(intake, read(bubble), SIGNALS)

    assert intake.urgency == urgency


PLACES = [
    ("昨天就断了", None), ("雪花屏,好几天了", None), ("店里收不了钱,急", None), ("俺不想给", None),
    ("老供销社后面那排平房", "老供销社后面那排平房"), ("我家住李家沟村口第二家", "李家沟村口第二家"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "kept"), PLACES)
def test_only_a_place_is_an_address(said: str, kept: str | None) -> None:
    intake = start()
    advance(intake, read(said, "fault_broadband"), TABLES)

    assert intake.facts.get("address") == kept


def test_a_house_whose_number_reads_like_a_day_is_a_whole_address() -> None:
    intake = start()
    said = read("龙湖镇李家沟12号", address="龙湖镇", datetime="12号")
    advance(intake, said, TABLES)

    assert (intake.facts["address"], "wished_time" in intake.facts) == ("龙湖镇李家沟12号", False)


def test_a_place_told_before_it_is_asked_for_is_taken_whole() -> None:
    said = "柳树屯村东头，靠近小学"
    intake = start(facts={"address": PLACE}, urgency=Urgency.URGENT)
    asked = intake.asking
    intake.facts.pop("address")
    turn = advance(intake, read(said, address="柳树屯"), TABLES)

    assert (asked, turn.ask, intake.facts["address"]) == ("phone_number", "phone_number", said)
    assert said not in "".join(intake.story)


@pytest.mark.parametrize("said", ["单号好多", "工单开了没得"])
def test_words_about_a_ticket_are_no_place(said: str) -> None:
    intake = start()
    advance(intake, read(said, "unclear"), TABLES)

    assert "address" not in intake.facts


@pytest.mark.parametrize("said", ["柳树屯那边什么时候能修好", "柳树屯的网断了三天了"])
def test_what_names_a_place_and_more_is_no_whole_address(said: str) -> None:
    intake = start(facts={"address": PLACE})
    intake.facts.pop("address")
    advance(intake, read(said, address="柳树屯"), TABLES)

    assert intake.facts["address"] == "柳树屯"


def test_a_street_joins_its_district_and_a_part_says_nothing_new() -> None:
    intake = start(address="海淀区")
    advance(intake, read("清华东路", address="清华东路"), TABLES)
    advance(intake, read("在海淀区", address="海淀区"), TABLES)

    assert intake.facts["address"] == "海淀区清华东路"


def test_the_number_topped_up_by_mistake_is_not_the_one_to_call() -> None:
    intake = start("payment", "充话费充到别人号上了")
    advance(intake, read(PHONE, phone_number=PHONE), TABLES)
    advance(intake, read(f"充到{OTHER_PHONE}了", phone_number=OTHER_PHONE), TABLES)

    assert intake.facts["phone_number"] == PHONE


def test_danger_in_between_comes_first_and_the_rest_after_it() -> None:
    intake = start("invoice", "我要开发票", message_id="7")
    danger = read("我手机号被人盗了银行卡在被转钱", "fraud_report", urgency=Urgency.URGENT)
    turn = advance(intake, danger, TABLES)

    assert names(turn) == ["acknowledge_urgent_fraud_report", "set_aside"]
    assert (intake.type, [row["type"] for row in intake.pending]) == ("fraud_report", ["invoice"])
    assert (intake.pending[0]["message_id"], intake.pending[0]["text"]) == ("7", "我要开发票")


def test_what_to_do_is_said_again_when_asked() -> None:
    intake = start("report_hazard", "楼下光缆冒烟了", urgency=Urgency.URGENT)

    assert names(advance(intake, read("怎么办", "unclear"), TABLES)) == ["first_aid_report_hazard"]


def test_a_story_that_turns_dangerous_brings_first_aid() -> None:
    intake = start("fraud_report", "有骗子给我打电话")
    turn = advance(intake, read("他正在让我转账报验证码"), SIGNALS)

    assert (intake.urgency, names(turn)[0]) == ("urgent", "first_aid_fraud_report")


def test_who_gives_no_number_hears_at_once_what_is_possible() -> None:
    intake = start(address=PLACE)

    assert advance(intake, read("不想留电话", "deny"), TABLES).ask == OFFER


def test_danger_is_registered_without_a_number() -> None:
    intake = start("report_hazard", "光缆掉下来横在马路上", urgency=Urgency.URGENT, address=PLACE)

    assert advance(intake, read("我不方便留电话", "deny"), TABLES).ask == CONFIRM


SAID_AT_THE_END = [
    (read("先别退", "bill_dispute"), None, "cancel", []),
    (read("等等", "unclear"), CONFIRM, None, ["take_your_time"]),
    (read("不对,不是宽带,是电视", "fault_tv", confidence=0.4), CONFIRM, None, ["switched_sorry"]),
    (read("地址再加上:村口小卖部隔壁"), CONFIRM, None, ["updated"]),
    (read("急用啊,我是开网约车的", "unclear"), CONFIRM, None, ["noted"]),
]


@pytest.mark.parametrize(("reading", "asked", "outcome", "said"), SAID_AT_THE_END)
def test_what_is_said_at_the_read_back_is_heard(reading, asked, outcome, said) -> None:  # type: ignore[no-untyped-def]
    intake = confirming()
    turn = advance(intake, reading, TABLES)

    assert (turn.ask, turn.outcome, names(turn)) == (asked, outcome, said)


def test_what_is_added_to_the_address_stands_in_it() -> None:
    intake = confirming()
    advance(intake, read("地址再加上:村口小卖部隔壁"), TABLES)

    assert intake.facts["address"] == f"{PLACE}村口小卖部隔壁"


def test_a_bare_yes_sends_off_nothing_that_was_called_wrong() -> None:
    intake = confirming()
    advance(intake, read("不对", "deny"), TABLES)

    assert advance(intake, read("是", "affirm"), TABLES).ask == CONFIRM


def test_a_demand_in_a_complaint_is_part_of_the_story() -> None:
    intake = start("complaint_service", "我要投诉客服")
    turn = advance(intake, read("我要求书面道歉", "out_of_scope", confidence=0.9), TABLES)

    assert names(turn) == ["noted"]
    assert "我要求书面道歉" in intake.story


@pytest.mark.parametrize(
    ("reading", "kept"),
    [
        (read("我从来没开过啊", "deny"), "我从来没开过啊"),
        (read("对啊都扣了三个月了", "affirm"), "对啊都扣了三个月了"),
        (read(f"{PHONE} 20号走", phone_number=PHONE, datetime="20号"), f"{PHONE} 20号走"),
        (read("不是", "deny"), None),
        (read("好的好的好的", "affirm"), None),
        (read("不不不不不不", "deny"), None),
        (read(PHONE, phone_number=PHONE), None),
    ],
    ids=["denies", "agrees and goes on", "a day beside the number", "no", "yes again and again", "no again and again", "the number alone"],
)
def test_what_is_told_in_passing_stands_in_the_story(reading: Reading, kept: str | None) -> None:
    intake = start("bill_dispute", "莫名其妙多扣了我68块钱")
    assert intake.asking == "phone_number"
    advance(intake, reading, TABLES)

    assert intake.story[1:] == ([kept] if kept else [])


@pytest.mark.parametrize("said", ["那帮我开一个", "那我现在就要办", "给我弄一下吧"])
def test_who_wants_it_done_means_what_is_being_registered(said: str) -> None:
    intake = start("roaming", "下个月去日本玩 帮我弄一下")
    turn = advance(intake, read(said, "vas_subscribe"), TABLES)

    assert (intake.pending, names(turn), turn.ask) == ([], ["noted"], "phone_number")


@pytest.mark.parametrize(
    ("type", "said", "other"),
    [("bill_dispute", "我要过户", "transfer_ownership"), ("roaming", "我要补卡", "sim_replace")],
)
def test_another_wish_is_kept_however_short(type: str, said: str, other: str) -> None:
    intake = start(type, "莫名其妙多扣了我68块钱")
    advance(intake, read(said, other), TABLES)

    assert [row["type"] for row in intake.pending] == [other]


def test_how_long_a_contract_runs_is_no_question_about_us() -> None:
    intake = start("port_out", "我要转到别家去")
    turn = advance(intake, read("合约还有多久到期", "contract_query"), TABLES)

    assert "not_yet_submitted" not in names(turn)
    assert names(advance(intake, read("要多久"), TABLES)) == ["not_yet_submitted"]


@pytest.mark.parametrize(
    ("said", "found", "kept"),
    [
        (f"海淀区上地西里5号楼1002 {LONG}", "海淀区", "海淀区上地西里5号楼1002"),
        (f"海淀区上地西里5号楼1002，电话{LONG}", "海淀区", "海淀区上地西里5号楼1002"),
        (f"{LONG} 海淀区上地西里5号楼1002", "海淀区", "海淀区上地西里5号楼1002"),
        (f"海淀区，家里网断了，{LONG}", "海淀区", "海淀区"),
        (f"海淀区上地西里师傅没来 {LONG}", "海淀区", "海淀区"),
    ],
)
def test_a_place_beside_a_number_is_taken_whole(said: str, found: str, kept: str) -> None:
    intake = start()
    advance(intake, read(said, address=found, phone_number=LONG), TABLES)

    assert (intake.facts["address"], intake.facts["phone_number"]) == (kept, LONG)


@pytest.mark.parametrize(
    ("kind", "first", "said", "detail"),
    [
        ("plan_change", "我要把流量包退了", None, "我要把流量包退了"),
        ("plan_change", "我想换套餐", "就最便宜的那个", "我想换套餐，就最便宜的那个"),
        ("plan_change", "我想换套餐", "什么时候都行啊", None),
        ("vas_subscribe", "帮我开个来电显示", None, "帮我开个来电显示"),
        ("vas_subscribe", "我想开个业务", None, None),
        ("vas_subscribe", "你们金卡会员想开个业务", None, None),
        ("plan_change", "我想把58的套餐换成39元那档", None, "我想把58的套餐换成39元那档"),
        ("plan_change", "我现在58元的套餐太贵了，想换一个", None, None),
        ("plan_change", "以前的套餐太贵了想换", None, None),
        ("plan_change", "尾号8899的卡想换套餐", None, None),
        ("plan_change", "我手机是5G的，想换个套餐", None, None),
        ("plan_change", "我要改套餐，去年办的合约包到期了", None, None),
        ("plan_change", "我要换套餐", "别给我办最贵的", None),
    ],
)
def test_an_order_that_names_what_it_is_about_is_not_asked_what(
    kind: str, first: str, said: str | None, detail: str | None
) -> None:
    intake = start(kind, first)
    if said:
        advance(intake, read(said, "unclear"), TABLES)
    advance(intake, read(PHONE, phone_number=PHONE), TABLES)

    assert intake.facts.get("detail") == detail
    assert intake.asking == (CONFIRM if detail else "detail")


def test_a_charge_that_nobody_ordered_becomes_a_dispute_however_unsure_its_words() -> None:
    intake = start("bill_query", "这个月咋扣了我86块啊")
    told = advance(intake, read("我没开过这个视频彩铃", "bill_dispute", confidence=0.4), TABLES)
    back = advance(intake, read("给我退了", "vas_cancel", confidence=0.95), TABLES)

    assert (intake.type, intake.pending) == ("bill_dispute", [])
    assert told.ask == back.ask == "phone_number"
    assert intake.story == ["这个月咋扣了我86块啊", "我没开过这个视频彩铃", "给我退了"]


@pytest.mark.parametrize(("said", "type"), [("退回来了", "thanks"), ("都退了", "inform")])
def test_money_that_came_back_is_not_asked_back(said: str, type: str) -> None:
    intake = start("bill_query", "这个月咋扣了我86块啊")
    advance(intake, read(said, type, confidence=0.9), TABLES)

    assert intake.type == "bill_query"


def test_an_unsure_danger_is_taken_up_by_itself_and_no_other_wish_is_lost_in_a_story() -> None:
    intake = start("fault_mobile", "手机没信号")
    asked = advance(intake, read("给我开张发票", "invoice", confidence=0.45), TABLES)
    advance(intake, read("电线着火了", "report_hazard", confidence=0.45, urgency=Urgency.URGENT), TABLES)

    assert (names(asked), intake.story) == ([], ["电线着火了"])
    assert (intake.type, intake.pending[0]["type"]) == ("report_hazard", "fault_mobile")


@pytest.mark.parametrize("said", ["不用了", "先登记", "继续吧"])
def test_what_answers_the_offer_of_a_person_is_no_story(said: str) -> None:
    intake = offered()
    advance(intake, read(said, "deny"), TABLES)

    assert intake.story == ["家里宽带断了"]


@pytest.mark.parametrize(
    ("said", "type", "confidence"),
    [("他骂我", "complaint_service", 0.9), ("对就是那个胖胖的", "chitchat", 0.3), ("昨天下午在建设路营业厅", "inform", 0.9)],
)
def test_what_is_told_in_place_of_a_number_is_kept(said: str, type: str, confidence: float) -> None:
    intake = start("complaint_service", "我要投诉你们小刘")
    facts = {"address": "建设路"} if type == "inform" else {}
    told = advance(intake, read(said, type, confidence=confidence, facts=facts), TABLES)

    assert (names(told), told.again) == (["noted"], False)
    assert intake.story == ["我要投诉你们小刘", said]


@pytest.mark.parametrize("said", ["昨天换的盒子", "光有声"])
def test_what_is_told_in_place_of_an_address_reaches_the_description(said: str) -> None:
    intake = start("fault_tv", "电视打不开")
    facts = {"datetime": "昨天"} if "昨天" in said else {}
    told = advance(intake, read(said, "unclear", facts=facts), TABLES)

    assert (names(told), told.ask) == (["noted"], "address")
    assert intake.story == ["电视打不开", said]
