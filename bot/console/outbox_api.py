"""The outbox (发件箱): how many deliveries are in which state, dead letters, sending one again."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from bot.console.routing import Ask, Field, Section
from bot.desk import outbox
from bot.desk.audit import record_audit
from bot.desk.dead_letters import receiver_of, sender_title
from bot.desk.notices import CUSTOMER
from bot.desk.senders import digest_text
from bot.handbook.shown_text import mask_for_lists
from bot.storage.conversations import Message
from bot.storage.notices import Delivery
from bot.storage.tickets import Ticket

section = Section("outbox")
STATES = {
    outbox.PENDING: "待发送", outbox.SENT: "已发送", outbox.MERGED: "已并入汇总",
    outbox.DEAD: "未送达", outbox.SKIPPED: "未配置发送方式或收件人",
}
PAGE = 50


@section.endpoint(
    "GET", "/outbox", "Dead letters, newest first, and the counts by state", "outbox_manage",
    query=[Field("before", "whole")],
)
async def show_outbox(ask: Ask) -> dict[str, Any]:
    """Show what could not be delivered."""

    def look(session: Session) -> dict[str, Any]:
        counts = outbox.outbox_counts(session)
        rows = outbox.dead_letters(
            session, before=ask.query.get("before"), most=PAGE, teams=ask.caller.team_limit
        )
        return {
            "counts": [
                {"state": state, "title": title, "count": counts.get(state, 0)}
                for state, title in STATES.items()
            ],
            "letters": [_letter(session, ask, row) for row in rows],
            "before": rows[-1].id if len(rows) == PAGE else None,
        }

    return await ask.look(look)


def _letter(session: Session, ask: Ask, row: Delivery) -> dict[str, Any]:
    ticket = session.get(Ticket, row.ticket_id) if row.ticket_id else None
    return {
        "id": row.delivery_id,
        "sender": row.sender,
        "sender_title": sender_title(row),
        "target": receiver_of(session, ask.desk.handbook, row),
        "text": mask_for_lists(_text(session, ask, row)),
        "ticket": ticket.number if ticket else None,
        "attempts": row.attempts,
        "error": row.last_error,
        "created_at": row.created_at,
    }


def _text(session: Session, ask: Ask, row: Delivery) -> str:
    payload = row.payload
    if row.sender != CUSTOMER:
        return digest_text(payload)
    if "message" in payload:
        return str(session.get(Message, payload["message"]).text)
    return str(ask.desk.texts.render(payload["response"], **payload["values"]))


@section.endpoint(
    "POST", "/outbox/<id:str>/again", "Send a dead letter again under its old id", "outbox_manage"
)
async def send_again(ask: Ask, id: str) -> dict[str, Any]:
    """Put a dead letter back; the outbox tries it at once."""

    def work(session: Session) -> dict[str, Any]:
        row = outbox.send_again(session, id, now=ask.now, teams=ask.caller.team_limit)
        record_audit(
            session, action="delivery_sent_again", subject=f"delivery:{row.delivery_id}",
            now=ask.now, staff_id=ask.caller.id, staff_name=ask.caller.name,
            data={"sender": row.sender, "error": row.last_error},
        )
        return {"id": row.delivery_id, "state": row.state}

    return await ask.work(work)
