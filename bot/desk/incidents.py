"""Chapter 4.5: incidents (群障): many reports of one fault served as one, each customer told.

An incident's deadline is carried by a ticket of its own, of the urgent class, whose clock starts
with the first report; the ladder, the holder and the history are those of any ticket.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import case, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.sql import Select

from bot.desk.notices import notify_staff, tell_customer
from bot.desk.ticket_log import events_of, lock_ticket
from bot.desk.tickets import open_ticket, take_step
from bot.handbook.clocks import MEMBERS_HEAR, Standing, replay
from bot.handbook.emergency import (
    Area,
    Namesakes,
    Report,
    Threshold,
    area_of,
    area_words,
    gather,
)
from bot.handbook.lifecycle import OPEN_STATES
from bot.handbook.requests import Urgency
from bot.handbook.tables import Handbook
from bot.storage.clock import FaultReport, Incident
from bot.storage.locks import lock_name
from bot.storage.tickets import Ticket

# That a name stands for places in several districts is learnt from the reports themselves.
DISTRICTS_KNOWN_FOR = timedelta(days=30)


@dataclass(frozen=True)
class Joined:
    """Say that a ticket belongs to an incident: which, where, what, and whether it made it."""

    incident: Incident
    area: str
    symptom: str
    opened: bool


class Change(NamedTuple):
    """Hold the last line of an incident's ticket that moved its time, and the time since then."""

    seq: int
    step: str
    due: datetime
    standing: Standing


def join_or_count(
    session: Session, handbook: Handbook, ticket: Ticket, *, now: datetime, tell: bool = True
) -> Joined | None:
    """Count a new ticket's report; attach it to an open incident, or open one at the threshold.

    Without `tell` the caller says in its own answer that the ticket belongs to an incident.
    """
    symptom = handbook.clock.emergency.symptom_of(ticket.type)
    if symptom is None:
        return None
    if ticket.incident_id is not None:
        return incident_of(session, ticket)
    lock_name(session, f"incident:{symptom}")
    report = _report(session, ticket, symptom, now)
    area, untold = _area(report), None if tell else ticket.id
    for incident, place in _places(session, symptom, area):
        # What could not be told apart before may be clear by now, and joins as well.
        found = members_of(session, any_number(handbook, symptom, incident.level), place, now=now)
        if report in found:
            attach(session, handbook, incident, found, tell=True, now=now, untold=untold)
            if ticket.incident_id == incident.id:
                return Joined(incident, words_of(incident), symptom, opened=False)
    for threshold in handbook.clock.emergency.thresholds_of(ticket.type):
        if not _may_reach(session, threshold, area, now=now):
            continue
        found, reached = _gathered(session, threshold, area, now=now)
        if reached:
            incident = open_at(
                session, handbook, threshold, area, found, now=now, untold=untold
            )
            return Joined(incident, words_of(incident), symptom, opened=True)
    return None


def any_number(handbook: Handbook, symptom: str, level: str) -> Threshold:
    """Return what joins an incident that is there: one report within the longest window."""
    rules = [each for each in handbook.clock.emergency.thresholds if each.symptom == symptom]
    return Threshold((), symptom, 1, max(each.window for each in rules), level)


def words_of(incident: Incident) -> str:
    """Return the incident's areas as customers know them."""
    return incident_words(incident.district, incident.level, incident.areas)


def incident_words(district: str, level: str, names: Sequence[str]) -> str:
    """Return areas of one district as customers know them."""
    return f"{district}{area_words(level, names)}"


def open_key_of(threshold: Threshold, district: str, name: str) -> str:
    """Return the key that lets only one incident of a symptom be open in an area."""
    return f"{threshold.symptom}:{threshold.level}:{district}:{name}"


def incident_of(session: Session, ticket: Ticket) -> Joined | None:
    """Return the incident a ticket belongs to, in the words a customer is told."""
    if ticket.incident_id is None:
        return None
    incident = session.get(Incident, ticket.incident_id)
    return Joined(incident, words_of(incident), incident.symptom, opened=False)


def _report(session: Session, ticket: Ticket, symptom: str, now: datetime) -> FaultReport:
    found = session.execute(
        select(FaultReport).where(FaultReport.ticket_id == ticket.id)
    ).scalar_one_or_none()
    if found is not None:
        return found
    area = area_of(str(ticket.facts.get("address", "")), cell=str(ticket.facts.get("cell", "")))
    report = FaultReport(
        ticket_id=ticket.id, symptom=symptom, type=ticket.type, district=area.district,
        street=area.street, community=area.community, cell=area.cell, at=now,
        customer=(ticket.phone_hash or ticket.conversation_id or ticket.number)[:80],
    )
    session.add(report)
    session.flush()
    return report


def _area(report: FaultReport) -> Area:
    return Area(report.district, report.street, report.community, report.cell)


def _places(session: Session, symptom: str, area: Area) -> list[tuple[Incident, Area]]:
    """Return the open incidents, the oldest first, that have an area of the same name."""
    rows = session.execute(
        select(Incident)
        .where(Incident.state == "open", Incident.symptom == symptom)
        .order_by(Incident.id)
    ).scalars()
    return [
        (incident, named_area(incident.level, area.part(incident.level), incident.district))
        for incident in rows
        if area.part(incident.level) in incident.areas
    ]


def named_area(level: str, name: str, district: str) -> Area:
    """Return the area of one name at a level."""
    return Area(**{"district": district, level: name}) if level != "district" else Area(name)


def members_of(
    session: Session, threshold: Threshold, area: Area, *, now: datetime, left: bool = False
) -> list[FaultReport]:
    """Return the reports of one area in the window that no incident has (yet; or that `left` one)."""
    return _gathered(session, threshold, area, now=now, left=left)[0]


def _may_reach(session: Session, threshold: Threshold, area: Area, *, now: datetime) -> bool:
    """Tell whether enough customers report the area's name, before the reports are read."""
    name = area.part(threshold.level)
    people = select(func.count(FaultReport.customer.distinct()))
    query = _in_window(people, threshold, name, now=now)
    return bool(name) and session.execute(query).scalar_one() >= threshold.least


def _in_window(
    query: Select, threshold: Threshold, name: str, *, now: datetime, left: bool = False
) -> Select:
    free = FaultReport.incident_id.is_(None) & FaultReport.left_at.is_(None)
    return query.join(Ticket, Ticket.id == FaultReport.ticket_id).where(
        FaultReport.symptom == threshold.symptom,
        getattr(FaultReport, threshold.level) == name,
        FaultReport.at > now - threshold.window,
        FaultReport.at <= now,
        free | FaultReport.left_at.is_not(None) if left else free,
        Ticket.state.in_(OPEN_STATES),
    )


def _gathered(
    session: Session, threshold: Threshold, area: Area, *, now: datetime, left: bool = False
) -> tuple[list[FaultReport], bool]:
    """Return the reports that belong together, and whether they are an outage."""
    name = area.part(threshold.level)
    if not name:
        return [], False
    query = _in_window(select(FaultReport), threshold, name, now=now, left=left)
    rows = session.execute(query.order_by(FaultReport.id)).scalars()
    reports = {
        row.id: (row, Report(row.customer, _area(row), row.at, row.id)) for row in rows
    }
    others = _namesakes(session, threshold, name, now=now)
    found = gather((each for _, each in reports.values()), threshold, area, others, now=now)
    return [reports[each.id][0] for each in found.reports], found.reaches(threshold.least)


def _namesakes(
    session: Session, threshold: Threshold, name: str, *, now: datetime
) -> Namesakes:
    """Count the reports of a name by district, whatever became of them."""
    if threshold.level == "cell":
        return Namesakes({})
    lately = case((FaultReport.at > now - threshold.evidence, 1), else_=0)
    rows = session.execute(
        select(FaultReport.district, func.sum(lately))
        .where(
            FaultReport.symptom == threshold.symptom,
            getattr(FaultReport, threshold.level) == name,
            FaultReport.at > now - DISTRICTS_KNOWN_FOR, FaultReport.at <= now,
            FaultReport.district != "",
        )
        .group_by(FaultReport.district)
    )
    return Namesakes(dict(rows.all()))


def open_at(
    session: Session, handbook: Handbook, threshold: Threshold, area: Area,
    members: Sequence[FaultReport], *, now: datetime, staff_id: int | None = None,
    untold: int | None = None,
) -> Incident:
    """Open the incident of an area with its reports, or find the one just opened."""
    districts = Counter(each.district for each in members if each.district)
    district = districts.most_common(1)[0][0] if districts else area.district
    name = area.part(threshold.level)
    key = open_key_of(threshold, district, name)
    incident = Incident(
        open_key=key, symptom=threshold.symptom, level=threshold.level, district=district,
        areas=[name], state="open", opened_by=staff_id, opened_at=now,
    )
    try:
        with session.begin_nested():
            session.add(incident)
    except IntegrityError:
        incident = session.execute(
            select(Incident).where(Incident.open_key == key)
        ).scalar_one()
        attach(session, handbook, incident, members, tell=True, now=now, untold=untold)
        return incident
    ticket = incident_ticket(session, handbook, incident, members, now=now)
    incident.ticket_id = ticket.id
    session.flush()
    attach(session, handbook, incident, members, tell=True, now=now, untold=untold)
    notify_staff(
        session, key=f"{ticket.number}:incident", kind="incident", level="urgent", role="leader",
        ticket=ticket, now=now, by=("console", "webhook", "mail"),
        text=f"{words_of(incident)}{incident.symptom}已达{len(members)}户，合并为一个群障处理，工单{ticket.number}。",
    )
    return incident


def incident_ticket(
    session: Session, handbook: Handbook, incident: Incident, members: Sequence[FaultReport], *,
    now: datetime,
) -> Ticket:
    """Open the ticket that carries the incident's deadline."""
    kind = Counter(each.type for each in members).most_common(1)[0][0]
    where = words_of(incident)
    # Never later than what the first reporter was promised.
    first = min(each.at for each in members)
    ticket, _ = open_ticket(
        session, handbook, conversation=None, type=kind, urgency=Urgency.URGENT,
        facts={"address": where}, summary=f"群障：{where}{incident.symptom}", signals=["群障"],
        key=f"incident:{incident.id}", now=now, who="system", clock_started=first,
    )
    ticket.incident_id = incident.id
    return ticket


def last_change(session: Session, handbook: Handbook, carrier: Ticket) -> Change:
    """Return what the log of the incident's ticket says that its members should have heard."""
    events = events_of(session, carrier.id)
    standing = replay(events, handbook.clock.calendars)
    heard = [event for event in events if event.step in MEMBERS_HEAR]
    step, seq = (heard[-1].step, heard[-1].seq) if heard else ("", 0)
    return Change(seq, step, standing.members_due, standing)


def attach(
    session: Session, handbook: Handbook, incident: Incident, reports: Sequence[FaultReport], *,
    tell: bool, now: datetime, untold: int | None = None,
) -> int:
    """Attach reports: their own clocks end, the incident's due time is theirs now."""
    carrier = session.get(Ticket, incident.ticket_id)
    # Whoever changes the incident's time meanwhile waits, and finds these reports as members.
    lock_ticket(session, carrier)
    if carrier.state not in OPEN_STATES:
        return 0
    last = last_change(session, handbook, carrier)
    count = 0
    for report in reports:
        ticket = session.get(Ticket, report.ticket_id)
        lock_ticket(session, ticket)
        if ticket.incident_id is not None or ticket.state not in OPEN_STATES - {"submitted"}:
            continue
        if report.incident_id == incident.id:
            continue  # a leader took it out of this one
        take_step(
            session, handbook, ticket, "join", who="system", now=now, recorded=True,
            reason=f"并入群障工单{carrier.number}",
            data={"incident": incident.id, "due": last.due.isoformat()},
        )
        ticket.incident_id = report.incident_id = incident.id
        report.heard, report.left_at, report.next_at = last.seq, None, None
        session.flush()
        count += 1
        if tell and ticket.id != untold:
            tell_customer(
                session, handbook, ticket, "utter_incident_announced",
                key=f"incident:{incident.id}", now=now,
                values={"area": words_of(incident), "symptom": incident.symptom},
            )
    return count


def detach(
    session: Session, handbook: Handbook, incident: Incident, report: FaultReport, *, who: str,
    now: datetime, staff_id: int | None = None, reason: str | None = None, tell: bool = True,
) -> None:
    """Take one report out of its incident; its own clocks run on."""
    ticket = session.get(Ticket, report.ticket_id)
    take_step(
        session, handbook, ticket, "leave", who=who, now=now, recorded=True, actor_id=staff_id,
        reason=reason or "群障取消", data={"incident": incident.id},
    )
    ticket.incident_id, report.left_at = None, now
    session.flush()
    if tell:
        tell_customer(
            session, handbook, ticket, "utter_incident_left", key=f"incident:{incident.id}:left",
            now=now,
        )
