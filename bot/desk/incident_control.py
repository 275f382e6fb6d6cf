"""Chapter 4.5: what a leader does with an incident (群障管理): open, widen, split, end one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.desk.incidents import (
    any_number,
    attach,
    detach,
    incident_ticket,
    incident_words,
    members_of,
    named_area,
    open_at,
    open_key_of,
)
from bot.desk.tickets import take_step
from bot.handbook.emergency import LEVEL_TITLES, Area, Threshold, area_of
from bot.handbook.errors import Refusal
from bot.handbook.lifecycle import OPEN_STATES
from bot.handbook.tables import Handbook
from bot.storage.clock import FaultReport, Incident
from bot.storage.locks import lock_name
from bot.storage.tickets import Ticket


class IncidentEnded(Refusal):
    """Refuse a change of an incident that is over."""

    code = "incident_ended"


def _require_open(incident: Incident) -> None:
    if incident.state != "open":
        raise IncidentEnded("群障已结束，不能再调整", incident=incident.id, state=incident.state)


LEVELS = ("community", "street", "cell")


def read_area(address: str, level: str) -> Area:
    """Read what a leader wrote as an area of a level; a cell is named by itself."""
    area = area_of("", cell=address) if level == "cell" else area_of(address)
    if not area.part(level):
        title = LEVEL_TITLES[level]
        raise Refusal(f"没有从“{address}”读出{title}名称，请写明，例如：城关区幸福小区", field="address")
    return area


def _wanted(handbook: Handbook, type: str, address: str, level: str) -> tuple[Threshold, Area]:
    symptom = handbook.clock.emergency.symptom_of(type)
    if symptom is None:
        known = sorted({t for rule in handbook.clock.emergency.thresholds for t in rule.types})
        raise Refusal("该诉求类型不设群障，请选择故障类型", type=type, known=known)
    return any_number(handbook, symptom, level), read_area(address, level)


def would_join(
    session: Session, handbook: Handbook, *, type: str, address: str, level: str, now: datetime
) -> tuple[str, int]:
    """Return the area as customers know it and how many recent reports an incident would take."""
    rule, area = _wanted(handbook, type, address, level)
    words = incident_words(area.district, level, [area.part(level)])
    return words, len(members_of(session, rule, area, now=now, left=True))


def open_incident(
    session: Session, handbook: Handbook, *, type: str, address: str, level: str, staff_id: int,
    now: datetime,
) -> Incident:
    """Let a leader open an incident before the threshold is reached; recent reports join."""
    rule, area = _wanted(handbook, type, address, level)
    lock_name(session, f"incident:{rule.symptom}")
    members = members_of(session, rule, area, now=now, left=True)
    if members:
        return open_at(session, handbook, rule, area, members, now=now, staff_id=staff_id)
    return _open_empty(session, handbook, rule, area, type, staff_id=staff_id, now=now)


def _open_empty(
    session: Session, handbook: Handbook, rule: Threshold, area: Area, type: str, *, staff_id: int,
    now: datetime,
) -> Incident:
    name = area.part(rule.level)
    key = open_key_of(rule, area.district, name)
    found = session.execute(select(Incident).where(Incident.open_key == key)).scalar_one_or_none()
    if found is not None:
        return found
    incident = Incident(
        open_key=key, symptom=rule.symptom, level=rule.level, district=area.district,
        areas=[name], state="open", opened_by=staff_id, opened_at=now,
    )
    session.add(incident)
    session.flush()
    seed = [FaultReport(type=type, at=now)]
    incident.ticket_id = incident_ticket(session, handbook, incident, seed, now=now).id
    session.flush()
    return incident


def widen_incident(
    session: Session, handbook: Handbook, incident: Incident, *, names: Sequence[str], now: datetime
) -> int:
    """Add areas of the incident's level; their recent reports join and are told."""
    _require_open(incident)
    lock_name(session, f"incident:{incident.symptom}")
    level = incident.level
    names = [read_area(name, level).part(level) for name in dict.fromkeys(names)]
    incident.areas = list(dict.fromkeys([*incident.areas, *names]))
    rule = any_number(handbook, incident.symptom, level)
    joined = 0
    for name in names:
        area = named_area(incident.level, name, incident.district)
        members = members_of(session, rule, area, now=now, left=True)
        joined += attach(session, handbook, incident, members, tell=True, now=now)
    return joined


def split_incident(
    session: Session, handbook: Handbook, incident: Incident, *, tickets: Sequence[Ticket],
    staff_id: int, reason: str, now: datetime, own: bool = False,
) -> tuple[int, Incident | None]:
    """Take tickets out of an incident; their own clocks run on as if they had never joined.

    With `own` they are an incident of their own at once, with the deadline of the first of them.
    """
    _require_open(incident)
    query = select(FaultReport).where(
        FaultReport.ticket_id.in_([ticket.id for ticket in tickets if ticket.state in OPEN_STATES]),
        FaultReport.incident_id == incident.id, FaultReport.left_at.is_(None),
    )
    leaving = list(session.execute(query.order_by(FaultReport.id)).scalars())
    level, area = _common_area(incident, leaving) if own and leaving else ("", Area())
    for report in leaving:
        detach(
            session, handbook, incident, report, who="leader", now=now, staff_id=staff_id,
            reason=reason, tell=not own,
        )
    if not level:
        return len(leaving), None
    lock_name(session, f"incident:{incident.symptom}")
    rule = any_number(handbook, incident.symptom, level)
    if level == incident.level:
        # By which it had been widened; who calls from there next joins the new one.
        incident.areas = [name for name in incident.areas if name != area.part(level)]
    return len(leaving), open_at(
        session, handbook, rule, area, leaving, now=now, staff_id=staff_id
    )


def _common_area(incident: Incident, reports: Sequence[FaultReport]) -> tuple[str, Area]:
    """Return the narrowest area that all reports share; the incident was not opened for it."""
    for level in LEVELS:
        names = {getattr(report, level) for report in reports}
        if len(names) == 1 and (name := names.pop()):
            if level == incident.level and name == incident.areas[0]:
                raise Refusal(f"本事件就是为{name}建立的，不能另立事件，可以只移出", area=name)
            district = max(report.district for report in reports)
            return level, named_area(level, name, district)
    titles = "、".join(LEVEL_TITLES[level] for level in LEVELS)
    raise Refusal(f"所选工单不在同一个{titles}，不能另立一个事件，请分开选择", field="numbers")


def end_incident(
    session: Session, handbook: Handbook, incident: Incident, *, staff_id: int, reason: str,
    now: datetime,
) -> None:
    """End a false alarm: its ticket is withdrawn, the sweep gives the members their clocks back."""
    _require_open(incident)
    carrier = session.get(Ticket, incident.ticket_id)
    take_step(
        session, handbook, carrier, "withdraw", who="leader", now=now, actor_id=staff_id, reason=reason
    )
    session.refresh(incident)


def incidents(session: Session, *, ended: bool = False, most: int = 50) -> list[Incident]:
    """Return the incidents that are not over, or the last ones that are, newest first."""
    over = Incident.state == "ended" if ended else Incident.state != "ended"
    query = select(Incident).where(over).order_by(Incident.id.desc()).limit(most)
    return list(session.execute(query).scalars())


def members_now(session: Session, incident_id: int) -> list[tuple[Ticket, FaultReport]]:
    """Return the tickets that are in the incident and their reports, in the order of these."""
    query = (
        select(Ticket, FaultReport)
        .join(FaultReport, FaultReport.ticket_id == Ticket.id)
        .where(FaultReport.incident_id == incident_id, FaultReport.left_at.is_(None))
        .order_by(FaultReport.id)
    )
    return [(ticket, report) for ticket, report in session.execute(query)]


def neighbours(
    session: Session, handbook: Handbook, incident: Incident, *, now: datetime
) -> list[tuple[str, int]]:
    """Return the areas that report the same and could be added, those with most reports first."""
    name = getattr(FaultReport, incident.level)
    count = func.count(FaultReport.customer.distinct())
    query = (
        select(name, count)
        .join(Ticket, Ticket.id == FaultReport.ticket_id)
        .where(
            FaultReport.symptom == incident.symptom, FaultReport.incident_id.is_(None),
            FaultReport.left_at.is_(None), Ticket.state.in_(OPEN_STATES),
            FaultReport.at > now - any_number(handbook, incident.symptom, incident.level).window,
            name != "", name.not_in(incident.areas),
        )
        .group_by(name)
        .order_by(count.desc(), name)
        .limit(20)
    )
    if incident.district and incident.level != "cell":
        query = query.where(FaultReport.district.in_(["", incident.district]))
    return [(found, number) for found, number in session.execute(query)]
