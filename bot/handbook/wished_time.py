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
    r"|改(?:成|到|为|在)?(?=[\d一二三四五六七八九十今明后周星下上中晚早])|希望|最好|能不能|可以|尽快|弄好|修好|装好|联系我|打给我|打电话|给我(?:打|回)|回电|生效|开始用|要用|之前"
)
_HAPPENED = re.compile(r"断|坏|掉线|一看|看到|发现|才知道|涨|收到|没(?:有)?(?:网|信号|人|来|修)|不(?:了|通|来|亮)|就(?:开始|这样)|开始(?:的|断|掉|不|变|卡)|说(?:好|是|的)|每天|天天|扣|到现在|(?:现在|这会儿?)(?:都|还)(?=.{0,4}(?:没|不见|晚上|半夜|[几一二三四五六七八九十\d]点))|人影|(?:让|叫|要)我(?:再|明|后|下|等|过)|说让|才(?:交|充|付|缴|办|买|换)|(?:交|充|付|缴|买|扣|改|换)(?:的|了(?!以?后|之后))|约好.*(?:没(?:来|人|见)|不见|结果)|过了|(?:修|装|来|办)(?:过|了)")
_NOT_THEN = re.compile(r"不要来|别来|不用来|不行|没空|没时间|不在家")
# Of a complaint, a time is when it happened, unless somebody is asked to call or come then.
_ASKS = re.compile(r"希望|最好|能不能|可以|方便|有空|在家|联系我|打给我|打电话|给我(?:打|回)|回电|上门|有时间|有人")
_ONLY_MONTH = re.compile(r"(?:\d{1,2}|[一二三四五六七八九十]{1,2})月份?")
_DROPS = re.compile(
    r"(?:时间|那个?[今明后]天)[^，,。]{0,4}(?:去掉|删|不要|取消|清掉)"
    r"|(?:没|没有)(?:约|说|要|选|写|定)过?的?[^，,。\d]{0,4}(?:时间|今天|明天|后天|[上下]午|周[一二三四五六日天])(?!.*选的)"
    r"|(?:去掉|删掉?|取消)[^，,。]{0,4}时间|不是我?(?:要|约|说)?的?时间|不是(?:要)?[今明后]天(?:要|的|来)?(?:$|[，,。])|不是.{0,10}那个时间"
)
_HOUSE = re.compile(r"\d+号")
_ROUND = r"(?:(?:的)?(?:\d{1,2}|[一二三四五六七八九十两]{1,3})点)?(?:半)?(?:以后|之后|之前|以前|左右|前后|前|后)?"


def drops_time(text: str) -> bool:
    """Tell whether the words say that the time that was noted is no wish: 我没说明天, 把时间去掉."""
    return bool(_DROPS.search(text))


def wished_time(text: str, *, order: bool = False, complains: bool = False) -> str | None:
    """Return the time that the words wish for; of an order every time to come is one.

    Who `complains` tells when something happened, unless a call or visit is asked for.
    """
    if drops_time(text):
        return None
    for clause in _CLAUSE.finditer(text):
        said = clause[0]
        times = [
            fact for fact in find_facts(said)
            if fact.name == "datetime" and not _PAST.search(fact.value)
        ]
        if not times or _HAPPENED.search(said) or _NOT_THEN.search(said) or (complains and not _ASKS.search(said)):
            continue
        if not _WISHES.search(said) and all(_ONLY_MONTH.fullmatch(time.value) for time in times):
            continue
        # 李家沟12号 is a house; a bare number of a day needs a wish beside it, or to come first.
        house = times[0].start > 0 and _HOUSE.fullmatch(times[0].value)
        if not _WISHES.search(said) and (house or not order):
            continue
        rest = re.match(_ROUND, said[times[-1].end :])
        return said[times[0].start : times[-1].end + (rest.end() if rest else 0)]
    return None
