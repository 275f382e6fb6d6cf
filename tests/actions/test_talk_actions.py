"""What is no request: unclear words, other trades, praise, the wish for a person."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from actions.intake import ValidateIntakeForm
from bot.storage.conversations import Review
from tests.actions.conftest import Customer, parse

RANKED = [
    {"name": "fault_broadband", "confidence": 0.4}, {"name": "greet", "confidence": 0.3},
    {"name": "fault_tv", "confidence": 0.2}, {"name": "invoice", "confidence": 0.01},
]


def reviews(customer: Customer) -> list[tuple[str, str]]:
    with customer.office.sessions() as session:
        return [(r.reason, r.text) for r in session.execute(select(Review)).scalars()]


def clarified(customer: Customer, text: str = "那个", **more: Any) -> list[str]:
    return customer.says(text, more.pop("type", "unclear"), "action_clarify", **more).texts


def test_unclear_words_get_one_question_then_an_offer_then_a_person(customer: Customer) -> None:
    customer.staffed()
    asked = [clarified(customer) for _ in range(3)]

    assert asked == [["clarify_open"], ["clarify_offer_person"], ["waiting"]]
    assert customer.conversation.state == "waiting"


def test_an_unsure_reading_is_offered_as_choices(customer: Customer) -> None:
    heard = customer.says("网和电视", "nlu_fallback", "action_clarify", ranking=RANKED)
    [said] = heard.messages

    assert heard.texts == ["clarify"]
    assert [b["title"] for b in said["buttons"]] == ["宽带故障", "电视故障", "都不是，转人工"]


@pytest.mark.parametrize("said", ["取消排队", "不排了", "不用等人工了"])
def test_who_leaves_a_queue_without_being_in_one_is_told_so(customer: Customer, said: str) -> None:
    assert clarified(customer, said, type="nlu_fallback") == ["not_queued"]


def test_unclear_words_after_an_open_question_for_a_supplement_are_the_supplement(
    customer: Customer,
) -> None:
    number = customer.opens_ticket()
    customer.says("补充", "ticket_supplement", "action_answer_ticket")

    assert clarified(customer, "门禁坏了要按铃") == ["ticket_supplemented"]
    assert customer.steps(number)[-1] == "supplement"


def test_facts_alone_are_noted_however_they_are_read(customer: Customer) -> None:
    assert clarified(customer, "139****3434") == ["facts_noted"]
    assert clarified(customer, "红星小区7栋2单元501", type="nlu_fallback") == ["facts_noted"]


def test_a_clarified_turn_is_kept_for_trainers_without_the_number(customer: Customer) -> None:
    clarified(customer, "1381234" + "5678那个")

    assert reviews(customer) == [("clarified", "138****5678那个")]


def test_what_is_not_ours_is_said_kindly_and_kept(customer: Customer) -> None:
    heard = customer.says("外卖怎么没到", "out_of_scope", "action_out_of_scope")

    assert heard.texts == ["out_of_scope"]
    assert reviews(customer) == [("out_of_scope", "外卖怎么没到")]


def test_praise_is_thanked_for(customer: Customer) -> None:
    assert customer.says("你们真好", "praise", "action_thank_for_praise").texts == ["praise"]


def test_a_wish_for_a_person_is_met_in_one_turn(customer: Customer) -> None:
    customer.staffed()
    heard = customer.says("转人工", "request_human", "action_hand_off")

    assert (heard.texts, heard.value("position"), heard.value("minutes")) == (["waiting"], 1, 2)
    assert (customer.conversation.state, customer.conversation.epoch) == ("waiting", 1)
    assert {"epoch": 1} in [m["custom"] for m in heard.messages]


def test_by_day_with_nobody_there_no_minutes_are_told(customer: Customer) -> None:
    heard = customer.says("转人工", "request_human", "action_hand_off")

    assert heard.texts == []
    assert "第1位" in heard.words
    assert "暂时都不在线" in heard.words
    assert "预计" not in heard.words


def test_an_unmeasured_wait_has_no_minutes(customer: Customer) -> None:
    customer.staffed(waits=2)
    heard = customer.says("转人工", "request_human", "action_hand_off")

    assert "第1位" in heard.words
    assert "分钟" not in heard.words


def test_asking_again_keeps_the_place(customer: Customer) -> None:
    customer.says("转人工", "request_human", "action_hand_off")
    since = customer.conversation.waiting_since
    customer.says("转人工", "request_human", "action_hand_off")

    assert (customer.conversation.waiting_since, customer.conversation.epoch) == (since, 1)


def test_at_night_a_ticket_is_opened_and_the_opening_told(at_night: Customer) -> None:
    heard = at_night.says("转人工", "request_human", "action_hand_off")
    [ticket] = at_night.tickets

    assert (heard.texts, heard.value("number")) == (["waiting_off_duty"], ticket.number)
    assert "08:00" in heard.value("opens_at")
    assert (ticket.type, ticket.summary) == ("account_query", "转人工")


def test_at_night_dated_times_of_a_call_are_offered(at_night: Customer) -> None:
    heard = at_night.says("转人工", "request_human", "action_hand_off")
    [times] = [m["custom"]["buttons"] for m in heard.messages if "buttons" in m["custom"]]

    assert [each["title"] for each in times] == [
        "3月3日（周二）09:00到12:00", "3月3日（周二）14:00到18:00", "3月3日（周二）18:00到20:00",
    ]


def test_at_night_the_ticket_is_that_of_the_interrupted_intake(at_night: Customer) -> None:
    at_night.intake("宽带断了，城关区幸福小区", "fault_broadband", urgency="major")
    at_night.intake("转人工", "request_human")
    [ticket] = at_night.tickets

    assert (ticket.type, ticket.deadline_class) == ("fault_broadband", "major")
    assert ticket.facts == {"address": "城关区幸福小区"}


@pytest.mark.parametrize("again", [1, 2])
def test_at_night_asking_twice_in_one_message_opens_one_ticket(at_night: Customer, again: int) -> None:
    for _ in range(again):
        at_night.says("转人工", "request_human", "action_hand_off", number=3)

    assert len(at_night.tickets) == 1


def doubts(customer: Customer, text: str, **more: Any) -> list[str]:
    customer.intake(text, "fault_broadband", **more)
    with customer.office.sessions() as session:
        return [r.reason for r in session.execute(select(Review).order_by(Review.id)).scalars()]


def test_a_request_answered_on_a_doubtful_reading_is_kept_with_its_ranking(customer: Customer) -> None:
    assert doubts(customer, "网不太对", confidence=0.5, ranking=RANKED) == ["low_confidence"]
    with customer.office.sessions() as session:
        [row] = session.execute(select(Review)).scalars()
        assert row.reading["ranking"][0] == ["fault_broadband", 0.4]
        assert row.reading["urgency"] == "general"


def test_a_request_answered_on_a_sure_reading_is_not_kept(customer: Customer) -> None:
    assert doubts(customer, "宽带断了", confidence=0.9, ranking=RANKED) == []


def test_an_answer_to_the_form_is_no_doubtful_request(customer: Customer) -> None:
    customer.intake("宽带断了", "fault_broadband")
    customer.intake("城关区幸福小区3号楼", "inform", confidence=0.3)
    assert reviews(customer) == []


def test_a_signal_that_raised_what_the_model_said_is_kept(customer: Customer) -> None:
    urgency = {
        "name": "urgent", "ranking": [{"name": "general", "confidence": 0.9}],
        "signals": [{"id": "fire", "title": "起火"}],
    }
    message = parse("光缆起火了", "fault_broadband") | {"urgency": urgency}
    customer.run(ValidateIntakeForm(), message)
    assert reviews(customer) == [("signal_raised", "光缆起火了")]
