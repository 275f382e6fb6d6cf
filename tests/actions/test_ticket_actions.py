"""What customers do with their tickets: status, urge, withdraw, supplement, reopen, rate."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.handbook.deadlines import shown_time
from bot.storage.clock import Improvement
from bot.storage.conversations import Conversation
from tests.actions.conftest import Customer, Heard

ANSWER, FOLLOW = "action_answer_ticket", "action_follow_context"
SECOND = "家里电视看不了，东湖区翠苑小区，139****1234"


def answer(customer: Customer, text: str, type: str) -> Heard:
    return customer.says(text, type, ANSWER)


def resolve(customer: Customer, number: str) -> None:
    customer.staff_step(number, "claim")
    customer.staff_step(number, "resolve", reason="更换光猫，恢复正常")


@pytest.mark.parametrize(
    "type",
    ["ticket_status", "ticket_urge", "ticket_cancel", "ticket_supplement", "ticket_reopen"],
)
def test_without_a_ticket_every_wish_gets_a_way_on(customer: Customer, type: str) -> None:
    assert answer(customer, "我的单子", type).texts == ["no_ticket"]
    assert customer.conversation.dialogue["wish"] == type


def test_the_status_tells_state_and_due_time(customer: Customer) -> None:
    number = customer.opens_ticket()
    heard = answer(customer, "查进度", "ticket_status")

    assert (heard.texts, heard.card["number"]) == (["ticket_status"], number)
    assert heard.value("state_title") == "已受理"
    assert heard.value("due_words").endswith("前处理完成")


def test_several_tickets_are_listed_newest_first(customer: Customer) -> None:
    older = customer.opens_ticket()
    newer = customer.opens_ticket(SECOND)
    heard = answer(customer, "查进度", "ticket_status")

    assert (heard.texts, heard.value("count")) == (["ticket_list"], 2)
    assert heard.value("lines").index(newer) < heard.value("lines").index(older)


def test_a_number_that_is_named_is_meant(customer: Customer) -> None:
    older = customer.opens_ticket()
    customer.opens_ticket(SECOND)

    assert answer(customer, f"{older}到哪了", "ticket_status").card["number"] == older


def test_another_customers_number_tells_nothing(customer: Customer) -> None:
    number = customer.opens_ticket()
    with customer.office.sessions.begin() as session:
        session.add(Conversation(id="visitor-2", channel="web", external_id="visitor-2",
                                 state="bot", epoch=0, created_at=customer.now))  # fmt: skip
    stranger = Customer(customer.office, customer.now, "visitor-2")

    assert answer(stranger, f"{number}到哪了", "ticket_status").texts == ["ticket_not_yours"]
    assert stranger.says(number, "inform", FOLLOW).texts == ["ticket_not_yours"]


def test_urging_is_written_to_the_history(customer: Customer) -> None:
    number = customer.opens_ticket()

    assert answer(customer, "快点", "ticket_urge").texts == ["ticket_urged"]
    assert customer.steps(number)[-1] == "urge"


OVERDUE_WORDS = [
    ("accepted", timedelta(0), "前处理完成"),
    ("accepted", timedelta(hours=25), "已超过承诺时限"),
    ("on_hold", timedelta(0), "挂起，恢复后继续计时"),
    ("resolved", timedelta(0), "状态为已处理"),
]


@pytest.mark.parametrize(("state", "later", "words"), OVERDUE_WORDS)
def test_due_words_say_what_the_clock_does(
    customer: Customer, state: str, later: timedelta, words: str
) -> None:
    number = customer.opens_ticket()
    if state == "on_hold":
        customer.staff_step(number, "claim")
        customer.staff_step(number, "hold", hold_reason="part")
    if state == "resolved":
        resolve(customer, number)
    customer.now += later

    assert words in answer(customer, "查进度", "ticket_status").value("due_words")


def test_withdrawing_asks_first(customer: Customer) -> None:
    number = customer.opens_ticket()

    assert answer(customer, "撤单", "ticket_cancel").texts == ["confirm_withdraw"]
    assert "withdraw" not in customer.steps(number)
    assert customer.conversation.dialogue == {"withdraw": number}


WITHDRAWN = [
    ("确认撤单", "ticket_cancel", ANSWER, "ticket_withdrawn"),
    ("对", "affirm", FOLLOW, "ticket_withdrawn"),
    ("不撤销", "ticket_cancel", ANSWER, "withdraw_kept"),
    ("不", "deny", FOLLOW, "withdraw_kept"),
    ("算了先不撤", "ticket_cancel", ANSWER, "withdraw_kept"),
]


@pytest.mark.parametrize(("text", "type", "action", "said"), WITHDRAWN)
def test_withdrawing_is_confirmed_or_not(
    customer: Customer, text: str, type: str, action: str, said: str
) -> None:
    number = customer.opens_ticket()
    answer(customer, "撤单", "ticket_cancel")

    assert customer.says(text, type, action).texts == [said]
    assert ("withdraw" in customer.steps(number)) is (said == "ticket_withdrawn")


def test_an_ended_ticket_cannot_be_withdrawn(customer: Customer) -> None:
    resolve(customer, customer.opens_ticket())

    assert answer(customer, "撤单", "ticket_cancel").texts == ["ticket_status"]


def test_a_supplement_without_words_is_asked_for_and_taken(customer: Customer) -> None:
    number = customer.opens_ticket()

    assert answer(customer, "我要补充一下", "ticket_supplement").texts == ["ask_supplement"]
    assert customer.says("家里有人", "inform", FOLLOW).texts == ["ticket_supplemented"]
    assert customer.steps(number)[-1] == "supplement"


def test_a_supplement_with_words_is_taken_at_once(customer: Customer) -> None:
    customer.opens_ticket()

    assert answer(customer, "补充一下，门禁坏了按铃", "ticket_supplement").texts == ["ticket_supplemented"]


def test_a_supplement_with_another_time_changes_the_time_wished_for(customer: Customer) -> None:
    customer.opens_ticket()
    answer(customer, "补充一下，改到周日上午来吧", "ticket_supplement")

    assert customer.tickets[0].facts["wished_time"] == "周日上午"


def test_a_closed_ticket_takes_no_supplement(customer: Customer) -> None:
    number = customer.opens_ticket()
    customer.staff_step(number, "withdraw", reason="客户来电撤单", confirmed=True)

    assert answer(customer, "补充一下，门禁坏了按铃", "ticket_supplement").texts == ["ticket_status"]


def test_saying_of_an_open_ticket_that_it_is_not_solved_urges_it(customer: Customer) -> None:
    number = customer.opens_ticket()

    assert answer(customer, "根本没修好", "ticket_reopen").texts == ["ticket_still_open"]
    assert customer.steps(number)[-2:] == ["supplement", "urge"]


def test_a_resolved_ticket_is_reopened(customer: Customer) -> None:
    number = customer.opens_ticket()
    resolve(customer, number)

    assert answer(customer, "根本没修好", "ticket_reopen").texts == ["ticket_reopened"]
    assert "reopen" in customer.steps(number)


def test_after_thirty_days_there_is_no_reopening(customer: Customer) -> None:
    number = customer.opens_ticket()
    customer.staff_step(number, "claim")
    customer.staff_step(number, "resolve", reason="更换光猫，恢复正常")
    customer.staff_step(number, "confirm", reason="客户来电说已恢复")
    customer.staff_step(number, "close")
    customer.now += timedelta(days=31)

    heard = answer(customer, "又坏了没修好", "ticket_reopen")
    days = customer.office.handbook.lifecycle.steps["reopen"].within_days

    assert (heard.texts, heard.value("days")) == (["reopen_too_late"], days)


def test_urging_a_resolved_ticket_reopens_it(customer: Customer) -> None:
    number = customer.opens_ticket()
    resolve(customer, number)
    answer(customer, "快点修", "ticket_urge")

    assert "reopen" in customer.steps(number)


def test_there_is_nothing_to_rate_before_the_end(customer: Customer) -> None:
    customer.opens_ticket()

    assert answer(customer, "我要评价", "rate_service").texts == ["nothing_to_rate"]


@pytest.mark.parametrize("said", ["非常不满意", "1分"])
def test_who_is_unhappy_without_a_ticket_is_asked_why(customer: Customer, said: str) -> None:
    assert answer(customer, said, "rate_service").texts == ["unhappy"]


def test_a_mark_is_asked_for_and_recorded(customer: Customer) -> None:
    number = customer.opens_ticket()
    resolve(customer, number)
    answer(customer, "已解决，5分", "rate_service")
    [ticket] = customer.tickets

    assert ticket.satisfaction == 5
    assert "rate" in customer.steps(number)


def test_after_a_low_mark_the_time_of_the_improvement_item_is_told(customer: Customer) -> None:
    number = customer.opens_ticket()
    resolve(customer, number)
    answer(customer, "解决了", "rate_service")
    heard = answer(customer, "1分", "rate_service")
    with customer.office.sessions() as session:
        due = session.query(Improvement.due_at).scalar()

    assert heard.texts == ["rated_low"]
    assert heard.value("improve_by") == shown_time(due, now=customer.now)
    assert due - customer.now == customer.office.handbook.clock.closure.improvement


def test_a_low_mark_that_was_looked_into_names_no_time(customer: Customer) -> None:
    number = customer.opens_ticket()
    resolve(customer, number)
    answer(customer, "解决了", "rate_service")
    answer(customer, "1分", "rate_service")
    with customer.office.sessions.begin() as session:
        session.query(Improvement).update({"state": "done"})

    assert answer(customer, "还是1分", "rate_service").texts == ["rated_low_noted"]


CONTEXTLESS = [
    ("好的", "affirm", "anything_else"),
    ("不用了", "deny", "goodbye"),
    ("幸福小区", "inform", "facts_noted"),
]


@pytest.mark.parametrize(("text", "type", "said"), CONTEXTLESS)
def test_an_answer_to_nothing_gets_a_way_on(customer: Customer, text: str, type: str, said: str) -> None:
    assert customer.says(text, type, FOLLOW).texts == [said]


def test_a_bare_number_after_a_wish_without_ticket_does_the_wish(customer: Customer) -> None:
    number = customer.opens_ticket()
    with customer.office.sessions.begin() as session:
        session.get(Conversation, customer.id).dialogue = {"wish": "ticket_urge"}

    assert customer.says(number, "inform", FOLLOW).texts == ["ticket_urged"]


def test_a_form_that_rasa_forgot_goes_on(customer: Customer) -> None:
    customer.intake("家里宽带断了", "fault_broadband")
    heard = customer.says("城关区幸福小区", "inform", FOLLOW)

    assert [(e["event"], e["name"]) for e in heard.events] == [("active_loop", "intake_form")]


@pytest.mark.parametrize("said", ["还没来啊", "怎么样了", "都一个小时了还没人联系", "人嘞", "咋还没信儿", "莫得人来", "还没搞好嗦", "单号是好多"])
@pytest.mark.parametrize(
    ("type", "action"), [("deny", "action_follow_context"), ("unclear", "action_clarify")]
)
def test_short_words_with_an_open_ticket_ask_after_it(
    customer: Customer, said: str, type: str, action: str
) -> None:
    customer.opens_ticket()

    assert customer.says(said, type, action).texts == ["ticket_status"]


def test_facts_with_an_open_ticket_belong_to_it(customer: Customer) -> None:
    number = customer.opens_ticket()
    heard = customer.says("我下午三点以后才在家", "unclear", "action_clarify")

    assert heard.texts == ["ticket_supplemented"]
    assert customer.steps(number)[-1] == "supplement"


ASIDES_TO_A_VISIT = [
    ("unclear", "action_clarify"), ("nlu_fallback", "action_clarify"), ("out_of_scope", "action_out_of_scope"),
    ("inform", FOLLOW), ("ticket_urge", ANSWER), ("ticket_status", ANSWER),
]  # fmt: skip


@pytest.mark.parametrize(("type", "action"), ASIDES_TO_A_VISIT)
def test_a_wish_for_the_visit_is_added_to_the_ticket(customer: Customer, type: str, action: str) -> None:
    number = customer.opens_ticket()

    assert customer.says("师傅到之前打我个电话嘛", type, action).texts == ["ticket_supplemented"]
    assert customer.steps(number)[-1] == "supplement"


def test_a_wish_for_the_visit_begins_no_other_request(customer: Customer) -> None:
    number = customer.opens_ticket()

    assert customer.intake("上门先发条短信", "vas_subscribe").texts == ["ticket_supplemented"]
    assert customer.intake("到了敲门，师傅打我手机也行", "complaint_service").texts == ["ticket_supplemented"]
    assert [ticket.number for ticket in customer.tickets] == [number]


def test_without_a_visit_ahead_the_same_words_are_no_supplement(customer: Customer) -> None:
    assert customer.says("师傅到之前打我个电话嘛", "unclear", "action_clarify").texts == ["clarify_open"]

    customer.intake("我要补开发票，138****0099", "invoice")
    customer.intake("对", "affirm")
    assert customer.says("师傅到之前打我个电话嘛", "unclear", "action_clarify").texts == ["clarify_open"]
    resolve(customer, customer.opens_ticket())
    assert customer.says("师傅到之前打我个电话嘛", "unclear", "action_clarify").texts != ["ticket_supplemented"]


@pytest.mark.parametrize("said", ["六点以后才有人在屋", "屋头没得人", "不是3楼 是4楼", "能换个日子不", "那俩灯红了"])
def test_who_is_in_and_what_else_there_is_to_know_is_added_to_the_ticket(customer: Customer, said: str) -> None:
    customer.opens_ticket()

    assert customer.says(said, "unclear", "action_clarify").texts == ["ticket_supplemented"]


def test_what_a_visit_costs_is_answered_whatever_it_was_taken_for(customer: Customer) -> None:
    assert customer.says("修这个要钱不", "out_of_scope", "action_out_of_scope").texts == ["out_of_scope"]

    customer.opens_ticket()
    assert customer.says("修这个要钱不", "out_of_scope", "action_out_of_scope").texts == ["fee"]


def test_another_line_that_fails_is_no_supplement(customer: Customer) -> None:
    customer.opens_ticket()

    assert customer.says("在家座机也响不了", "unclear", "action_clarify").texts == ["clarify_open"]


@pytest.mark.parametrize(
    ("before", "type", "asked"),
    [("撤单", "ticket_cancel", "confirm_withdraw"), ("补充一下", "ticket_supplement", "ask_supplement")],
)
def test_marks_alone_answer_no_question_about_a_ticket(
    customer: Customer, before: str, type: str, asked: str
) -> None:
    number = customer.opens_ticket()
    answer(customer, before, type)

    assert customer.says("，，", "affirm", FOLLOW).texts == [asked]
    assert customer.says("？？", "unclear", "action_clarify").texts == [asked]
    assert not {"withdraw", "supplement"} & set(customer.steps(number))


def test_a_supplement_that_is_urgent_raises_the_class(customer: Customer) -> None:
    customer.opens_ticket()
    words = "补充：家里老人用呼吸机，断网报警了"
    heard = customer.says(words, "ticket_supplement", "action_answer_ticket")

    assert heard.card["deadline_class"] == "urgent"
