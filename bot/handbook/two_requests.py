"""Chapter 3.1: two requests in one message (一条消息两件事), such as 我要移机，顺便开张发票."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.handbook.intake import SURE
from bot.handbook.intake_parts import Reading
from bot.handbook.requests import RequestType

LEAST_PART = 4
_JOINT = re.compile(
    r"顺便|另外|对了(?!吗|吧)|(?<=[\s，,。；;！!？?、])(?:还有|还想|还要|再(?:帮|给)我|同时|也想|第二)"
)
_EDGES = " \t\n，,。；;！!？?、"


def halves(text: str) -> tuple[str, str] | None:
    """Cut a message where it goes on to something else; nothing if it does not."""
    for joint in _JOINT.finditer(text):
        before, after = text[: joint.start()].strip(_EDGES), text[joint.end() :].strip(_EDGES)
        if len(before) >= LEAST_PART and len(after) >= LEAST_PART:
            return before, after
    return None


def in_order(
    readings: Sequence[Reading], types: Mapping[str, RequestType]
) -> tuple[Reading, Reading] | None:
    """Put two requests in the order in which they are acted on: the more urgent first.

    Nothing unless both halves are surely requests, and of different types.
    """
    sure = [
        each for each in readings
        if each.confidence >= SURE and each.type in types and types[each.type].kind.is_request
    ]
    if len(sure) != 2 or sure[0].type == sure[1].type:
        return None
    first, second = sorted(sure, key=lambda each: -each.urgency.rank)
    # The number is the caller's in both; a place belongs to the half that names it.
    for each in sure:
        if number := each.facts.get("phone_number"):
            second = replace(second, facts={"phone_number": number, **second.facts})
            first = replace(first, facts={"phone_number": number, **first.facts})
    return first, second
