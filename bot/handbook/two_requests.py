"""Chapter 3.1: two requests in one message (一条消息两件事), such as 我要移机，顺便开张发票."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.handbook.intake_parts import Reading
from bot.handbook.intake_steps import SURE
from bot.handbook.one_story import SEPARATES, belongs, fitting, tells_done
from bot.handbook.requests import RequestType

LEAST_PART = 4
_JOINT = re.compile(
    rf"{SEPARATES.pattern}|(?<=[\s，,。；;！!？?、])(?:还有|同时)"
)
_EDGES = " \t\n，,。；;！!？?、"
_CLAUSE_END = re.compile(r"[\s，,。；;！!]|(?:以后|之后)")


def halves(text: str) -> tuple[str, str] | None:
    """Cut a message where it goes on to something else; nothing if it does not."""
    for joint in _JOINT.finditer(text):
        before, after = text[: joint.start()].strip(_EDGES), text[joint.end() :].strip(_EDGES)
        if len(before) >= LEAST_PART and len(after) >= LEAST_PART:
            return before, after
    return _done_and_after(text)


def _done_and_after(text: str) -> tuple[str, str] | None:
    """Cut a story between what was done and what came of it: 换了套餐以后 / 多扣了50块."""
    if not tells_done(text):
        return None
    for end in _CLAUSE_END.finditer(text):
        before, after = text[: end.end()].strip(_EDGES), text[end.end() :].strip(_EDGES)
        if tells_done(before) and min(len(before), len(after)) >= LEAST_PART:
            return before, after
    return None


def requests_in(
    whole: Reading, parts: Sequence[Reading], types: Mapping[str, RequestType]
) -> tuple[Reading, ...]:
    """Return the one request of a message, or two in the order in which they are acted on.

    Two only if both halves are surely requests of different types and not one story; of two
    the more urgent comes first.
    """
    sure = [
        each for each in parts
        if each.confidence >= SURE and each.type in types and types[each.type].kind.is_request
    ]
    if len(sure) != 2 or sure[0].type == sure[1].type:
        return (whole,)
    told, said = sure
    kinds = types[told.type], types[said.type]
    if not SEPARATES.search(whole.text) and belongs(told.text, kinds[0], said.text, kinds[1]):
        chosen = fitting(told.text, kinds[0], said.text, kinds[1]).id
        return (replace(whole, type=chosen, confidence=max(told.confidence, said.confidence)),)
    first, second = sorted(sure, key=lambda each: -each.urgency.rank)
    # The number is the caller's in both; a place belongs to the half that names it.
    for each in sure:
        if number := each.facts.get("phone_number"):
            second = replace(second, facts={"phone_number": number, **second.facts})
            first = replace(first, facts={"phone_number": number, **first.facts})
    return first, second
