"""People (人员): presence, accounts, qualifications, notices, figures, the audit log."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Any

from sanic.response import HTTPResponse, raw
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.console.routing import Ask, Field, Section, dumps
from bot.desk import presence as attendance
from bot.desk.audit import audit_page, record_audit, verify_audit
from bot.desk.complaints import CONVERSATION_KEY
from bot.desk.notices import notices_for, read_notice
from bot.handbook.errors import DeskError, NotFound
from bot.handbook.privacy import mask_data
from bot.handbook.shown_text import mask_for_lists
from bot.storage.audit import AuditEntry
from bot.storage.notices import Notice
from bot.storage.staff import Staff
from bot.storage.tickets import Ticket

section = Section("people")
EXPORT_LINES = 50_000


@section.endpoint(
    "GET",
    "/people",
    "Colleagues: presence, how many they hold, their capacity",
    "conversations_read",
)
async def list_people(ask: Ask) -> dict[str, Any]:
    """List colleagues of the person's teams."""
    teams = ask.caller.team_limit

    def look(session: Session) -> dict[str, Any]:
        shown = attendance.people(session, ask.tables.reception, now=ask.now, teams=teams)
        for person in shown:
            person["has_presence"] = _has_presence(ask, person["role"])
        if "presence_team" not in ask.caller.may:
            for person in shown:
                if person["id"] != ask.caller.id:
                    person["qualifications"], person["lapsing"] = {}, []
        return {"people": shown}

    return await ask.look(look)


PRESENCE = (
    Field("presence", required=True, options=("duty", "break", "off")),
    Field("reason", most=40),
)


@section.endpoint("POST", "/presence", "Set one's own presence", "presence_own", body=PRESENCE)
async def set_own(ask: Ask) -> dict[str, Any]:
    """Set on duty, break or off; the last two with a reason of the table."""
    return await _set_presence(ask, ask.caller.id)


@section.endpoint(
    "POST",
    "/people/<id:int>/presence",
    "Set a colleague's presence",
    "presence_team",
    body=PRESENCE,
)
async def set_other(ask: Ask, id: int) -> dict[str, Any]:
    """Set a colleague's presence, for one who forgot; it is in the audit log."""
    return await _set_presence(ask, id)


async def _set_presence(ask: Ask, staff_id: int) -> dict[str, Any]:
    def work(session: Session) -> dict[str, Any]:
        staff = _colleague(session, ask, staff_id)
        other = staff.id != ask.caller.id
        if not _has_presence(ask, staff.role):
            raise DeskError("invalid", "该同事的角色不接待客户，没有在岗状态", field="presence")
        attendance.set_presence(
            session,
            ask.tables.reception,
            staff,
            ask.body["presence"],
            now=ask.now,
            reason=ask.body.get("reason"),
            by_other=other,
        )
        if other:
            chosen = {"presence": staff.presence, "reason": staff.presence_reason}
            audited(session, ask, "presence_set", staff, chosen)
        return {
            "presence": staff.presence,
            "presence_reason": staff.presence_reason,
            "presence_since": staff.presence_since,
        }

    changed = await ask.work(work)
    ask.desk.hub.publish("staff", {})
    return changed


def _has_presence(ask: Ask, role: str) -> bool:
    # Who does not serve must not be offered customers because somebody put them on duty.
    return "presence_own" in ask.tables.access.roles[role].may


def _colleague(session: Session, ask: Ask, staff_id: int) -> Staff:
    staff = session.get(Staff, staff_id) if 0 < staff_id < 2**31 else None
    shared = staff is not None and (
        not staff.teams or any(ask.caller.sees_team(t) for t in staff.teams)
    )
    if staff is None or staff.disabled_at is not None or not (shared or staff.id == ask.caller.id):
        raise NotFound("没有这个同事", person=staff_id)
    return staff


@section.endpoint(
    "POST",
    "/people/<id:int>/capacity",
    "Set how many conversations a person may hold",
    "presence_team",
    body=[Field("capacity", "whole", required=True)],
)
async def set_capacity(ask: Ask, id: int) -> dict[str, Any]:
    """Set the capacity, 0 to 50."""
    if ask.body["capacity"] > 50:
        raise DeskError("invalid", "capacity 最大 50", field="capacity")

    def work(session: Session) -> dict[str, Any]:
        staff = _colleague(session, ask, id)
        staff.capacity = ask.body["capacity"]
        audited(session, ask, "capacity_set", staff, {"capacity": staff.capacity})
        return {"capacity": staff.capacity}

    return await ask.work(work)


def audited(session: Session, ask: Ask, action: str, staff: Staff, data: dict[str, Any]) -> None:
    """Keep a change of an account in the audit log."""
    record_audit(
        session,
        action=action,
        subject=f"staff:{staff.name}",
        now=ask.now,
        staff_id=ask.caller.id,
        staff_name=ask.caller.name,
        data=data,
    )


@section.endpoint(
    "GET",
    "/notices",
    "The person's notices, newest first",
    "tickets_read",
    query=[Field("unread", "flag"), Field("after", "whole")],
)
async def list_notices(ask: Ask) -> dict[str, Any]:
    """List notices of the person, of the role and of the teams."""
    limit = ask.caller.team_limit

    def look(session: Session) -> dict[str, Any]:
        rows = notices_for(
            session,
            staff_id=ask.caller.id,
            teams=limit,
            roles=ask.caller.hears,
            after=ask.query.get("after", 0),
            unread=ask.query.get("unread", False),
        )
        about = [notice.ticket_id for notice, _ in rows]
        numbers = dict(
            session.execute(select(Ticket.id, Ticket.number).where(Ticket.id.in_(about))).all()
        )
        return {"notices": [_notice(n, read_at, numbers.get(n.ticket_id)) for n, read_at in rows]}

    return await ask.look(look)


def _notice(notice: Notice, read_at: datetime | None, number: str | None) -> dict[str, Any]:
    called_to = notice.key.startswith(CONVERSATION_KEY)
    return {
        "id": notice.id,
        "ticket": number,
        "conversation": notice.key.removeprefix(CONVERSATION_KEY) if called_to else None,
        "kind": notice.kind,
        "level": notice.level,
        "text": mask_for_lists(notice.text),
        "team": notice.team,
        "created_at": notice.created_at,
        "read_at": read_at,
    }


@section.endpoint("POST", "/notices/<id:int>/read", "Mark a notice as read", "tickets_read")
async def mark_read(ask: Ask, id: int) -> dict[str, Any]:
    """Mark as read for the person; for colleagues it stays."""
    if not 0 < id < 2**31:
        raise NotFound("没有这个通知", notice=id)
    changed = await ask.work(
        lambda session: read_notice(
            session,
            id,
            staff_id=ask.caller.id,
            teams=ask.caller.team_limit,
            roles=ask.caller.hears,
            now=ask.now,
        )
    )
    ask.desk.hub.publish("staff", {})
    return {"read": changed}


@section.endpoint(
    "GET",
    "/audit",
    "The audit log, newest first",
    "audit_read",
    query=[
        Field("before", "whole"),
        Field("action", most=40),
        Field("staff", "whole"),
        Field("limit", "whole"),
    ],
)
async def audit(ask: Ask) -> dict[str, Any]:
    """Return one page of the log."""
    most = max(1, min(ask.query.get("limit", 100), 500))

    def look(session: Session) -> dict[str, Any]:
        rows = audit_page(
            session,
            before=ask.query.get("before"),
            action=ask.query.get("action"),
            staff_id=ask.query.get("staff"),
            most=most,
        )
        return {
            "entries": [_line(row) for row in rows],
            "before": rows[-1].id if len(rows) == most else None,
        }

    return await ask.look(look)


def _line(row: AuditEntry) -> dict[str, Any]:
    return {
        "id": row.id,
        "at": row.at,
        "staff": row.staff_name,
        "action": row.action,
        "subject": row.subject,
        # Lines of before reasons were masked as they were written.
        "data": mask_data(row.data),
        "hash": row.hash,
    }


@section.endpoint("GET", "/audit/verify", "Check the chain of the audit log", "audit_read")
async def verify(ask: Ask) -> dict[str, Any]:
    """Walk the chain and say where it breaks."""
    number, broken = await ask.look(verify_audit)
    return {
        "entries": number,
        "intact": broken is None,
        "break": broken and {"id": broken.id, "what": broken.what},
    }


@section.endpoint(
    "GET",
    "/audit/export",
    "The audit log as CSV; a longer one says in its first lines from where to go on",
    "audit_read",
    query=[Field("before", "whole")],
)
async def export(ask: Ask) -> HTTPResponse:
    """Export the log; the export itself is in the log."""
    before, stamp = ask.query.get("before"), ask.now

    def work(session: Session) -> None:
        record_audit(
            session,
            action="audit_exported",
            subject="audit",
            now=stamp,
            staff_id=ask.caller.id,
            staff_name=ask.caller.name,
            data={"before": before} if before else {},
        )

    await ask.work(work)
    # Read apart: nobody's change waits while a long log is written out.
    text = await ask.look(lambda session: _export(session, before=before))
    headers = {"Content-Disposition": "attachment; filename=audit.csv"}
    # The mark lets spreadsheet programs read Chinese as it is.
    return raw(("\ufeff" + text).encode(), content_type="text/csv; charset=utf-8", headers=headers)


def _export(session: Session, *, before: int | None) -> str:
    rows = audit_page(session, before=before, most=EXPORT_LINES + 1)
    earlier = len(rows) > EXPORT_LINES
    rows = rows[:EXPORT_LINES]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["id", "at", "staff", "action", "subject", "data", "previous", "hash"])
    if earlier:
        words = f"只含最新的{EXPORT_LINES}行；更早的行请另行导出：/audit/export?before={rows[-1].id}"
        writer.writerow(["", "", "", "more", words, "", "", ""])
    for row in reversed(rows):
        cells = [row.staff_name, row.action, row.subject, dumps(mask_data(row.data))]
        writer.writerow([row.id, row.at.isoformat(), *map(_cell, cells), row.previous, row.hash])
    return out.getvalue()


def _cell(value: str) -> str:
    """Keep a spreadsheet from taking a text for a formula."""
    return f"'{value}" if value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value
