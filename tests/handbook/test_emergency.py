"""Outage mode of 4.5: addresses as customers say them, and the threshold."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.handbook.emergency import Area, Gathered, Report, Threshold, area_of, gather, namesakes
from tests.moments import at

RULE = Threshold(("fault_broadband",), "固网故障", 5, timedelta(minutes=30), "community")


@pytest.mark.parametrize(
    ("address", "area"),
    [
        ("城关区幸福小区3号楼", Area("城关区", "", "幸福")),
        ("兰州市城关区幸福小区2单元501", Area("城关区", "", "幸福")),
        ("甘肃省兰州市城关区雁滩街道幸福小区", Area("城关区", "雁滩街道", "幸福")),
        ("幸福小区", Area("", "", "幸福")),
        ("城关区 阳光家园 5栋", Area("城关区", "", "阳光家园")),
        ("李庄镇王家村", Area("", "李庄镇", "王家村")),
        ("人民路23号", Area("", "人民路", "")),
        ("城关区人民路12号时代广场", Area("城关区", "人民路", "时代广场")),
        ("沙市区江津路幸福小区", Area("沙市区", "江津路", "幸福")),
        ("东街花园2栋", Area("", "", "东街花园")),
        ("武汉大学", Area("", "", "武汉大学")),
        ("幸福里3号楼", Area("", "", "幸福里")),
        ("我家", Area()),
    ],
)
def test_an_address_is_read_to_its_area(address: str, area: Area) -> None:
    assert area_of(address) == area


def reports(count: int, *, minutes: int, customers: int | None = None, area: str = "城关区幸福小区") -> list[Report]:
    """Return reports spread evenly over some minutes before noon."""
    noon = at("2026-03-02 12:00")
    return [
        Report(f"c{n % (customers or count)}", area_of(area), noon - timedelta(minutes=minutes * n / count))
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("what", "found", "outage"),
    [
        ("five customers in half an hour", reports(5, minutes=29), True),
        ("four are too few", reports(4, minutes=20), False),
        ("five in an hour are too slow", reports(5, minutes=60), False),
        ("one customer who calls five times is one", reports(5, minutes=20, customers=1), False),
        ("five without an area are nothing", reports(5, minutes=20, area="我家"), False),
        ("five of another place are nothing here", reports(5, minutes=20, area="城关区阳光家园"), False),
    ],
)
def test_outage(what: str, found: list[Report], outage: bool) -> None:
    assert together(found).reaches(RULE.least) is outage, what


def together(found: list[Report], where: str = "城关区幸福小区", known: tuple[str, ...] = ()) -> Gathered:
    """Gather reports at noon."""
    noon = at("2026-03-02 12:00")
    others = namesakes(found, "community", "幸福", known=known, since=noon - RULE.evidence)
    return gather(found, RULE, area_of(where), others, now=noon)


HERE, THERE, UNSAID = "城关区幸福小区", "七里河区幸福小区", "幸福小区"
BOTH = ("城关区", "七里河区")


@pytest.mark.parametrize(
    ("what", "here", "there", "unsaid", "known", "where", "gathered", "outage"),
    [
        # the name is known in one district only: to leave it out means that one
        ("one place of the name", 2, 0, 3, ("城关区",), HERE, 5, True),
        ("nobody ever says a district", 0, 0, 5, (), UNSAID, 5, True),
        # the name is known in two: those without a district follow those with one
        ("most say this district", 4, 0, 1, BOTH, HERE, 5, True),
        ("most say this district, one who does not calls", 4, 0, 1, BOTH, UNSAID, 5, True),
        ("too few say which it is", 1, 0, 4, BOTH, HERE, 5, False),
        ("nobody says which of the two", 0, 0, 5, BOTH, UNSAID, 5, False),
        ("most say the other district", 1, 4, 3, BOTH, HERE, 1, False),
        ("the other district has its own", 4, 4, 0, BOTH, HERE, 4, False),
    ],
)
def test_who_does_not_say_a_district_is_understood_from_those_who_do(
    what: str, here: int, there: int, unsaid: int, known: tuple[str, ...], where: str, gathered: int,
    outage: bool,
) -> None:
    found = [
        Report(f"{address}{n}", area_of(address), at("2026-03-02 11:50"))
        for address, count in ((HERE, here), (THERE, there), (UNSAID, unsaid))
        for n in range(count)
    ]
    result = together(found, where, known)

    assert (len(result.reports), result.reaches(RULE.least)) == (gathered, outage), what
