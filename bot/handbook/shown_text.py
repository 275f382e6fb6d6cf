"""Chapter 4.4: a customer's words in lists and notices (列表与通知): no number, no door (门牌).

The community or road stays, because it says where to go; house, unit and room are for the page
of the ticket, which only those see whose business it is. What is not recognised as an address is
hidden by its form: a room, a village group, a house in a row, and the words behind 地址是.
"""

from __future__ import annotations

import re

from bot.handbook.facts import find_facts
from bot.handbook.privacy import mask

HIDDEN = "***"
# Stand for what is hidden until the end, so that no pattern takes the stars of a number for it:
# the door behind a place that is named, which stays, and what is a door by its form alone.
_DOOR_GONE, _FORM_GONE = "\0", "\1"
_MARKS = re.compile(r"[\0\1]+")
_CN = "[零〇一二三四五六七八九十百]"
_FEW = rf"(?:\d{{1,3}}|{_CN}{{1,3}})"
# From the first house, unit or room on: 3号楼2单元501, 三单元, 88号, A座, 12-3-501.
_DOOR = re.compile(rf"(?:\d+|{_CN}+|[A-Za-z])(?:号|栋|幢|楼|座|单元|室|层|弄|[-—－]\d)|\d{{3,}}")
# What goes on behind a place that is known by its name only: 银滩花园12-3-501.
_REST = re.compile(r"\d{1,4}(?:[-—－]\d{1,4})+室?|\d{3,4}室")
# A line of the network has a number and is no road: 线路18号断了.
_NO_ROAD = re.compile(r"[线电光网链短回思修]路$")

# What follows a number of a day and not of a house: 18号那天, 18号开始.
_DAY = r"(?!那天|当天|以前|之前|以后|之后|早|晚上|上午|下午|中午|凌晨|开始|停|起|到|至|才|就)"
# A village group or a house in it: 小河村3组17号, 李家沟四社, 牧场三队, 向阳屯18号, 东风街甲12号.
_HOUSES = tuple(
    re.compile(form)
    for form in (
        rf"(?<=[村屯庄寨沟湾坪坝堡队])(?<!农村)(?<![维抢]修队)(?<!施工队){_FEW}"
        r"(?:组(?![织合成长员])|社(?!区|会)|队(?![长员]))(?:\d{1,4}号)?",
        rf"(?<=[牧农林渔茶]场){_FEW}(?:队(?![长员])|连|组(?![织合成长员]))(?:\d{{1,4}}号)?",
        rf"(?<=[屯庄寨沟湾坪坝堡村])\d{{1,4}}号{_DAY}",
        r"(?<=[路街巷道弄屯村庄])[甲乙丙丁附]\d{1,4}号(?:附\d{1,3}号)?",
        r"\d{1,3}排\d{1,4}号",
    )
)
_ROOMS = tuple(
    re.compile(form)
    for form in (
        # 10#楼2单元, 10#301, but not the keys of a telephone: *100#, 按1#键
        r"(?<![\d*按拨键])\d{1,3}#(?:[楼栋座幢]|单元|(?=[\0\1])|-?\d{3,4}(?!\d))",
        # A座1203, 楼402
        r"(?<![A-Za-z])[A-Za-z]座\d{3,4}室?",
        r"(?<=楼)[上下]?\d{3,4}(?![\d.多几元兆块分条个年米人户度天MmGgKk])",
        # 2-1-502, but not 12-3-2026
        r"(?<![\w.:：/-])\d{1,2}[-—－]\d{1,2}[-—－](?!20\d\d(?!\d))\d{3,4}(?![\d:-])",
        # 502室, 1203房间, 1203号房
        r"(?<![\d.A-Za-z])\d{3,4}(?:号?房间|号房(?![贷租])|室(?![内外温])|房(?![贷租价款产子]))",
        # 东头第三家, 水塔旁边第二家, but not 第三家运营商
        rf"(?<=[头口侧边面数壁])第{_FEW}(?:家(?![运公营银店厅])|户|间|栋|幢|个门)",
        # 门牌号是37号
        rf"(?<=门牌)(?:号码?)?[是为:：]?\s?(?:[甲乙丙附]?(?:\d{{1,4}}|{_CN}{{1,4}})号?)",
    )
)
# The words behind 地址是 or 家住, as far as they tell of a place and not of what is wrong.
_TOLD = re.compile(
    r"(?P<mark>(?:(?<![A-Za-z])(?<![A-Za-z]\s)(?<!邮[箱件])(?<!物理)(?<!网[站页络关])(?<!服务器)"
    r"(?:地址|住址)\s?(?:就是|是|为|在|[:：\s])|家住|住在)\s?)"
    r"(?P<place>(?:(?!断|没|无法|上不|打不|连不|收不|不[通能行好了]|宽带|网|光猫|信号|电话|手机|电视|固话|座机|"
    r"机顶盒|坏|报修|掉线|卡|停机|麻烦|请|需要|想|要|已经|一直|经常|总|怎么|什么|时候|今天|昨天|号码|尾号|姓|师傅|"
    r"一个|那个|[你我他她就把被给都也还能会看]|[，。！？；,;!?\s\0]).){6,24})"
)
# What begins so tells of no place: 地址是对的, 住在这个小区的, 地址在哪里.
_TELLS_NO_PLACE = re.compile(
    r"[这那哪否不错空按你您我他她变改填跟]|[新旧老对]的|老地方|同[上一]|[一两几][个处栋家]|正确|之前|原来|上次|以前|登记|身份证|农村|乡下|城[里市区]|市区|郊区|外地|小区|高层|顶楼|附近|系统|自动|静态|动态"
)
_TECHNICAL = re.compile(r"[A-Za-z]{2}|\d\.\d|工单")
_SHOWN = 4


def mask_for_lists(text: str) -> str:
    """Mask personal numbers, and of each address what leads to the door."""
    masked = _without_doors(mask(_MARKS.sub("", text)))
    for house in _HOUSES:
        masked = house.sub(_DOOR_GONE, masked)
    for room in _ROOMS:
        masked = room.sub(_FORM_GONE, masked)
    return _MARKS.sub(HIDDEN, _TOLD.sub(_beginning, masked))


def _without_doors(text: str) -> str:
    if not _DOOR.search(text):
        return text
    out, last = [], 0
    for fact in find_facts(text):
        if fact.name != "address":
            continue
        rest = _REST.match(text, fact.end)
        door = _DOOR.search(text, fact.start, fact.end) or rest
        if door and not _NO_ROAD.search(text, fact.start, door.start()):
            out += [text[last : door.start()], _DOOR_GONE]
            last = rest.end() if rest else fact.end
    return "".join(out) + text[last:]


def _beginning(told: re.Match[str]) -> str:
    place = told["place"]
    if told.string[told.end() : told.end() + 1] == _DOOR_GONE:
        # The place before a door is named already, and stays.
        return told[0]
    if _TELLS_NO_PLACE.match(place) or _TECHNICAL.search(place):
        return told[0]
    named = (fact.end for fact in find_facts(place) if fact.name == "address" and not fact.start)
    shown = place[: next(named, _SHOWN)]
    return told["mark"] + shown.partition(_FORM_GONE)[0] + _FORM_GONE
