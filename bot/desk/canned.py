"""Chapter 2.3: canned replies (常用回复) and suggested answers (推荐答复) for the composer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from pypinyin import Style, lazy_pinyin

from bot.handbook.deadlines import shown_time
from bot.handbook.knowledge import best_answers
from bot.handbook.reception import CannedReply, Reception
from bot.handbook.tables import Handbook
from bot.storage.tickets import Ticket

# A suggestion that resembles less than this helps nobody.
LEAST_SIMILAR = 0.25


@lru_cache(maxsize=4096)
def initials(text: str) -> str:
    """Return the pinyin initials of a text: 故障致歉 becomes gzzq."""
    return "".join(lazy_pinyin(text, style=Style.FIRST_LETTER, errors="ignore")).lower()


@lru_cache(maxsize=4096)
def spelling(text: str) -> str:
    """Return the full pinyin of a text without tones."""
    return "".join(lazy_pinyin(text, errors="ignore")).lower()


def matches(reply: CannedReply, wanted: str) -> int:
    """Return how well a reply fits what was typed: 0 not at all, 3 best."""
    typed = wanted.strip().lower()
    if not typed or reply.title.startswith(typed):
        return 3
    if typed in reply.title or initials(reply.title).startswith(typed):
        return 2
    letters = typed.isascii() and typed.replace(" ", "")
    if letters and (typed in initials(reply.title) or typed in spelling(reply.title)):
        return 1
    return 1 if typed in reply.text else 0


def canned_replies(
    reception: Reception,
    *,
    wanted: str = "",
    context: str | None = None,
    values: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Return the ready replies that fit, best first, with what is known filled in."""
    known: dict[str, str] = defaultdict(str, values or {})
    found = []
    for place, reply in enumerate(reception.canned):
        score = matches(reply, wanted)
        if not score:
            continue
        apt = bool(context and context in reply.contexts)
        general = not reply.contexts
        found.append(((-score, not apt, not general, place), reply))
    found.sort(key=lambda pair: pair[0])
    return [
        {
            "id": reply.id,
            "title": reply.title,
            "initials": initials(reply.title),
            "text": filled(reply.text, known),
            "missing": missing(reply.text, known),
        }
        for _, reply in found
    ]


def filled(text: str, values: Mapping[str, str]) -> str:
    """Fill what is known; what is not stays visible in full-width brackets for the person to fill."""
    for name, title in BLANKS.items():
        text = text.replace("{" + name + "}", values.get(name) or f"【{title}】")
    return text


def missing(text: str, values: Mapping[str, str]) -> list[str]:
    """Return the titles of the variables that could not be filled."""
    return [
        title for name, title in BLANKS.items() if "{" + name + "}" in text and not values.get(name)
    ]


BLANKS = {
    "number": "工单号",
    "state_title": "工单状态",
    "respond_by": "响应时限",
    "resolve_by": "处理时限",
    "staff_title": "客服代表",
    "type_title": "诉求类型",
}


def values_of(
    handbook: Handbook, ticket: Ticket | None, *, staff_title: str, now: datetime
) -> dict[str, str]:
    """Return the variables that a ticket and the person fill."""
    values = {"staff_title": staff_title}
    if ticket is not None:
        values |= {
            "number": ticket.number,
            "state_title": handbook.lifecycle.states.get(ticket.state, ticket.state),
            "respond_by": shown_time(ticket.response_due_at, now=now),
            "resolve_by": shown_time(ticket.resolution_due_at, now=now),
            "type_title": handbook.types[ticket.type].title
            if ticket.type in handbook.types
            else ticket.type,
        }
    return values


def suggested_answers(
    handbook: Handbook, text: str, *, request_type: str | None = None
) -> list[dict[str, Any]]:
    """Return answers of the knowledge table that resemble the question, with their source (2.5)."""
    pairs = best_answers(handbook.knowledge.values(), text, request_type=request_type)
    return [
        {
            "id": entry.id,
            "title": entry.title,
            "text": entry.answer,
            "owner": entry.owner,
            "review": entry.review.isoformat(),
            "fill_in": list(entry.fill_in),
            "score": round(score, 2),
        }
        for entry, score in pairs
        if score >= LEAST_SIMILAR
    ]
