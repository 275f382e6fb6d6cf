"""A customer who speaks of a ticket that we do not know (查无工单): what they tell is registered."""

from __future__ import annotations

import re
from dataclasses import replace

from actions.base import Turn
from bot.handbook.intake_parts import NOTHING_TOLD, told_so_far, with_earlier_words
from bot.handbook.requests import Urgency
from bot.handbook.subjects import line_named

# Wishes that tell of a matter, how many characters tell one, and how sure its reading must be.
_TOLD_OF = frozenset({"ticket_status", "ticket_urge", "ticket_reopen", "ticket_supplement"})
_TELLING, _LEAST_MATTER = 8, 0.1
_WITH_NUMBER = re.compile(r"工单号?|单号|T\d{8}")
_NUMBER_LOST = re.compile(r"号?.{0,3}(?:忘|没了|没有|不记得|不知道|找不到|丢)|(?:忘|没有?|不记得|不知道)[^，,。]{0,3}(?:工?单)?号")
# 就是宽带那个, 单号不记得了 报的是电视: what the ticket was about, and nothing else.
_NO_NUMBER = r"(?:[^，,。\s]{0,8}号[^，,。\s]{0,4}[，,\s]+)?"
_LINE = r"(?:宽带|光猫|wifi|网线|电视|机顶盒|座机|固话|固定电话|专线|手机信号|手机网)"
_NAMES = re.compile(
    rf"{_NO_NUMBER}(?:我|俺)?(?:就?是|报修?的?是?)?(?:我?家里?)?的?{_LINE}(?:坏了|断了|故障|报修)?(?:的|那个|那单|吧|啊|呀)*[。！!]*", re.I
)


def without_ticket(turn: Turn, wish: str) -> None:
    """Register what the customer tells of where we know no ticket; else ask what it is about."""
    if wish in _TOLD_OF and begin_named_matter(turn):
        return
    told = told_so_far(NOTHING_TOLD, turn.reading)
    told["urgency"] = (turn.tracker.latest_message.get("urgency") or {}).get("name") or told["urgency"]
    type = _matter(turn) if wish in _TOLD_OF else None
    if type is None:
        turn.conversation.dialogue = {"wish": wish, "clarify": {**told, "count": 0}}
        turn.say("utter_no_ticket")
        return
    turn.begin_intake(replace(turn.reading, type=type, urgency=Urgency(told["urgency"])))
    turn.say("utter_no_ticket_register")


def begin_named_matter(turn: Turn) -> bool:
    """Register the fault on the line that the customer names when asked for an unknown ticket."""
    state = turn.conversation.dialogue or {}
    line = line_named(turn.reading.text) if _NAMES.fullmatch(turn.reading.text.strip()) else None
    if line is None or state.get("wish") not in _TOLD_OF:
        return False
    known = with_earlier_words(replace(turn.reading, type=line), state.get("clarify"))
    turn.begin_intake(known)
    turn.say("utter_no_ticket_register")
    return True


def _matter(turn: Turn) -> str | None:
    """Return the type of request that a message about a ticket tells of, if it tells enough."""
    names_number = _WITH_NUMBER.search(turn.reading.text) and not _NUMBER_LOST.search(turn.reading.text)
    if len(turn.reading.text) < _TELLING or names_number:
        return None
    if named := line_named(turn.reading.text):
        return named
    for name, share in turn.reading.ranking:
        known = turn.handbook.types.get(name)
        if known is not None and known.kind.is_request and share >= _LEAST_MATTER:
            return name
    return None
