"""Facts in a customer's words 客户陈述中的要素: numbers, places, sums and times, found by pattern.

What a ticket needs is said in passing, in digits or in spoken numerals (幺三八…, 三百来块).
Each fact keeps where it stood, so that a form, a mask or a screen can point at it. Nothing is
guessed: a relative time such as 明天下午 stays the customer's phrase.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from bot.handbook.privacy import SPOKEN_LANDLINE

FACT_NAMES = (
    "ticket_number",
    "phone_number",
    "broadband_account",
    "amount",
    "datetime",
    "duration",
    "count",
    "address",
)


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact and where it stands: `text[start:end]`."""

    name: str
    value: str
    start: int
    end: int


_DIGITS = {c: str(i) for i, c in enumerate("零一二三四五六七八九")} | {
    "〇": "0", "幺": "1", "妖": "1", "两": "2", "俩": "2", "仨": "3", "洞": "0", "拐": "7",
}  # fmt: skip
_UNITS = {"十": 10, "百": 100, "千": 1_000, "万": 10_000}
# Full-width signs, and the Traditional characters that places, times and sums are made of.
_FULL_WIDTH = str.maketrans(
    "０１２３４５６７８９－＋＠號樓區縣鎮鄉莊單東點兩萬塊個層廈廣場園棟灣週後時鐘邊對門",
    "0123456789-+@号楼区县镇乡庄单东点两万块个层厦广场园栋湾周后时钟边对门",
)

_CN = "零〇一二三四五六七八九十百千万两俩仨"
_SAID = "零〇一二三四五六七八九幺妖洞拐"
_NUM = rf"(?:\d+(?:\.\d+)?[万千]?|[{_CN}]+)"


def number(said: str) -> Decimal | None:
    """Read digits or spoken numerals (三百五, 一千二百零八, 2万) as a number."""
    if match := re.fullmatch(r"(\d+(?:\.\d+)?)([万千]?)", said):
        return Decimal(match[1]) * _UNITS.get(match[2], 1)
    total = section = digit = 0
    last_unit = 1
    for char in said:
        if char in _DIGITS:
            digit = int(_DIGITS[char])
            last_unit = 1 if char in "零〇" else last_unit
        elif char == "万":
            total += (section + digit) * 10_000
            section, digit, last_unit = 0, 0, 10_000
        elif char in _UNITS:
            section += (digit or 1) * _UNITS[char]
            digit, last_unit = 0, _UNITS[char]
        else:
            return None
    # 三百五 means 350 and 两千三 means 2,300: a last digit counts tenths of the unit before it.
    tail = digit * (last_unit // 10 if last_unit > 10 else 1)
    return Decimal(total + section + tail) if said else None


def spoken_digits(said: str) -> str:
    """Turn digits that were read out one by one (幺三八零) into figures."""
    return "".join(_DIGITS.get(c, c) for c in said if (c.isascii() and c.isdigit()) or c in _DIGITS)


def find_facts(text: str) -> list[Fact]:
    """Find all facts in the text, in order of appearance, none overlapping another."""
    plain = text.translate(_FULL_WIDTH)
    found: list[Fact] = []
    for finder in _FINDERS:
        for fact in finder(plain):
            if all(fact.end <= other.start or fact.start >= other.end for other in found):
                found.append(fact)
    return sorted(found, key=lambda fact: fact.start)


_TICKET = re.compile(
    rf"(?<![A-Za-z0-9])[Tt]\s?((?:[\d{_SAID}]\s?){{8}})(?:[-—－_杠\s]|横杠|杠儿)*((?:[\d{_SAID}]\s?){{6}})"
    rf"(?![\d{_SAID}])"
)


def _ticket_numbers(text: str) -> Iterator[Fact]:
    for m in _TICKET.finditer(text):
        value = f"T{spoken_digits(m[1])}-{spoken_digits(m[2])}"
        yield Fact("ticket_number", value, m.start(), m.start() + len(m[0].rstrip()))


_MOBILE = re.compile(
    rf"(?<![\dA-Za-z])(?:\+?86[-\s]?)?"
    rf"([1一幺妖](?:[-\s]?[\d{_SAID}]){{2}}[，、]?(?:[-\s]?(?:[\d{_SAID}]|\*)){{4}}[，、]?"
    rf"(?:[-\s]?(?:[\d{_SAID}]|\*)){{4}})(?![\d*{_SAID}@])"
)
_FIXED = re.compile(r"(?<![\dA-Za-z])(0 ?(?:1 ?0|2 ?\d|[3-9] ?\d ?\d)[-\s]{0,2}[2-9](?:[- ]?\d){6,7})(?![\d@])")


def _phone_numbers(text: str) -> Iterator[Fact]:
    for m in _MOBILE.finditer(text):
        value = "".join(_DIGITS.get(c, c) for c in m[1] if c not in "- \t，、")
        if value[1] in "3456789":
            yield Fact("phone_number", value, m.start(), m.end())
    for m in _FIXED.finditer(text):
        yield Fact("phone_number", re.sub(r"[-\s]", "", m[1]), m.start(), m.end())
    for m in SPOKEN_LANDLINE.finditer(text):
        yield Fact("phone_number", spoken_digits(m[0]), m.start(), m.end())


_ACCOUNT = re.compile(
    r"(?:宽带|上网|登录|固网)?(?:账号|帐号|账户|帐户|户号|编号|宽带号)[码]?\s*(?:是|为|叫|:|：)?\s*"
    r"([A-Za-z0-9][A-Za-z0-9@._-]{5,24})"
)
_BARE_ACCOUNT = re.compile(
    r"(?<![A-Za-z0-9@])((?:[A-Za-z]{1,6}\d{6,14}|[A-Za-z]{0,4}\d{6,14}@[A-Za-z0-9.]+))(?![A-Za-z0-9@-])"
)


def _broadband_accounts(text: str) -> Iterator[Fact]:
    for pattern in (_ACCOUNT, _BARE_ACCOUNT):
        for m in pattern.finditer(text):
            if any(c.isdigit() for c in m[1]):
                yield Fact("broadband_account", m[1], m.start(1), m.end(1))


_AMOUNT = re.compile(
    rf"(?:[¥￥]\s?(\d+(?:\.\d+)?)|({_NUM})(?:多|来|几)?(?:个)?"
    rf"(?:(?:块|元|圆)(?!儿|(?<=三元)(?:里|桥|坊|巷|村|宫))(?:钱|整)?(?:([一二三四五六七八九\d])(?:毛|角)?(?![{_CN}\d个天]))?|毛钱|(?:人民币|rmb|RMB)))"
)


def _amounts(text: str) -> Iterator[Fact]:
    for m in _AMOUNT.finditer(text):
        value = number(m[1] or m[2])
        # 一块 without 钱 usually means "together".
        if value is None or m[0] == "一块":
            continue
        if m[0].endswith("毛钱"):
            value /= 10
        elif m[3]:
            value += (number(m[3]) or Decimal(0)) / 10
        yield Fact("amount", _plain(value), m.start(), m.end())


# 问下下个月 asks about the next month.
_NEXT = r"(?:(?<![问查看讲])下)?下"
_DAY = (
    r"(?:大?前天|昨天|昨日|今天|今日|明天|明日|大?后天|昨晚|今晚|明晚|前晚|今早|明早|今儿|昨儿|明儿|"
    rf"(?:上上?个?|{_NEXT}个?|这个?|本)?(?:周|星期|礼拜)[一二三四五六日天末]|(?:上上?个?|{_NEXT}个?|这个?|本)(?:周|星期|礼拜|月)|"
    r"(?:\d{4}年)?\d{1,2}月(?:\d{1,2}[号日]|初|中旬|底)?|"
    r"(?:十[一二]|[一二三四五六七八九十])月(?:[一二三四五六七八九十]{1,3}[号日]|初|中旬|底)?|\d{4}-\d{1,2}-\d{1,2}|"
    r"(?:去|今|明|前)年|月初|月底|年底|年初|(?<![路街巷弄道村镇区屯组\d])(?<!(?<!石家)庄)(?<!(?<!台)湾)(?:[12]?\d|3[01])号(?![楼院栋线码])(?<!\d\d\d号)|周末)"
)
_PERIOD = r"(?:凌晨|清早|大清早|早上|上午|中午|下午|傍晚|晚上|夜里|半夜|大半夜|早晨)"
_CLOCK = (
    r"(?:\d{1,2}[:：]\d{2}|(?:\d{1,2}|[一二三四五六七八九十两]{1,3})点(?:钟|半|多|左右|一刻|三刻|"
    r"(?:\d{1,2}|[一二三四五六七八九十]{1,3})分?)?)"
)
_DATETIME = re.compile(
    rf"{_DAY}的?{_PERIOD}?{_CLOCK}?|{_PERIOD}{_CLOCK}?|(?<![\d.]){_CLOCK}"
)


def _datetimes(text: str) -> Iterator[Fact]:
    for m in _DATETIME.finditer(text):
        # 快一点, 有点, 三点建议: a bare "n点" is a time only with 钟, 半 or minutes.
        if re.fullmatch(rf"[{_CN}\d]+点", m[0]):
            continue
        end = m.end() - (1 if m[0].endswith("的") else 0)
        yield Fact("datetime", text[m.start() : end], m.start(), end)


_DURATION = re.compile(
    rf"(?<![{_CN}\d第周月])(?:({_NUM})(个)?(?:多|来)?(半)?(?:个)?|(半)个?|(好几|几)个?)"
    r"(?:多)?(年|月|星期|礼拜|周|天|小时|钟头|分钟)(?:(半)(?!夜)|多|了)?"
)
_PERIODS = {
    "年": "P{}Y", "月": "P{}M", "星期": "P{}W", "礼拜": "P{}W", "周": "P{}W", "天": "P{}D",
    "小时": "PT{}H", "钟头": "PT{}H", "分钟": "PT{}M",
}  # fmt: skip
_HALVES = {"年": "P6M", "月": "P15D", "天": "PT12H", "小时": "PT30M", "钟头": "PT30M"}


def _durations(text: str) -> Iterator[Fact]:
    for m in _DURATION.finditer(text):
        unit = m[6]
        if (unit == "月" and "个" not in m[0]) or (unit == "年" and len(m[1] or "") == 4):
            continue  # a month of the calendar (3月) or a year (2024年), not a length
        end = m.end() - (1 if m[0].endswith("了") else 0)
        yield Fact("duration", _length(m), m.start(), end)


def _length(m: re.Match[str]) -> str:
    unit = m[6]
    if m[4]:
        return _HALVES.get(unit, _PERIODS[unit].format("0.5"))
    if m[5]:
        # 好几天 is at least three: what a rule about "three days" may rely on.
        return _PERIODS[unit].format(3)
    value = number(m[1]) or Decimal(0)
    return _PERIODS[unit].format(_plain(value + (Decimal("0.5") if m[3] or m[7] else 0)))


_WHOLE = (
    r"(?:整|全)(?:个|条|栋|幢|座|片)?(?:小区|楼|栋楼|单元|村子?|镇|街|公司|校|厂|园区|片区|大楼|商场|写字楼|办公室|寝室楼|宿舍楼|院)"
    r"|(?:一|两|几)(?:个|条|栋|幢)(?:小区|楼|村子?|街|单元)(?:的人|的住户)?都"
)
_COUNT = re.compile(
    rf"{_WHOLE}|({_NUM})(?:多|来|几)?(?:个)?(?:户(?:人家|居民)?|家(?:店|门店|商户|公司|住户|企业)|口人|(?:号)?人(?!工|民|家)|"
    r"台(?:电脑|设备|收银机|机器|pos机)?|部(?:手机|电话)|条(?:线路|专线|宽带|线)|"
    r"(?:门店|店铺|分店|号码|手机号|员工|学生|住户|客户|用户|客人|座席|坐席|分部|网点)|桌客人)"
)


def _counts(text: str) -> Iterator[Fact]:
    for m in _COUNT.finditer(text):
        value = number(m[1]) if m[1] else None
        if value == 1 or (m[1] and value is None):
            continue  # 一个人住, 一台电脑: an article, not a count of those affected
        yield Fact("count", _plain(value) if value else m[0], m.start(), m.end())


# Characters that end a place name on its left: pronouns, verbs and particles, never part of one.
_EDGE = "的了是在從裡這幫給嗎們沒我你您他她它们有没就把被和跟都要到去从住这那哪个几整条全各什么么说问给装搬来请帮叫还也不很好呢吗吧啊哦呃嗯地址附近旁边最离往，。、,.!?！？ ；;：:"
# Names in which such a character is part of the place: 和平路, 成都市.
_WITH_EDGE = r"(?:和[平谐睦兴顺美田县]|[颐永太泰中祥人天义德仁嘉]和|[成新丰花江望于宜]都|都[江匀昌安]|来[安宾凤]|从化|个旧|离石)"
_NAME = rf"(?:{_WITH_EDGE}|[^{_EDGE}\W\d_a-zA-Z]){{1,8}}?"
_PLACE = (
    r"(?:省|自治区|市|区|县|镇|乡|街道|小区|社区|花园|花苑|家园|新村|新城|公寓|大厦|大楼|广场|嘉园|名苑|雅苑|"
    r"大道|大街|胡同|庄园|庄大街|工业园|产业园|科技园|村|路|街|巷|苑|湾|屯|庄)"
)
_NR = rf"(?:[{_CN}\d]+|[A-Za-z]\d*|[东西南北甲乙丙])"
_TAIL = rf"(?:[甲乙丙丁副附]?{_NR}(?:号楼|号院|弄|号|栋|幢|座|单元|楼|层|室|组|队|区|期)|(?<=[号栋幢座元楼层-]){_NR}(?:室)?(?![\d元块点天]))"
_ADDRESS = re.compile(
    rf"(?:{_NAME}{_PLACE}(?:[路街巷])?|{_NAME}\d{{1,4}}(?:小区|社区|广场|公寓|花园)|{_NAME}(?:园|里|坊|府|城|院|宿舍|桥)(?={_NR}(?:号|栋|幢|楼|座|单元|期)))+(?:{_TAIL}-?)*|{_NR}(?:栋|幢|号楼|单元){_TAIL}+|{_NR}(?:单元|栋|幢){_NR}室?"
)
_CHANGED = re.compile(r"(?:改成|改为|换成|换到|改到|更正为|应该)")
_NO_PLACE = re.compile(
    r"^(?:老家|自家|人家|大家|国家|我家|全家|回家|在家|家|马|线|网|电|公|半|走|思|铁|一|道|出|线|网|全|老|农|城|小|新|本|山|整|同|附|地|郊|市|分|时|社|校|园|辖|片|学)"
    r"?(?:路|街|村|市|区|县|镇|乡|小区|社区|庄|湾|弄|大厦|大楼|花园|广场|街道|新村|公寓)$"
    r"|(?:线|網|線|電|鐵|馬|网|电|铁|思|出|半|走|马|公)路$"
)


def _addresses(text: str) -> Iterator[Fact]:
    for m in _ADDRESS.finditer(text):
        before = _CHANGED.match(m[0])
        start = m.start() + (before.end() if before else 0)
        value = text[start : m.end()].rstrip("-")
        if value and not _NO_PLACE.search(value):
            yield Fact("address", value, start, start + len(value))


_FINDERS: tuple[Callable[[str], Iterator[Fact]], ...] = (
    _ticket_numbers,
    _phone_numbers,
    _broadband_accounts,
    _amounts,
    _datetimes,
    _durations,
    _counts,
    _addresses,
)


def _plain(value: Decimal) -> str:
    return format(value.normalize(), "f")
