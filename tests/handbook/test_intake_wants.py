"""Whether a registration is sent off, goes on, or ends: what customers say for each."""

from __future__ import annotations

import pytest

from bot.handbook.intake import CONFIRM, CORRECTION, advance, begin
from bot.handbook.intake_asides import beside
from bot.handbook.intake_numbers import changes_number
from bot.handbook.intake_story import adds_to_ticket, withdraws_ticket
from bot.handbook.short_answers import gives_up, goes_on, registers_nothing, submits, works_again
from bot.handbook.wished_time import drops_time, wished_time
from tests.handbook.intakes import PHONE, TABLES, answered, confirming, names, offered, read, start

SUBMITTED = [
    "算了 就这样提交吧", "算了，那先提交", "？我是说提交啊", "写字不要，其他对的，提交", "算了 就按刚才那个地址提交",
    "提交，你先回答我", "提交提交提交", "对咯对咯，快点来嘛", "先停机啊快点 确认", "确认 顺便问下几点来",
    "先不改了 提交", "不等了 提交", "没有了 提交吧", "確認提交，幾時有人覆我？", "确认，多久能有消息", "那就在这里回复吧，确认", "对，先确认。要不要收钱",
]  # fmt: skip


@pytest.mark.parametrize("said", SUBMITTED)
def test_who_wants_it_sent_off_gets_that(said: str) -> None:
    assert advance(confirming(), read(said, "unclear"), TABLES).outcome == "open"


@pytest.mark.parametrize("said", ["算了，那先提交", "其他对的，提交吧"])
def test_it_is_sent_off_from_the_question_what_is_wrong_too(said: str) -> None:
    intake = confirming()
    advance(intake, read("不对", "deny"), TABLES)

    assert intake.asking == CORRECTION
    assert advance(intake, read(said, "unclear"), TABLES).outcome == "open"


@pytest.mark.parametrize("said", ["取消提交", "撤回提交", "提交的地址错了", "等我改好地址再提交", "让我再看看再提交", "地址写对了才能提交", "就按上面的地址来就行 不过电话要改",
     "就按身份证上的地址写错了", "提交 不过地址里那句话去掉", "怎么提交", "就这样登记吗", "谁让你提交的", "提交个屁", "我要提交投诉到工信部", "提交 另外我手机也没信号",
     "先别提交", "你提交了吗", "还没说完呢 提交之前我问下", "不要提交", "可以吧，不过还没说要带什么"])
def test_who_does_not_want_it_sent_off_is_heard(said: str) -> None:
    assert not submits(said)
    assert advance(confirming(), read(said, "unclear"), TABLES).outcome != "open"


@pytest.mark.parametrize(
    "said",
    ["不要登了 取消这个", "不用登了谢谢", "别登了！", "改不了就别登了", "不登记，问问而已", "唔使喇", "唔使再登記，上面嗰張已經得喇",
     "不是新单 不用登了", "这张不要", "cancel. don't submit", "no. I don't want another ticket", "withdraw"],
)  # fmt: skip
def test_who_wants_nothing_registered_is_let_go(said: str) -> None:
    assert gives_up(said)


@pytest.mark.parametrize(
    "said",
    ["不要这张卡了", "never mind the address, just fix it", "forget it, just register", "cancel, I mean cancel my plan", "算了吧 还是给我报修",
     "算了，不扯了，赶紧派人", "先不提交 我还没说完", "先别登记，等我找下账号", "不要这个单子上的号码", "算了 就说桂香居东门，别把地址吃掉", "算了不改了 就按桂香居东门 提交", "登不上去", "别登错了", "不登录就看不了吗",
     "不用登记我的名字，登记我爱人的", "I don't want to wait", "cancel my roaming plan", "我要取消彩铃这个业务"],
)  # fmt: skip
def test_who_only_sounds_so_is_not(said: str) -> None:
    assert not gives_up(said)


@pytest.mark.parametrize("said", ["继续", "继续登记吧", "不用，继续登记", "不用继续转 继续登记"])
def test_who_goes_on_gets_no_person(said: str) -> None:
    assert advance(offered(), read(said, "affirm"), TABLES).outcome != "human"


def test_the_words_go_on() -> None:
    assert goes_on("继续登记吧")
    assert not goes_on("转人工")


def test_a_sum_that_is_put_right_is_no_change_of_plan() -> None:
    intake = confirming("bill_dispute", amount="90")
    advance(intake, read("金额改成180多块", "plan_change", confidence=0.8, amount="180"), TABLES)

    assert (intake.type, intake.facts["amount"]) == ("bill_dispute", "180")


@pytest.mark.parametrize("said", ["那个路人没带手机", "老人没得电话", "我记不住号码"])
def test_a_danger_does_not_wait_for_a_number(said: str) -> None:
    intake = start("report_hazard", "电线杆倒在路中间了", address="东华街5号")
    while intake.asking != "phone_number":
        advance(intake, read("就在路口边上 很危险 车都过不去", "unclear"), TABLES)
    turn = advance(intake, read(said, "unclear"), TABLES)

    assert turn.ask == CONFIRM


# -- questions in between


@pytest.mark.parametrize(
    ("type", "text", "said", "entry"),
    [
        ("fault_broadband", "宽带断了", "要来几个师傅啊", "repair_people"),
        ("fault_tv", "电视没图像", "那收不收钱啊", "repair_fee"),
        ("fault_tv", "电视没图像", "我不在家咋办", "repair_absent"),
        ("fault_broadband", "宽带断了", "你们会打电话吗", "contact_number"),
        ("transfer_ownership", "我要过户", "双方都要到场吗", "transfer_steps"),
        ("transfer_ownership", "我要过户", "号码保不保得到", "transfer_keep"),
        ("close_account", "我要销户", "会不会把副卡一起断", "close_linked"),
        ("complaint_service", "你们态度太差", "能不能就在这里回复我", "contact_text"),
        ("suspend_resume", "我要停机", "停机两年会不会影响征信", "suspend_credit"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("heard", ["nlu_fallback", "plan_consult"])
def test_a_question_about_the_matter_is_answered(type: str, text: str, said: str, entry: str, heard: str) -> None:
    intake = start(type, text)
    before = intake.asking
    turn = advance(intake, read(said, heard, confidence=0.8), TABLES)

    assert [each.values["entry"] for each in turn.says] == [entry]
    assert (turn.ask, intake.pending) == (before, [])


@pytest.mark.parametrize("said", ["行不行啊", "你们是谁", "晚上来吗", "咋办", "要多少天", "周末来吗", "到底会不会", "网上能不能办", "到底来不来", "你是真人吗", "那个啥？", "为什么老是断", "你能听懂吗", "今天能给我个说法吗"])
def test_what_no_entry_answers_is_answered_by_none(said: str) -> None:
    turn = advance(start(), read(said, "bot_challenge" if "真人" in said else "nlu_fallback"), TABLES)

    assert "knowledge" not in names(turn)


def test_who_has_lost_somebody_is_not_told_to_bring_them() -> None:
    intake = start("close_account", "我爸上个月走了，他那个号码想注销掉")
    turn = advance(intake, read("要带什么东西", "store_info", confidence=0.8), TABLES)
    [told] = [each.values["answer"] for each in turn.says if each.response == "utter_knowledge"]

    assert "死亡证明" in told
    assert "机主本人" not in told


def test_who_was_cheated_is_told_what_to_do() -> None:
    intake = start("fraud_report", "我点了链接输了卡号")
    turn = advance(intake, read("要不要先把卡冻了", "nlu_fallback"), TABLES)

    assert [each.values["entry"] for each in turn.says] == ["fraud_link"]


def test_a_question_is_no_account_of_what_happened() -> None:
    intake = start("fraud_report", "我点了链接输了卡号")
    advance(intake, read(PHONE, phone_number=PHONE), TABLES)
    assert intake.asking == "detail"
    turn = advance(intake, read("钱能追回来吗", "fraud_report"), TABLES)

    assert ([each.values["entry"] for each in turn.says], turn.ask) == (["fraud_transfer"], "detail")


def test_a_danger_without_an_entry_gets_the_first_advice() -> None:
    turn = advance(start("report_hazard", "电线掉地上了"), read("我该怎么办", "nlu_fallback"), TABLES)

    assert names(turn) == ["first_aid_report_hazard"]


def test_a_question_beside_the_yes_is_answered() -> None:
    turn = advance(confirming(), read("确认，师傅来几个人", "unclear"), TABLES)

    assert (turn.outcome, names(turn)) == ("open", ["knowledge"])


# -- what belongs to a ticket


@pytest.mark.parametrize("said", ["宽带那张撤了吧", "费用那张撤掉", "那就撤掉费用那张"])
def test_a_ticket_is_withdrawn_by_its_matter(said: str) -> None:
    assert withdraws_ticket(read(said))


@pytest.mark.parametrize("said", ["我家楼下那个营业厅撤了", "基站那个撤了", "宽带那个设备撤", "电视那个会员撤了", "那张卡撤了", "彩铃那个取消", "我那个套餐退了", "宽带那张撤了没", "宽带那张别撤"])
def test_what_withdraws_no_ticket(said: str) -> None:
    assert not withdraws_ticket(read(said))


@pytest.mark.parametrize("said", ["加到刚才那单里", "话费那张加一句 三月到现在一共多扣180", "补充到电视那张单里", "我说了加到T20260302-000004里"])
def test_what_is_to_be_added_is(said: str) -> None:
    assert adds_to_ticket(said)


@pytest.mark.parametrize("said", ["加一个流量包", "加一条宽带", "写到合同里", "写一句道歉", "需要加一段光纤", "光猫放在原来的位置", "师傅让我加一段网线 电视还是没图像", "月租放到上个月扣了", "把我妈的号加到原来的套餐"])
def test_what_adds_to_no_ticket(said: str) -> None:
    assert not adds_to_ticket(said)


@pytest.mark.parametrize("said", ["我想改個電話 打我太太", "电话改成我老婆的", "打我另外一个号吧…那个停机了", "换个联系电话"])
def test_another_number_to_call(said: str) -> None:
    assert changes_number(said)


@pytest.mark.parametrize("said", ["我要换手机卡", "电话打不通", "换个手机套餐", "换新手机了", "我换了个手机就没信号了", "改密码收不到手机验证码", "挽留我的电话一直打", "为什么要留电话", "你们留的电话打不通", "改天再打电话", "骗子让我改手机号 报了验证码"])
def test_what_asks_for_no_other_number(said: str) -> None:
    assert not changes_number(said)


def test_an_answer_can_still_be_enough() -> None:
    assert advance(answered(), read("不登记，问问而已", "unclear"), TABLES).outcome == "done"


def test_a_praise_that_was_taken_for_a_complaint_is_none() -> None:
    turn = advance(start("complaint_service"), read("不是投诉！是表扬！", "complaint_service"), TABLES)

    assert turn.outcome == "praised"


def test_when_something_was_seen_is_no_wished_time() -> None:
    assert wished_time("今天一看涨了60", order=True) is None
    assert drops_time("不是今天要，是越快越好")


@pytest.mark.parametrize("said", ["师傅收了我上门费，50块，还没修好", "上门费收了50", "乱收费！", "他问我要钱"])
@pytest.mark.parametrize("type", ["complaint_service", "fault_tv"])
def test_a_grievance_about_a_fee_asks_for_none(type: str, said: str) -> None:
    intake = start(type, "师傅来过了")
    turn = advance(intake, read(said, "complaint_service", confidence=0.4), TABLES)

    assert not {"fee", "knowledge"} & set(names(turn))


def test_a_long_yes_is_read_to_its_end() -> None:
    for said in ("是的" * 2000 + "快点来嘛", "提交" * 2000 + "啊快", "那" * 9000, "好" * 9000):
        # An exponential search would never come back.
        assert advance(confirming(), read(said, "unclear"), TABLES)
        assert advance(start("plan_change", "换套餐"), read(said, "unclear"), TABLES)


def test_a_question_beside_the_request_is_no_second_one() -> None:
    intake = start("close_account", "我爸上个月走了，他那个号码想注销掉")
    [said] = beside(intake, read("要带什么东西", "store_info"), TABLES)

    assert ("死亡证明" in said.values["answer"], intake.pending) == (True, [])


def test_a_second_request_is_kept() -> None:
    intake = start()
    [said] = beside(intake, read("顺便开张发票", "invoice"), TABLES)

    assert (said.response, [each["type"] for each in intake.pending]) == ("utter_second_noted", ["invoice"])


def test_what_denies_one_word_of_an_order_does_not_end_it() -> None:
    said = "不是移机俩字就完了，我还有个电视盒子一起搬，15号搬"

    assert advance(confirming("relocate", new_address="东湖小区5栋"), read(said, "unclear"), TABLES).outcome is None


@pytest.mark.parametrize("said", ["不改了，交吧", "5天了还一般？？？交！", "交啊", "OK confirm, do I need to pay?", "係，確認"])
def test_short_words_send_it_off_too(said: str) -> None:
    assert advance(confirming(), read(said, "unclear"), TABLES).outcome == "open"


def test_a_yes_with_another_order_keeps_the_order() -> None:
    intake = confirming()
    turn = advance(intake, read("确认，再帮我看看话费", "bill_query", confidence=0.9), TABLES)

    assert (turn.outcome, [each["type"] for each in intake.pending]) == ("open", ["bill_query"])


@pytest.mark.parametrize(
    "said", ["不用了不用了", "不登不登。查进度", "不用登营业厅了", "我说八百遍了不登记", "我说了不用登记就问问", "解决不了就算了", "行吧 那不退了，先留着用吧"]
)
def test_what_ends_it_however_it_is_said(said: str) -> None:
    assert gives_up(said)


def test_who_only_asks_gets_an_answer_and_no_form() -> None:
    intake = start("plan_change", "就问一下，不用登记，套餐改了什么时候生效")
    turn = advance(intake, read("没解决，别登记了", "deny"), TABLES)

    assert turn.outcome == "done"


def test_who_goes_elsewhere_wants_nothing_of_us() -> None:
    turn = advance(start("close_account"), read("算了我自己去营业厅问", "store_info", confidence=0.9), TABLES)

    assert turn.outcome == "cancel"


def test_a_card_in_other_hands_is_stopped_at_once() -> None:
    _, turn = begin(read("我副卡被人捡到了，赶紧给我停了", "suspend_resume"), TABLES, key="key")

    assert [each.values.get("entry") for each in turn.says] == [None, "loss_report"]


@pytest.mark.parametrize(
    "said",
    ["对 撤了吧", "对，要不取消吧", "对 慢着", "对 先停", "对，能不提交吗", "确认 要不明天再说", "好，要不我自己修", "对，5栋", "是，3单元",
     "对，单元是2", "对，还差单元号", "对，少写了一个字", "对，电话用我老婆的", "对 打另一个电话", "对 地址应该是5栋"],
)  # fmt: skip
def test_a_yes_that_goes_on_with_a_but_submits_nothing(said: str) -> None:
    assert advance(confirming(), read(said, "affirm" if "撤" not in said else "unclear"), TABLES).outcome != "open"


@pytest.mark.parametrize(
    "said", ["打这个电话好了", "用我老公的电话好了", "就报宽带好了", "等网好了再说", "电话好了再打给我", "LOS灯又亮了", "光猫那个灯又亮了，红的", "网好了通知我", "帮我办个宽带好了"]
)
def test_what_is_no_good_news(said: str) -> None:
    assert not works_again(said)


@pytest.mark.parametrize("said", ["固定电话好了！自己就响了", "网好了", "宽带又好了"])
def test_good_news(said: str) -> None:
    assert works_again(said)


@pytest.mark.parametrize(
    "said", ["营业厅说不用登记，直接派人", "上次你们说不用登记，结果没人来", "之前客服不登记，气死我了", "你们老说不用登记，给我登记投诉"]
)
def test_what_others_said_of_registering_ends_nothing(said: str) -> None:
    assert not registers_nothing(said)
    assert not gives_up(said)


def test_a_question_that_goes_deeper_is_not_refused() -> None:
    intake, _ = begin(read("我爸上个月走了，他那个号码想注销掉，要带什么东西", "close_account"), TABLES, key="key")
    advance(intake, read("要带什么", "nlu_fallback"), TABLES)
    turn = advance(intake, read("没死亡证明咋办", "out_of_scope", confidence=0.7), TABLES)

    assert names(turn) == ["question_noted"]


def test_a_question_behind_the_yes_is_answered_and_no_second_request() -> None:
    intake = confirming("close_account")
    intake.words.append("我爸去世了")
    turn = advance(intake, read("对，余额能退不", "payment", confidence=0.8), TABLES)

    assert (turn.outcome, intake.pending) == ("open", [])
    assert [each.values["entry"] for each in turn.says] == ["close_deceased_balance"]
