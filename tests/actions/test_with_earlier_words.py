"""Words that were not understood are read again together with those that come after them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.conftest import Customer, Heard

UNCLEAR = "我家那个盒子"


def goes_on(
    customer: Customer, action: str, alone: tuple[str, float], together: tuple[str, float]
) -> Heard:
    """Say unclear words, then more; both are read alone and together."""
    customer.says(UNCLEAR, "unclear", "action_clarify")
    said, (type, share) = "开不了机了", together
    intent = {"name": type, "confidence": share}
    metadata: dict[str, Any] = {
        "text": said, "message_id": "7",
        "with_earlier": {
            "text": f"{UNCLEAR} {said}", "parse": {"intent": intent, "intent_ranking": [intent]},
        },
    }  # fmt: skip
    first, confidence = alone
    return customer.says(said, first, action, confidence=confidence, metadata=metadata, number=7)


@pytest.mark.parametrize("alone", ["unclear", "nlu_fallback"])
def test_together_they_begin_a_registration(customer: Customer, alone: str) -> None:
    heard = goes_on(customer, "action_clarify", (alone, 0.3), ("fault_tv", 0.8))
    begun = customer.says("开不了机了", "unclear", "validate_intake_form", number=7)

    assert [event["event"] for event in heard.events] == ["active_loop"]
    assert begun.texts == ["acknowledge_fault"]
    intake = customer.conversation.dialogue["intake"]
    assert (intake["type"], intake["words"]) == ("fault_tv", [f"{UNCLEAR} 开不了机了"])


def test_where_they_are_no_request_together_either_a_person_is_offered(customer: Customer) -> None:
    heard = goes_on(customer, "action_clarify", ("unclear", 0.9), ("unclear", 0.9))

    assert heard.texts == ["clarify_offer_person"]


@pytest.mark.parametrize(
    ("alone", "together", "type"),
    [(0.5, 0.8, "fault_tv"), (0.5, 0.45, "fault_mobile"), (0.9, 0.95, "fault_mobile")],
    ids=["surer together", "surer alone", "sure alone"],
)
def test_only_who_is_in_doubt_is_read_with_earlier_words(
    customer: Customer, alone: float, together: float, type: str
) -> None:
    goes_on(customer, "validate_intake_form", ("fault_mobile", alone), ("fault_tv", together))

    assert customer.conversation.dialogue["intake"]["type"] == type


def test_an_unsure_guess_begins_nothing(customer: Customer) -> None:
    heard = goes_on(customer, "action_clarify", ("unclear", 0.9), ("fault_tv", 0.5))

    assert heard.texts == ["clarify_offer_person"]


def test_a_subject_named_afterwards_is_asked_about(customer: Customer) -> None:
    customer.says(UNCLEAR, "unclear", "action_clarify")
    intent = {"name": "fault_broadband", "confidence": 0.9}
    metadata = {
        "text": "宽带", "message_id": "7", "with_earlier": {"text": "x", "parse": {"intent": intent}},
    }  # fmt: skip
    heard = customer.says("宽带", "unclear", "action_clarify", metadata=metadata, number=7)

    assert [b["choice"] for m in heard.messages for b in m["buttons"] if "choice" in b][:2] == [
        "fault_broadband", "new_install",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("type", "begins"), [("fault_tv", True), ("fault_broadband", False)], ids=["offered", "not offered"]
)
def test_a_symptom_after_a_named_subject_is_about_it(customer: Customer, type: str, begins: bool) -> None:
    customer.says("那个我家那个机顶盒", "unclear", "action_clarify")
    intent = {"name": type, "confidence": 0.9}
    metadata = {
        "text": "开不了机了", "message_id": "7", "with_earlier": {"text": "x", "parse": {"intent": intent}},
    }  # fmt: skip
    heard = customer.says("开不了机了", "unclear", "action_clarify", metadata=metadata, number=7)

    assert [event["event"] for event in heard.events] == (["active_loop"] if begins else [])


def test_the_number_said_last_counts(customer: Customer) -> None:
    customer.says("那个东西 我电话13800138000", "unclear", "action_clarify")
    intent = {"name": "fault_tv", "confidence": 0.9}
    said = "打不开了，电话换成13900139000"
    metadata = {
        "text": said, "message_id": "7", "with_earlier": {"text": "x", "parse": {"intent": intent}},
    }  # fmt: skip
    customer.says(said, "unclear", "action_clarify", metadata=metadata, number=7)
    customer.says(said, "unclear", "validate_intake_form", number=7)

    assert customer.conversation.dialogue["intake"]["facts"]["phone_number"] == "13900139000"


def test_a_ticket_of_the_same_type_is_not_opened_twice(customer: Customer) -> None:
    customer.opens_ticket()
    customer.says(UNCLEAR, "unclear", "action_clarify")
    intent = {"name": "fault_broadband", "confidence": 0.9}
    metadata = {
        "text": "又开不了机了", "message_id": "17",
        "with_earlier": {"text": "x", "parse": {"intent": intent}},
    }  # fmt: skip
    heard = customer.says("又开不了机了", "unclear", "action_clarify", metadata=metadata, number=17)

    assert [event for event in heard.events if event["event"] == "active_loop"] == []
