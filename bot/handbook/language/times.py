"""Times in a reply, 时限与时点: what is said, and which instants it means in Asia/Shanghai.

今晚八点前, 周三, 6月7日15:00, 24小时内, 两个工作日, 半小时, 一刻钟: each is read relative to the
`now` that is passed in. A time is a commitment when the reply promises something by it.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from bot.handbook.language.finding import Commitment
from bot.handbook.language.numerals import NUMERAL, read_numeral
from bot.handbook.language.text import Reply

SHANGHAI = ZoneInfo("Asia/Shanghai")

_DATE = (
    rf"(?:(?P<year>\d{{4}})年)?(?P<month>{NUMERAL})月(?P<day>{NUMERAL})[日号]"
    r"|(?P<iso>\d{4}[-/]\d{1,2}[-/]\d{1,2})"
    r"|(?P<relative>大后天|后天|后日|明天|明日|明儿|今天|今日|今儿|当天|当日|次日|翌日|昨天|昨日|前天|前日"
    r"|(?P<joined>[今明昨当][晚早]))"
    r"|(?<![一二两三四五六七八九十\d每])(?P<week>下下|下|本|这|上)?个?(?:周|星期|礼拜)(?P<weekday>[一二三四五六日天末])"
    r"|(?<![\d路街巷弄道院村区园])(?P<monthday>\d{1,2})(?:日(?=前|之前|上午|下午|晚|早|中午|凌晨|\d)"
    r"|号(?![线楼院门卡机段令文码店厅通群栋口库]))"
    r"|(?P<monthend>本?月底|本?月末)"
)
_PERIOD = r"凌晨|清晨|早上|早晨|上午|中午|正午|下午|午后|傍晚|晚上|晚间|夜间|夜里|(?<!最)(?:晚|早)"
_CLOCK = (
    r"(?<![\d:])(?P<hour{n}>\d{{1,2}}):(?P<minute{n}>\d{{2}})(?::\d{{2}})?(?![\d:])"
    r"|(?P<chour{n}>(?:\d{{1,2}}|[零一二两三四五六七八九十]{{1,3}}))[点时]"
    r"(?!击|评|播|餐|滴|名|赞|儿|建议|原因|说明|要求|注意|内容|候|间|段|效|限|长)"
    r"(?:钟|整|(?P<cminute{n}>半|[一三13]刻|(?:\d{{1,2}}|[一二三四五]?十?[零一二三四五六七八九十]{{1,2}})分?))?"
)
_POINT = re.compile(
    # Every time begins like one of these; the look-ahead keeps the rest off other characters.
    r"(?=\d|[零〇一二两三四五六七八九十百][零〇一二两三四五六七八九十百月点时]|[今明昨当][天日晚早儿]|后[天日]|前[天日]"
    r"|大后|[次翌]日|(?:下下|[下本这上])?个?(?:周|星期|礼拜)[一二三四五六日天末]|本?月[底末]"
    r"|凌晨|清晨|早|中午|正午|[上下]午|午后|傍晚|晚|夜[间里])"
    rf"(?:(?:{_DATE})(?:\((?:周|星期|礼拜)?(?P<said>[一二三四五六日天])\))?[ 的]?)?"
    rf"(?:(?P<period>{_PERIOD})(?!好))? ?"
    rf"(?:(?:{_CLOCK.format(n='')})"
    rf"(?: ?(?:-|~|—|至|到)+ ?(?:{_PERIOD})?(?:{_CLOCK.format(n='2')}))?)?"
    r"(?P<suffix>之前|以前|前|左右|之后|以后|后|起)?"
)
_DURATION = re.compile(
    rf"(?P<count>{NUMERAL}|半)个?(?P<half>半)?"
    r"(?P<unit>工作日|小时|钟头|h(?![a-z])|分钟|刻钟|秒|天|日(?=内|之内|以内)|周(?![一二三四五六日天])|星期(?![一二三四五六日天])"
    r"|礼拜(?![一二三四五六日天])|(?<=个)月)(?P<more>半)?(?:钟)?(?P<suffix>之内|以内|内|左右|之后|以后|后|之前|以前|前)?"
)
# One of these characters is part of every time; most replies without one end here.
_HINT = re.compile(
    r"[\d一二两三四五六七八九十半个][点时小钟天日周月分刻工星礼号:秒h个半]|[今明后昨前当次翌儿][天日晚早儿]"
    r"|[周期拜][一二三四五六日天末]|[上中下正]午|晚上|凌晨|傍晚|早上|月[底末]|夜[间里]|[清早]晨|\d-"
)
_SPANS = {
    "凌晨": (0, 6), "清晨": (5, 9), "早上": (6, 10), "早晨": (6, 10), "早": (6, 10),
    "上午": (6, 12), "中午": (11, 14), "正午": (11, 13), "下午": (12, 18), "午后": (12, 18),
    "傍晚": (17, 20), "晚上": (18, 24), "晚间": (18, 24), "夜间": (18, 24), "夜里": (18, 24),
    "晚": (18, 24),
}  # fmt: skip
_DAYS = {
    "昨": -1, "前": -2, "今": 0, "当": 0, "明": 1, "次": 1, "翌": 1, "后": 2, "大": 3,
}  # fmt: skip
_UNITS = {
    "小时": 3600, "钟头": 3600, "h": 3600, "分钟": 60, "刻钟": 900, "秒": 1, "天": 86400,
    "日": 86400, "周": 604800, "星期": 604800, "礼拜": 604800, "月": 2592000, "工作日": 86400,
}  # fmt: skip
_WEEKDAYS = "一二三四五六日"


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
    if not isinstance(value, datetime):
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


def _points(text: str, now: datetime | None) -> Iterator[Mention]:
    at = 0
    for match in _POINT.finditer(text):
        groups = match.groupdict()
        has_date = any(
            groups[name] for name in ("month", "iso", "relative", "weekday", "monthday", "monthend")
        )
        has_clock = groups["hour"] or groups["chour"]
        if match.start() < at or not (has_date or has_clock or groups["period"]):
            continue
        if not has_date and not _is_clear(match, text):
            continue
        point = _point(match, groups, now)
        if point:
            at = match.end()
            yield point


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
    match: re.Match[str], groups: dict[str, str | None], now: datetime | None
) -> Mention | None:
    said = groups["said"]
    weekday = _WEEKDAYS.index(said.replace("天", "日")) if said else None
    suffix = groups["suffix"] or ""
    blank = Mention(*match.span(), match[0], "point", suffix=suffix, said_weekday=weekday)
    try:
        day = _day(groups, now.date() if now else None)
        clock = _clock(groups, "", now if day in (None, now and now.date()) else None)
        until = _clock(groups, "2", None)
    except (ValueError, OverflowError):
        return Mention(*match.span(), match[0], "point", suffix=suffix, impossible=True)
    if day is None and now is None:
        return blank
    if day is None and now is not None:
        day = now.date()
    if day is None:
        return blank
    last = day + timedelta(days=1) if groups["weekday"] == "末" else day
    midnight = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
    if clock is not None:
        first = midnight + clock
        end = midnight + until if until and until > clock else first
        return Mention(
            *match.span(),
            match[0],
            "point",
            first,
            end,
            None,
            suffix,
            exact=end == first,
            said_weekday=weekday,
        )
    low, high = _SPANS.get(groups["period"] or (groups["joined"] or "")[1:], (0, 24))
    closing = datetime(last.year, last.month, last.day, tzinfo=SHANGHAI) + timedelta(hours=high)
    return Mention(
        *match.span(),
        match[0],
        "point",
        midnight + timedelta(hours=low),
        closing,
        None,
        suffix,
        said_weekday=weekday,
    )


def _day(groups: dict[str, str | None], today: date | None) -> date | None:
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
        return today + timedelta(days=_DAYS[groups["relative"][0]])
    if groups["weekday"]:
        return _weekday(groups["week"] or "", groups["weekday"], today)
    if groups["monthday"]:
        return today.replace(day=int(groups["monthday"]))
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
        if hour == 12 and night:
            return 24
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


_PROMISE = re.compile(
    r"回复|答复|回电|回拨|致电|联系|响应|告知|通知|反馈|同步|给您|给你|上门|到达|修复|抢修|维修|恢复|解决|处理"
    r"|办结|完成|办好|办理|开通|安装|审核|核查|核实|查清|到账|退还|退回|退款|返还|生效|发送|发到|发您|出结果|有结果"
    r"|结果|进展|派|寄|送|跟进|安排|装机|移机|拆机|到(?:您)?家|过来|过去|提交|登记|转接|更新|复机|搞定|弄好|修好|通了|好了"
)
_NO_PROMISE = re.compile(
    r"已|曾|刚才|刚刚|昨天|昨日|前天|上周|上个?月|此前|之前您|您(?:于|在)|如果|如(?!期|实|约)|若|倘|一旦|未(?:收到|恢复|处理|联系|答复|回复)"
    r"|请您?(?:在|于|尽快|务必)|您(?:可|可以|需|需要|须|最好)(?:在|于)|营业时间|服务时间|工作时间|受理时间|有效期|有效|合约期?|套餐|近|最近|过去"
    r"|连续|每|超过|平均|时长|通话|历史"
)


# 今天9:00已恢复, 昨天您反映的: said of the past.
_DONE_AFTER = re.compile(
    r"[^,]{0,3}已|您[^,]{0,4}(?:反映|来电|提交|办理|申请|充值|缴|报修|报障|咨询|登记|拨打|反馈|投诉|说)"
)


def is_promise(reply: Reply, mention: Mention) -> bool:
    """Tell whether a time is promised: the clause says what will happen by then."""
    left, right = reply.clause(mention.start, mention.end)
    before = reply.text[left : mention.start]
    if _NO_PROMISE.search(before) or mention.suffix in {"起", "以前"}:
        return False
    if mention.kind == "limit" and mention.suffix in {"前", "之前"}:
        return False
    if _DONE_AFTER.match(reply.text, mention.end, right):
        return False
    if reply.is_quoted(mention.start, mention.end):
        return False
    if mention.suffix in {"内", "之内", "以内"} or _PROMISE.search(reply.text, left, right):
        return True
    return re.search(r"预计|最迟|最晚|不晚于|最长|不超过|约定", before) is not None


def commitments(reply: Reply, *, now: datetime | None) -> tuple[Commitment, ...]:
    """List the times that a reply promises, with the instants by which they fall due."""
    found = []
    for mention in mentions(reply.text, now):
        if mention.impossible or not is_promise(reply, mention):
            continue
        start, end = reply.original(mention.start, mention.end)
        found.append(Commitment(reply.raw[start:end], start, end, mention.latest, mention.kind))
    return tuple(found)
