"""Times in a reply, 时限与时点: what is said, and which instants it means in Asia/Shanghai.

今晚八点前, 周三, 6月7日15:00, 24小时内, 两个工作日, 半小时, 一刻钟: each is read relative to the
`now` that is passed in, and a time of day to the day that its sentence has named before.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from bot.handbook.language.numerals import NUMERAL, read_numeral

SHANGHAI = ZoneInfo("Asia/Shanghai")

_DATE = (
    rf"(?:(?P<year>\d{{4}})年)?(?P<month>{NUMERAL})月(?P<day>{NUMERAL})[日号]"
    r"|(?P<iso>\d{4}[-/]\d{1,2}[-/]\d{1,2})"
    r"|(?P<relative>大后天|后天|后日|明天|明日|明儿|今天|今日|今儿|当天|当日|次日|翌日|昨天|昨日|前天|前日"
    r"|(?P<joined>[今明昨当][晚早]))"
    r"|(?<![一二两三四五六七八九十\d每])(?P<week>下下|下|本|这|上)?个?(?:周|星期|礼拜)(?P<weekday>[一二三四五六日天末])"
    r"|(?<![\d路街巷弄道院村区园])(?P<which>(?:本|这个?|当|下个?|次|上个?)月)?(?:(?P<monthday>\d{1,2})"
    r"(?:日(?=前|之前|上午|下午|晚|早|中午|凌晨|\d)|(?<=月\d)日|(?<=月\d\d)日|号(?![线楼院门卡机段令文码店厅通群栋口库]))"
    r"|(?P<monthday_in_words>[一二三四五六七八九十]{1,3})号(?=上午|下午|晚上|早上|中午|凌晨|之前|前(?![台面方])|\d))"
    r"|(?P<monthend>本?月底|本?月末)"
)
_PERIOD = (
    r"凌晨|清晨|一大早|大?清早|一早|早上|早晨|上午|中午|晌午|正午|下午|午后|傍晚|晚上|晚间|夜间|夜里"
    r"|下班(?=前|之前|以前)|(?<!最)(?:晚|早)"
)
_CLOCK = (
    r"(?<![\d:])(?P<hour{n}>\d{{1,2}}):(?P<minute{n}>\d{{2}})(?::\d{{2}})?(?![\d:])"
    r"|(?P<chour{n}>(?:\d{{1,2}}|[零一二两三四五六七八九十]{{1,3}}))[点时]"
    r"(?!击|评|播|餐|滴|名|赞|儿|建议|原因|说明|要求|注意|内容|候|间|段|效|限|长)"
    r"(?:钟|整|(?P<cminute{n}>半|[一三13]刻|(?:\d{{1,2}}|[一二三四五]?十?[零一二三四五六七八九十]{{1,2}})分?))?"
)
_POINT = re.compile(
    rf"(?:(?:{_DATE})(?:\((?:周|星期|礼拜)?(?P<said>[一二三四五六日天])\))?[ 的]?)?"
    rf"(?:(?P<period>{_PERIOD})(?!好))? ?"
    rf"(?:(?:{_CLOCK.format(n='')})"
    rf"(?: ?(?:-|~|—|至|到)+ ?(?P<period2>{_PERIOD})?(?:{_CLOCK.format(n='2')}))?)?"
    r"(?P<suffix>之前|以前|前|左右|之后|以后|过后|后|起)?"
)
# How every time begins; to try the pattern at every character costs several times as much.
_FIRST = re.compile(
    r"\d(?=[\d.]*[年月日号点时:/-])|[零〇一二两三四五六七八九十百](?=[零〇一二两三四五六七八九十百月点时号])"
    r"|[今明昨当](?=[天日晚早儿])|[前后](?=[天日])|大(?=后|清早)|[次翌](?=日)|一(?=大?早)|晌(?=午)|下(?=班)|[本当次](?=月)|[这下上](?=个?月)"
    r"|下(?=下个?[周星礼])|[下本这上](?=个?[周星礼])|个(?=[周星礼])|周(?=[一二三四五六日天末])|星(?=期)|礼(?=拜)|本(?=月)|月(?=[底末])"
    r"|凌(?=晨)|清(?=[晨早])|早|[中正](?=午)|[上下](?=午)|午(?=后)|傍(?=晚)|晚|夜(?=[间里])"
)
_DURATION = re.compile(
    rf"(?P<count>{NUMERAL}|半)个?(?P<half>半)?"
    r"(?P<unit>工作日|自然日|小时|钟头|h(?![a-z])|分钟|刻钟|秒|天|日(?=内|之内|以内)|周(?![一二三四五六日天])|星期(?![一二三四五六日天])"
    r"|礼拜(?![一二三四五六日天])|(?<=个)月)(?P<more>半)?(?:钟)?(?P<suffix>之内|以内|内|左右|之后|以后|后|之前|以前|前)?"
)
# One of these characters is part of every time; most replies without one end here.
_HINT = re.compile(
    r"[\d一二两俩仨三四五六七八九十半个][点时小钟天日周月分刻工星礼号:秒h个半]|[今明后昨前当次翌儿][天日晚早儿]"
    r"|[周期拜][一二三四五六日天末]|[上中下正晌]午|午后|晚[上间]|凌晨|傍晚|[早一大清]早|早上|下班|月[底末]|夜[间里]|[清早]晨|\d-"
)
_SPANS = {
    "凌晨": (0, 6), "清晨": (5, 9), "早上": (6, 10), "早晨": (6, 10), "早": (6, 10), "一早": (6, 9),
    "一大早": (6, 9), "清早": (5, 9), "大清早": (5, 9), "晌午": (11, 14), "下班": (17, 18),
    "上午": (6, 12), "中午": (11, 14), "正午": (11, 13), "下午": (12, 18), "午后": (12, 18),
    "傍晚": (17, 20), "晚上": (18, 24), "晚间": (18, 24), "夜间": (18, 24), "夜里": (18, 24),
    "晚": (18, 24),
}  # fmt: skip
_DAYS = {"昨": -1, "前": -2, "今": 0, "当": 0, "明": 1, "次": 1, "翌": 1, "后": 2, "大": 3}
_UNITS = {
    "小时": 3600, "钟头": 3600, "h": 3600, "分钟": 60, "刻钟": 900, "秒": 1, "天": 86400,
    "日": 86400, "周": 604800, "星期": 604800, "礼拜": 604800, "月": 2592000, "工作日": 86400, "自然日": 86400,
}  # fmt: skip
_WEEKDAYS = "一二三四五六日"
_MOST = 100  # times of one text; nobody reads more
_SENTENCE_END = re.compile(r"[。!?;\n]")
_CLAUSE_END = re.compile(r"[,。!?;\n]")
_COMES = re.compile(r"师傅|工程师|装维|上门|到(?:您)?家|进场|施工|升级|割接|检修|维护|就是|安排|约")
_NOT_THAT_DAY = re.compile(r"反映|来电|到期|到账|出账|退|生效|办理的|缴|欠|发生")
_DATES = ("month", "iso", "relative", "weekday", "monthday", "monthday_in_words", "monthend")
_OF_THAT_DAY = ("次", "翌", "当")  # 次日, 翌日, 当天: of the day that was named before
_HALF_A_DAY = timedelta(hours=12)
_NIGHT = {"晚上", "晚间", "夜间", "夜里", "晚", "傍晚"}


@dataclass(frozen=True)
class Mention:
    """A time that is said: a point between two instants, or a duration.

    Offsets are those of the normalised text; the instants are None while `now` is not known.
    """

    start: int
    end: int
    text: str
    kind: str
    earliest: datetime | None = None
    latest: datetime | None = None
    duration: timedelta | None = None
    suffix: str = ""
    exact: bool = False
    said_weekday: int | None = None
    impossible: bool = False


def read_instant(value: Any) -> datetime | None:
    """Read an instant from a datetime or an ISO text; without an offset it is Shanghai time."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
        except ValueError:
            return None
    if not isinstance(value, datetime) or not 1900 < value.year < 9000:  # room to reckon on both sides
        return None
    return value if value.tzinfo else value.replace(tzinfo=SHANGHAI)


def spoken(instant: datetime) -> str:
    """Write an instant the way it is said to customers."""
    local = instant.astimezone(SHANGHAI)
    return f"{local.month}月{local.day}日{local:%H:%M}"


def mentions(text: str, now: datetime | None) -> tuple[Mention, ...]:
    """Find every time in a normalised text, in order."""
    if not _HINT.search(text):
        return ()
    return _mentions(text, now)


@lru_cache(maxsize=64)
def _mentions(text: str, now: datetime | None) -> tuple[Mention, ...]:
    """Remember the last few texts: several rules ask for the times of the same reply."""
    local = now.astimezone(SHANGHAI) if now else None
    points = list(_points(text, local))
    durations = (
        each
        for each in _durations(text, local)
        if not any(p.start < each.end and each.start < p.end for p in points)
    )
    return tuple(sorted((*points, *durations), key=lambda each: each.start))


def _durations(text: str, now: datetime | None) -> Iterator[Mention]:
    for match in _DURATION.finditer(text):
        count = 0.5 if match["count"] == "半" else read_numeral(match["count"])
        if count is None or count > 10000:
            continue
        count += 0.5 if match["half"] or match["more"] else 0
        length = timedelta(seconds=count * _UNITS[match["unit"]])
        due = None
        if now:
            working = match["unit"] == "工作日"
            due = add_working_days(now, count) if working else now + length
        yield Mention(
            *match.span(), match[0], "limit", now, due, length, match["suffix"] or "", exact=True
        )


def add_working_days(start: datetime, count: float) -> datetime:
    """Go on by working days, Monday to Friday; holidays are for the deadline tables to know."""
    moment, left = start, count
    while left > 0:
        moment += timedelta(days=min(left, 1))
        while moment.weekday() >= 5:
            moment += timedelta(days=1)
        left -= 1
    return moment


@lru_cache(maxsize=8)
def _matches(text: str) -> tuple[re.Match[str], ...]:
    """Find what may be points; the same reply is read as of several days."""
    found, reached = [], 0
    for first in _FIRST.finditer(text):
        if first.start() >= reached and (match := _POINT.match(text, first.start())):
            reached = match.end()
            if match.lastgroup:
                found.append(match)
    return tuple(found)


def _points(text: str, now: datetime | None) -> Iterator[Mention]:
    at, until, found = 0, 0, 0
    named: date | None = None  # by the sentence, for 次日
    carried: date | None = None  # the same, where what follows happens on that day, too
    for match in _matches(text):
        groups = match.groupdict()
        has_date = any(groups[name] for name in _DATES)
        has_clock = groups["hour"] or groups["chour"]
        if match.start() < at or not (has_date or has_clock or groups["period"]):
            continue
        if not has_date and not _is_clear(match, text):
            continue
        if match.start() >= until:  # in another sentence than the day that was named
            end = _SENTENCE_END.search(text, match.start())
            named, carried, until = None, None, end.end() if end else len(text)
        point = _point(match, groups, now, named, carried)
        if point:
            at, found = match.end(), found + 1
            if has_date and point.earliest:
                named = point.earliest.date()
                carried = named if _carries(text, match) else None
            yield point
        if found == _MOST:
            return


def _carries(text: str, match: re.Match[str]) -> bool:
    """Tell whether what is said after a day happens on that day: somebody comes then, or it stands alone."""
    left = max(text.rfind(mark, 0, match.start()) for mark in ",。!?;\n") + 1
    end = _CLAUSE_END.search(text, match.end())
    right = end.start() if end else len(text)
    clause = text[left:right]
    alone = right - left - (match.end() - match.start()) <= 1
    return (alone or _COMES.search(clause) is not None) and not _NOT_THAT_DAY.search(clause)


def _is_clear(match: re.Match[str], text: str) -> bool:
    """Leave out 一点 (a little), 早 and 晚 on their own, and numbers that are no hours."""
    if match["period"] in {"早", "晚"} and not match["chour"]:
        return bool(match["hour"])
    if match["chour"] and not match["period"]:
        hour = read_numeral(match["chour"]) or 0
        before = text[match.start() - 1 : match.start()]
        plain = not (match["cminute"] or match["suffix"]) and "点钟" not in match[0]
        return hour <= 24 and not (before and before in "第前几.") and not (hour <= 3 and plain)
    return True


def _point(
    match: re.Match[str], groups: dict[str, str | None], now: datetime | None,
    named: date | None, carried: date | None,
) -> Mention | None:  # fmt: skip
    """Read one point; a time of day alone is of the day that is carried to it, if that is to come."""
    said = groups["said"]
    weekday = _WEEKDAYS.index(said.replace("天", "日")) if said else None
    suffix = groups["suffix"] or ""
    blank = Mention(*match.span(), match[0], "point", suffix=suffix, said_weekday=weekday)
    try:
        day = _day(groups, now.date() if now else None, named)
        if day is None and carried is not None and now is not None and carried > now.date():
            day = carried
        if day is None and now is not None:
            day = now.date()
        clock = _clock(groups, "", now if day in (None, now and now.date()) else None)
        until = _until(groups, clock)
        midnight = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI) if day else None
        first = midnight + clock if midnight and clock is not None else None
        end = midnight + until if midnight and until else None
        ahead = midnight + timedelta(days=2) if midnight else None
    except ValueError:
        return replace(blank, said_weekday=None, impossible=True)
    except OverflowError:  # the last days of the year 9999
        return blank
    if midnight is None or ahead is None:
        return blank
    if first:
        end = end if end and end > first else first
        return replace(blank, earliest=first, latest=end, exact=end == first)
    low, high = _SPANS.get(groups["period"] or (groups["joined"] or "")[1:], (0, 24))
    closing = timedelta(hours=high, days=groups["weekday"] == "末")
    return replace(blank, earliest=midnight + timedelta(hours=low), latest=midnight + closing)


def _until(groups: dict[str, str | None], first: timedelta | None) -> timedelta | None:
    """Read the end of a stretch; 上午9点到5点 ends in the afternoon, 23:00至1:00 and 17点到早7点 next day.

    Raise `ValueError` for one that ends before it begins.
    """
    if groups["hour2"] is None and groups["chour2"] is None:
        return None
    last = _clock({**groups, "period": groups["period2"] or groups["period"]}, "2", None)
    if first is None or last is None or last >= first:
        return last
    if groups["period2"] is None and groups["period"] and first < last + _HALF_A_DAY <= 2 * _HALF_A_DAY:
        return last + _HALF_A_DAY
    period = groups["period2"] or groups["period"]
    morning = not groups["period"] and first >= _HALF_A_DAY and period and period[0] in "早凌清"
    if period and period not in _NIGHT and not morning and period == (groups["period"] or period):
        raise ValueError(last)
    return last + 2 * _HALF_A_DAY


def _day(
    groups: dict[str, str | None], today: date | None, named: date | None
) -> date | None:
    """Find the day that is meant; ValueError for one that no calendar has."""
    if groups["iso"]:
        return date(*(int(part) for part in re.split("[-/]", groups["iso"])))
    if groups["month"]:
        month = int(read_numeral(groups["month"]) or 0)
        day = int(read_numeral(groups["day"] or "") or 0)
        if groups["year"]:
            return date(int(groups["year"]), month, day)
        date(2024, month, day)  # a leap year: refuses 2月30日 whether or not today is known
        return _nearest(month, day, today) if today else None
    if today is None:
        return None
    if groups["relative"]:
        sign = groups["relative"][0]
        begin = named if named and named >= today and sign in _OF_THAT_DAY else today
        return begin + timedelta(days=_DAYS[sign])
    if groups["weekday"]:
        return _weekday(groups["week"] or "", groups["weekday"], today)
    if groups["monthday"] or groups["monthday_in_words"]:
        told = groups["monthday"] or groups["monthday_in_words"] or ""
        return _day_of_month(int(read_numeral(told) or 0), groups["which"] or "", today)
    if groups["monthend"]:
        return today.replace(day=calendar.monthrange(today.year, today.month)[1])
    return None


def _nearest(month: int, day: int, today: date) -> date:
    found = []
    for year in (today.year - 1, today.year, today.year + 1):
        try:
            found.append(date(year, month, day))
        except ValueError:
            continue
    return min(found, key=lambda each: abs((each - today).days)) if found else date(2024, 2, 29)


def _day_of_month(day: int, which: str, today: date) -> date:
    """Find 15号: of the month that is named, else of this one or the next, whichever is nearer."""
    months = [0, 1]
    if which:
        months = [-1 if which[0] == "上" else 1 if which[0] in "下次" else 0]
    found = []
    for ahead in months:
        year, month = divmod(today.year * 12 + today.month - 1 + ahead, 12)
        if day <= calendar.monthrange(year, month + 1)[1]:
            found.append(date(year, month + 1, day))
    if day < 1 or not found:
        raise ValueError(day)
    return min(found, key=lambda each: abs((each - today).days))


def _weekday(week: str, name: str, today: date) -> date:
    index = 5 if name == "末" else _WEEKDAYS.index(name.replace("天", "日"))
    monday = today - timedelta(days=today.weekday())
    if week:
        return monday + timedelta(days=7 * {"上": -1, "下": 1, "下下": 2}.get(week, 0) + index)
    return today + timedelta(days=(index - today.weekday()) % 7)


def _clock(groups: dict[str, str | None], n: str, now: datetime | None) -> timedelta | None:
    period = groups["period"] or (groups["joined"] or "")[1:]
    written = groups[f"hour{n}"]
    if written:
        hour, minute = int(written), int(groups[f"minute{n}"] or 0)
    elif groups[f"chour{n}"]:
        hour = int(read_numeral(groups[f"chour{n}"] or "") or 0)
        minute = _minute(groups[f"cminute{n}"])
    else:
        return None
    if hour > 24 or minute > 59 or (hour == 24 and minute):
        raise ValueError(hour)
    return timedelta(hours=_hour(hour, period, now, written=bool(written)), minutes=minute)


def _hour(hour: int, period: str, now: datetime | None, *, written: bool) -> int:
    """Settle morning or afternoon."""
    if period in {"下午", "午后", "傍晚", "晚上", "晚间", "夜间", "夜里", "晚"}:
        night = period not in {"下午", "午后", "傍晚"}
        if night and hour in {0, 12}:
            return 24
        if night and hour < 6:
            return hour + 24
        return hour + 12 if hour < 12 else hour
    if period in {"中午", "正午"}:
        return hour + 12 if hour < 4 else hour
    if period == "凌晨" and hour == 12:
        return 0
    if period or written:
        return hour
    # Without a word for it, 三点 in business is the afternoon, and 八点 is the next eight o'clock.
    if 1 <= hour <= 6:
        return hour + 12
    if hour == 0:
        return 0 if now is None else 24
    past = now is not None and (now.hour, now.minute) > (hour, 0)
    return hour + 12 if past and hour < 12 and now and now.hour < hour + 12 else hour


def _minute(text: str | None) -> int:
    if not text:
        return 0
    if text == "半":
        return 30
    if text.endswith("刻"):
        return 15 if text[0] in "一1" else 45
    return int(read_numeral(text.rstrip("分")) or 0)
