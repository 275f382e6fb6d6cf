"""The intake form and its conclusion: state in the conversation's row, one ticket per request."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.console.views import facts_json
from tests.actions.conftest import ACTIONS, Customer, parse

PLACE, PHONE = "城关区幸福小区3号楼", "138****0099"
NEW_PLACE = "东湖小区5栋"


def test_the_form_asks_for_what_is_missing(customer: Customer) -> None:
    heard = customer.intake("家里宽带断了", "fault_broadband")

    assert heard.texts == ["acknowledge_fault"]
    assert heard.value("requested_slot") == "address"
    assert customer.conversation.dialogue["intake"]["facts"] == {}


def test_what_is_read_back_is_masked_and_quotes_the_customer(customer: Customer) -> None:
    heard = customer.intake(f"宽带断了，{PLACE}，{PHONE}", "fault_broadband")
    told = heard.value("read_back")

    assert heard.value("requested_slot") == "confirmation"
    assert told.startswith(f"诉求类型：宽带故障；地址：“{PLACE}”；联系电话：138****0099；您的描述：“")


def test_consent_opens_the_ticket_and_tells_both_due_times(customer: Customer) -> None:
    customer.intake(f"宽带断了两天，报修过两次，{PLACE}，{PHONE}", "fault_broadband", urgency="major")
    heard = customer.intake("对", "affirm")
    [ticket] = customer.tickets

    assert heard.texts == ["ticket_opened"]
    assert (heard.value("class_title"), heard.value("team_title")) == ("重大问题", "网络维护组")
    assert ticket.resolution_due_at - ticket.accepted_at == timedelta(hours=48)
    assert heard.card["number"] == ticket.number
    assert customer.conversation.dialogue is None


def test_a_consultation_ticket_is_announced_in_its_own_words(customer: Customer) -> None:
    customer.intake(f"我有个建议，多开营业厅，{PHONE}", "suggestion")

    assert customer.intake("可以", "affirm").texts == ["ticket_opened_consultation"]


def test_a_turn_that_is_sent_again_opens_no_second_ticket(customer: Customer) -> None:
    customer.intake(f"宽带断了，{PLACE}，{PHONE}", "fault_broadband")
    customer.says("对", "affirm", "validate_intake_form", number=50)
    again = customer.says("对", "affirm", "validate_intake_form", number=50)
    customer.says("对", "affirm", "action_conclude_intake", number=50)

    assert again.value("requested_slot") is None
    assert len(customer.tickets) == 1


def test_a_message_that_is_sent_again_counts_once(customer: Customer) -> None:
    customer.intake("宽带断了", "fault_broadband", number=7)
    heard = customer.says("宽带断了", "fault_broadband", "validate_intake_form", number=7)

    assert (heard.texts, heard.value("requested_slot")) == ([], "address")
    assert customer.conversation.dialogue["intake"]["asked"] == {"address": 1}


def test_three_requests_become_three_tickets(customer: Customer) -> None:
    customer.intake("家里宽带断了", "fault_broadband")
    customer.intake("还要开电子发票", "invoice")
    customer.intake("还要办过户", "transfer_ownership")
    customer.intake(PLACE)
    customer.intake(PHONE)
    first = customer.intake("对", "affirm")
    for _ in range(2):
        # Rasa runs the form at once with the same message, then waits for the customer.
        customer.says("对", "affirm", "validate_intake_form")
        last = customer.intake("对", "affirm")

    assert first.texts == ["ticket_opened", "next_request"]
    assert first.events == [{"event": "active_loop", "timestamp": None, "name": "intake_form"}]
    assert [t.type for t in customer.tickets] == ["fault_broadband", "invoice", "transfer_ownership"]
    assert last.texts == ["ticket_opened"]


def test_giving_up_opens_no_ticket(customer: Customer) -> None:
    customer.intake("家里宽带断了", "fault_broadband")

    assert customer.intake("算了不办了", "deny").texts == ["intake_cancelled"]
    assert customer.tickets == []


def test_an_answer_that_is_enough_opens_no_ticket(customer: Customer) -> None:
    assert customer.intake("怎么查我的话费余额", "bill_query").texts == ["knowledge"]
    assert customer.intake("解决了", "affirm").texts == ["intake_done"]
    assert customer.tickets == []


def test_another_request_after_an_answer_begins_its_own_intake(customer: Customer) -> None:
    customer.intake("怎么查我的话费余额", "bill_query")
    heard = customer.intake("我要移机", "relocate")
    begun = customer.says("我要移机", "relocate", "validate_intake_form")

    assert heard.events[0]["name"] == "intake_form"
    assert (begun.texts, begun.value("requested_slot")) == (["acknowledge_order"], "address")


@pytest.mark.parametrize(
    ("text", "type", "said"),
    [("讲个笑话", "chitchat", "chitchat"), ("查进度", "ticket_status", "no_ticket"), ("你好", "greet", "greet")],
)
def test_other_words_after_an_answer_are_answered_as_ever(
    customer: Customer, text: str, type: str, said: str
) -> None:
    customer.intake("怎么查我的话费余额", "bill_query")

    assert customer.intake(text, type).texts == [said]


def test_a_person_in_the_middle_keeps_what_was_gathered(customer: Customer) -> None:
    customer.staffed()
    customer.intake(f"宽带断了，{PLACE}", "fault_broadband", urgency="major")
    heard = customer.intake("转人工", "request_human")

    assert heard.texts == ["waiting"]
    assert (customer.conversation.state, customer.conversation.urgency) == ("waiting", "major")
    assert customer.conversation.dialogue["intake"]["facts"]["address"] == PLACE


def test_words_before_a_clarifying_question_count(customer: Customer) -> None:
    customer.says(f"那个，{PLACE}", "unclear", "action_clarify")
    customer.intake("宽带断了", "fault_broadband")
    intake = customer.conversation.dialogue["intake"]

    assert (intake["words"], intake["facts"]["address"]) == ([f"那个，{PLACE} 宽带断了"], PLACE)


@pytest.mark.parametrize(
    ("type", "outcome"), [("affirm", "elsewhere"), ("nlu_fallback", "elsewhere"), ("request_human", "human")]
)
def test_a_form_that_runs_on_without_a_request_ends_quietly(
    customer: Customer, type: str, outcome: str
) -> None:
    heard = customer.says("好", type, "validate_intake_form")

    assert heard.value("requested_slot") is None
    assert customer.conversation.dialogue["intake"]["outcome"] == outcome


def test_a_conclusion_without_an_intake_asks_what_else(customer: Customer) -> None:
    assert customer.says("好", "affirm", "action_conclude_intake").texts == ["anything_else"]


def test_the_reading_is_kept_for_staff(customer: Customer) -> None:
    customer.intake("宽带断了", "fault_broadband", urgency="urgent", signals=[{"id": "x", "title": "多户全断"}],
                    ranking=[{"name": "fault_broadband", "confidence": 0.9}])  # fmt: skip

    assert customer.conversation.reading == {
        "type": "fault_broadband", "urgency": "urgent", "signals": ["多户全断"], "confidence": 0.9,
        "ranking": [["fault_broadband", 0.9]],
    }


def half(text: str, type: str, **more: object) -> dict[str, object]:
    parsed = parse(text, type, **more)
    return {"text": text, "parse": {key: parsed[key] for key in parsed if key != "metadata"}}


def test_two_requests_in_one_message_are_both_served(customer: Customer) -> None:
    said = "我想移机 顺便把宽带密码找回来"
    halves = [half("我想移机", "relocate"), half("把宽带密码找回来", "password_reset")]
    message = parse(said, "password_reset", number=90)
    message["metadata"]["halves"] = halves
    begun = customer.run(ACTIONS["validate_intake_form"], message)
    customer.intake(PLACE)
    customer.intake(NEW_PLACE)
    customer.intake(PHONE)
    opened = customer.intake("对", "affirm")

    assert begun.texts == ["acknowledge_order", "second_noted"]
    assert opened.texts == ["ticket_opened", "next_request"]
    assert [ticket.type for ticket in customer.tickets] == ["relocate"]
    assert customer.conversation.dialogue["start"]["type"] == "password_reset"
    # 接下来为您登记… has acknowledged it.
    assert customer.says("对", "affirm", "validate_intake_form").texts == []


def test_the_number_is_asked_for_once_in_a_conversation(customer: Customer) -> None:
    customer.opens_ticket()
    heard = customer.intake("服务密码忘了", "password_reset")

    assert heard.value("requested_slot") == "confirmation"
    assert "138****0099" in heard.value("read_back")


def test_an_open_ticket_of_the_same_type_is_told_of(customer: Customer) -> None:
    number = customer.opens_ticket()
    heard = customer.intake("家里宽带又断了", "fault_broadband")

    assert heard.texts == ["same_type_open", "acknowledge_fault"]
    assert heard.messages[0]["number"] == number


def test_the_time_wanted_for_an_order_is_read_back(customer: Customer) -> None:
    customer.intake(f"我要移机，从{PLACE}移到{NEW_PLACE}，{PHONE}", "relocate")
    heard = customer.intake("周六上午")

    assert "时间：“周六上午”" in heard.value("read_back")


def test_a_time_that_is_over_is_not(customer: Customer) -> None:
    heard = customer.intake(f"昨天就说要移机，从{PLACE}移到{NEW_PLACE}，{PHONE}", "relocate")

    assert "时间：" not in heard.value("read_back")


def test_a_time_wished_for_is_kept_for_staff_and_moves_no_due_time(customer: Customer) -> None:
    heard = customer.intake(f"宽带断了，周六上午来修，{PLACE}，{PHONE}", "fault_broadband")
    opened = customer.intake("对", "affirm")
    [ticket] = customer.tickets

    assert "希望时间：“周六上午”" in heard.value("read_back")
    assert (opened.texts, opened.value("wish")) == (["ticket_opened", "wish_passed_on"], "周六上午")
    assert facts_json(ticket, customer.office.handbook)[-1]["title"] == "希望时间"
    assert ticket.resolution_due_at - ticket.accepted_at == timedelta(hours=24)


def test_the_question_for_a_description_names_what_is_useful(customer: Customer) -> None:
    customer.intake("我想改套餐", "plan_change")
    asked = customer.intake(PHONE)

    assert asked.value("requested_slot") == "detail"
    assert asked.value("tell").startswith("想换成什么套餐")


def test_a_type_is_called_by_its_spoken_title(customer: Customer) -> None:
    heard = customer.intake(f"服务密码忘了，{PHONE}", "password_reset")

    assert heard.value("title") == "密码重置"
    assert heard.value("read_back").startswith("诉求类型：密码重置；")


def test_a_story_that_ends_in_a_complaint_is_one_ticket_with_all_of_it(customer: Customer) -> None:
    customer.intake(f"家里网断了三天，报修过没人来，{PLACE}", "fault_broadband")
    customer.intake("我要投诉你们的装维师傅", "complaint_service")
    customer.intake(PHONE)
    opened = customer.intake("对", "affirm")
    [ticket] = customer.tickets

    assert opened.texts == ["ticket_opened"]
    assert (ticket.type, ticket.facts["address"]) == ("complaint_service", PLACE)
    assert "断了三天" in ticket.summary and "投诉" in ticket.summary
