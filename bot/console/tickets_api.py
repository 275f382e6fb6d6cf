"""Tickets (工单): table, board, search, page, steps, bulk, merging, approvals, the complaint lane."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.console import views
from bot.console.routing import Ask, Field, Section
from bot.desk import approvals, complaints, ticket_links, ticket_search, ticket_work
from bot.desk.audit import record_audit
from bot.desk.staff import staff_titles
from bot.handbook.errors import DeskError, NotFound
from bot.handbook.lifecycle import OPEN_STATES
from bot.handbook.requests import Urgency
from bot.storage.clock import TicketClock
from bot.storage.staff import Attachment, ComplaintCase
from bot.storage.tickets import Ticket

section = Section("tickets")
URGENCIES = tuple(urgency.value for urgency in Urgency)
STEP_FIELDS = (
    Field("reason", most=2_000),
    Field("hold_reason", most=40),
    Field(
        "cause", most=40, about="with resolve: the cause of a complaint, if none is recorded yet"
    ),
    Field("team", most=32),
    Field("person", "whole"),
    Field("type", most=40),
    Field("urgency", options=URGENCIES),
    Field("by", most=40, about="ISO 8601 with offset"),
    Field("confirmed", "flag"),
    Field("score", "whole", about="with confirm: the mark the customer gave on the phone"),
)


def wish_of(step: str, body: dict[str, Any]) -> ticket_work.Wish:
    """Make the wish for a step from a body's fields."""
    score = body.get("score")
    if score is not None and not 1 <= score <= 5:
        raise DeskError("invalid", "score 应为 1 到 5", field="score")
    return ticket_work.Wish(
        step=step,
        reason=body.get("reason"),
        hold_reason=body.get("hold_reason"),
        cause=body.get("cause"),
        team=body.get("team"),
        person=body.get("person"),
        type=body.get("type"),
        urgency=body.get("urgency"),
        by=_moment(body.get("by")),
        confirmed=body.get("confirmed", True),
        score=score,
    )


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        if moment.tzinfo is not None and 2000 < moment.year < 2200:
            return moment.astimezone(timezone.utc)
    except ValueError:
        pass
    raise DeskError("invalid", "by 应为带时区的 ISO 8601 时间", field="by")


NARROWED_BY = (
    Field("class", "texts"),
    Field("type", "texts"),
    Field("urgency", "texts"),
    Field("team", "texts"),
    Field("holder", most=12, about="a staff id, or me"),
)


@section.endpoint(
    "GET",
    "/tickets",
    "One page of tickets, newest first or by due time",
    "tickets_read",
    query=[
        Field("state", "texts"),
        *NARROWED_BY,
        Field("incident", "whole"),
        Field(
            "q", most=100, about="ticket number or its beginning, a whole phone number, or words"
        ),
        Field("sort", options=("newest", "due")),
        Field("cursor", most=60),
        Field("limit", "whole"),
    ],
    due_in="tickets",
)
async def list_tickets(ask: Ask) -> dict[str, Any]:
    """List tickets; the cursor of the answer gives the next page."""
    filters = _filters(ask)
    most = max(1, min(ask.query.get("limit", ticket_search.PAGE), 200))

    def look(session: Session) -> dict[str, Any]:
        page = ticket_search.find_tickets(
            session,
            filters,
            secret=ask.secret,
            cursor=ask.query.get("cursor"),
            most=most,
            allowed=ask.caller.team_limit,
            own=ask.caller.id,
        )
        titles = staff_titles(session, [t.holder_id for t in page.tickets])
        rows = [views.ticket_row(t, ask.desk.handbook, titles, now=ask.now) for t in page.tickets]
        return {"tickets": rows, "cursor": page.cursor}

    # A search for words first adds new tickets to the index, which writes.
    return await (ask.work(look) if filters.wanted else ask.look(look))


def _filters(ask: Ask) -> ticket_search.Filters:
    query = ask.query
    holder = query.get("holder")
    if holder == "me":
        holder_id = ask.caller.id
    elif holder is None:
        holder_id = None
    elif holder.isascii() and holder.isdigit() and int(holder) < 2**31:
        holder_id = int(holder)
    else:
        raise DeskError("invalid", "holder 应为人员编号或 me", field="holder")
    return ticket_search.Filters(
        states=tuple(query.get("state", ())),
        classes=tuple(query.get("class", ())),
        types=tuple(query.get("type", ())),
        urgencies=tuple(query.get("urgency", ())),
        teams=tuple(query.get("team", ())),
        holder=holder_id,
        incident=query.get("incident"),
        wanted=query.get("q", ""),
        sort=query.get("sort", "newest"),
    )


@section.endpoint(
    "GET",
    "/board",
    "Open tickets of each state by due time, for the board",
    "tickets_read",
    query=list(NARROWED_BY),
    due_in="columns.tickets",
)
async def board(ask: Ask) -> dict[str, Any]:
    """Return the columns of the board; they are counted where nothing narrows them."""
    columns = ("accepted", "processing", "on_hold", "resolved")
    filters = _filters(ask)
    whole = filters == ticket_search.Filters()

    def look(session: Session) -> dict[str, Any]:
        limit = ask.caller.team_limit
        counts = ticket_search.counts_by_state(session, allowed=limit) if whole else {}
        shown = []
        for state in columns:
            sort = "newest" if state == "resolved" else "due"
            page = ticket_search.find_tickets(
                session,
                replace(filters, states=(state,), sort=sort),
                secret=ask.secret,
                most=30,
                allowed=ask.caller.team_limit,
                own=ask.caller.id,
            )
            titles = staff_titles(session, [t.holder_id for t in page.tickets])
            shown.append(
                {
                    "state": state,
                    "title": ask.desk.handbook.lifecycle.states.get(state, state),
                    "count": counts.get(state, 0) if whole and state in OPEN_STATES else None,
                    "tickets": [
                        views.ticket_row(t, ask.desk.handbook, titles, now=ask.now)
                        for t in page.tickets
                    ],
                }
            )
        return {"columns": shown}

    return await ask.look(look)


@section.endpoint(
    "GET",
    "/tickets/<number:str>",
    "One ticket with history, clocks and the steps that are legal now",
    "tickets_read",
    due_in="",
)
async def show_ticket(ask: Ask, number: str) -> dict[str, Any]:
    """Show a ticket."""
    return await ask.look(
        lambda session: ticket_page(
            session, ask, ticket_work.visible_ticket(session, ask.caller, number)
        )
    )


def ticket_page(session: Session, ask: Ask, ticket: Ticket) -> dict[str, Any]:
    """Return everything the page of a ticket shows."""
    handbook, tables = ask.desk.handbook, ask.tables.reception
    sums = approvals.approvals_of(session, ticket.id)
    case = session.get(ComplaintCase, ticket.id)
    ids = [
        ticket.holder_id,
        *(e.actor_id for e in ticket.entries),
        *(s.asked_by for s in sums),
        *(s.decided_by for s in sums),
    ]
    ids += [tick.get("by") for tick in (case.done if case else {}).values()]
    titles = staff_titles(session, ids)
    legal = ticket_work.legal_steps(ask.office, ask.caller, ticket)
    files = session.execute(select(Attachment).where(Attachment.ticket_id == ticket.id)).scalars()
    return {
        **views.ticket_row(ticket, handbook, titles, now=ask.now),
        "full_summary": views.mask(ticket.summary),
        "signals": ticket.signals,
        "facts": views.facts_json(ticket, handbook),
        "table_version": ticket.table_version,
        "hold_reason": ticket.hold_reason,
        "clocks": clocks_json(session, ticket),
        "history": [views.entry_json(e, handbook, titles) for e in ticket.entries],
        "legal_steps": legal,
        "steps": [
            {
                "id": s,
                "title": handbook.lifecycle.steps[s].title,
                "needs": handbook.lifecycle.steps[s].owed(ask.caller.who, kind=ticket.kind),
            }
            for s in legal
        ],
        "related": [
            views.ticket_row(t, handbook, {}, now=ask.now)
            for t in ticket_search.related_tickets(session, ticket)
            if views.sees_ticket(ask.caller, t)
        ],
        "links": [
            {"kind": kind, "number": other.number}
            for kind, other in ticket_links.links_of(session, ticket)
        ],
        "attachments": [views.attachment_json(f, secret=ask.secret) for f in files],
        "approvals": [approvals.approval_json(s, tables.complaints, titles) for s in sums],
        "complaint": complaints.case_json(
            case, tables.complaints, titles, procedure=complaints.is_complaint(ticket)
        )
        if complaints.is_complaint(ticket) or case
        else None,
    }


def clocks_json(session: Session, ticket: Ticket) -> list[dict[str, Any]]:
    """Return the ticket's clocks as the index has them."""
    rows = session.execute(select(TicketClock).where(TicketClock.ticket_id == ticket.id)).scalars()
    return [
        {
            "clock": row.clock,
            "started_at": row.started_at,
            "due_at": row.due_at,
            "risk_at": row.risk_at,
            "ended_at": row.ended_at,
            "outcome": row.outcome,
        }
        for row in rows
    ]


@section.endpoint(
    "POST",
    "/tickets/<number:str>/<step:str>",
    "Take a step of the lifecycle",
    "tickets_work",
    body=STEP_FIELDS,
)
async def take(ask: Ask, number: str, step: str) -> dict[str, Any]:
    """Take a step; an illegal one is refused with 409 and the list of the legal ones."""
    wish = wish_of(step, ask.body)

    def work(session: Session) -> str | None:
        ticket = ticket_work.visible_ticket(session, ask.caller, number)
        ticket_work.step_ticket(session, ask.office, ask.caller, ticket, wish, now=ask.now)
        return ticket.conversation_id

    await ask.deliver(await ask.work(work))
    return await after_change(ask, number)


async def after_change(ask: Ask, number: str) -> dict[str, Any]:
    """Wake the consoles and answer with the ticket as it is now."""
    ask.desk.hub.publish("staff", {})

    def look(session: Session) -> dict[str, Any]:
        # After a transfer the ticket may be another team's: its mover still sees the outcome.
        return ticket_page(session, ask, ticket_work.find_ticket(session, number))

    return await ask.look(look)


@section.endpoint(
    "POST",
    "/bulk",
    "Take one step on many tickets; with preview only say what would happen",
    "tickets_lead",
    body=[
        Field("numbers", "texts", required=True),
        Field("step", required=True, most=32),
        Field("preview", "flag"),
        *STEP_FIELDS,
    ],
)
async def bulk(ask: Ask) -> dict[str, Any]:
    """Take a step on each of the tickets; a preview changes nothing."""
    preview = ask.body.get("preview", True)
    wish = wish_of(ask.body["step"], ask.body)

    def work(session: Session) -> list[dict[str, Any]]:
        return ticket_work.step_many(
            session, ask.office, ask.caller, ask.body["numbers"], wish, now=ask.now, preview=preview
        )

    results = await ask.work(work)
    ask.desk.hub.publish("staff", {})
    return {"preview": preview, "results": results}


@section.endpoint(
    "POST",
    "/tickets/<number:str>/reveal",
    "Show one fact unmasked, with a reason",
    "secrets_reveal",
    body=[Field("fact", required=True, most=40), Field("reason", required=True, most=200)],
)
async def reveal(ask: Ask, number: str) -> dict[str, Any]:
    """Show a fact as the customer gave it; who looked, and why, is kept."""

    def work(session: Session) -> dict[str, Any]:
        ticket = ticket_work.visible_ticket(session, ask.caller, number)
        fact = ask.body["fact"]
        if fact not in (ticket.facts or {}):
            raise NotFound("工单没有这项信息", fact=fact)
        record_audit(
            session,
            action="revealed",
            subject=f"ticket:{ticket.number}",
            now=ask.now,
            staff_id=ask.caller.id,
            staff_name=ask.caller.name,
            data={"fact": fact, "reason": ask.body["reason"]},
        )
        return {"fact": fact, "value": ticket.facts[fact]}

    return await ask.work(work)
