"""Chapter 3.1: a wish among bare facts (地址电话带诉求): 红星小区7栋，没网，138….

Where a number, a place and a name fill most of a message, its reading may be "only facts"; what
is left without them tells the wish.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from bot.handbook.facts import find_facts
from bot.handbook.intake_parts import Reading
from bot.handbook.requests import RequestType, Urgency
from bot.handbook.subjects import line_named

# Below this a request among facts is read anew without them.
SURE_AMONG_FACTS = 0.6
_TAKEN_OUT = frozenset({"phone_number", "address", "broadband_account"})
_NUMBER_OR_PLACE = (
    r"(?:联系|联络|回电|业务|手机|座机|宽带|详细|家庭|安装)?(?:地址|住址|位置|电话号码|手机号码?|电话|手机|号码|账号|方式|号|人)"
)
_SAYS_WHERE = re.compile(
    rf"(?:我的?|我们|俺|咱|请|麻烦|您?可以|随时|你们)*(?:就是|就|是|在|家|住|这里|这边|联系|回电|打|拨|新|旧|老|从|由|到|和|这个|那个)*"
    rf"(?:{_NUMBER_OR_PLACE})?(?:就)?(?:是|为|在|打)?[:：]*"
)
_WHO = re.compile(
    r"(?:我的?)?(?:姓名|联系人|收件人|户主|机主|名字|我姓|我叫)(?:叫|是|为)?[:：]?[\u4e00-\u9fff]{1,4}|[\u4e00-\u9fff]{1,3}(?:先生|女士|小姐)"
)
_HEADING = re.compile(r"^(?:故障|问题|事由|诉求|内容|情况|描述|现象|需求)[:：]+")
_CLAUSE = re.compile(r"[\s|，,。；;、！!~]+")
_TELLING = re.compile(r"[A-Za-z0-9\u4e00-\u9fff]{2}")
_HOUSE = re.compile(r"[栋幢楼室]|单元|号")
_NET = re.compile(r"网")


def words_left(text: str) -> str | None:
    """Return a message without numbers, places and names; None if it holds none, or nothing else."""
    parts, at = [], 0
    for fact in find_facts(text):
        if fact.name in _TAKEN_OUT:
            parts.append(text[at : fact.start])
            at = fact.end
    if not parts:
        return None
    clauses = (_HEADING.sub("", said) for said in _CLAUSE.split("|".join((*parts, text[at:]))))
    told = [said for said in clauses if not _SAYS_WHERE.fullmatch(said) and not _WHO.fullmatch(said)]
    left = "，".join(said.strip(":：") for said in told)
    return left if _TELLING.search(left) else None


def level_without_place(heard: str, apart: str, *, demanded: bool) -> str:
    """Return the urgency of a message; where a fault is says nothing of how many have it (2.4).

    So a level that no signal demands must be heard in what is left without the place as well.
    """
    levels = [level.value for level in Urgency]
    if demanded or heard not in levels or apart not in levels:
        return heard
    return min(heard, apart, key=levels.index)


def read_anew(whole: Reading, left: Reading) -> Reading:
    """Return the reading of what is left, with the words and facts of the whole message."""
    urgency = max(whole.urgency, left.urgency, key=lambda each: each.rank)
    signals = tuple(dict.fromkeys((*whole.signals, *left.signals)))
    type = _line_at_home(left, whole) or left.type
    return replace(
        left, text=whole.text, type=type, urgency=urgency, signals=signals, facts=whole.facts
    )


def surer(whole: Reading, left: Reading | None, types: Mapping[str, RequestType]) -> Reading:
    """Return the surer reading of a request among facts: the whole message's, or what is left's."""
    known = types.get(left.type) if left is not None else None
    if left is None or known is None or not known.kind.is_request:
        return whole
    return left if whole.confidence < min(SURE_AMONG_FACTS, left.confidence) else whole


def _line_at_home(left: Reading, whole: Reading) -> str | None:
    """Return the line that has no 网 where a house is named and no line: the one in the house."""
    at_home = _HOUSE.search(whole.facts.get("address", "")) and _NET.search(left.text)
    if left.type == "fault_mobile" and at_home and line_named(left.text) is None:
        return "fault_broadband"
    return None
