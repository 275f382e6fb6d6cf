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
        "joined": {"text": f"{UNCLEAR} {said}", "parse": {"intent": intent, "intent_ranking": [intent]}},
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


@pytest.mark.parametrize(("share", "type"), [(0.9, "fault_tv"), (0.5, "fault_mobile")])
def test_the_surer_of_the_two_readings_decides(customer: Customer, share: float, type: str) -> None:
    goes_on(customer, "validate_intake_form", ("fault_mobile", 0.7), ("fault_tv", share))

    assert customer.conversation.dialogue["intake"]["type"] == type
