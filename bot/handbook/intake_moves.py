"""Chapter 3.1: the two places of a move (移机): where the line is now, and where it is to go."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from difflib import SequenceMatcher

from bot.handbook.facts import find_facts
from bot.handbook.intake_numbers import YES_FIRST
from bot.handbook.intake_parts import (
    CONFIRM,
    CORRECTION,
    OFFER,
    SOLVED,
    Intake,
    IntakeTables,
    Reading,
    Say,
    Turn,
)
from bot.handbook.intake_places import LONGEST_FACT, is_place, joined, place_said
from bot.handbook.intake_steps import asks, confirm_anew, next_question
from bot.handbook.intake_story import take_in
from bot.handbook.regions import is_region_name
from bot.handbook.requests import RequestType

NEW_PLACE = "new_address"
_SWAPPED = {"address": NEW_PLACE, NEW_PLACE: "address"}
LEAST_ALIKE = 2  # characters that what is put right shares with the place that is meant
LONGEST_TAIL, LONGEST_PLACE = 12, 60  # characters behind what is found of a place; of all of it

# What stands before the place to which, and before the place from which a line is moved.
_TO = (
    r"(?:移|搬|迁|挪|转|装|换)(?:机|家|走|过|移|动|装|一下|个)*(?:到|去|至|往)(?!期|时|位|现在|哪|什么|底)|(?:移|搬|迁|挪)(?:机|家)?(?:来|进)(?!人|信|装)"
    r"|新(?:的)?(?:装机|安装)?(?:地址|住址|家|房子?|住处|小区|地方)(?:那边|这边)?(?:是|在|为|就是|：|:)*(?!没|还|装|要|也|都|不|有|里|能|可|址)"
    r"|新的(?:是|在)|(?<=[室栋座号楼院村区园城苑庄]) *到 *(?=[\u4e00-\u9fff]{2})(?!期|时|底|现在|处|货|账|家)"
)
_FROM = (
    r"(?<!换)(?:从|由)(?!来|于|此|上|昨|今|前|明|没|去)|(?:老|旧|原(?:来|先|本)?)(?:的)?(?:装机|安装)?(?:地址|住址|家|房子?|住处|小区|地方|是|在)(?:那边|这边)?(?:是|在|为|：|:)*(?!没|还|要|也|都|不|有|里|址)"
    r"|(?:之前|以前|原来|原先|现在)(?:还|就|都|一直)?[在住](?:在)?(?:老房子|老家|这边|那边)*(?=[\u4e00-\u9fff\dA-Za-z]{3})(?!家|修|用|装|没|的|不)"
    r"|(?:现在|目前|以前|原来|原先|之前|本来)(?:的)?(?:宽带|电视|座机|网)?(?:是|装|安|住|用|地址|装机)+(?:机)?(?:的)?(?:地址)?(?:在|是|为|：|:)+"
)
_LABEL = re.compile(rf"(?P<to>{_TO})|(?P<from>{_FROM})")
_STOPS = re.compile(r"[，,。；;！!？?\n]|但是?|可是|不过|因为")
_NOT_PLACES = re.compile(r"运营商|移动公司|联通|电信|广电|套餐|费用|费$|没收|营业厅")
_TWO_WRONG = re.compile(r"(?:两个|新[旧老]|[旧老]新)?(?:地址|住址)[^，,。]{0,4}(?:写|弄|搞|填)?反(?:了|过来)|新地址[和跟与]老地址(?:对调|换)|地址对调")
_INDOORS = re.compile(r"(?:小|大|那个|我的?)?(?:隔壁(?!小区|村|楼栋)|楼上|楼下|[一二三四五六]楼|主卧|次卧|卧室|客厅|书房|阁楼|(?:另|别)一?个?(?:房间|屋))(?:的?(?:房间|那间))?")
# What is said behind a place: 搬到东湖小区5栋去, 要多久.
_BEHIND = re.compile(
    r"(?:[\s]*(?:去了?|来了?|那边|这边|那里|这里|里面?(?![\d一二三四五六七八九十])|了|吧|啊|呢|哈|嘛|呀|住|就行|就好|可以吗?|行吗|行不行|谢谢|麻烦|宽带|电视|座机|固话|网络?|怎么办?|需要|要|得|能|多|想|帮|给|请|你|您|我|师傅|什么|有没有|联系|电话|打)(?:.*)?|的)$"
)
_BEFORE = re.compile(r"^(?:那边|这边|那个|这个|了|就?是|在|的|[：:，,\s])+")
_UNDECIDED = re.compile(r"还在装修|没装修好?|没交房|(?:还|都)?没(?:有)?(?:定|想好|确定|决定|找好|找到房|租好|买好)|不(?:确定|一定)|待定|定不下来|到时候再(?:说|定)|回头再(?:说|定)|以后再(?:说|定)")
_OF_A_NUMBER = re.compile(r"[的那个\s]*(?:门牌|楼号|栋号|单元号|房号|号码)")
UNDECIDED = "待定"
_MEANS_NEW = re.compile(r"新|(?:移|搬|迁|挪|装)(?:机|家)?(?:到|去|过去)|目的|要去|第二个|后(?:面|一个)")
_MEANS_OLD = re.compile(r"老|旧|原|现在(?:的|装|住)|目前|第一个|前(?:面|一个)|搬走")
_NUMBERS = re.compile(r"\d+|[A-Za-z]座")


def moves(request_type: RequestType) -> bool:
    """Tell whether a request of this type is about two places."""
    return any(NEW_PLACE in group for group in request_type.needs)


def places_of_move(text: str) -> dict[str, str]:
    """Return the places that the words name as left and as moved to, each by the name of its fact.

    Nothing for a place of which the words do not say which of both it is.
    """
    found: dict[str, str] = {}
    labels = list(_LABEL.finditer(text))
    for at, label in enumerate(labels):
        stop = labels[at + 1].start() if at + 1 < len(labels) else len(text)
        name = NEW_PLACE if label["to"] else "address"
        if text[: label.start()].endswith(("不是", "没", "别", "不")):
            continue
        if place := _place_in(text[label.end() : stop]):
            found.setdefault(name, place)
    first = next((label for label in labels if label["to"]), None)
    if NEW_PLACE in found and first is not None and "address" not in found:
        # 翠苑小区3栋的宽带搬到东湖小区
        before = [fact for fact in find_facts(text[: first.start()]) if fact.name == "address"]
        old = before and _place_in(text[before[-1].start : first.start()])
        if old and old not in found[NEW_PLACE]:
            found["address"] = old
    return {name: found[name] for name in ("address", NEW_PLACE) if name in found}


def _place_in(words: str) -> str:
    """Return the place with which the words begin, without what is said behind it."""
    if _OF_A_NUMBER.match(words):
        return ""  # 旧地址的门牌是8号 puts one number right
    words = words[: 2 * LONGEST_PLACE]
    said = _BEFORE.sub("", _STOPS.split(words.strip(" ，,：:"), maxsplit=1)[0]).strip()
    numbers = [fact.start for fact in find_facts(said) if fact.name == "phone_number"]
    said = said[: numbers[0]].strip() if numbers else said
    if inside := _INDOORS.match(said):
        return inside[0]
    known = next((fact for fact in find_facts(said) if fact.name == "address"), None)
    if known is not None:
        behind = _without_behind(said[known.end :])
        said = said[: known.end] + (behind if len(behind) <= len(known.value) + LONGEST_TAIL else "")
    else:
        said = _without_behind(said)
    said = place_said(said).strip()
    if _NOT_PLACES.search(said):
        return ""
    fits = known is not None or is_place(said) or is_region_name(said)
    return said[:LONGEST_FACT] if fits and 1 < len(said) <= LONGEST_PLACE else ""


def _without_behind(said: str) -> str:
    while (less := _BEHIND.sub("", said)) != said:
        said = less
    return said


def of_move(reading: Reading) -> tuple[Reading, dict[str, str]]:
    """Return both places of a move, and the reading without the one that the pattern took for the only one."""
    places = places_of_move(reading.text)
    if not places:
        return reading, {}
    rest = {name: value for name, value in reading.facts.items() if name != "address"}
    return replace(reading, facts=rest), places


def with_both_places(
    handler: Callable[[Intake, Reading, IntakeTables], Turn],
    intake: Intake, reading: Reading, tables: IntakeTables,
) -> Turn:  # fmt: skip
    """Take in a message to a request that may be about two places; `handler` knows of one."""
    request_type = tables.types.get(intake.type)
    if request_type is None or not moves(request_type) or intake.asking == SOLVED:
        return handler(intake, reading, tables)
    read_back = intake.asking in {CONFIRM, CORRECTION}
    if read_back and _TWO_WRONG.search(reading.text) and {"address", NEW_PLACE} <= intake.facts.keys():
        intake.facts |= {"address": intake.facts[NEW_PLACE], NEW_PLACE: intake.facts["address"]}
        intake.words.append(reading.text)
        return confirm_anew(intake)
    # 确认，移到…的费用 submits what was read back; its places are none.
    agrees = read_back and YES_FIRST.search(reading.text) is not None
    reading, places = (reading, {}) if agrees else of_move(reading)
    keep_places(intake, places)
    if places and not asks(reading.text):
        take_in(intake, reading)
        return confirm_anew(intake) if read_back else replace(next_question(intake, tables), again=False)
    if intake.asking == NEW_PLACE and _UNDECIDED.search(reading.text) and not re.search(r"\d", reading.text):
        region = reading.facts.get("address", "")
        rest = {name: value for name, value in reading.facts.items() if name != "address"}
        take_in(intake, replace(reading, facts=rest))
        intake.facts[NEW_PLACE] = f"{region}（具体{UNDECIDED}）" if region else UNDECIDED
        return next_question(intake, tables, says=(Say("utter_noted"),))
    if not about_new_place(intake, reading.text):
        return handler(intake, reading, tables)
    with as_only_place(intake):
        turn = handler(intake, reading, tables)
    return replace(turn, ask=asked_for(turn.ask))


def keep_places(intake: Intake, places: Mapping[str, str]) -> None:
    """Keep the places of a move; of a bare region (移到昆山) more is asked."""
    for name, place in places.items():
        if name == "address" and _INDOORS.fullmatch(place):
            continue  # 从客厅移到书房: the home is still to be told
        if not is_region_name(place):
            # 老地址错了 是百花洲路21号: the district of before stays.
            known = intake.facts.get(name, "") if intake.asking in {CONFIRM, CORRECTION} else ""
            if known and _INDOORS.fullmatch(place) and not _INDOORS.fullmatch(known):
                intake.facts[name] = f"{known} {place}"  # 装到主卧: in the home that was told
                continue
            intake.facts[name] = joined(known, place, anew=True) if known else place
        elif name == NEW_PLACE:
            intake.other_region = place
        else:
            intake.region = place


def about_new_place(intake: Intake, text: str) -> bool:
    """Tell whether an answer or a correction is about the place to which a line is moved."""
    stuck = intake.facts.get("stuck") if intake.asking == OFFER else None
    if NEW_PLACE in {intake.asking, stuck}:
        return True
    old, new = intake.facts.get("address"), intake.facts.get(NEW_PLACE)
    if intake.asking not in {CONFIRM, CORRECTION} or not (old and new):
        return False
    if bool(_MEANS_NEW.search(text)) != bool(_MEANS_OLD.search(text)):
        return bool(_MEANS_NEW.search(text))
    for number in _NUMBERS.findall(text):
        # 是5栋不是3栋: the one in which 3栋 stands.
        if (number in old) != (number in new):
            return number in new
    return _alike(text, new) >= max(LEAST_ALIKE, _alike(text, old))


def _alike(text: str, place: str) -> int:
    return SequenceMatcher(None, text, place, autojunk=False).find_longest_match().size


@contextmanager
def as_only_place(intake: Intake) -> Iterator[None]:
    """Let the new place be the one that is asked for and put right, while the old one stands aside."""
    _turn(intake)
    try:
        yield
    finally:
        _turn(intake)


def _turn(intake: Intake) -> None:
    intake.facts = {_SWAPPED.get(name, name): value for name, value in intake.facts.items()}
    intake.asked = {_SWAPPED.get(name, name): count for name, count in intake.asked.items()}
    intake.asking = asked_for(intake.asking)
    if "stuck" in intake.facts:
        intake.facts["stuck"] = asked_for(intake.facts["stuck"]) or ""
    intake.region, intake.other_region = intake.other_region, intake.region


def asked_for(name: str | None) -> str | None:
    """Return what is asked for by its name outside of `as_only_place`."""
    return _SWAPPED.get(name, name) if name is not None else None
