"""With a ticket open: good news, the same matter once more, and which of two is meant."""

from __future__ import annotations

import pytest

from tests.actions.conftest import Customer

ANSWER, FOLLOW = "action_answer_ticket", "action_follow_context"


def test_good_news_asks_whether_to_withdraw(customer: Customer) -> None:
    number = customer.opens_ticket()
    heard = customer.says("现在又能用了", "unclear", FOLLOW)

    assert (heard.texts, heard.value("number")) == (["recovered"], number)
    withdrawn = customer.says("确认撤单", "affirm", FOLLOW)
    assert (withdrawn.texts, withdrawn.card["state"]) == (["ticket_withdrawn"], "withdrawn")


def test_good_news_read_as_a_fault_registers_none(customer: Customer) -> None:
    number = customer.opens_ticket()
    heard = customer.intake("哎 宽带又好了 刚刚插了一下线", "fault_broadband")

    assert (heard.texts, heard.value("number")) == (["recovered"], number)


def test_good_news_of_another_line_is_no_news_of_this_one(customer: Customer) -> None:
    customer.opens_ticket()

    assert "recovered" not in customer.says("电视又好了", "unclear", FOLLOW).texts


def test_the_same_matter_once_more_is_added_to_its_ticket(customer: Customer) -> None:
    number = customer.opens_ticket()
    begun = customer.intake("我家网还是慢得很 孩子要上课", "fault_broadband")
    heard = customer.intake("就是同一件事", "unclear")

    assert begun.texts[0] == "same_type_open"
    assert (heard.texts, heard.card["number"]) == (["ticket_supplemented"], number)
    assert customer.conversation.dialogue is None


def test_to_hurry_in_the_second_form_hurries_the_ticket(customer: Customer) -> None:
    number = customer.opens_ticket()
    customer.intake("我家网还是慢得很", "fault_broadband")
    heard = customer.intake("催一下", "ticket_urge")

    assert (heard.texts, heard.card["number"]) == (["ticket_urged"], number)


@pytest.mark.parametrize("said", ["催一下宽带那个", "催{tail}"])
def test_of_two_tickets_the_named_one_is_meant(customer: Customer, said: str) -> None:
    first = customer.opens_ticket()
    customer.intake("电视没有图像，城关区幸福小区3号楼，138****0099", "fault_tv")
    second = customer.intake("对", "affirm").card["number"]
    heard = customer.says(said.format(tail=first[-4:]), "ticket_urge", ANSWER)

    assert first != second
    assert heard.card["number"] == first


def test_what_was_put_aside_and_is_the_same_after_all_is_not_registered_again(customer: Customer) -> None:
    customer.intake("人家打不进来", "fault_mobile")
    customer.intake("家里宽带也慢", "fault_broadband")
    assert [each["type"] for each in customer.conversation.dialogue["intake"]["pending"]] == ["fault_broadband"]
    customer.intake("不是手机 是宽带", "fault_broadband")
    customer.intake("城关区幸福小区3号楼 138****0099")
    heard = customer.intake("对", "affirm")

    assert heard.card["type"] == "fault_broadband"
    assert "next_request" not in heard.texts


@pytest.mark.parametrize("said", ["那怎么告诉我结果呢", "那钱退到哪里", "要是修不好怎么办"])
def test_a_question_that_goes_on_is_added_to_the_ticket(customer: Customer, said: str) -> None:
    number = customer.opens_ticket()
    heard = customer.intake(said, "payment", confidence=0.6)

    assert (heard.texts, heard.card["number"]) == (["ticket_supplemented"], number)
    assert customer.says("那要死亡证明吗", "out_of_scope", "action_out_of_scope").texts == ["ticket_supplemented"]


def test_a_new_wish_is_no_question_of_the_ticket(customer: Customer) -> None:
    customer.opens_ticket()

    assert customer.intake("那帮我开个来电显示", "vas_subscribe").texts == ["acknowledge_order"]


@pytest.mark.parametrize("said", ["明天师傅来我要在家吗", "你们几点来"])
def test_a_question_about_the_visit_tells_how_it_stands(customer: Customer, said: str) -> None:
    number = customer.opens_ticket(urgency="urgent")
    heard = customer.intake(said, "new_install")

    assert (heard.texts, heard.value("number")) == (["ticket_status"], number)
    assert "联系您，" in heard.value("due_words")


@pytest.mark.parametrize("said", ["等等 别撤 他们刚打电话来了", "先别撤", "不撤"])
def test_who_wants_to_keep_a_ticket_keeps_it(customer: Customer, said: str) -> None:
    number = customer.opens_ticket()
    customer.says("撤单吧", "ticket_cancel", ANSWER)
    heard = customer.says(said, "ticket_cancel", ANSWER)

    assert (heard.texts, heard.card["number"], heard.card["state"]) == (["withdraw_kept"], number, "accepted")


def test_a_ticket_named_to_be_withdrawn_begins_no_order(customer: Customer) -> None:
    number = customer.opens_ticket()
    heard = customer.intake(f"{number} 撤掉吧", "vas_cancel")

    assert (heard.texts, heard.card["number"]) == (["confirm_withdraw"], number)


def test_a_number_to_call_goes_to_the_ticket(customer: Customer) -> None:
    number = customer.opens_ticket()
    heard = customer.intake("我这个号打不通了，你们联系我打13533330000", "fault_mobile")

    assert (heard.texts, heard.card["number"]) == (["number_changed"], number)
    assert heard.value("phone") == "135****0000"
    assert customer.tickets[0].facts["phone_number"] == "13533330000"


def test_a_question_after_the_first_ticket_is_answered_in_the_second_form(customer: Customer) -> None:
    number = customer.opens_ticket()
    customer.intake("我还想改个套餐", "plan_change")
    heard = customer.intake("宽带那个单子到哪一步了", "ticket_status")

    assert (heard.texts, heard.card["number"]) == (["ticket_status"], number)
    assert heard.value("requested_slot") is not None


@pytest.mark.parametrize("said", ["幾時有人打俾我㗎", "谁来修 有没有人接单", "现在能来吗", "几点联系我"])
def test_what_asks_after_the_ticket_is_answered_with_it(customer: Customer, said: str) -> None:
    number = customer.opens_ticket()
    heard = customer.says(said, "unclear", FOLLOW)

    assert (heard.texts, heard.value("number")) == (["ticket_status"], number)


def test_a_question_of_the_table_is_answered_after_the_ticket(customer: Customer) -> None:
    customer.opens_ticket()
    heard = customer.says("师傅来几个人", "unclear", "action_clarify")

    assert (heard.texts, heard.value("entry")) == (["knowledge"], "repair_people")


def test_a_sentence_more_is_added_to_the_ticket(customer: Customer) -> None:
    number = customer.opens_ticket()
    heard = customer.intake("宽带那张加一句 光猫也亮红灯", "fault_broadband")

    assert (heard.texts, heard.card["number"]) == (["ticket_supplemented"], number)


def test_another_number_to_call_is_asked_for_and_kept(customer: Customer) -> None:
    number = customer.opens_ticket()
    asked = customer.intake("我想改个联系电话 打我太太", "vas_subscribe")
    customer.says("139****1234", "inform", FOLLOW)

    assert asked.texts == ["ask_supplement"]
    assert [t.facts["phone_number"] for t in customer.tickets if t.number == number] == ["139****1234"]


def test_what_is_added_in_the_second_form_goes_to_the_first_ticket(customer: Customer) -> None:
    number = customer.opens_ticket()
    customer.intake("遥控器也坏了", "fault_tv")
    heard = customer.intake("不是新单 加到刚才那单里", "unclear")

    assert (heard.texts[0], heard.card["number"], len(customer.tickets)) == ("ticket_supplemented", number, 1)


def test_the_ticket_is_kept_however_that_is_said(customer: Customer) -> None:
    number = customer.opens_ticket()
    customer.says("撤单", "ticket_cancel", ANSWER)
    heard = customer.says("算了还是不撤", "ticket_cancel", ANSWER)

    assert (heard.texts, heard.card["number"]) == (["withdraw_kept"], number)


def test_the_number_stays_when_the_matter_changes(customer: Customer) -> None:
    customer.intake("我要销户 138****0099", "close_account")
    customer.intake("算了我想停机保号，不是销户", "suspend_resume")
    state = customer.conversation.dialogue

    assert (state["start"]["type"], state["start"]["facts"]["phone_number"]) == ("suspend_resume", "138****0099")


@pytest.mark.parametrize(
    ("said", "type", "text"),
    [
        ("师傅来收钱不", "plan_consult", "fee"), ("要不要收手续费", "plan_consult", "fee"), ("几点来？我五点下班", "store_info", "ticket_status"),
        ("金额改成一百二", "plan_change", "ticket_supplemented"), ("就催宽带那个", "fault_broadband", "ticket_urged"),
    ],
)  # fmt: skip
def test_what_reads_as_a_new_request_and_is_about_the_ticket(customer: Customer, said: str, type: str, text: str) -> None:
    customer.opens_ticket()

    assert customer.intake(said, type).texts == [text]


@pytest.mark.parametrize("said", ["嗯撤", "撤吧", "是的 撤销"])
def test_a_short_yes_withdraws(customer: Customer, said: str) -> None:
    customer.opens_ticket()
    customer.says("撤单", "ticket_cancel", ANSWER)

    assert customer.says(said, "nlu_fallback", "action_clarify").texts == ["ticket_withdrawn"]


@pytest.mark.parametrize(
    ("said", "type"),
    [
        ("账单金额不对，多扣了50", "bill_dispute"), ("发票金额错了，重新开一张", "invoice"), ("师傅上门时间不对，约好上午下午才来", "complaint_service"),
        ("催我还款的电话天天打，我没欠钱", "complaint_marketing"), ("催命一样的推销电话天天打", "complaint_marketing"),
        ("装个宽带多少钱啊", "new_install"), ("有人联系我说中奖，让我打这个电话13812345678", "privacy_complaint"),
    ],
)  # fmt: skip
def test_a_matter_of_its_own_goes_to_no_ticket(customer: Customer, said: str, type: str) -> None:
    number = customer.opens_ticket()
    customer.intake(said, type)

    assert customer.conversation.dialogue["intake"]["type"] == type
    assert "supplement" not in customer.steps(number)


@pytest.mark.parametrize("said", ["撤什么撤，我没说要撤", "我没让你撤", "撤错了，我说的是另一张", "修好了再撤", "撤了会怎么样"])
def test_who_does_not_agree_keeps_the_ticket(customer: Customer, said: str) -> None:
    customer.opens_ticket()
    customer.says("撤单", "ticket_cancel", ANSWER)

    assert customer.says(said, "ticket_cancel", ANSWER).texts == ["withdraw_kept"]


@pytest.mark.parametrize(
    ("said", "type"),
    [
        ("报修三天了还没人来 你们咋回事", "fault_broadband"),
        ("你们师傅动作也太慢了吧", "complaint_service"),
        ("修个网修了一个星期了都", "fault_broadband"),
        ("到现在都没人上门 服务太差", "complaint_service"),
        ("等了两天了 到底管不管", "complaint_service"),
        ("這效率真的太低", "complaint_service"),
        ("师傅来得太慢了", "complaint_service"),
        ("等了快一个月了", "complaint_service"),
        ("三天没人来修", "fault_broadband"),
    ],
)
def test_to_complain_how_slowly_it_goes_hurries_the_ticket(customer: Customer, said: str, type: str) -> None:
    number = customer.opens_ticket()
    heard = customer.intake(said, type)

    assert (heard.texts, heard.card["number"]) == (["ticket_urged"], number)


@pytest.mark.parametrize(
    ("said", "type"),
    [
        ("我要投诉你们修得慢", "complaint_service"),
        ("营业厅排队等了两个小时 态度还差 我要投诉", "complaint_service"),
        ("营业厅排队等了两个小时 态度还差", "complaint_service"),
        ("电视也没图像 报修几天了", "fault_tv"),
        ("我家网还是慢得很", "fault_broadband"),
        ("网断了三天了", "fault_broadband"),
        ("师傅修了两个小时还把我家墙打坏了", "complaint_service"),
        ("报修三天了还没人来 师傅还乱收费", "complaint_service"),
        ("退款等了三天了还没到账", "complaint_service"),
        ("光猫我也没弄过 突然就没网了", "fault_broadband"),
        ("我妈家也断网了 报修两天没人来", "fault_broadband"),
        ("家里都没人 来了也没人开门", "complaint_service"),
        ("等两天再来修也行", "fault_broadband"),
        ("我自己修了两天没修好 网还是不行", "fault_broadband"),
        ("重启了一直没影响 网还是断的", "fault_broadband"),
    ],
)
def test_what_is_no_complaint_of_slow_repair_begins_a_matter(customer: Customer, said: str, type: str) -> None:
    customer.opens_ticket()

    assert "ticket_urged" not in customer.intake(said, type).texts


def test_of_two_tickets_the_slow_one_is_hurried(customer: Customer) -> None:
    first = customer.opens_ticket()
    customer.intake("电视没有图像，城关区幸福小区3号楼，138****0099", "fault_tv")
    second = customer.intake("对", "affirm").card["number"]
    heard = customer.intake("报修三天了还没人来", "fault_broadband")

    assert first != second
    assert (heard.texts, heard.card["number"]) == (["ticket_urged"], first)


def test_what_is_told_beside_the_complaint_is_kept(customer: Customer) -> None:
    number = customer.opens_ticket()

    assert customer.intake("报修三天没人来 地址改成高新区科技路9号", "fault_broadband").texts == ["ticket_supplemented"]
    assert "supplement" in customer.steps(number)


def test_who_hurries_with_urgent_words_raises_the_class(customer: Customer) -> None:
    customer.opens_ticket()
    heard = customer.intake("报修三天了还没人来 整个小区都断网了", "fault_broadband", urgency="urgent")

    assert (heard.texts, [t.urgency for t in customer.tickets]) == (["ticket_urged"], ["urgent"])


def test_what_is_added_is_kept_where_no_class_can_be_raised(customer: Customer) -> None:
    number = customer.opens_ticket()
    heard = customer.says("补充一下 网断了三天了 家里宽带一直没网", "ticket_supplement", ANSWER)

    assert (heard.texts, "supplement" in customer.steps(number)) == (["ticket_supplemented"], True)


@pytest.mark.parametrize(("said", "text"), [("不急，地址改成高新区科技路9号", "ticket_supplemented"), ("不急的 我电话换成13900001234", "number_changed")])
def test_who_is_in_no_hurry_may_still_add_something(customer: Customer, said: str, text: str) -> None:
    customer.opens_ticket()

    assert customer.says(said, "unclear", FOLLOW).texts == [text]


@pytest.mark.parametrize("said", ["不催就没人管是吧", "我不急谁急", "能不急吗", "别慢慢来了", "你们不急我急", "不催不行", "我能不着急吗"])
def test_words_of_no_hurry_may_be_said_in_a_hurry(customer: Customer, said: str) -> None:
    customer.opens_ticket()

    assert customer.says(said, "ticket_urge", ANSWER).texts == ["ticket_urged"]


@pytest.mark.parametrize("said", ["不急不急", "不着急", "还是慢慢来吧", "那就慢慢来", "不催不急"])
def test_who_waits_in_peace_urges_nothing(customer: Customer, said: str) -> None:
    customer.opens_ticket()

    assert customer.says(said, "ticket_urge", ANSWER).texts == ["ticket_status"]


@pytest.mark.parametrize(("said", "action"), [("不用催，别催了", ANSWER), ("不催了", FOLLOW), ("算了不催了 慢慢来吧", FOLLOW)])
def test_who_is_in_no_hurry_urges_nothing(customer: Customer, said: str, action: str) -> None:
    customer.opens_ticket()
    heard = customer.says(said, "ticket_urge" if action == ANSWER else "unclear", action)

    assert heard.texts == ["ticket_status"]
