"""Chapter 3.1: two requests in one message (一条消息两件事), such as 我要移机，顺便开张发票."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.handbook.intake_parts import SURE, Reading
from bot.handbook.one_story import SEPARATES, belongs, fitting, is_wanted, tells_done
from bot.handbook.requests import RequestType

LEAST_PART = 4
# Where no word says that something else begins: how sure, and from what length on it is a story.
SURE_UNSAID, LONGEST_UNSAID = 0.8, 40
_JOINT = re.compile(rf"{SEPARATES.pattern}|(?<=[\s，,。；;！!？?、])(?:还有|同时)")
# A clause with a person, a wish or a thing of its own may begin something else without a word for it.
_ANEW = re.compile(
    r"[\s，,。；;！!？?、](?=(?:然后|那个|哎|还有)?(?:我|俺|咱|家里|老家|帮|麻烦|请|给|查|想|要"
    r"|手机|宽带|电视|座机|固话|发票|套餐|过户|移机))"
)
# 一个补卡，一个改套餐.
_LISTED = re.compile(
    r"一(?:[个件]是?|是)([^，,、；;。]{2,14})[，,、；;\s]+(?:还有|另)?一(?:[个件]是?|是)([^，,。；;]{2,14})[。！!]*$"
)
_EDGES = " \t\n，,。；;！!？?、"
_CLAUSE_END = re.compile(r"[\s，,。；;！!]|(?:以后|之后)")


def halves(text: str) -> tuple[str, str] | None:
    """Cut a message where it goes on to something else; nothing if it does not."""
    if listed := _LISTED.search(text):
        return listed[1].strip(_EDGES), listed[2].strip(_EDGES)
    for joint in _JOINT.finditer(text):
        before, after = text[: joint.start()].strip(_EDGES), text[joint.end() :].strip(_EDGES)
        if len(before) >= LEAST_PART and len(after) >= LEAST_PART:
            return before, after
    return _done_and_after(text) or _cut_anew(text)


def _cut_anew(text: str) -> tuple[str, str] | None:
    if len(text) > LONGEST_UNSAID:
        return None
    for mark in _ANEW.finditer(text):
        before, after = text[: mark.start()].strip(_EDGES), text[mark.end() :].strip(_EDGES)
        if min(len(before), len(after)) >= LEAST_PART:
            return before, after
    return None


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

    Two only if both halves are surely requests of different types and not one story; where no
    word says that something else begins, both must be surer. The more urgent comes first.
    """
    if len(parts) != 2 or parts[0].type == parts[1].type:
        return (whole,)
    if any(each.type not in types or not types[each.type].kind.is_request for each in parts):
        return (whole,)
    sure = min(each.confidence for each in parts)
    if SEPARATES.search(whole.text) or _LISTED.search(whole.text):
        return _in_order(parts) if sure >= SURE else (whole,)
    kinds = types[parts[0].type], types[parts[1].type]
    if sure >= SURE and belongs(parts[0].text, kinds[0], parts[1].text, kinds[1]):
        return (_told_of(whole, parts[0], parts[1], types),)
    wanted = all(is_wanted(each.text, kind) for each, kind in zip(parts, kinds, strict=True))
    return _in_order(parts) if sure >= SURE_UNSAID and wanted else (whole,)


def _told_of(
    whole: Reading, before: Reading, after: Reading, types: Mapping[str, RequestType]
) -> Reading:
    """Read a story by what came of it where it was read by what was done before."""
    chosen = fitting(before.text, types[before.type], after.text, types[after.type])
    if whole.type != before.type or not tells_done(before.text) or chosen.id == whole.type:
        return whole
    return replace(whole, type=chosen.id, confidence=after.confidence)


def _in_order(parts: Sequence[Reading]) -> tuple[Reading, Reading]:
    first, second = sorted(parts, key=lambda each: -each.urgency.rank)
    # The number is the caller's in both; a place belongs to the half that names it.
    for each in parts:
        if number := each.facts.get("phone_number"):
            second = replace(second, facts={"phone_number": number, **second.facts})
            first = replace(first, facts={"phone_number": number, **first.facts})
    return first, second
