"""Chapter 2.3: canned replies (常用回复) and suggested answers (推荐答复) for the composer."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from pypinyin import Style, lazy_pinyin
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.handbook.deadlines import shown_time
from bot.handbook.facts import find_facts
from bot.handbook.knowledge import best_answers
from bot.handbook.reception import CannedReply, Reception
from bot.handbook.short_answers import agrees, refuses, wants_nothing
from bot.handbook.tables import Handbook
from bot.storage.conversations import Conversation, Message
from bot.storage.tickets import Ticket

# A suggestion that resembles less than this helps nobody; one of the matter's own type is preferred.
LEAST_SIMILAR = 0.25
OWN_TYPE = 0.3
MOST_SUGGESTED = 3
# How far back the customer's own words are looked at, and what a question or wish has in it.
LATELY = 20
_WISH = re.compile(
    r"[?？吗呢么]|怎|多少|什么|如何|哪|为啥|能不能|可不可以|想|要|帮|查|办|退|取消|投诉|开通|改|换|坏|断|慢|扣|不了|没(?:网|信号)"
)
_ABOUT_WAITING = re.compile(r"转?人工(?:客服|服务)?|真人|在吗|有人吗|人呢|怎么还没人|快点|你好|您好|谢谢")
_LEAST_WISH = 4  # characters


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


def reads_as_request(text: str) -> bool:
    """Tell whether a message asks or wants something: no 好的, no number or place by itself."""
    if agrees(text) or refuses(text) or wants_nothing(text):
        return False
    rest = text
    for fact in find_facts(text):
        rest = rest.replace(text[fact.start : fact.end], "")
    rest = _ABOUT_WAITING.sub("", rest)
    return len(rest) >= _LEAST_WISH and bool(_WISH.search(rest))


def matter_of(
    session: Session, handbook: Handbook, conversation: Conversation, ticket: Ticket | None
) -> tuple[str, str | None]:
    """Return the customer's last words that read as a request, or else what their matter is, and its type."""
    intake = (conversation.dialogue or {}).get("intake") or {}
    name = intake.get("type") or (conversation.reading or {}).get("type")
    known = "，".join(intake.get("story") or ())
    if ticket is not None:
        name, known = ticket.type, ticket.summary
    said = (
        select(Message.text)
        .where(Message.conversation_id == conversation.id, Message.direction == "in")
        .order_by(Message.id.desc())
        .limit(LATELY)
    )
    texts = session.execute(said).scalars()
    title = handbook.types[name].title if name and name in handbook.types else ""
    return next(filter(reads_as_request, texts), known or title), name


def suggested_answers(
    handbook: Handbook, text: str, *, request_type: str | None = None
) -> list[dict[str, Any]]:
    """Return answers of the knowledge table that resemble the question, with their source (2.5)."""
    entries = handbook.knowledge.values()
    found = best_answers(entries, text)
    if request_type is not None:
        own = best_answers(entries, text, request_type=request_type)
        found = [pair for pair in found if pair[0].type != request_type] + own
        found.sort(key=lambda pair: -pair[1] - OWN_TYPE * (pair[0].type == request_type))
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
        for entry, score in found[:MOST_SUGGESTED]
        if score >= LEAST_SIMILAR
    ]
