"""A wish among numbers and places: taken up at once, and never taken for an answer to a question."""

from __future__ import annotations

from typing import Any

import pytest

from bot.storage.conversations import Conversation
from tests.actions.conftest import Customer, Heard

FOLLOW, CLARIFY = "action_follow_context", "action_clarify"
SAID = "城关区红星小区7栋，电视黑屏，139****1234"


def says(
    customer: Customer, told: str, left: str, *, action: str = FOLLOW, text: str = SAID, number: int = 7,
    share: float = 0.9,
) -> Heard:
    """Say words whose first reading is facts only or unsure, and what is left of them is `left`."""
    intent = {"name": left, "confidence": share}
    ranking = [intent, {"name": "fault_landline", "confidence": 0.2}]
    metadata = {
        "text": text, "message_id": str(number),
        "left": {"text": told, "parse": {"intent": intent, "intent_ranking": ranking}},
    }
    first = "inform" if action == FOLLOW else "nlu_fallback"
    return customer.says(text, first, action, metadata=metadata, number=number)


def form_goes_on(customer: Customer) -> Heard:
    return customer.says(SAID, "inform", "validate_intake_form", number=7)


def choices(heard: Heard) -> list[str]:
    """Return the types behind the buttons shown."""
    return [b["choice"] for m in heard.messages for b in m.get("buttons") or [] if "choice" in b]


@pytest.mark.parametrize("action", [FOLLOW, CLARIFY])
def test_the_registration_of_the_wish_opens_at_once(customer: Customer, action: str) -> None:
    heard = says(customer, "电视黑屏", "fault_tv", action=action)
    begun = form_goes_on(customer)

    assert [event["event"] for event in heard.events] == ["active_loop"]
    assert (heard.texts, begun.texts) == ([], ["acknowledge_fault"])
    assert begun.value("requested_slot") == "confirmation"
    facts = customer.conversation.dialogue["intake"]["facts"]
    assert facts["address"] == "城关区红星小区7栋" and facts["phone_number"].startswith("139")


def test_what_was_told_before_a_question_is_kept(customer: Customer) -> None:
    customer.says("139****1234 张先生", "inform", FOLLOW)
    says(customer, "电视黑屏", "fault_tv", text="红星小区7栋，电视黑屏")
    form_goes_on(customer)

    assert customer.conversation.dialogue["intake"]["facts"].keys() >= {"address", "phone_number"}


def test_a_bare_subject_among_facts_is_answered_with_choices(customer: Customer) -> None:
    heard = says(customer, "报修", "nlu_fallback", text="报修，和平路12号，139****1234")

    assert "fault_broadband" in choices(heard)
    assert customer.conversation.dialogue["clarify"]["facts"]["address"] == "和平路12号"


def test_a_bare_subject_is_asked_about_however_sure_the_whole_message_reads(customer: Customer) -> None:
    said = "报修，和平路12号，139****1234"
    metadata = {"text": said, "message_id": "5", "left": {"text": "报修", "parse": {}}}
    heard = customer.intake(said, "fault_broadband", confidence=0.9, metadata=metadata, number=5)

    assert "fault_tv" in choices(heard)
    assert customer.conversation.dialogue["clarify"]["facts"]["address"] == "和平路12号"


def test_facts_alone_are_confirmed_and_the_matter_asked_for(customer: Customer) -> None:
    heard = customer.says("城关区红星小区7栋，139****1234", "inform", FOLLOW)

    assert (heard.texts, heard.value("noted")) == (["facts_noted"], "地址、联系电话")


def test_where_what_is_left_is_unsure_too_its_likeliest_readings_are_offered(customer: Customer) -> None:
    heard = says(customer, "不通", "nlu_fallback", action=CLARIFY, text="红星小区7栋，不通")

    assert (heard.texts, choices(heard)) == (["clarify"], ["fault_landline"])


def test_facts_told_to_a_choice_are_noted_and_the_choice_is_asked_anew(customer: Customer) -> None:
    ranking = [{"name": "fault_enterprise", "confidence": 0.4}, {"name": "fault_broadband", "confidence": 0.3}]
    asked = customer.says("单位整个瘫了", "nlu_fallback", CLARIFY, ranking=ranking)
    again = customer.says("高新区科技路9号", "inform", FOLLOW)

    assert again.texts == ["noted", "clarify"]
    assert choices(again) == choices(asked) == ["fault_enterprise", "fault_broadband"]


def test_yes_to_a_choice_brings_the_choice_again(customer: Customer) -> None:
    ranking = [{"name": "plan_consult", "confidence": 0.4}, {"name": "plan_change", "confidence": 0.3}]
    asked = customer.says("给我妈换个便宜的卡", "nlu_fallback", CLARIFY, ranking=ranking)

    assert choices(customer.says("对 换一个", "affirm", FOLLOW)) == choices(asked)
    customer.says("对", "affirm", FOLLOW)
    assert customer.conversation.state == "waiting"


def test_of_no_ticket_no_choice_is_offered_alone(customer: Customer) -> None:
    ranking = [{"name": "ticket_reopen", "confidence": 0.5}, {"name": "unclear", "confidence": 0.3}]
    heard = customer.says("还是不会 你们派人来吧", "nlu_fallback", CLARIFY, ranking=ranking)

    assert (heard.texts, choices(heard)) == (["clarify_open"], [])


def test_who_wants_nothing_more_is_not_offered_a_person(customer: Customer) -> None:
    customer.says("姓王 昨天来修的", "nlu_fallback", CLARIFY)

    assert customer.says("不用问了 直接派人来", "deny", FOLLOW).texts == ["clarify_offer_person"]
    assert customer.says("不用了", "deny", FOLLOW).texts == ["goodbye"]


def test_a_person_asked_for_among_facts_comes(customer: Customer) -> None:
    says(customer, "转人工", "request_human", text="139****1234 转人工")

    assert customer.conversation.state == "waiting"


def test_an_open_question_of_ours_comes_first(customer: Customer) -> None:
    number = customer.opens_ticket()
    with customer.office.sessions.begin() as session:
        session.get(Conversation, customer.id).dialogue = {"supplement": number}
    heard = says(customer, "电视黑屏", "fault_tv")

    assert heard.texts == ["ticket_supplemented"]


def test_the_running_registration_takes_facts_as_its_answer(customer: Customer) -> None:
    customer.intake("家里宽带断了", "fault_broadband")
    heard = says(customer, "没网", "fault_mobile", text="红星小区7栋，没网，139****1234")

    assert [(e["event"], e["name"]) for e in heard.events] == [("active_loop", "intake_form")]
    assert customer.conversation.dialogue["intake"]["type"] == "fault_broadband"


@pytest.mark.parametrize(
    ("told", "left", "share", "said"),
    [
        ("没网", "fault_broadband", 0.9, "ticket_supplemented"),
        ("还没人来", "complaint_service", 0.9, "ticket_status"),
        ("电视", "fault_tv", 0.5, "ticket_supplemented"),
        ("电视黑屏", "fault_tv", 0.9, None),
        ("催一下", "ticket_urge", 0.9, "ticket_urged"),
    ],
)
def test_with_a_ticket_open_only_another_matter_begins_anew(
    customer: Customer, told: str, left: str, share: float, said: str | None
) -> None:
    customer.opens_ticket()
    heard = says(customer, told, left, share=share, text=f"红星小区7栋，{told}，139****1234")

    assert heard.texts == ([said] if said else [])


def test_an_unsure_request_gives_way_to_what_is_left(customer: Customer) -> None:
    left: dict[str, Any] = {"text": "宽带挪到", "parse": {"intent": {"name": "relocate", "confidence": 0.9}}}
    said = "宽带挪到阳光花园3栋，139****1234"
    metadata = {"text": said, "message_id": "5", "left": left}
    customer.says(
        said, "fault_broadband", "validate_intake_form", confidence=0.5, metadata=metadata, number=5
    )

    assert customer.conversation.dialogue["intake"]["type"] == "relocate"


@pytest.mark.parametrize(
    ("said", "share", "begun"),
    [
        ("家里那个网修了又不行了到今天也没人来", 0.4, True),
        ("家里那个网修了又不行了到今天也没人来", 0.3, False),
        ("修了又不行了到今天也没人来", 0.4, False),
        ("家里网呢", 0.4, False),
    ],
)
def test_an_unsure_fault_begins_where_the_words_name_its_line(
    customer: Customer, said: str, share: float, begun: bool
) -> None:
    ranking = [{"name": "fault_broadband", "confidence": share}]
    heard = customer.says(said, "nlu_fallback", CLARIFY, ranking=ranking)

    assert [event["event"] for event in heard.events] == (["active_loop"] if begun else [])


@pytest.mark.parametrize(
    ("other", "share", "said"),
    [("chitchat", 0.02, "out_of_scope"), ("ticket_status", 0.3, "clarify_open")],
)
def test_words_that_can_only_be_of_another_trade_are_not_ours(
    customer: Customer, other: str, share: float, said: str
) -> None:
    ranking = [
        {"name": "unclear", "confidence": 0.6}, {"name": "out_of_scope", "confidence": 0.35},
        {"name": other, "confidence": share},
    ]
    heard = customer.says("我的外卖呢", "unclear", CLARIFY, ranking=ranking)

    assert heard.texts == [said]
