"""Chapter 2.4: the worked examples of the deadline classes, and times as customers read them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.handbook.requests import RequestKind, Urgency
from bot.handbook.tables import load_handbook

HANDBOOK = load_handbook()
REQUESTS = [kind for kind in RequestKind if kind.is_request]


@pytest.mark.parametrize(
    ("request_type", "urgency", "wanted", "response_h", "resolution_h"),
    [
        ("fault_broadband", "urgent", "urgent", 1, 24),
        ("fault_broadband", "major", "major", 24, 48),
        ("fault_broadband", "general", "general", 24, 24),
        ("report_hazard", "urgent", "urgent", 1, 24),
        ("bill_dispute", "general", "general", 24, 24),
        ("bill_dispute", "major", "major", 24, 48),
        ("port_out", "general", "general", 24, 24),
        ("bill_query", "general", "consultation", 24, 24),
        ("bill_query", "major", "major", 24, 48),
        ("suggestion", "general", "consultation", 24, 24),
        ("store_info", "urgent", "urgent", 1, 24),
    ],
)
def test_type_and_urgency_give_the_class_of_the_handbook(
    request_type: str, urgency: str, wanted: str, response_h: int, resolution_h: int
) -> None:
    kind = HANDBOOK.type_of(request_type).kind
    found = HANDBOOK.deadline_class(kind=kind, urgency=Urgency(urgency))
    assert found.id == wanted
    assert found.response_for == timedelta(hours=response_h)
    assert found.resolution_for == timedelta(hours=resolution_h)


@pytest.mark.parametrize("kind", REQUESTS)
@pytest.mark.parametrize("urgency", list(Urgency))
def test_every_request_has_a_class_that_answers_within_a_day(
    kind: RequestKind, urgency: Urgency
) -> None:
    found = HANDBOOK.deadline_class(kind=kind, urgency=urgency)
    assert found.response_for <= timedelta(hours=24)
    assert found.response_for <= found.resolution_for


@pytest.mark.parametrize("kind", [RequestKind.TALK, RequestKind.TICKET])
def test_what_is_no_request_has_no_class(kind: RequestKind) -> None:
    with pytest.raises(KeyError, match=kind.value):
        HANDBOOK.deadline_class(kind=kind, urgency=Urgency.GENERAL)


def test_every_class_names_its_basis() -> None:
    assert all("2.4" in each.basis for each in HANDBOOK.classes.values())
