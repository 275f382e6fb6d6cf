"""Incidents (突发事件、群障): list, open, widen, split, end; for leaders, each kept in the audit log."""

from __future__ import annotations

from typing import Any

from sanic.response import HTTPResponse
from sqlalchemy.orm import Session

from bot.console import views
from bot.console.routing import Ask, Field, Section, ok
from bot.desk import incident_control as control
from bot.desk.audit import record_audit
from bot.desk.incidents import last_change, words_of
from bot.desk.staff import staff_titles
from bot.desk.ticket_search import tickets_by_number
from bot.handbook.emergency import LEVEL_TITLES
from bot.handbook.errors import DeskError, NotFound
from bot.handbook.lifecycle import OPEN_STATES
from bot.storage.clock import Incident
from bot.storage.tickets import Ticket

section = Section("incidents")
STATES = {
    "open": "处置中", "restored": "已恢复，正在告知客户", "ending": "正在取消", "ended": "已结束"
}
WHERE = (
    Field("type", required=True, most=40),
    Field("address", required=True, most=100, about="an address, or the name of a cell"),
    Field("level", options=control.LEVELS),
)
REASON = Field("reason", required=True, most=500)


@section.endpoint(
    "GET", "/incidents", "Incidents that are not over, or the last ones that are", "incidents_lead",
    query=[Field("ended", "flag")],
)
async def list_incidents(ask: Ask) -> dict[str, Any]:
    """List incidents with holder, deadline and how many tickets they hold."""

    def look(session: Session) -> dict[str, Any]:
        found = control.incidents(session, ended=ask.query.get("ended", False))
        return {
            "incidents": [_row(session, ask, each) for each in found if _sees(session, ask, each)],
            "levels": {level: LEVEL_TITLES[level] for level in control.LEVELS},
            "types": sorted(
                {t for rule in ask.desk.handbook.clock.emergency.thresholds for t in rule.types}
            ),
        }

    return await ask.look(look)


def _sees(session: Session, ask: Ask, incident: Incident) -> bool:
    carrier = session.get(Ticket, incident.ticket_id) if incident.ticket_id else None
    return carrier is not None and views.sees_ticket(ask.caller, carrier)


def _row(session: Session, ask: Ask, incident: Incident) -> dict[str, Any]:
    carrier = session.get(Ticket, incident.ticket_id)
    inside = control.members_now(session, incident.id)
    titles = staff_titles(session, [carrier.holder_id, incident.opened_by])
    told = last_change(session, ask.desk.handbook, carrier) if incident.state == "open" else None
    return {
        "id": incident.id,
        "symptom": incident.symptom,
        "where": words_of(incident),
        "level": incident.level,
        "level_title": LEVEL_TITLES[incident.level],
        "areas": incident.areas,
        "state": incident.state,
        "state_title": STATES[incident.state],
        "opened_at": incident.opened_at,
        "opened_by": titles.get(incident.opened_by or 0, "系统"),
        # The time that its customers are told, and whether that is a later one than the first.
        "expected_at": told and told.due,
        "delayed": told is not None and told.standing.incident_due is not None,
        "resolved_at": incident.resolved_at,
        "ended_at": incident.ended_at,
        "ticket": views.ticket_row(carrier, ask.desk.handbook, titles, now=ask.now),
        "tickets": len(inside),
        "unserved": sum(ticket.state in OPEN_STATES for ticket, _ in inside),
    }


@section.endpoint(
    "GET", "/incidents/<id:int>", "One incident with its tickets and the areas beside it",
    "incidents_lead",
)
async def show_incident(ask: Ask, id: int) -> dict[str, Any]:
    """Show an incident."""
    return await ask.look(lambda session: _page(session, ask, _visible(session, ask, id)))


def _visible(session: Session, ask: Ask, id: int) -> Incident:
    incident = session.get(Incident, id) if 0 < id < 2**31 else None
    if incident is None or not _sees(session, ask, incident):
        raise NotFound("没有这个突发事件", incident=id)
    return incident


def _page(session: Session, ask: Ask, incident: Incident) -> dict[str, Any]:
    inside = control.members_now(session, incident.id)
    titles = staff_titles(session, [ticket.holder_id for ticket, _ in inside])
    beside = control.neighbours(session, ask.desk.handbook, incident, now=ask.now)
    return {
        **_row(session, ask, incident),
        "members": [
            {
                **views.ticket_row(ticket, ask.desk.handbook, titles, now=ask.now),
                # Down to the community; the building is the customer's own.
                "area": report.cell or f"{report.district}{report.street}{report.community}",
                "unserved": ticket.state in OPEN_STATES,
            }
            for ticket, report in inside[:500]
        ],
        "neighbours": [{"name": name, "reports": number} for name, number in beside],
    }


@section.endpoint(
    "GET", "/incidents/preview", "Which area an address names and how many reports would join",
    "incidents_lead", query=WHERE,
)
async def preview(ask: Ask) -> dict[str, Any]:
    """Say what opening would do."""

    def look(session: Session) -> dict[str, Any]:
        where, count = control.would_join(session, ask.desk.handbook, **_wanted(ask, ask.query))
        return {"where": where, "reports": count}

    return await ask.look(look)


def _wanted(ask: Ask, given: dict[str, Any]) -> dict[str, Any]:
    wanted = given["type"]
    if wanted not in ask.desk.handbook.types:
        raise NotFound("没有这个诉求类型", type=wanted)
    if not ask.caller.sees_team(ask.desk.handbook.types[wanted].team):
        raise DeskError("forbidden", "该类故障由其他团队处置，请联系其班长", type=wanted)
    return {
        "type": wanted, "address": given["address"], "level": given.get("level", "community"),
        "now": ask.now,
    }


@section.endpoint(
    "POST", "/incidents", "Open an incident; recent reports of the area join and are told",
    "incidents_lead", body=WHERE,
)
async def open_one(ask: Ask) -> HTTPResponse:
    """Open an incident before the threshold is reached."""
    wanted = _wanted(ask, ask.body)

    def work(session: Session) -> dict[str, Any]:
        incident = control.open_incident(
            session, ask.desk.handbook, staff_id=ask.caller.id, **wanted
        )
        _audit(session, ask, "incident_opened", incident, {"where": words_of(incident)})
        return _page(session, ask, incident)

    return ok(await _changed(ask, work), status=201)


@section.endpoint(
    "POST", "/incidents/<id:int>/widen", "Add areas; their recent reports join and are told",
    "incidents_lead", body=[Field("names", "texts", required=True)],
)
async def widen(ask: Ask, id: int) -> dict[str, Any]:
    """Widen an incident."""
    names = [name.strip() for name in ask.body["names"] if name.strip()]
    if not names:
        raise DeskError("invalid", "names 应至少写一个区域名称", field="names")

    def work(session: Session) -> dict[str, Any]:
        incident = _visible(session, ask, id)
        joined = control.widen_incident(
            session, ask.desk.handbook, incident, names=names, now=ask.now
        )
        data = {"names": names, "joined": joined}
        _audit(session, ask, "incident_widened", incident, data)
        return {**_page(session, ask, incident), "joined": joined}

    return await _changed(ask, work)


@section.endpoint(
    "POST", "/incidents/<id:int>/split", "Take tickets out; their own clocks run on",
    "incidents_lead",
    body=[
        Field("numbers", "texts", required=True), REASON,
        Field("own", "flag", about="make them an incident of their own"),
    ],
)
async def split(ask: Ask, id: int) -> dict[str, Any]:
    """Split tickets off."""

    def work(session: Session) -> dict[str, Any]:
        incident = _visible(session, ask, id)
        left, own = control.split_incident(
            session, ask.desk.handbook, incident,
            tickets=tickets_by_number(session, ask.body["numbers"]), staff_id=ask.caller.id,
            reason=ask.body["reason"], now=ask.now, own=ask.body.get("own", False),
        )
        if not left:
            raise NotFound("所选工单都不在这个突发事件中，请刷新后再选", numbers=ask.body["numbers"])
        data = {"numbers": ask.body["numbers"][:50], "left": left, "reason": ask.body["reason"]}
        _audit(session, ask, "incident_split", incident, data)
        if own is not None:
            _audit(session, ask, "incident_opened", own, {"where": words_of(own), "from": incident.id})
        return {
            **_page(session, ask, incident), "left": left,
            "own": None if own is None else _row(session, ask, own),
        }

    return await _changed(ask, work)


@section.endpoint(
    "POST", "/incidents/<id:int>/end", "End a false alarm; the tickets get their clocks back",
    "incidents_lead", body=[REASON],
)
async def end(ask: Ask, id: int) -> dict[str, Any]:
    """End an incident that is none."""

    def work(session: Session) -> dict[str, Any]:
        incident = _visible(session, ask, id)
        control.end_incident(
            session, ask.desk.handbook, incident, staff_id=ask.caller.id,
            reason=ask.body["reason"], now=ask.now,
        )
        _audit(session, ask, "incident_ended", incident, {"reason": ask.body["reason"]})
        return _page(session, ask, incident)

    return await _changed(ask, work)


async def _changed(ask: Ask, work: Any) -> dict[str, Any]:
    page: dict[str, Any] = await ask.work(work)
    ask.desk.hub.publish("staff", {})
    return page


def _audit(
    session: Session, ask: Ask, action: str, incident: Incident, data: dict[str, Any]
) -> None:
    record_audit(
        session, action=action, subject=f"incident:{incident.id}", now=ask.now,
        staff_id=ask.caller.id, staff_name=ask.caller.name, data=data,
    )
