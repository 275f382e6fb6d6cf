"""Consistency rules, 自洽类规则: a reply that contradicts itself, or the calendar."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from bot.handbook.language.amounts import CHARACTERS, YUAN, Amount, amounts, read_amounts, same
from bot.handbook.language.case import Case
from bot.handbook.language.kinds import Hit, Match, Materials, Structural
from bot.handbook.language.numerals import read_numeral
from bot.handbook.language.promised import is_promise
from bot.handbook.language.remainders import remainders
from bot.handbook.language.text import Reply
from bot.handbook.language.times import SHANGHAI, Mention, mentions

# Two times of one reply can be compared even where the present is not known.
_SOME_DAY = datetime(2026, 1, 7, tzinfo=SHANGHAI)
_WEEKDAYS = "一二三四五六日"
_TOTAL = re.compile(
    r"(?:合计|总计|共计|总共|一共|总额|总费用|加起来|加在一起|总价|(?<!公)共(?!享|同))[^。!?\n,、;\d¥一二两三四五六七八九十百]{0,8}"
)
# A sum that a colon or 由…构成 takes apart is a total too, by whatever name.
_TAKEN_APART = re.compile(
    r"(?:账单|消费|话费|扣费|应缴|应交|实缴|退款|退费|费用)(?:金额|总额)?(?:共)?(?:为|是)?"
    r"(?=\d+(?:\.\d+)?元[,]?(?:[:(]|由|分别|构成|具体是))"
)
_SUM = rf"(?P<sum>\d+(?:\.\d+)?|{CHARACTERS}+)"
_YUAN = r"(?:元(?!\d[角毛])|块(?![\d一二三四五六七八九]))"
_PRODUCT = re.compile(
    r"(?:合计|总计|共计|总共|一共|累计|总价|(?<!公)共(?!享|同))"
    rf"[^。!?\n,\d一二两三四五六七八九十百千]{{0,6}}{_SUM}{_YUAN}"
)
_EACH = re.compile(
    rf"每(?:个(?=[月期张条次份台天]))?(?P<unit>[月期张条次份台天个]|分钟)[^。!?\n,\d一二两三四五六七八九十百千]{{0,4}}{_SUM}"
    rf"(?:{_YUAN}|(?<=[一二三四五六七八九十])(?=[,。;]))"
)
_COUNT = re.compile(
    r"(?<![\d.第十])(?P<count>\d{1,3}|[二两三四五六七八九十][一二三四五六七八九十]?)"
    r"(?:个(?=月)|(?<!年.)(?<!年..)(?<!年...)个?(?!月))(?P<unit>[月期张条次份台天个]|分钟)(?!\d|份|底|初|末|前)"
)
# What is said of another sum than that of the product.
_ANOTHER_SUM = re.compile(
    r"余额|已缴|已付|已交|充值|原价|原为|原来|上月|上个月|此前|之前|更正|误|封顶|预存|不是|而非|原先|实付|实收"
    r"|一半|目前|年付|首月|首年|优惠|减|免费"
)
_EQUATION = re.compile(
    r"(?<![\d.])\d+(?:\.\d+)?元?(?: ?\+ ?[\u4e00-\u9fff]{0,6}\d+(?:\.\d+)?元?)+ ?(?:=|等于) ?(\d+(?:\.\d+)?)元?"
)
_NOT_A_PART = re.compile(
    r"余额|欠费|剩下|还剩|已缴|已付|已交|充值|原价|原为|原来|单价|每|上月|上个月|此前|之前|更正|误|封顶|限额|剩余|账户|预存|最低|平均|比(?:现在|原来|之前|上个?月)"
    r"|(?<!不)超出部分按|不是|而非|原先|日租|实付|实收|应付"
)
_NOT_A_PART_AFTER = re.compile(
    r"^(?:/|每|起|以上|封顶|以内|左右|的(?:套餐|档|流量包)|套餐|档|一[个张次天月条])"
)
_TIMES = re.compile(r"^[x×*](\d+)|^/?(?:月|张|次|条|天|个)?[x×*](\d+)")
_LESS = re.compile(r"减免|优惠|抵扣|减去|扣除|扣掉|扣了|立减|返还|赠送|退还|减$|折抵")
_SOME_OF = re.compile(r"主要|例如|比如|包括但|部分|等(?=[,。;]|$)")
_AMONG_THEM = "其中"
_NEAR = 40  # characters before: a share that is named there is of this sum
_WHOLE_LIST = 3  # so many parts after 其中 are meant as all of them
_COUNTED = re.compile(
    r"\d+ ?(?:个月|张|条|次|份|台|天|个)|[两三四五六七八九十]个月|[两三四五六七八九十][张条次份台]"
)
_EXPECTED = re.compile(r"预计|计划|大约|大概|约|一般|正常|最快|争取|力争")
_LATEST = re.compile(r"最迟|最晚|最慢|至迟|不晚于|不迟于|最长|不超过")
_LAST = re.compile(rf"{_LATEST.pattern}|结束|截止|止")  # one of these closes what is compared
_AS_MUCH_AS = re.compile(r"(?:[^。!?;]{0,6},)?[( ]?(?:也就是|即)(?:说)?[ :]?")
_VERBS = re.compile(r"到账|恢复|修复|修好|修通|装好|上门|答复|回复|回电|联系|完成|生效|解除|退|到")
_DATED = re.compile(r"(?:\d{4}年)?[\d一二三四五六七八九十]+月|\d{4}-")
_FROM_TO = re.compile(r"(?:[^,。!?;\n\d起]{0,4}(?:开始|起))?,?[至到于]?")
_ENDS = re.compile(r"[^,。!?;\n\d停终禁]{0,2}(?:结束|截止|为?止(?=[,。!?;\n]|$))")
_YEAR = re.compile(r"\d{4}[年/-]")
_OPEN_ENDED = {"之后", "以后", "过后", "后", "起"}
_LED_TO_COME = re.compile(r"(?:将|会|预计|计划|届时)[于在]?$")
_LONG_AGO = timedelta(days=7)
_HAS_BEEN_SAID = re.compile(r"原|本应|实际|推迟|更正|此前|之前公告|昨|已|才恢复|没[有能]")
_TO_BE_DONE = re.compile(r"请您?(?:务必)?[于在]")
_TO_COME = re.compile(
    r"会|将|预计|计划|前|为您|给您|向您|与您|和您|联系您|通知您|告知|回复|答复|回电|上门|到家|最迟|最晚|争取|安排|可以"
)
_HAS_BEEN = re.compile(
    r"昨|前[天日]|上周|上个?月|已|曾|了(?!解)|没[有能]?|未|当时|始于|开始|发生于|承诺(?:的|过)|[自从]"
)
_UNREAL = re.compile(r"没有|不存在|写错|写成|误写|输错|更正|笔误")
_BETWEEN = re.compile(r"[( ,]{0,2}")


def amounts_agree(params: Mapping[str, Any], materials: Materials) -> Match:
    """Object to totals that are not the sum of their parts, and to a wrong balance."""

    def match(reply: Reply, case: Case) -> Iterator[Hit]:
        yield from _equations(reply.text)
        for left, right in _stretches(reply.text):
            if not any(reply.text.find(mark, left, right) >= 0 for mark in YUAN):
                continue
            yield from _totals(reply.text, left, right)
            yield from _products(reply.text, left, right)
            yield from remainders(reply.text, left, right)
        yield from _balances(reply, case)

    return match


def _equations(text: str) -> Iterator[Hit]:
    if "=" not in text and "等于" not in text:
        return
    for found in _EQUATION.finditer(text):
        parts = [float(n) for n in re.findall(r"\d+(?:\.\d+)?", found[0])]
        if not same(sum(parts[:-1]), parts[-1]):
            yield Hit(*found.span(), detail=f"{sum(parts[:-1]):g}元")


def _stretches(text: str) -> Iterator[tuple[int, int]]:
    """Cut at full stops only: lists of charges run over semicolons and lines."""
    at = 0
    for stop in [*(found.start() for found in re.finditer(r"[。!?]", text)), len(text)]:
        yield at, stop
        at = stop + 1


def _totals(text: str, left: int, right: int) -> Iterator[Hit]:
    words = list(_TOTAL.finditer(text, left, right))
    words = words or list(_TAKEN_APART.finditer(text, left, right))
    if not words:
        return
    found = list(amounts(text, left, right))
    totals = [(word, each) for word in words for each in found if each.start == word.end()]
    if len(totals) != 1 or len(found) < 3 or _COUNTED.search(text, left, right):
        return
    word, total = totals[0]
    signed, plain, count = 0.0, 0.0, 0
    for each in found:
        if each is total:
            continue
        value, sign = _part(text, left, each)
        if value is None:
            continue
        count += 1
        plain += value
        signed += sign * value
    if count < 2 or same(plain, total.value) or same(signed, total.value):
        return
    if plain < total.value and (
        _SOME_OF.search(text, left, right)
        or (count < _WHOLE_LIST and _AMONG_THEM in text[left:right])
    ):
        return
    yield Hit(word.start(), total.end, detail=f"{plain:g}元")


def _products(text: str, left: int, right: int) -> Iterator[Hit]:
    """Find 3个月每月30元共100元: one count, one sum for each, one total of the same thing."""
    totals = list(_PRODUCT.finditer(text, left, right))
    if len(totals) != 1 or "%" in text[max(0, left - _NEAR) : right]:
        return
    eaches = list(_EACH.finditer(text, left, right))
    # 三笔共140元，其中漫游三天，每天25元: a total of more than this one product.
    if len(eaches) != 1 or len(list(amounts(text, left, right))) > 2:
        return
    unit = eaches[0]["unit"]
    counts = [found for found in _COUNT.finditer(text, left, right) if found["unit"] == unit]
    # 分4个月返还、每月5元，已返3次共15元: the total is of another count than the months.
    counts += [
        found
        for found in _COUNT.finditer(text, left, totals[0].start())
        if found["unit"] != unit and found.start() > eaches[0].end()
    ]
    count = read_numeral(counts[0]["count"]) if len(counts) == 1 else None
    if count is None or _ANOTHER_SUM.search(text, left, right):
        return
    each, said = read_numeral(eaches[0]["sum"]), read_numeral(totals[0]["sum"])
    if each is None or said is None:
        return
    product = count * each
    if not same(product, said):
        yield Hit(totals[0].start(), totals[0].end(), detail=f"{product:g}元")


def _part(text: str, left: int, amount: Amount) -> tuple[float | None, int]:
    """Give the value of one part of a sum and its sign; None if it is no part."""
    edge = max(left, *(text.rfind(mark, left, amount.start) + 1 for mark in ",、:;(+和\n"))
    before, after = text[edge : amount.start], text[amount.end : amount.end + 8]
    times = _TIMES.match(after)
    value = amount.value * int(times[1] or times[2]) if times else amount.value
    if _NOT_A_PART.search(before) or (not times and _NOT_A_PART_AFTER.match(after)):
        return None, 1
    return value, -1 if _LESS.search(before) else 1


_ANOTHER_ACCOUNT = re.compile(r"上个?月|之前|此前|原来|原先|副卡|预存|曾")
_ANOTHER_KIND = re.compile(r"(?:的)?(?:赠|券|违约金|保证金|预存|话费|多|几|角|毛|\d角)")
_BALANCE = re.compile(
    r"余额(?:目前|现|当前)?(?:为|是|还有|还剩|剩余|剩|:|有|共)*"
    r"|(?P<owed>(?:欠费|(?:账上|账户|账户里|目前|现在)(?:还|共|一共)?欠费?)(?:金额|了|着)?(?:为|是|共|:)*)"
    r"|(?:账户|账上)(?:里|上|中)?(?:目前|现在|现)?(?:还|只)?剩下?"
)


def _balances(reply: Reply, case: Case) -> Iterator[Hit]:
    text = reply.text
    known = read_amounts(case.facts.get("balance"))
    if len(known) != 1 or not any(word in text for word in ("余额", "欠", "账")):
        return
    for each in amounts(text):
        named = [found for found in _BALANCE.finditer(text) if found.end() == each.start]
        if not named:
            continue
        left, _ = reply.clause(each.start, each.end)
        if _ANOTHER_ACCOUNT.search(text, left, each.start) or _ANOTHER_KIND.match(text, each.end):
            continue
        said = -each.value if named[0]["owed"] else each.value
        if not same(said, known[0]):
            yield Hit(named[0].start(), each.end, detail=f"余额{known[0]:g}元")


def times_agree(params: Mapping[str, Any], materials: Materials) -> Match:
    """Object to times that contradict the calendar, the present or one another."""

    def match(reply: Reply, case: Case) -> Iterator[Hit]:
        found = mentions(reply.text, case.now)
        if not found:
            return
        for each in found:
            if each.impossible and not _is_spoken_of(reply, each):
                yield Hit(each.start, each.end, detail="没有这个时间")
        yield from _wrong_weekdays(reply.text, found)
        yield from _unlike(reply, found)
        if len(found) > 1 and _LAST.search(reply.text):
            placed = found if case.now else _placed(reply.text, found)
            yield from _late_estimates(reply, placed, case.now is not None)
            yield from _ending_before_they_begin(reply, placed)
        if case.now:
            yield from _past(reply, found, case.now)

    return match


def _is_spoken_of(reply: Reply, mention: Mention) -> bool:
    """Tell whether a day that does not exist is only talked about, to say just that."""
    clause = reply.clause(mention.start, mention.end)
    quoted = reply.is_quoted(mention.start, mention.end)
    return quoted or _UNREAL.search(reply.text, *clause) is not None


def _wrong_weekdays(text: str, found: Sequence[Mention]) -> Iterator[Hit]:
    for each in found:
        day = each.earliest
        if each.said_weekday is not None and day and day.weekday() != each.said_weekday:
            yield Hit(each.start, each.end, detail=f"该日是周{_WEEKDAYS[day.weekday()]}")
    for left, right in pairwise(found):
        between = text[left.end : right.start]
        if not _BETWEEN.fullmatch(between):
            continue
        names = [_named_weekday(each) for each in (left, right)]
        if (names[0] is None) == (names[1] is None):
            continue
        dated = right if names[0] is not None else left
        said = names[0] if names[0] is not None else names[1]
        day = dated.earliest
        if day is not None and _is_dated(dated) and day.weekday() != said:
            yield Hit(left.start, right.end, detail=f"该日是周{_WEEKDAYS[day.weekday()]}")


def _unlike(reply: Reply, found: Sequence[Mention]) -> Iterator[Hit]:
    """Find 今天六点前，也就是明天上午: two points that are said to be one and have nothing in common."""
    points = [each for each in found if each.kind == "point"]
    for left, right in pairwise(points):
        between = reply.text[left.end : right.start]
        bracketed = between == "(" and reply.text.startswith(")", right.end)
        if left.suffix in _OPEN_ENDED or not (bracketed or _AS_MUCH_AS.fullmatch(between)):
            continue
        if bracketed and not (_named_weekday(left) is _named_weekday(right) is None):
            continue  # `_wrong_weekdays` knows
        if _begins_behind(left, right) or _begins_behind(right, left):
            yield Hit(left.start, right.end, detail="两个时间不是同一时间")


def _named_weekday(mention: Mention) -> int | None:
    named = re.search(r"(?:周|星期|礼拜)([一二三四五六日天])", mention.text)
    return _WEEKDAYS.index(named[1].replace("天", "日")) if named else None


def _is_dated(mention: Mention) -> bool:
    return re.search(r"[日号]|\d{4}-|今|明|后天", mention.text) is not None


def _placed(text: str, found: Sequence[Mention]) -> Sequence[Mention]:
    """Read times as of a day near to what they name: dates without a year are of the same one."""
    try:
        dated = [each for each in mentions(text, _SOME_DAY) if _DATED.match(each.text)]
        return mentions(text, dated[0].earliest or _SOME_DAY if dated else _SOME_DAY)
    except OverflowError:  # the last days of the year 9999
        return found


def _ending_before_they_begin(reply: Reply, found: Sequence[Mention]) -> Iterator[Hit]:
    """Find 11月20日2:00开始，11月20日1:00结束: what ends by its own day before it begins."""
    for left, right in pairwise(found):
        between = reply.text[left.end : right.start]
        opened = left.suffix == "起" or between.startswith("起") or "开始" in between
        if not opened or not _FROM_TO.fullmatch(between) or not _ENDS.match(reply.text, right.end):
            continue
        # Without years the end may be in the next one, unless both are of the same day.
        sure = bool(_YEAR.match(left.text) and _YEAR.match(right.text))
        if left.earliest and right.earliest and _is_dated(left) and _is_dated(right):
            sure = sure or left.earliest.date() == right.earliest.date()
        if sure and _begins_behind(left, right):
            yield Hit(left.start, right.end, detail="结束早于开始")


def _late_estimates(reply: Reply, found: Sequence[Mention], known: bool) -> Iterator[Hit]:
    if not _LATEST.search(reply.text) or not _EXPECTED.search(reply.text):
        return
    for first in found:
        left, right = reply.sentence(first.start, first.end)
        if not _led_by(_EXPECTED, reply, first):
            continue
        for last in found:
            inside = left <= last.start < right and last is not first
            # A span and a point can be compared where the present is known.
            alike = inside and (
                last.kind == first.kind or (known and _share_a_verb(reply, first, last))
            )
            if alike and _led_by(_LATEST, reply, last) and _after(reply, first, last):
                span = sorted((first.start, first.end, last.start, last.end))
                yield Hit(span[0], span[-1], detail="预计时间晚于最晚时间")


def _share_a_verb(reply: Reply, one: Mention, other: Mention) -> bool:
    clauses = (reply.text[slice(*reply.clause(each.start, each.end))] for each in (one, other))
    return bool(set.intersection(*(set(_VERBS.findall(clause)) for clause in clauses)))


def _led_by(word: re.Pattern[str], reply: Reply, mention: Mention) -> bool:
    left, _ = reply.clause(mention.start, mention.end)
    return word.search(reply.text, max(left, mention.start - 8), mention.start) is not None


def _after(reply: Reply, first: Mention, last: Mention) -> bool:
    # 预计今天下午到，最晚四点: the afternoon has begun by then.
    span = first.kind == "point" and not first.exact
    begins = first.earliest if span else first.latest
    if begins is None or last.latest is None:
        return False
    if begins == last.latest != last.earliest:  # the day before: is it the same that is done?
        return span and _share_a_verb(reply, first, last)
    return begins > last.latest


def _begins_behind(one: Mention, other: Mention) -> bool:
    if one.earliest is None or other.latest is None:
        return False
    return one.earliest >= other.latest and one.earliest != other.earliest


def _is_ahead(reply: Reply, mention: Mention) -> bool:
    """Tell whether the clause speaks of what is to come, not of what has been."""
    clause = reply.text[slice(*reply.clause(mention.start, mention.end))]
    return _TO_COME.search(clause) is not None and _HAS_BEEN.search(clause) is None


def _is_led(reply: Reply, mention: Mention, now: datetime) -> bool:
    """Tell whether words before a point say that it is to come, or to be kept by the customer."""
    if mention.latest is None or mention.latest < now - _LONG_AGO:
        return False  # without a year, the next one may be meant
    if _HAS_BEEN_SAID.search(reply.text, *reply.sentence(mention.start, mention.end)):
        return False
    if reply.is_quoted(mention.start, mention.end):
        return False
    left, _ = reply.clause(mention.start, mention.end)
    if _LED_TO_COME.search(reply.text, max(left, mention.start - 4), mention.start):
        return True
    kept = mention.suffix in {"前", "之前"} and reply.text[mention.end : mention.end + 1] != "的"
    return kept and _TO_BE_DONE.search(reply.text, left, mention.start) is not None


def _past(reply: Reply, found: Sequence[Mention], now: datetime) -> Iterator[Hit]:
    for each in found:
        if each.kind != "point" or each.latest is None:
            continue
        if not _is_led(reply, each, now) and not (
            is_promise(reply, each) and _is_ahead(reply, each)
        ):
            continue
        # Who writes in the evening is at work, whatever 下班 is.
        if each.latest < now - timedelta(minutes=1) and "下班" not in each.text:
            yield Hit(each.start, each.end, detail="该时间已经过去")


FUNCTIONS: dict[str, Structural] = {
    "amounts_agree": Structural(amounts_agree),
    "times_agree": Structural(times_agree),
}
