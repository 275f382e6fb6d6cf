"""Simulated outages and noise: `python -m tests.load.outage_bursts`.

Outages of communities report in bursts, everyday faults come in between. A missed merge is a
report of an outage that ends outside its incident although it came once the threshold was
reached; a false merge is an everyday fault that ends inside an incident.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.handbook.emergency import Area, Report, Threshold, area_of, gather, namesakes
from bot.handbook.tables import load_handbook
from tests.moments import at

DISTRICTS = ("城关区", "七里河区", "安宁区", "西固区")
NAMES = ("幸福", "阳光", "锦绣", "和平", "翠湖", "金色", "紫荆", "东方", "滨河", "望江")
KINDS = ("小区", "花园", "家园", "公寓")
LAYOUTS = (
    "{district}{name}{number}号楼", "{name}{number}号楼{door}室", "{district}{name}", "{name}",
    "兰州市{district}{name}{number}栋", "{district} {name} {number}单元",
)


@dataclass(frozen=True)
class Call:
    """Hold one simulated report and the outage it belongs to, if any."""

    at: datetime
    customer: int
    address: str
    outage: int | None


def simulate(dice: random.Random, *, days: int, per_hour: float, outages: int) -> list[Call]:
    """Return everyday faults and bursts in order of time."""
    places = [(d, f"{n}{k}") for d in DISTRICTS for n in NAMES for k in KINDS]
    start, customer = at("2026-03-01 00:00"), 0
    calls: list[Call] = []

    def call(moment: datetime, place: tuple[str, str], outage: int | None) -> None:
        nonlocal customer
        customer += 1
        address = dice.choice(LAYOUTS).format(
            district=place[0], name=place[1], number=dice.randint(1, 30), door=dice.randint(101, 1802)
        )
        calls.append(Call(moment, customer, address, outage))

    moment = start
    while moment < start + timedelta(days=days):
        moment += timedelta(hours=dice.expovariate(per_hour))
        call(moment, dice.choice(places), None)
    for number in range(outages):
        place = dice.choice(places)
        begin = start + timedelta(minutes=dice.uniform(0, days * 1440))
        for _ in range(dice.randint(8, 60)):
            call(begin + timedelta(minutes=dice.expovariate(1 / 25)), place, number)
    return sorted(calls, key=lambda each: each.at)


@dataclass
class Place:
    """Hold what was reported under one name of a community, and what is open there."""

    known: set[str] = field(default_factory=set)
    reports: deque[Report] = field(default_factory=deque)
    waiting: dict[int, Call] = field(default_factory=dict)
    incidents: list[tuple[str, datetime, list[Call]]] = field(default_factory=list)

    def forget(self, now: datetime, threshold: Threshold) -> None:
        """Drop what is too old to count, and incidents that are over."""
        while self.reports and self.reports[0].at <= now - threshold.evidence:
            self.reports.popleft()
        self.incidents = [each for each in self.incidents if each[1] > now]


def measure(calls: list[Call], *, lasts: timedelta) -> dict[str, float]:
    """Run the rule of the desk over the calls and count right and wrong merges."""
    threshold = load_handbook().clock.emergency.thresholds_of("fault_broadband")[0]
    places: dict[str, Place] = defaultdict(Place)
    merged: list[list[Call]] = []
    for number, call in enumerate(calls):
        area = area_of(call.address)
        place = places[area.community]
        place.forget(call.at, threshold)
        place.known |= {area.district} - {""}
        place.reports.append(Report(str(call.customer), area, call.at, number))
        place.waiting[number] = call
        others = namesakes(
            place.reports, "community", area.community, known=place.known,
            since=call.at - threshold.evidence,
        )
        free = [each for each in place.reports if each.id in place.waiting]
        for district, _, inside in place.incidents:
            where = Area(district=district, community=area.community)
            found = gather(free, threshold, where, others, now=call.at)
            if number in {each.id for each in found.reports}:
                inside += [place.waiting.pop(each.id) for each in found.reports]
                break
        else:
            found = gather(free, threshold, area, others, now=call.at)
            if found.reaches(threshold.least):
                districts = [each.area.district for each in found.reports if each.area.district]
                inside = [place.waiting.pop(each.id) for each in found.reports]
                merged.append(inside)
                where = max(districts, key=districts.count, default="")
                place.incidents.append((where, call.at + lasts, inside))
    return rates(calls, merged, [call for each in places.values() for call in each.waiting.values()])


def rates(calls: list[Call], merged: list[list[Call]], alone: list[Call]) -> dict[str, float]:
    """Count what was merged wrongly and what was missed."""
    inside = [call for joined in merged for call in joined]
    real = [call for call in calls if call.outage is not None]
    missed = [call for call in alone if call.outage is not None]
    false = 0
    for joined in merged:
        outage = [call.outage for call in joined if call.outage is not None]
        main = max(outage, key=outage.count, default=None)
        false += sum(call.outage != main or main is None for call in joined)
    noise = [call for call in calls if call.outage is None]
    return {
        "calls": len(calls), "outage calls": len(real), "incidents": len(merged),
        "missed-merge rate": len(missed) / max(len(real), 1),
        "false-merge rate": false / max(len(noise), 1),
        "purity of incidents": 1 - false / max(len(inside), 1),
    }


def main() -> int:
    """Print the rates over several loads of everyday faults."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--outages", type=int, default=200)
    args = parser.parse_args()
    for per_hour in (10, 60, 200):
        calls = simulate(random.Random(1), days=args.days, per_hour=per_hour, outages=args.outages)
        found = measure(calls, lasts=timedelta(hours=6))
        shown = ", ".join(f"{k} {v:.2%}" if isinstance(v, float) else f"{k} {v}" for k, v in found.items())
        print(f"{per_hour} everyday faults an hour over 160 communities: {shown}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
