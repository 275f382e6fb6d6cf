"""Chapter 4.5: outage mode (应急保障、群障): many faults of one kind in one area are one incident.

An address is read to its district, street and community (小区、村、院校); reports of the same
symptom from one of these areas above a threshold in a window make an incident.
Figures: `data/handbook/emergency.yml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

AREA_LEVELS = ("cell", "community", "street", "district")
# Who does not say a district is understood from those who do: over how many windows, with how
# much doubt (as if each district had called so often), from which share on, and how much of the
# last customer may be doubt.
EVIDENCE_WINDOWS = 3
PRIOR = 0.5
MOSTLY = 0.5
SLACK = 0.25
LEVEL_TITLES = {"cell": "基站小区", "community": "小区", "street": "街道", "district": "区县"}


@dataclass(frozen=True)
class Area:
    """Hold where a report comes from; a part that was not said is empty."""

    district: str = ""
    street: str = ""
    community: str = ""
    cell: str = ""

    def part(self, level: str) -> str:
        """Return the name at one level."""
        return str(getattr(self, level))


@dataclass(frozen=True)
class Threshold:
    """Hold from how many reports in which window an area of one level becomes an incident."""

    types: tuple[str, ...]
    symptom: str
    least: int
    window: timedelta
    level: str

    @property
    def evidence(self) -> timedelta:
        """Return how far back reports tell of which place of a name customers speak."""
        return self.window * EVIDENCE_WINDOWS


@dataclass(frozen=True)
class Emergency:
    """Hold the whole table."""

    thresholds: tuple[Threshold, ...]

    def thresholds_of(self, request_type: str) -> list[Threshold]:
        """Return the thresholds that a report of this type counts towards, narrowest first."""
        fitting = [each for each in self.thresholds if request_type in each.types]
        return sorted(fitting, key=lambda each: AREA_LEVELS.index(each.level))

    def symptom_of(self, request_type: str) -> str | None:
        """Return the symptom under which reports of this type are counted together."""
        for each in self.thresholds:
            if request_type in each.types:
                return each.symptom
        return None


@dataclass(frozen=True)
class Report:
    """Hold one report as far as counting needs it."""

    customer: str
    area: Area
    at: datetime
    id: int = 0


_NOISE = re.compile(r"[\s，,。、；;：:（）()【】\[\]“”\"'·~-]+")
_PROVINCE = re.compile(r"^(?:中国)?(?:[一-鿿]{2,3}省|[一-鿿]{2,5}自治区|[一-鿿]{2,5}特别行政区)")
_CITY = re.compile(r"^[一-鿿]{2,5}?(?:市|自治州|盟|地区)")
_DISTRICT = re.compile(r"^[一-鿿]{1,6}?(?:自治县|新区|开发区|高新区|区|县|旗|市(?!区))(?!域)")
_STREET = re.compile(r"^([一-鿿]{1,8}?(?:街道办?|镇|乡|苏木))(?!政府|中学|小学|医院)")
_ROAD = re.compile(r"^([一-鿿]{1,8}?(?:大道|大街|[东西南北中]?路|[东西南北]?街|巷|胡同|弄))(?:[\d一二三四五六七八九十]+号(?:院)?)?")
_COMMUNITY = re.compile(
    r"([一-鿿A-Za-z]{1,12}?(?:[\d一二三四五六七八九十]+期)?(?:小区|社区|家属院|花园|家园|花苑|雅苑|嘉苑|苑|公寓|新村|"
    r"村|新城|名城|城(?!市|区|关)|豪庭|庭院|华庭|府邸|公馆|山庄|别墅|大厦|广场|科技园|产业园|工业园|园区|"
    r"大学|学院|中学|小学|医院|里|坊|庄|屯|寨))(?:[东西南北]区|[A-Da-d一二三四五六七八九\d]+[期区])?"
)
_BUILDING = re.compile(r"[\dA-Za-z一二三四五六七八九十]+(?:号楼|栋|幢|座|单元|楼|室|号院?|层|门|排).*$")


def area_of(address: str, *, cell: str = "") -> Area:
    """Read an address as customers say it into district, street and community."""
    rest = _NOISE.sub("", address)
    for pattern in (_PROVINCE, _CITY):
        match = pattern.match(rest)
        # 沙市区 and 城市花园 begin like a city and are none.
        if match and len(rest) > match.end() and not rest[match.end() :].startswith(("区", "县")):
            rest = rest[match.end() :]
    district = street = ""
    match = _DISTRICT.match(rest)
    if match and not match[0].endswith(("小区", "社区", "园区")):
        district, rest = match[0], rest[match.end() :]
    if match := _STREET.match(rest):
        street, rest = match[1].removesuffix("办"), rest[match.end() :]
    road = ""
    if (match := _ROAD.match(rest)) and not _starts_community(rest, match[0]):
        road, rest = match[1], rest[match.end() :]
    community = ""
    if match := _COMMUNITY.match(rest):
        community = _plain(match[1])
    elif named := _BUILDING.sub("", rest):
        # 幸福里3号楼 names its community without a word for it; bare numbers name none.
        community = _plain(named) if re.fullmatch(r"[一-鿿]{2,8}", named) and named != rest else ""
    return Area(district, street or road, community, cell.strip())


def _starts_community(rest: str, road: str) -> bool:
    """Tell whether a road's name is only the beginning of a community's (东街花园)."""
    following = rest[len(road) :]
    return bool(re.match(r"(?:小区|社区|花园|家园|新村|村|大厦|广场|公寓)", following))


def _plain(name: str) -> str:
    return name.removesuffix("小区") if len(name) > 4 or name.endswith("小区") else name


@dataclass(frozen=True)
class Namesakes:
    """Hold how many reports of one name came lately from each district that has such a place."""

    lately: Mapping[str, int]

    def share(self, district: str) -> float:
        """Return how surely a report that does not say its district means this one."""
        districts = {*self.lately, district} - {""}
        if len(districts) <= 1:
            return 1.0
        total = sum(self.lately.values()) + PRIOR * len(districts)
        return (self.lately.get(district, 0) + PRIOR) / total

    def likeliest(self) -> str:
        """Return the district that most reports came from."""
        return max(self.lately, key=lambda each: self.lately[each], default="")


def namesakes(
    reports: Iterable[Report], level: str, name: str, *, known: Iterable[str] = (), since: datetime
) -> Namesakes:
    """Count the districts of one name among the reports since then, and those known besides."""
    lately = dict.fromkeys(known, 0)
    for each in reports:
        if each.at > since and each.area.part(level) == name and each.area.district:
            lately[each.area.district] = lately.get(each.area.district, 0) + 1
    return Namesakes(lately)


@dataclass(frozen=True)
class Gathered:
    """Hold the reports that belong together and for how many customers they count."""

    reports: list[Report]
    customers: float

    def reaches(self, least: int) -> bool:
        """Tell whether they are an outage."""
        return self.customers >= least - SLACK


def gather(
    reports: Iterable[Report], threshold: Threshold, area: Area, others: Namesakes, *, now: datetime
) -> Gathered:
    """Return the reports of an area within the window that belong together.

    A report that does not say its district is taken for one of the district from which most
    reports of its name came lately, and counts as far as that is sure.
    """
    since, level, name = now - threshold.window, threshold.level, area.part(threshold.level)
    named = [
        each for each in reports
        if name and since < each.at <= now and each.area.part(level) == name
    ]
    if level == "cell":
        return Gathered(named, len({each.customer for each in named}))
    district = area.district or others.likeliest()
    share = others.share(district)
    found, sure = [], dict[str, float]()
    for each in named:
        weight = 1.0 if each.area.district == district else 0.0 if each.area.district else share
        if weight >= MOSTLY:
            found.append(each)
            sure[each.customer] = max(weight, sure.get(each.customer, 0.0))
    return Gathered(found, sum(sure.values()))


def area_words(level: str, names: Sequence[str]) -> str:
    """Write the areas of an incident as customers know them."""
    suffix = "小区" if level == "community" else ""
    shown = [name if name.endswith((*"区村院校城苑园里庭厦场", "公寓")) else f"{name}{suffix}" for name in names]
    return "、".join(shown)
