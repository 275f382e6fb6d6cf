"""Who speaks of a ticket we do not know, or asks on after one: no goodbye, no loop, no odd ticket."""

from __future__ import annotations

import pytest

from actions.intake import ValidateIntakeForm
from tests.actions.conftest import Customer, parse

ANSWER, FOLLOW, CLARIFY = "action_answer_ticket", "action_follow_context", "action_clarify"
STORY = "我们家那个网上周报的修，来了个人弄了一下又不行了，到今天也没人来"
BROADBAND = [{"name": "ticket_reopen", "confidence": 0.5}, {"name": "fault_mobile", "confidence": 0.2}]


def test_a_story_about_an_unknown_ticket_is_registered(customer: Customer) -> None:
    heard = customer.says(STORY, "ticket_reopen", ANSWER, ranking=BROADBAND, urgency="major")
    form = customer.intake(STORY, "ticket_reopen")

    assert (heard.texts, heard.events[-1]["name"]) == (["no_ticket_register"], "intake_form")
    assert form.texts == ["acknowledge_fault"]
    assert customer.conversation.dialogue["intake"]["type"] == "fault_broadband"
    assert customer.conversation.dialogue["intake"]["urgency"] == "major"


def test_without_a_line_the_likeliest_request_is_registered(customer: Customer) -> None:
    ranking = [{"name": "ticket_urge", "confidence": 0.6}, {"name": "relocate", "confidence": 0.3}]
    heard = customer.says("上周说给我移过去怎么还没动静", "ticket_urge", ANSWER, ranking=ranking)

    assert heard.texts == ["no_ticket_register"]
    assert customer.conversation.dialogue["start"]["type"] == "relocate"


def test_a_story_that_names_nothing_is_kept_for_the_next_words(customer: Customer) -> None:
    customer.says("上次说修好了，根本没修好", "ticket_reopen", ANSWER, urgency="major")
    customer.intake("就是宽带断了", "fault_broadband")
    intake = customer.conversation.dialogue["intake"]

    assert (intake["type"], intake["urgency"]) == ("fault_broadband", "major")
    assert intake["words"] == ["上次说修好了，根本没修好 就是宽带断了"]


def test_who_has_no_number_is_not_sent_away(customer: Customer) -> None:
    customer.says("查进度", "ticket_status", ANSWER)

    assert customer.says("没有单号啊", "deny", FOLLOW).texts == ["without_number"]


def test_facts_told_meanwhile_are_kept_and_confirmed(customer: Customer) -> None:
    customer.says("查进度", "ticket_status", ANSWER)
    told = [
        customer.says("城关区幸福小区3号楼", "inform", FOLLOW).texts,
        customer.says("138****0099", "inform", FOLLOW).texts,
    ]
    customer.intake("宽带断了", "fault_broadband")

    assert told == [["facts_noted"], ["facts_noted"]]
    assert customer.conversation.dialogue["intake"]["asking"] == "confirmation"


def test_no_three_times_brings_a_person(customer: Customer) -> None:
    customer.says("那个", "unclear", CLARIFY)
    for said in ("不是", "没有"):
        customer.says(said, "deny", FOLLOW)

    assert customer.conversation.state == "waiting"


def test_the_line_named_after_the_question_is_the_matter(customer: Customer) -> None:
    customer.says("上周报的修怎么没下文了", "ticket_status", ANSWER)

    assert customer.intake("就是宽带", "fault_broadband").texts == ["acknowledge_fault"]


@pytest.mark.parametrize("said", ["不是", "没有", "不"])
def test_no_to_a_clarifying_question_is_no_goodbye(customer: Customer, said: str) -> None:
    customer.says("那个", "unclear", CLARIFY)

    assert customer.says(said, "deny", FOLLOW).texts == ["clarify_offer_person"]


@pytest.mark.parametrize(("said", "heard"), [("不是", "clarify_open"), ("没有了", "goodbye"), ("不用", "goodbye")])
def test_only_who_wants_nothing_more_hears_a_goodbye(customer: Customer, said: str, heard: str) -> None:
    assert customer.says(said, "deny", FOLLOW).texts == [heard]


@pytest.mark.parametrize(
    ("said", "type", "heard"),
    [
        ("要收费吗", "plan_consult", "fee"),
        ("师傅电话多少", "store_info", "ticket_who_calls"),
        ("能不能早点", "suggestion", "ticket_urged"),
    ],
)
def test_a_question_after_a_ticket_opens_no_other(
    customer: Customer, said: str, type: str, heard: str
) -> None:
    customer.opens_ticket()

    assert customer.intake(said, type).texts == [heard]
    assert len(customer.tickets) == 1


def test_without_a_ticket_the_same_words_are_a_request(customer: Customer) -> None:
    assert customer.intake("能不能早点", "suggestion").texts == ["acknowledge_suggestion"]


@pytest.mark.parametrize(("said", "type"), [("我要报故障", "unclear"), ("话费有问题", "bill_query")])
def test_a_bare_subject_is_answered_with_choices(customer: Customer, said: str, type: str) -> None:
    unclear = type == "unclear"
    heard = customer.says(said, type, CLARIFY) if unclear else customer.intake(said, type)
    choices = [b["choice"] for m in heard.messages for b in m.get("buttons") or [] if "choice" in b]

    assert len(choices) >= 3
    assert customer.conversation.dialogue["clarify"]["text"] == said


def test_a_tapped_choice_is_no_bare_subject(customer: Customer) -> None:
    heard = customer.intake("套餐", "plan_consult")
    assert heard.texts == []
    message = parse("套餐", "plan_change", number=9) | {"text": "/plan_change"}
    started = customer.run(ValidateIntakeForm(), message)

    assert started.texts == ["acknowledge_order"]


def test_two_requests_that_were_not_read_as_a_whole_are_taken_up(customer: Customer) -> None:
    halves = [
        {"text": text, "parse": {"intent": {"name": name, "confidence": 0.9}}}
        for text, name in (("我要投诉你们营业厅", "complaint_service"), ("我家宽带也断了", "fault_broadband"))
    ]
    said = "我要投诉你们营业厅，另外我家宽带也断了"
    heard = customer.says(
        said, "nlu_fallback", CLARIFY, metadata={"text": said, "message_id": "9", "halves": halves}
    )

    assert heard.texts == ["both_noted"]
    state = customer.conversation.dialogue
    assert (state["start"]["type"], [row["type"] for row in state["rest"]]) == (
        "complaint_service", ["fault_broadband"],
    )


@pytest.mark.parametrize(("type", "action"), [("unclear", CLARIFY), ("affirm", "action_follow_context")])
def test_marks_alone_ask_whether_somebody_is_there(customer: Customer, type: str, action: str) -> None:
    assert customer.says("？？？", type, action).texts == ["greet_short", "anything_else"]


def test_marks_after_a_question_bring_the_question_again(customer: Customer) -> None:
    asked = customer.says("话费", "unclear", CLARIFY)
    again = customer.says("...", "unclear", CLARIFY)

    assert (again.words, again.messages[0]["buttons"]) == (asked.words, asked.messages[0]["buttons"])


def test_marks_after_choices_bring_the_choices_again(customer: Customer) -> None:
    ranking = [{"name": "fault_tv", "confidence": 0.4}, {"name": "fault_broadband", "confidence": 0.3}]
    asked = customer.says("那根线", "nlu_fallback", CLARIFY, ranking=ranking)
    again = customer.says("!!", "unclear", CLARIFY)

    assert (again.texts, again.messages[0]["buttons"]) == (["clarify"], asked.messages[0]["buttons"])


def test_an_emoji_alone_is_no_unclear_request(customer: Customer) -> None:
    heard = [customer.says("👍", "unclear", CLARIFY).texts for _ in range(3)]

    assert heard == [["text_only"]] * 3
    assert customer.tickets == []


@pytest.mark.parametrize(
    ("said", "type", "action"),
    [
        ("是宽带的", "affirm", FOLLOW), ("就是宽带那个", "nlu_fallback", CLARIFY),
        ("不知道单号，报的是宽带", "ticket_status", ANSWER),
    ],
)
def test_the_line_of_an_unknown_ticket_begins_its_registration(
    customer: Customer, said: str, type: str, action: str
) -> None:
    customer.says("报修到哪一步了", "ticket_status", ANSWER)
    heard = customer.says(said, type, action)
    customer.intake(said, type)

    assert heard.texts == ["no_ticket_register"]
    assert customer.conversation.dialogue["intake"]["type"] == "fault_broadband"


@pytest.mark.parametrize(
    ("said", "type", "action"),
    [
        ("我手机号是13812345678", "inform", FOLLOW), ("手机上没收到单号", "nlu_fallback", CLARIFY),
        ("不是宽带的", "deny", FOLLOW), ("催一下宽带移机", "ticket_urge", ANSWER),
        ("我要取消宽带那个单", "ticket_cancel", ANSWER), ("流量包退订那个", "nlu_fallback", CLARIFY),
    ],
)
def test_a_line_among_other_words_begins_nothing(
    customer: Customer, said: str, type: str, action: str
) -> None:
    customer.says("报修到哪一步了", "ticket_status", ANSWER)
    heard = customer.says(said, type, action)

    assert "no_ticket_register" not in heard.texts
