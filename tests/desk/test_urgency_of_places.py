"""Chapter 2.4: the level of a message is heard in its words, not in its place."""

from __future__ import annotations

from typing import Any

import pytest

from bot.desk.readings import reading_of_parse, reading_with_earlier, readings_of_halves
from bot.handbook.requests import Urgency
from bot.handbook.tables import load_handbook

HANDBOOK = load_handbook()
FAULT = {"name": "fault_broadband", "confidence": 0.9}


def parse(level: str, left: str | None, *, signals: int = 0, **more: Any) -> dict[str, Any]:
    apart = {"left": {"text": "断了", "parse": {"intent": FAULT, "urgency": {"name": left}}}} if left else {}
    return {
        "intent": FAULT, "urgency": {"name": level, "signals": [{"id": "s", "title": "征象"}] * signals},
        "metadata": {"text": "幸福小区3栋断了", "message_id": "1", **apart, **more},
    }


@pytest.mark.parametrize(
    ("level", "left", "signals", "read"),
    [
        ("urgent", "general", 0, Urgency.GENERAL), ("urgent", "major", 0, Urgency.MAJOR),
        ("urgent", "urgent", 0, Urgency.URGENT), ("urgent", "general", 1, Urgency.URGENT),
        ("urgent", None, 0, Urgency.URGENT), ("general", "urgent", 0, Urgency.GENERAL),
        ("urgent", "nonsense", 0, Urgency.URGENT),
    ],
)  # fmt: skip
def test_a_place_raises_nothing(level: str, left: str | None, signals: int, read: Urgency) -> None:
    assert reading_of_parse(parse(level, left, signals=signals), HANDBOOK).urgency is read


def test_parts_and_earlier_words_keep_their_own_level() -> None:
    urgent = {"intent": FAULT, "urgency": {"name": "urgent"}}
    half = parse("general", "general", halves=[{"text": "全村断了", "parse": urgent}])
    [read] = readings_of_halves(half, HANDBOOK)
    earlier = reading_with_earlier(parse("general", "general", with_earlier={"text": "全村断了", "parse": urgent}), HANDBOOK)

    assert read.urgency is Urgency.URGENT
    assert earlier is not None
    assert earlier.urgency is Urgency.URGENT
