"""Promised times against the ticket, 承诺与时限等级比对 (clause 2.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.handbook.language.case import Case
from bot.handbook.language.kinds import Hit, Match, Materials, Structural
from bot.handbook.language.promised import clause_of, is_promise
from bot.handbook.language.text import Reply, normalise
from bot.handbook.language.times import (
    SHANGHAI,
    Mention,
    mentions,
    read_instant,
    spoken,
)

_CLASSES = {
    "紧急": "urgent", "紧急故障": "urgent", "重大": "major", "重大问题": "major", "一般": "general",
    "一般问题": "general", "咨询": "consultation", "consult": "consultation",
}  # fmt: skip
# 首次联系 is the response even in the middle of a conversation.
_FIRST = re.compile("首次|第一次|首响")
# What a law allows is not what we promise.
_LAW = re.compile(r"》|条例|法规|法定|规定企业|规定[^,]{0,4}用户|城镇[^,]*农村|农村[^,]*城镇|服务规范|企业应|应自|应当")
_HAS_BEEN = re.compile("已|过|了|没能|未能")
DONE = {"resolved", "confirmed", "closed", "已处理", "已回访", "已闭环", "已办结"}
# Where the present is not known, the last minute of some day: 后天 is a day away at the least.
_LATE = datetime(2026, 1, 7, 23, 59, tzinfo=SHANGHAI)


@dataclass(frozen=True)
class _Limit:
    """The latest a thing may be promised for: an instant, a number of hours, or both."""

    at: datetime | None
    hours: float | None


@dataclass(frozen=True)
class _Words:
    respond: re.Pattern[str]
    resolve: re.Pattern[str]
    visit: re.Pattern[str]
    other: re.Pattern[str]
    hours: Mapping[str, tuple[float, float]]


def _deadline_kept(params: Mapping[str, Any], materials: Materials) -> Match:
    """Object to a promise that is later than the ticket's deadline, or not the appointment."""
    words = _Words(
        respond=materials.compile(params["respond"]),
        resolve=materials.compile(params["resolve"]),
        visit=materials.compile(params["visit"]),
        other=materials.compile(params["other"]),
        hours={name: (float(both[0]), float(both[1])) for name, both in params["hours"].items()},
    )

    def match(reply: Reply, case: Case) -> Iterator[Hit]:
        if not case.facts:
            return
        for mention in mentions(reply.text, case.now):
            if mention.impossible or not is_promise(reply, mention):
                continue
            why = _breaks(reply, case, mention, words)
            if why:
                yield Hit(mention.start, mention.end, detail=why)
        if case.now is None:
            yield from _days_away(reply, case, words)

    return match


def _days_away(reply: Reply, case: Case, words: _Words) -> Iterator[Hit]:
    """Judge 后天 by the hours of the class alone while the present is not known."""
    for mention in mentions(reply.text, _LATE):
        if not mention.text.startswith(("后天", "后日", "大后天")):
            continue
        left, right = reply.clause(mention.start, mention.end)
        clause = reply.text[left:right]
        if words.other.search(clause) or not is_promise(reply, mention):
            continue
        limit = _limit(case, clause, words)
        if limit and limit.hours:
            why = _too_late(mention, _Limit(None, limit.hours), _LATE)
            if why:
                yield Hit(mention.start, mention.end, detail=why)


def _breaks(reply: Reply, case: Case, mention: Mention, words: _Words) -> str:
    left, right = clause_of(reply, mention)
    clause = reply.text[left:right]
    if _LAW.search(clause) or _is_past(mention, case, clause):
        return ""
    window = _appointment(case)
    if window and mention.kind == "point" and words.visit.search(clause):
        return _misses(mention, window)
    if words.other.search(clause):
        return ""
    limit = _limit(case, clause, words)
    return _too_late(mention, limit, case.now) if limit else ""


def _is_past(mention: Mention, case: Case, clause: str) -> bool:
    """Tell whether a point lies behind and is spoken of so; nothing is promised by it."""
    if mention.kind != "point" or mention.latest is None or case.now is None:
        return False
    said = mention.text.startswith(("昨", "前", "上")) or _HAS_BEEN.search(clause)
    return mention.latest < case.now and bool(said)


def _limit(case: Case, clause: str, words: _Words) -> _Limit | None:
    """Settle which of the two deadlines a clause speaks of."""
    respond_by, resolve_by = (read_instant(case.facts.get(k)) for k in ("respond_by", "resolve_by"))
    said = str(case.facts.get("deadline_class") or "")
    hours = words.hours.get(_CLASSES.get(said, said))
    given = _number(case.facts.get("deadline_h"))
    respond_h, resolve_h = hours or (given, given)
    if given is not None:
        resolve_h = given
        respond_h = given if respond_h is None else min(respond_h, given)
    answered = bool(case.now and respond_by and case.now > respond_by) or (
        case.turn in {"mid", "close"} and not _FIRST.search(clause)
    )
    is_response = words.respond.search(clause) and not words.resolve.search(clause)
    if is_response and not answered:
        return _Limit(respond_by or resolve_by, respond_h)
    if (resolve_by is None and resolve_h is None) or str(case.facts.get("state")) in DONE:
        return None
    return _Limit(resolve_by, resolve_h)


def _too_late(mention: Mention, limit: _Limit, now: datetime | None) -> str:
    allowed = None if limit.hours is None else timedelta(hours=limit.hours)
    if mention.duration is not None and allowed is not None and mention.duration > allowed:
        return f"本工单时限为{limit.hours:g}小时"
    moment = mention.latest if mention.exact else mention.earliest
    if now is None or moment is None:
        return ""
    if limit.at is not None:
        # "24 hours" said some minutes after acceptance is the class's own figure, not a breach.
        grace = min((mention.duration or timedelta()) / 10, timedelta(hours=1))
        return f"本工单时限为{spoken(limit.at)}" if moment > limit.at + grace else ""
    if allowed is not None and moment > now + allowed:
        return f"本工单时限为{limit.hours:g}小时"
    return ""


def _number(value: Any) -> float | None:
    """Read a number of hours; anything that is none, or beyond ten years, is not known."""
    try:
        hours = float(value) if not isinstance(value, bool) else -1.0
    except (TypeError, ValueError):
        return None
    return hours if 0 < hours < 87600 else None


def _appointment(case: Case) -> tuple[datetime, datetime] | None:
    """Read the appointment: an instant, a day, two instants, or words such as 周三上午."""
    value = case.facts.get("appointment")
    if isinstance(value, Mapping):
        ends = [read_instant(value.get(name)) for name in ("start", "end")]
        return (ends[0], ends[1] or ends[0]) if ends[0] else None
    if isinstance(value, (list, tuple)) and value:
        first, last = read_instant(value[0]), read_instant(value[-1])
        return (first, last) if first and last else None
    if isinstance(value, str) and re.search("[/~]", value[10:]):
        both = re.split(r"(?<=.{10})[/~]", value, maxsplit=1)
        return _appointment(Case(facts={"appointment": both}))
    instant = read_instant(value)
    if instant:
        whole_day = isinstance(value, str) and len(value.strip()) == 10
        return instant, instant + timedelta(days=1 if whole_day else 0)
    if isinstance(value, str):
        for mention in mentions(normalise(value), case.now):
            if mention.kind == "point" and mention.earliest and mention.latest:
                return mention.earliest, mention.latest
    return None


def _misses(mention: Mention, window: tuple[datetime, datetime]) -> str:
    if mention.earliest is None or mention.latest is None:
        return ""
    if mention.latest < window[0] or mention.earliest > window[1]:
        return f"预约时间为{spoken(window[0])}"
    return ""


deadline_kept = Structural(_deadline_kept, ("respond", "resolve", "visit", "other", "hours"))
