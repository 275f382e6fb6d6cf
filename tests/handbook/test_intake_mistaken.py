"""What sounds like a refusal, good news, a correction or a yes, and is something else."""

from __future__ import annotations

import pytest

from bot.handbook.intake import advance, begin
from bot.handbook.intake_numbers import number_to_call
from bot.handbook.intake_places import whole_place
from bot.handbook.intake_story import withdraws_ticket
from bot.handbook.requests import Urgency
from bot.handbook.short_answers import gives_up, works_again
from bot.handbook.wished_time import drops_time, wished_time
from tests.handbook.intakes import PHONE, TABLES, confirming, names, read, start


@pytest.mark.parametrize(
    "said",
    ["网页打不开了", "视频打不开了 急死了", "路由器灯不转了", "你们师傅说不装了 让我等", "他们说不补了",
     "不用登记我的名字，登记我爱人的", "我上次说不投诉了 结果你们没解决"],
)  # fmt: skip
def test_a_fault_or_a_report_of_others_is_no_refusal(said: str) -> None:
    assert not gives_up(said)


@pytest.mark.parametrize(
    "said",
    ["可以了，登记吧", "可以了 提交", "好了 地址是幸福路3号", "终于有人来了", "邻居家都已经恢复了", "隔壁已经有网了",
     "现在好了一点", "刚亮了红灯", "刚恢复了五分钟", "电视好了 宽带坏了", "已经好了三天"],
)  # fmt: skip
def test_no_good_news(said: str) -> None:
    assert not works_again(said)


@pytest.mark.parametrize(
    "said",
    ["13812340000 取消彩铃", "宽带账号0571123456 取消套餐", "转了500000 帮我撤回", "谁把我那张单撤了", "刚报的修师傅把单撤了"],
)
def test_no_ticket_is_taken_back(said: str) -> None:
    assert not withdraws_ticket(read(said))


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("骗子打我13812340000", ""), ("陌生人联系我 号码是13812340000", ""), ("他们打给我的是13812340000", ""),
        ("不要联系我老公13812340000，打我13912340000", "13912340000"), ("别打我13812340000", ""),
    ],
)  # fmt: skip
def test_a_number_that_is_not_to_be_called(said: str, number: str) -> None:
    assert number_to_call(said) == number


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("今天幸福小区停网了 幸福小区", "幸福小区"), ("今天早上人民路断网 人民路", "人民路"), ("断网 幸福路3号", "幸福路3号"),
        ("幸福路3号 谢谢", "幸福路3号"), ("東城區 建國路3號 2樓", "東城區 建國路3號 2樓"),
    ],
)  # fmt: skip
def test_a_place_among_other_words(said: str, place: str) -> None:
    assert whole_place(read(said)) == place


@pytest.mark.parametrize(
    ("type", "said"),
    [
        ("complaint_marketing", "不要再打营销电话了"), ("vas_cancel", "我没让你们开增值业务"),
        ("plan_change", "我不要这个套餐，要29的"), ("payment", "不是充值失败 是充值没到账"),
    ],
)  # fmt: skip
def test_what_is_told_of_the_matter_denies_nothing(type: str, said: str) -> None:
    intake = start(type, "我要办一下")

    assert advance(intake, read(said, type, confidence=0.9), TABLES).outcome is None


@pytest.mark.parametrize(
    ("said", "wished"),
    [("今天不要来，明天上午来", "明天上午"), ("周六上午上门给我处理", "周六上午"), ("我明天下午有时间", "明天下午")],
)
def test_a_time_is_not_dropped_with_another(said: str, wished: str) -> None:
    assert not drops_time(said)
    assert wished_time(said, complains="不要" not in said) == wished


@pytest.mark.parametrize("said", ["你们快点来修啊", "等我老公回来", "我要睡觉了", "我已经说过了"])
def test_impatience_is_no_address(said: str) -> None:
    intake = start()
    for _ in range(2):
        advance(intake, read(said, "unclear"), TABLES)

    assert not intake.facts.get("address")


@pytest.mark.parametrize("said", ["地址还是原来的", "电话就是刚才报的那个", "不是刚才那个问题", "不是之前那个，是新的故障", "不是同一件事"])
def test_what_is_not_the_ticket_that_is_open(said: str) -> None:
    intake = start()
    intake.same_as = "T20260302-000001"

    assert advance(intake, read(said, "unclear"), TABLES).outcome != "same"


def test_another_matter_is_not_the_open_ticket() -> None:
    intake = start()
    intake.same_as = "T20260302-000001"
    fraud = read("有骗子在转我的钱", "fraud_report", confidence=0.9, urgency=Urgency.URGENT)
    advance(intake, fraud, TABLES)

    assert (intake.type, intake.same_as) == ("fraud_report", None)


@pytest.mark.parametrize("said", ["是3号上午坏的", "手机号漏了一位 13812340000", "名字还没写"])
def test_an_address_is_not_mended_by_other_words(said: str) -> None:
    intake = confirming(address="幸福路8号501室")
    advance(intake, read(said, "unclear"), TABLES)

    assert intake.facts["address"] == "幸福路8号501室"


@pytest.mark.parametrize("said", ["再说我已经交过钱了呀", "那再说吧我先去上班了", "你再说一遍我没听懂你意思"])
def test_what_tells_nothing_anew(said: str) -> None:
    intake = confirming("complaint_service")
    told = intake.facts["detail"]
    advance(intake, read(said, "unclear"), TABLES)

    assert str(intake.facts["detail"]).startswith(told)


@pytest.mark.parametrize("said", ["好的 我跟我老公商量一下再说", "好的，我考虑考虑再决定要怎样"])
def test_hesitation_submits_nothing(said: str) -> None:
    assert advance(confirming(), read(said, "unclear"), TABLES).outcome is None


def test_a_yes_and_an_order_submits_and_keeps_the_order() -> None:
    intake = confirming()
    said = read("确认，流量包也关了吧", "vas_cancel", confidence=0.9)
    turn = advance(intake, said, TABLES)

    assert (turn.outcome, names(turn)) == ("open", ["second_noted"])
    assert [(each["type"], each["text"]) for each in intake.pending] == [("vas_cancel", "流量包也关了吧")]


@pytest.mark.parametrize(
    ("said", "type"),
    [("确认，快点修 不然我投诉你们", "complaint_service"), ("对了，我还要改一下套餐", "plan_change"),
     ("是不是套餐的问题 换套餐能好吗", "plan_consult")],
)  # fmt: skip
def test_what_is_no_yes_and_order_submits_nothing_by_that(said: str, type: str) -> None:
    intake = confirming()
    turn = advance(intake, read(said, type, confidence=0.9), TABLES)

    assert not (turn.outcome == "open" and intake.pending)


@pytest.mark.parametrize("said", ["几个人来", "你们派人来修不", "安排个师傅上门吧", "有没有人来修"])
def test_who_asks_who_comes_wants_nobody_to_talk_to(said: str) -> None:
    assert advance(start(), read(said, "request_human", confidence=0.9), TABLES).outcome is None


@pytest.mark.parametrize("said", ["转人工", "找个人来听", "叫个人来接电话", "有没有人啊", "人工 我不跟机器说"])
def test_who_wants_a_person_gets_one(said: str) -> None:
    assert advance(start(), read(said, "request_human", confidence=0.9), TABLES).outcome == "human"


def test_who_says_that_it_is_a_fault_has_no_second_request_in_it() -> None:
    intake = start()
    advance(intake, read("我没要退订啊 就是报修", "vas_cancel", confidence=0.9), TABLES)

    assert (intake.type, intake.pending) == ("fault_broadband", [])


def test_a_death_in_the_family_is_met_with_sympathy_once() -> None:
    intake, turn = begin(read("我爸上个月去世了 他的号码要销掉", "close_account"), TABLES, key="key")
    again = advance(intake, read("我爸去世了 手机号 138****0099", phone_number=PHONE), TABLES)

    assert names(turn)[0] == "condolence"
    assert "condolence" not in names(again)


def test_a_death_that_is_told_later_is_heard_too() -> None:
    turn = advance(start("close_account", "销户"), read("机主是我老伴 她去年过世了", "inform"), TABLES)

    assert names(turn)[0] == "condolence"
