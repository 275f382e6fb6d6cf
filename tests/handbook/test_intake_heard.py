"""What customers say in the middle of a registration, and what a clerk would make of it."""

from __future__ import annotations

import pytest

from bot.handbook.facts import find_facts
from bot.handbook.intake import CONFIRM, CORRECTION, OFFER, Reading, advance
from bot.handbook.intake_numbers import number_to_call
from bot.handbook.intake_places import place_said
from bot.handbook.intake_story import withdraws_ticket
from bot.handbook.short_answers import agrees, besides_giving_up, gives_up, works_again
from bot.handbook.wished_time import drops_time, wished_time
from tests.handbook.intakes import PHONE, PLACE, TABLES, confirming, names, read, start

REFUSED = [
    "不登记了", "不用继续登记了 我要催的是000022那个", "不换了 不是说了吗", "不装了 你们太不靠谱", "我说不装了", "先不急着办", "不是登记 我就问问", "不要登记这个 我没被骗",
]  # fmt: skip
GOES_ON = ["不用，继续登记", "不用改了", "怎么不装了", "你们是不是不装了", "我没有要修网络", "不要了吗"]


@pytest.mark.parametrize("said", REFUSED)
def test_a_refusal_is_one_whatever_was_ordered(said: str) -> None:
    assert gives_up(said)
    assert gives_up(said, undoes=True)


@pytest.mark.parametrize("said", ["取消取消", "这个不要了", "不要了这个", "来电显示先不开了"])
def test_a_refusal_that_could_be_the_wish_itself_depends_on_what_was_ordered(said: str) -> None:
    assert gives_up(said)
    assert not gives_up(said, undoes=True)


@pytest.mark.parametrize("said", GOES_ON)
def test_what_sounds_like_a_refusal_and_is_none(said: str) -> None:
    assert not gives_up(said)


def test_who_confirms_a_withdrawal_submits_nothing() -> None:
    assert advance(confirming("close_account"), read("确认撤单", "affirm"), TABLES).outcome == "cancel"


def test_what_is_wanted_instead_is_taken_up() -> None:
    intake = start("new_install", "想装个宽带")
    turn = advance(intake, read("算了我明天自己去营业厅问 几点开门", "store_info", confidence=0.9), TABLES)

    assert turn.outcome == "switch"
    assert besides_giving_up("算了我明天自己去营业厅问") == "我明天自己去营业厅问"


def test_who_gives_up_and_asks_after_a_ticket_gets_that() -> None:
    intake = start()
    turn = advance(intake, read("不用继续登记了 我要催的是之前那单", "ticket_urge", confidence=0.9), TABLES)

    assert turn.outcome == "elsewhere"


def test_a_never_mind_with_the_facts_goes_on() -> None:
    intake = start()
    said = read("算了 我地址是兰州七里河区西站", address="七里河区西站", phone_number=PHONE)

    assert advance(intake, said, TABLES).outcome is None


def test_what_is_told_anew_replaces_what_was_told() -> None:
    intake = start("invoice", "要开发票，公司报销用", facts={"phone_number": PHONE})
    turn = advance(intake, read("算了我重新说 抬头写云启贸易，六七八三个月的", "invoice"), TABLES)

    assert turn.outcome is None
    assert intake.story == ["抬头写云启贸易，六七八三个月的"]
    assert intake.facts["phone_number"] == PHONE


@pytest.mark.parametrize(
    ("said", "works"),
    [
        ("好像又有网了", True), ("好了 能上了", True), ("哎 电视又好了 刚刚插了一下线", True), ("灯又亮了", True),
        ("已经复机了", True), ("好了没", False), ("又好了一会又断了", False), ("好了", False), ("还是没好", False),
    ],
)  # fmt: skip
def test_good_news_is_heard(said: str, works: bool) -> None:
    assert works_again(said) is works


def test_a_fault_that_is_over_is_not_registered() -> None:
    assert advance(start(), read("好了 能上了", "unclear"), TABLES).outcome == "cancel"


@pytest.mark.parametrize("said", ["就是同一件事", "就刚才那个单子啊", "我不是要再报一个", "又有网了"])
def test_the_ticket_that_is_open_already_is_meant(said: str) -> None:
    intake = start()
    assert advance(intake, read(said, "unclear"), TABLES).outcome != "same"
    intake = start()
    intake.same_as = "T20260302-000001"

    assert advance(intake, read(said, "unclear"), TABLES).outcome == "same"


MENDED = [
    ("地址改一下 是5栋不是3栋", "龙湖西苑3栋2单元", "龙湖西苑5栋2单元"),
    ("门牌错了 是18号", "翠湖路8号", "翠湖路18号"),
    ("18号！不是8号", "翠湖路8号", "翠湖路18号"),
    ("门牌错了 是18号院", "东城区 光明楼 12号院", "东城区 光明楼 18号院"),
    ("是5栋", "龙湖西苑3栋", "龙湖西苑5栋"),
    ("地址写错了 是9栋不是7栋", "渝北区 冉家坝", "渝北区 冉家坝 9栋"),
    ("地址不全 是金水区人民医院门诊楼信息科", "郑州市金水区", "郑州市金水区人民医院门诊楼信息科"),
]


@pytest.mark.parametrize(("said", "before", "after"), MENDED)
def test_the_part_of_an_address_that_was_wrong_is_put_right(said: str, before: str, after: str) -> None:
    intake = confirming(address=before)
    turn = advance(intake, read(said, address="5栋" if "5栋" in said else ""), TABLES)

    assert (names(turn), turn.ask, intake.facts["address"]) == (["updated"], CONFIRM, after)


def test_a_time_that_nobody_wished_for_is_taken_out() -> None:
    intake = confirming("complaint_service")
    intake.facts["wished_time"], told = "明天", intake.facts["detail"]
    turn = advance(intake, read("我没说明天 把时间去掉", "unclear"), TABLES)

    assert (names(turn), turn.ask) == (["updated"], CONFIRM)
    assert ("wished_time" in intake.facts, intake.facts["detail"]) == (False, told)


@pytest.mark.parametrize(
    ("said", "kind", "wished"),
    [
        ("约好今天上午9点到下午来装宽带的", "complains", None),
        ("下班了让我明天再来", "complains", None),
        ("明天上午给我回电", "complains", "明天上午"),
        ("上午才交的100块钱", "order", None),
        ("套餐我11月改了", "order", None),
        ("6月到8月的", "order", None),
        ("改6点半吧", "", "6点半"),
        ("下周六搬", "order", "下周六"),
    ],
)
def test_a_time_is_a_wish_only_where_something_is_to_come(said: str, kind: str, wished: str | None) -> None:
    assert wished_time(said, **({kind: True} if kind else {})) == wished
    assert not drops_time(said)


@pytest.mark.parametrize("said", ["对 快点 我怕我爸出事", "对的 老人家在家等着", "好 麻烦您快一点"])
def test_a_yes_with_more_to_say_is_a_yes(said: str) -> None:
    intake = confirming()
    turn = advance(intake, read(said, "fault_broadband"), TABLES)

    assert turn.outcome == "open"
    assert said in "".join((*intake.story, str(intake.facts.get("detail"))))


@pytest.mark.parametrize("said", ["对 不过地址不对", "好 那多久能来", "对了", "解决了个屁"])
def test_a_yes_that_is_none(said: str) -> None:
    assert not agrees(said)
    assert advance(confirming(), read(said, "unclear"), TABLES).outcome is None


@pytest.mark.parametrize("said", ["座机啊", "固话", "不是 是座机"])
def test_the_line_is_corrected_by_its_bare_name(said: str) -> None:
    intake = start("fault_mobile", "人家打不进来")
    advance(intake, read(said, "fault_landline", confidence=0.9), TABLES)

    assert (intake.type, intake.pending) == ("fault_landline", [])


def test_the_type_is_corrected_by_name() -> None:
    intake = confirming()
    advance(intake, read("不对，要修改", "deny"), TABLES)
    assert intake.asking == CORRECTION
    advance(intake, read("类型不对 是电视", "unclear"), TABLES)

    assert intake.type == "fault_tv"


def test_what_is_denied_is_not_what_is_registered() -> None:
    intake = start("fraud_report", "天天有人换着号打电话骂我", facts={"address": PLACE})
    said = read("不是 我不是要投诉泄露 我就想别让他打进来", "privacy_complaint", confidence=0.9)
    advance(intake, said, TABLES)

    assert (intake.type, intake.pending) == ("fraud_report", [])


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("别打这个 这手机被控制了 打我的13800000021", "13800000021"),
        ("我的号是13600000034 打不通的 你打这个18600000078", "18600000078"),
        ("座机号0739-6820034 我手机是15200000045", "15200000045"),
        ("13500000077 联系打我老公的13500000066", "13500000066"),
        ("我电话13800000000，换成13900000000", ""),
        ("骗子的号是13800000000", ""),
    ],
)
def test_of_two_numbers_the_one_to_call_is_kept(said: str, number: str) -> None:
    assert number_to_call(said) == number


def test_a_number_given_late_is_taken() -> None:
    intake = start(facts={"address": PLACE})
    assert advance(intake, read("不知道 是我爸的", "deny"), TABLES).ask == OFFER
    advance(intake, read("不用，继续登记", "deny"), TABLES)
    advance(intake, read(f"我爸电话是{PHONE} 刚问到", "inform", phone_number=PHONE), TABLES)

    assert intake.facts["phone_number"] == PHONE


@pytest.mark.parametrize(
    ("said", "place"),
    [("前面说过了 张江", "张江"), ("上海浦东新区张江药谷大厦！！说了三遍了", "上海浦东新区张江药谷大厦"), ("刚说了桥头", "桥头")],
)
def test_what_is_said_around_a_place_is_no_part_of_it(said: str, place: str) -> None:
    assert place_said(said) == place


WHOLE = [
    ("地址啊 你等一下我想想啊 那个 就是沈阳铁西区那个重工街那个工人村", "沈阳铁西区那个重工街那个工人村"),
    ("郑州市金水区人民医院 信息科 0371-65580034转8021", "郑州市金水区人民医院 信息科"),
    ("浦东新区 Zhangjiang 张江 汤臣豪园 3期", "浦东新区 Zhangjiang 张江 汤臣豪园 3期"),
    ("西安雁塔区 小寨 13900000000 晚上7点后有空", "西安雁塔区 小寨"),
    ("登州府路那边儿 俺们村都没网", "登州府路那边儿"),
    ("人民路 12号 3单元", "人民路 12号 3单元"),
    ("那个 还是装吧 你们有300兆的吧 武侯区晋阳街道", "武侯区晋阳街道"),
]


@pytest.mark.parametrize(("said", "place"), WHOLE)
def test_what_is_told_of_a_place_behind_a_gap_is_kept(said: str, place: str) -> None:
    intake = start()
    facts = {fact.name: fact.value for fact in reversed(find_facts(said))}
    advance(intake, read(said, facts=facts), TABLES)

    assert intake.facts["address"] == place


def test_who_asks_what_to_do_in_danger_is_told() -> None:
    intake = start("fraud_report", "我妈手机被人远程控制了", facts={"address": PLACE})

    assert names(advance(intake, read("现在就在动 怎么办", "fault_mobile"), TABLES)) == ["first_aid_fraud_report"]


def test_a_place_that_looks_like_none_is_believed_the_second_time() -> None:
    intake = start("report_hazard", "电线杆歪了", facts={"phone_number": PHONE})
    first = advance(intake, read("就在幸福里南门", "unclear"), TABLES)
    advance(intake, read("幸福里南门", "unclear"), TABLES)

    assert first.ask == "address"
    assert intake.facts["address"] == "幸福里南门"


@pytest.mark.parametrize("said", ["不止我们楼 好像整个小区都没了", "那我自己能弄好不"])
def test_what_names_a_building_need_not_be_a_place(said: str) -> None:
    intake = start()
    advance(intake, read(said, "unclear"), TABLES)

    assert "address" not in intake.facts


QUESTIONS: list[tuple[Reading, str]] = [
    (read("他不肯来营业厅怎么办", "unclear"), "question_noted"),
    (read("上回的师傅姓李", "unclear"), "noted"),
]


@pytest.mark.parametrize(("reading", "said"), QUESTIONS)
def test_a_question_is_not_only_noted(reading: Reading, said: str) -> None:
    intake = start("transfer_ownership", "我想过户")

    assert names(advance(intake, reading, TABLES)) == [said]


def test_a_message_that_corrects_itself_means_what_it_ends_with() -> None:
    assert start("fault_mobile", "我手机没网 哦不是 宽带没网 手机有").type == "fault_broadband"
    assert start("fault_mobile", "手机没信号 不是没网").type == "fault_mobile"


def test_who_says_what_is_right_is_not_asked_for_it() -> None:
    intake = start("invoice", "要开发票，抬头云启贸易", facts={"phone_number": PHONE})
    assert intake.asking == CONFIRM
    turn = advance(intake, read("税号我打错了 最后一位是2不是K", "unclear"), TABLES)

    assert (names(turn), turn.ask) == (["updated"], CONFIRM)
    assert intake.facts["detail"] == "要开发票，抬头云启贸易，税号我打错了 最后一位是2不是K"


def test_a_place_told_in_place_of_a_number_is_kept_whole() -> None:
    intake = start("fault_mobile", "手机没信号")
    said = "西安雁塔区 小寨 13900000000 晚上7点后有空"
    advance(intake, read(said, facts={fact.name: fact.value for fact in reversed(find_facts(said))}), TABLES)

    assert intake.facts["address"] == "西安雁塔区 小寨"


@pytest.mark.parametrize(
    ("type", "said", "read_as", "outcome"),
    [
        ("close_account", "我没要销户啊 是不要那15块了", "unclear", "cancel"),
        ("plan_change", "我不换套餐！！！我要装宽带！！", "new_install", "switch"),
        ("plan_change", "不要套餐变更，搞错了", "plan_change", "cancel"),
        ("suspend_resume", "交了钱还没有复机", "suspend_resume", None),
        ("vas_subscribe", "来电显示到现在也没开通", "vas_subscribe", None),
    ],
)
def test_who_denies_what_is_being_registered_is_believed(
    type: str, said: str, read_as: str, outcome: str | None
) -> None:
    intake = start(type, "我要办一下")

    assert advance(intake, read(said, read_as, confidence=0.9), TABLES).outcome == outcome


def test_what_is_denied_is_not_switched_to() -> None:
    intake = start("new_install", "我要新装宽带", facts={"address": PLACE})
    ranking = (("plan_change", 0.6), ("new_install", 0.3))
    advance(intake, read("我问的是300兆宽带 不是手机套餐", "plan_change", confidence=0.6, ranking=ranking), TABLES)

    assert (intake.type, intake.pending) == ("new_install", [])


@pytest.mark.parametrize(
    ("said", "withdraws"),
    [
        ("宽带那个T20261129-000129 撤掉", True), ("把T20261129-000135撤掉", True), ("算了不投诉了，你把那个单子撤掉", True),
        ("我要撤掉刚报的那个", True), ("撤000042 留000022", True), ("那个工单别撤", False), ("那个工单撤了没", False),
        ("彩铃给我取消了", False), ("那个彩铃撤了吧", False),
    ],
)  # fmt: skip
def test_a_ticket_that_is_pointed_at_is_withdrawn(said: str, withdraws: bool) -> None:
    assert withdraws_ticket(read(said)) is withdraws
    assert (advance(start("vas_cancel", "退订"), read(said, "vas_cancel"), TABLES).outcome == "named") is withdraws


def test_who_leaves_no_number_gives_nothing_up() -> None:
    intake = start("report_hazard", "小区门口有根线垂下来了", facts={"address": PLACE})
    turn = advance(intake, read("我路过的 不用留电话了吧", "ticket_cancel"), TABLES)

    assert (turn.outcome, turn.ask) == (None, CONFIRM)


def test_the_callers_number_is_not_the_customers() -> None:
    intake = start("fraud_report", "天天有人骚扰我", facts={"address": PLACE})
    number = {"phone_number": "02988880000"}
    advance(intake, read("骚扰我的号码是02988880000", facts=number), TABLES)
    assert "phone_number" not in intake.facts

    intake = start("fraud_report", "遇到诈骗了 钱刚转走 五千 13800000011", facts={"phone_number": "13800000011"})
    assert intake.facts["phone_number"] == "13800000011"


def test_a_new_number_takes_the_place_of_the_old_one() -> None:
    intake = confirming()
    advance(intake, read("电话改一下 用17300000099", phone_number="17300000099"), TABLES)

    assert intake.facts["phone_number"] == "17300000099"


@pytest.mark.parametrize(
    ("said", "after"),
    [
        ("地址：越秀区建设六马路20号", "越秀区建设六马路20号"),
        ("科苑路15号没写上", f"{PLACE}科苑路15号"),
    ],
)
def test_an_address_is_put_right_or_filled_up(said: str, after: str) -> None:
    intake = confirming()
    facts = {fact.name: fact.value for fact in find_facts(said)}
    advance(intake, read(said, facts=facts), TABLES)

    assert intake.facts["address"] == after


def test_a_second_request_beside_a_place_with_gaps_is_put_aside() -> None:
    intake = start("fault_mobile", "手机没信号", facts={"phone_number": PHONE})
    intake.asking = "address"
    said = "长沙岳麓区 金峰小区 3栋，另外电视也没图像"
    facts = {fact.name: fact.value for fact in reversed(find_facts(said))} | {"amount": "5"}
    advance(intake, read(said, "fault_tv", confidence=0.9, facts=facts), TABLES)

    assert intake.facts["address"] == "长沙岳麓区 金峰小区 3栋"
    assert [each["type"] for each in intake.pending] == ["fault_tv"]


def test_a_place_told_at_the_start_is_kept_whole() -> None:
    said = "宽带断了 我在长沙岳麓区 桐梓坡路 金峰小区 3栋"
    intake = start("fault_broadband", said, facts={fact.name: fact.value for fact in reversed(find_facts(said))})

    assert intake.facts["address"] == "长沙岳麓区 桐梓坡路 金峰小区 3栋"
    said = "盒子灯全灭了 我在重庆渝北区 冉家坝 龙湖新壹城 7栋"
    intake = start("fault_broadband", said, facts={fact.name: fact.value for fact in reversed(find_facts(said))})

    assert intake.facts["address"] == "重庆渝北区 冉家坝 龙湖新壹城 7栋"


def test_a_place_name_is_no_sum() -> None:
    assert [fact for fact in find_facts("我在三元里这边") if fact.name == "amount"] == []
