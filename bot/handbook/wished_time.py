"""Chapter 3.1: the time that the customer wishes (希望时间): 周六上午来修, 晚上七点以后我才在家.

It stays the customer's phrase and changes no due time; who handles the ticket is shown it.
"""

from __future__ import annotations

import re

from bot.handbook.facts import find_facts

_CLAUSE = re.compile(r"[^，,。；;！!？?\n]+")
_PAST = re.compile(r"昨|前[天晚年]|大前|上上?个?(?:周|星期|礼拜|月)|去年|刚|今年|月初|年初|这个月|本月")
_WISHES = re.compile(
    r"来(?!的|过|了|电|说)|上门|过来|安排|预约|约在|约到|在家|有人|有空|方便|有时间|才(?:有|能|在|下班)|再(?:来|修|装|弄|办|打)"
    r"|希望|最好|能不能|可以|尽快|弄好|修好|装好|联系我|打给我|打电话|给我(?:打|回)|回电|生效|开始用|要用|之前"
)
_HAPPENED = re.compile(r"断|坏|掉线|没(?:有)?(?:网|信号|人|来|修)|不(?:了|通|来|亮)|就(?:开始|这样)|开始(?:的|断|掉|不|变|卡)|说(?:好|是|的)|每天|天天|扣|到现在|(?:现在|这会儿?)(?:都|还)(?=.{0,4}(?:没|不见|晚上|半夜|[几一二三四五六七八九十\d]点))|人影|约好.*(?:没(?:来|人|见)|不见|结果)|过了|(?:修|装|来|办)(?:过|了)")
_HOUSE = re.compile(r"\d+号")
_ROUND = r"(?:(?:的)?(?:\d{1,2}|[一二三四五六七八九十两]{1,3})点)?(?:半)?(?:以后|之后|之前|以前|左右|前后|前|后)?"


def wished_time(text: str, *, order: bool = False) -> str | None:
    """Return the time that the words wish for; of an order every time to come is one."""
    for clause in _CLAUSE.finditer(text):
        said = clause[0]
        times = [
            fact for fact in find_facts(said)
            if fact.name == "datetime" and not _PAST.search(fact.value)
        ]
        if not times or _HAPPENED.search(said):
            continue
        # 李家沟12号 is a house; a bare number of a day needs a wish beside it, or to come first.
        house = times[0].start > 0 and _HOUSE.fullmatch(times[0].value)
        if not _WISHES.search(said) and (house or not order):
            continue
        rest = re.match(_ROUND, said[times[-1].end :])
        return said[times[0].start : times[-1].end + (rest.end() if rest else 0)]
    return None
