"""More of tickets: merging, splitting, files, the complaint lane (投诉处理), approvals (审批), views (视图)."""

from __future__ import annotations

from typing import Any

from sanic.response import HTTPResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.console import views
from bot.console.routing import Ask, Field, Section, ok
from bot.console.tickets_api import URGENCIES, after_change
from bot.desk import approvals, complaints, ticket_links, ticket_work
from bot.desk.attachments import store_attachment
from bot.desk.staff import staff_titles
from bot.handbook.errors import DeskError, NotFound
from bot.handbook.requests import Urgency
from bot.storage.staff import SavedView
from bot.storage.tickets import Ticket

section = Section("lane")


@section.endpoint(
    "POST",
    "/tickets/<number:str>/duties/<duty:str>",
    "Tick a part of the complaint procedure",
    "tickets_work",
    body=[Field("done", "flag", required=True), Field("note", most=1_000), Field("cause", most=40)],
)
async def tick(ask: Ask, number: str, duty: str) -> dict[str, Any]:
    """Tick or untick."""

    def work(session: Session) -> None:
        ticket = ticket_work.visible_ticket(session, ask.caller, number)
        complaints.tick_duty(
            session,
            ask.tables.reception.complaints,
            ask.caller,
            ticket,
            duty=duty,
            done=ask.body["done"],
            now=ask.now,
            note=ask.body.get("note"),
            cause=ask.body.get("cause"),
        )

    await ask.work(work)
    return await after_change(ask, number)


@section.endpoint(
    "POST",
    "/tickets/<number:str>/approvals",
    "Ask for a refund, waiver or compensation",
    "approvals_ask",
    body=[
        Field("kind", required=True, most=24),
        Field("amount", "number", required=True),
        Field("reason", required=True, most=500),
    ],
)
async def ask_for(ask: Ask, number: str) -> HTTPResponse:
    """Ask for a sum; within the asker's authority it is allowed at once."""

    def work(session: Session) -> None:
        ticket = ticket_work.visible_ticket(session, ask.caller, number)
        approvals.ask_approval(
            session,
            ask.tables.reception.complaints,
            ask.caller,
            ticket,
            kind=ask.body["kind"],
            amount=ask.body["amount"],
            reason=ask.body["reason"],
            now=ask.now,
        )

    await ask.work(work)
    return ok(await after_change(ask, number), status=201)


@section.endpoint("GET", "/approvals", "What waits for a leader's decision", "approvals_decide")
async def list_approvals(ask: Ask) -> dict[str, Any]:
    """List open approvals of the person's teams."""

    def look(session: Session) -> dict[str, Any]:
        pairs = approvals.open_approvals(session, ask.caller)
        titles = staff_titles(session, [a.asked_by for a, _ in pairs])
        tables = ask.tables.reception.complaints
        return {
            "approvals": [
                {**approvals.approval_json(a, tables, titles), "ticket": t.number} for a, t in pairs
            ]
        }

    return await ask.look(look)


@section.endpoint(
    "POST",
    "/approvals/<id:int>/<decision:str>",
    "Approve or refuse; never one's own",
    "approvals_decide",
    body=[Field("note", most=500)],
)
async def decide(ask: Ask, id: int, decision: str) -> dict[str, Any]:
    """Decide; the first decision stands."""
    if decision not in {"approve", "refuse"}:
        raise NotFound("只能 approve 或 refuse", decision=decision)
    if not 0 < id < 2**31:
        raise NotFound("没有这个审批", approval=id)

    def work(session: Session) -> str:
        approval = session.get(approvals.Approval, id)
        if approval is None:
            raise NotFound("没有这个审批", approval=id)
        ticket = session.get(Ticket, approval.ticket_id)
        ticket_work.visible_ticket(session, ask.caller, ticket.number)
        approvals.decide_approval(
            session,
            ask.tables.reception.complaints,
            ask.caller,
            id,
            approve=decision == "approve",
            note=ask.body.get("note", ""),
            now=ask.now,
        )
        return str(ticket.number)

    return await after_change(ask, await ask.work(work))


@section.endpoint("GET", "/views", "The person's saved filters", "tickets_read")
async def list_views(ask: Ask) -> dict[str, Any]:
    """List saved views."""

    def look(session: Session) -> dict[str, Any]:
        rows = session.execute(
            select(SavedView).where(SavedView.staff_id == ask.caller.id).order_by(SavedView.id)
        ).scalars()
        return {"views": [{"id": v.id, "title": v.title, "filters": v.filters} for v in rows]}

    return await ask.look(look)


@section.endpoint(
    "POST",
    "/views",
    "Save filters under a name, replacing those of the same name",
    "tickets_read",
    body=[Field("title", required=True, most=40), Field("filters", "object", required=True)],
)
async def save_view(ask: Ask) -> HTTPResponse:
    """Save a view."""

    def work(session: Session) -> dict[str, Any]:
        title = ask.body["title"].strip()
        row = session.execute(
            select(SavedView).where(SavedView.staff_id == ask.caller.id, SavedView.title == title)
        ).scalar_one_or_none()
        row = row or SavedView(staff_id=ask.caller.id, title=title)
        row.filters = ask.body["filters"]
        session.add(row)
        session.flush()
        return {"id": row.id, "title": row.title, "filters": row.filters}

    return ok({"view": await ask.work(work)}, status=201)


@section.endpoint("DELETE", "/views/<id:int>", "Forget saved filters", "tickets_read")
async def forget_view(ask: Ask, id: int) -> dict[str, Any]:
    """Delete a view of one's own."""

    def work(session: Session) -> None:
        row = session.get(SavedView, id) if 0 < id < 2**31 else None
        if row is None or row.staff_id != ask.caller.id:
            raise NotFound("没有这个视图", view=id)
        session.delete(row)

    await ask.work(work)
    return {"deleted": True}


@section.endpoint(
    "POST",
    "/tickets/<number:str>/merge",
    "Close a duplicate as part of another ticket of the same customer",
    "tickets_work",
    body=[Field("into", required=True, most=40), Field("reason", required=True, most=500)],
)
async def merge(ask: Ask, number: str) -> dict[str, Any]:
    """Merge."""

    def work(session: Session) -> str | None:
        ticket = ticket_work.visible_ticket(session, ask.caller, number)
        into = ticket_work.visible_ticket(session, ask.caller, ask.body["into"])
        ticket_links.merge_tickets(
            session, ask.office, ask.caller, ticket, into, reason=ask.body["reason"], now=ask.now
        )
        return ticket.conversation_id

    await ask.deliver(await ask.work(work))
    return await after_change(ask, ask.body["into"])


@section.endpoint(
    "POST",
    "/tickets/<number:str>/split",
    "Make a second ticket of a matter that holds two",
    "tickets_work",
    body=[
        Field("type", required=True, most=40),
        Field("summary", required=True, most=2_000),
        Field("urgency", options=URGENCIES),
    ],
)
async def split(ask: Ask, number: str) -> HTTPResponse:
    """Split; the second ticket keeps the first one's start of the clock."""
    types = ask.desk.handbook.types
    if ask.body["type"] not in types or not types[ask.body["type"]].kind.is_request:
        raise NotFound("没有这个诉求类型", type=ask.body["type"])

    def work(session: Session) -> str:
        ticket = ticket_work.visible_ticket(session, ask.caller, number)
        urgency = Urgency(ask.body.get("urgency", ticket.urgency))
        second = ticket_links.split_ticket(
            session,
            ask.office,
            ask.caller,
            ticket,
            type=ask.body["type"],
            summary=ask.body["summary"],
            urgency=urgency,
            now=ask.now,
        )
        return str(second.number)

    return ok(await after_change(ask, await ask.work(work)), status=201)


@section.endpoint(
    "POST",
    "/tickets/<number:str>/attachments",
    "Keep a picture or PDF with the ticket",
    "tickets_work",
    upload=True,
)
async def attach(ask: Ask, number: str) -> HTTPResponse:
    """Keep a file, seen by staff only."""
    given = ask.request.files.get("file") if ask.request.files else None
    if given is None:
        raise DeskError("invalid", "file 必填：multipart/form-data 中的文件", field="file")

    def work(session: Session) -> dict[str, Any]:
        ticket = ticket_work.visible_ticket(session, ask.caller, number)
        stored = store_attachment(
            session,
            ask.desk.settings.home / "uploads",
            name=given.name or "",
            content=given.body,
            now=ask.now,
            most=ask.tables.reception.upload_bytes,
            ticket_id=ticket.id,
            staff_id=ask.caller.id,
        )
        ticket_work.step_ticket(
            session,
            ask.office,
            ask.caller,
            ticket,
            ticket_work.Wish("note", reason=f"附件：{stored.name}"),
            now=ask.now,
        )
        return views.attachment_json(stored, secret=ask.secret)

    return ok({"attachment": await ask.work(work)}, status=201)
