"""What the console shows (视图): conversations, messages and tickets as JSON, numbers masked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.desk.serving import holders
from bot.desk.staff import Caller, staff_titles
from bot.desk.tickets import ticket_card
from bot.handbook.channels import channel_title
from bot.handbook.clocks import RESOLUTION
from bot.handbook.handoff import ConversationState
from bot.handbook.lifecycle import OPEN_STATES
from bot.handbook.privacy import mask, mask_data, mask_in_place, mask_name
from bot.handbook.requests import Urgency
from bot.handbook.shown_text import mask_for_lists
from bot.handbook.tables import Handbook
from bot.storage.conversations import Conversation, Customer, Message
from bot.storage.staff import Attachment, Offer
from bot.storage.tickets import Ticket, TicketEntry

SNIPPET = 60
# Facts that are personal: shown masked, revealed with a reason.
SECRET_FACTS = frozenset(
    {"phone_number", "line_number", "address", "new_address", "broadband_account", "name", "identity"}
)
FILE_DAYS = 30


def snippet(text: str, most: int = SNIPPET) -> str:
    """Return the beginning of a text on one line, without numbers and doors."""
    # Twice as much as is shown: what is cut off by it stands behind what is shown.
    plain = mask_for_lists(" ".join(text.split())[: 2 * most])
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"


def mask_fact(name: str, value: str) -> str:
    """Return a fact as the console shows it before somebody asks for it with a reason."""
    if name == "name":
        return mask_name(value)
    if name in {"address", "new_address"}:
        return value[:4] + "*" * max(len(value) - 4, 2)
    if name in {"phone_number", "line_number", "broadband_account", "identity"}:
        masked = mask(value)
        keep = max(len(value) - 7, 1)
        return masked if masked != value else value[:3] + "*" * keep + value[3 + keep :]
    return mask(value)


def conversations_json(
    session: Session, handbook: Handbook, found: Sequence[Conversation], *, now: datetime
) -> list[dict[str, Any]]:
    """Return conversations as the lists show them, with four queries for all of them."""
    ids = [c.id for c in found]
    last = _last_messages(session, ids)
    tickets = _open_tickets(session, ids)
    offers = _open_offers(session, ids)
    titles = holders(session, found) | staff_titles(session, [o.staff_id for o in offers.values()])
    shown = []
    for c in found:
        item = _conversation(handbook, c, now=now)
        item["holder"] = (
            {"id": c.holder_id, "title": titles.get(c.holder_id, "")} if c.holder_id else None
        )
        said = last.get(c.id)
        item["last"] = said and {
            "author": said.author,
            "text": snippet(said.text),
            "at": said.created_at,
        }
        item["needs_answer"] = _needs_answer(c, said)
        item["tickets"] = [_short_ticket(t, handbook) for t in tickets.get(c.id, [])]
        item["matter"] = _matter(c, tickets.get(c.id, []))
        first = min(item["tickets"], key=itemgetter("due_at"), default={})
        item["due_at"], item["due_clock"] = first.get("due_at"), first.get("due_clock")
        offer = offers.get(c.id)
        item["offer"] = offer and {
            "staff_id": offer.staff_id,
            "title": titles.get(offer.staff_id, ""),
            "expires_at": offer.expires_at,
        }
        shown.append(item)
    return shown


def _needs_answer(c: Conversation, said: Message | None) -> bool:
    # A greeting on taking over, and what the bot said before it, are no person's answer.
    if c.state == ConversationState.STAFF.value:
        heard = c.last_customer_at
        return heard is not None and (c.last_staff_at is None or c.last_staff_at < heard)
    return said is not None and said.author == "customer"


def _matter(c: Conversation, tickets: Sequence[Ticket]) -> str | None:
    # The last words of who waits are 转人工, or the bot's: they do not say what for.
    story = ((c.dialogue or {}).get("intake") or {}).get("story") or []
    said = tickets[-1].summary if tickets else "，".join(story)
    return snippet(said) if said else None


def _conversation(handbook: Handbook, c: Conversation, *, now: datetime) -> dict[str, Any]:
    urgency = c.urgency or (c.reading or {}).get("urgency") or "general"
    waited = (now - c.waiting_since).total_seconds() if c.waiting_since else None
    return {
        "id": c.id,
        "channel": c.channel,
        "channel_title": channel_title(c.channel),
        "state": c.state,
        "state_title": ConversationState(c.state).label,
        "epoch": c.epoch,
        "team": c.team,
        "team_title": handbook.teams[c.team].title if c.team in handbook.teams else c.team,
        "urgency": urgency,
        "urgency_title": _urgency_title(urgency),
        "handoff_reason": mask_for_lists(c.handoff_reason) if c.handoff_reason else None,
        "waiting_since": c.waiting_since,
        "waited_s": None if waited is None else max(0, int(waited)),
        "last_customer_at": c.last_customer_at,
        "last_staff_at": c.last_staff_at,
        "created_at": c.created_at,
        "ended_at": c.ended_at,
        "reading": reading_json(handbook, c),
    }


def _urgency_title(urgency: str) -> str:
    return Urgency(urgency).label if urgency in {u.value for u in Urgency} else urgency


def reading_json(handbook: Handbook, c: Conversation) -> dict[str, Any] | None:
    """Return what the bot made of the customer: type, urgency, why, and the facts it has."""
    intake = (c.dialogue or {}).get("intake") or {}
    read = {
        **(c.reading or {}),
        **{k: intake[k] for k in ("type", "urgency", "signals") if intake.get(k)},
    }
    name = read.get("type")
    if not name:
        return None
    facts = {**(read.get("facts") or {}), **(intake.get("facts") or {})}
    urgency = str(read.get("urgency") or "general")
    confidence = read.get("confidence")
    return {
        "type": name,
        "type_title": handbook.types[name].title if name in handbook.types else name,
        "urgency": urgency,
        "urgency_title": _urgency_title(urgency),
        "confidence": round(float(confidence), 2) if isinstance(confidence, (int, float)) else None,
        "signals": [str(s) for s in read.get("signals") or []],
        "facts": [
            {"name": k, "title": handbook.facts[k], "value": mask_fact(k, str(v))}
            for k, v in facts.items()
            if v and k in handbook.facts
        ],
    }


def _last_messages(session: Session, ids: Sequence[str]) -> dict[str, Message]:
    newest = (
        select(func.max(Message.id))
        .where(
            Message.conversation_id.in_(ids),
            (Message.direction == "in") | (Message.state == "sent"),
            Message.author != "system",
        )
        .group_by(Message.conversation_id)
    )
    rows = session.execute(select(Message).where(Message.id.in_(newest))).scalars()
    return {row.conversation_id: row for row in rows}


def _open_tickets(session: Session, ids: Sequence[str]) -> dict[str, list[Ticket]]:
    rows = session.execute(
        select(Ticket)
        .where(Ticket.conversation_id.in_(ids), Ticket.state.in_(OPEN_STATES))
        .order_by(Ticket.id)
    ).scalars()
    found: dict[str, list[Ticket]] = {}
    for row in rows:
        found.setdefault(row.conversation_id, []).append(row)
    return found


def _open_offers(session: Session, ids: Sequence[str]) -> dict[str, Offer]:
    rows = session.execute(
        select(Offer).where(Offer.conversation_id.in_(ids), Offer.state == "open")
    ).scalars()
    return {row.conversation_id: row for row in rows}


def _short_ticket(ticket: Ticket, handbook: Handbook) -> dict[str, Any]:
    card = ticket_card(ticket, handbook)
    return {
        **card,
        "due_at": ticket.next_due_at,
        "due_clock": ticket.next_clock,
        "paused": _is_paused(ticket),
        "first_response_at": ticket.first_response_at,
    }


def _is_paused(ticket: Ticket) -> bool:
    """Tell whether the hold stops what is owed next: a promised call is due all the same."""
    return ticket.state == "on_hold" and ticket.next_clock == RESOLUTION


def messages_json(
    session: Session, found: Iterable[Message], *, secret: str
) -> list[dict[str, Any]]:
    """Return messages with author, verdict and what they carry, numbers masked."""
    rows = list(found)
    titles = staff_titles(session, [m.staff_id for m in rows])
    return [_message(m, titles, secret) for m in rows]


def _message(m: Message, titles: dict[int, str], secret: str) -> dict[str, Any]:
    text = mask_in_place(m.text)
    shown: dict[str, Any] = {
        "id": m.id,
        "author": m.author,
        "author_title": titles.get(m.staff_id or 0, ""),
        "kind": m.kind,
        "text": text,
        "masked": text != m.text,
        "state": m.state,
        "epoch": m.epoch,
        "created_at": m.created_at,
        "sent_at": m.sent_at,
    }
    if m.verdict is not None:
        shown["verdict"] = m.verdict.verdict
        checked = m.verdict.replaced_text
        shown["findings"] = findings_json(m.verdict.findings, checked or m.text)
        shown["override_reason"] = mask(m.verdict.override_reason or "") or None
        shown["replaced_text"] = mask_in_place(checked) if checked else None
    payload = m.payload or {}
    for key in ("buttons", "ticket"):
        if payload.get(key):
            shown[key] = mask_data(payload[key])
    if payload.get("attachment"):
        shown["attachment"] = payload["attachment"]
    return shown


def findings_json(findings: Iterable[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    """Return findings of a text with its numbers masked; their offsets stay."""
    masked = mask_in_place(text)
    return [{**mask_data(f), "matched": masked[f["start"] : f["end"]]} for f in findings]


def file_signer(secret: str) -> URLSafeTimedSerializer:
    """Return the signer of file addresses: who has the address may fetch the file."""
    return URLSafeTimedSerializer(secret, salt="attachment")


def attachment_json(attachment: Attachment, *, secret: str) -> dict[str, Any]:
    """Return an attachment with the address under which customer and staff fetch it."""
    token = file_signer(secret).dumps(attachment.id)
    return {
        "id": attachment.id,
        "name": attachment.name,
        "media_type": attachment.media_type,
        "size": attachment.size,
        "url": f"/api/v1/files/{token}",
        "at": attachment.created_at,
    }


def ticket_row(
    ticket: Ticket, handbook: Handbook, titles: dict[int, str], *, now: datetime
) -> dict[str, Any]:
    """Return a ticket as the table shows it."""
    return {
        **ticket_card(ticket, handbook),
        "kind": ticket.kind,
        "team": ticket.team,
        "urgency_title": _urgency_title(ticket.urgency),
        "team_title": handbook.teams[ticket.team].title
        if ticket.team in handbook.teams
        else ticket.team,
        "holder": {"id": ticket.holder_id, "title": titles.get(ticket.holder_id, "")}
        if ticket.holder_id
        else None,
        "summary": snippet(ticket.summary, 80),
        "channel": ticket.channel,
        "channel_title": channel_title(ticket.channel),
        "rung": ticket.rung,
        "accepted_at": ticket.accepted_at,
        "due_at": ticket.next_due_at,
        "due_clock": ticket.next_clock,
        "paused": _is_paused(ticket),
        "first_response_at": ticket.first_response_at,
        "resolved_at": ticket.resolved_at,
        "closed_at": ticket.closed_at,
        "held_since": ticket.held_since,
        "overdue": ticket.state in OPEN_STATES
        and not _is_paused(ticket)
        and ticket.next_due_at < now,
        "conversation_id": ticket.conversation_id,
        "degraded": ticket.degraded,
        "satisfaction": ticket.satisfaction,
        "incident_id": ticket.incident_id,
        "updated_at": ticket.updated_at,
    }


def facts_json(ticket: Ticket, handbook: Handbook) -> list[dict[str, Any]]:
    """Return a ticket's facts, personal ones masked."""
    return [
        {
            "name": name,
            "title": handbook.facts.get(name, name),
            "value": mask_fact(name, str(value)),
            "masked": mask_fact(name, str(value)) != str(value),
        }
        for name, value in (ticket.facts or {}).items()
        if value
    ]


def entry_json(entry: TicketEntry, handbook: Handbook, titles: dict[int, str]) -> dict[str, Any]:
    """Return one line of a ticket's history."""
    states, steps = handbook.lifecycle.states, handbook.lifecycle.steps
    return {
        "seq": entry.seq,
        "step": entry.step,
        "step_title": steps[entry.step].title
        if entry.step in steps
        else STEP_TITLES.get(entry.step, entry.step),
        "from_state": entry.from_state,
        "to_state": entry.to_state,
        "to_title": states.get(entry.to_state or "", entry.to_state),
        "actor_kind": entry.actor_kind,
        "actor_title": titles.get(entry.actor_id or 0)
        or ACTORS.get(entry.actor_kind, entry.actor_kind),
        "reason": mask(entry.reason) if entry.reason else None,
        "data": mask_data(entry.data),
        "at": entry.at,
    }


STEP_TITLES = {
    "submit": "申请",
    "open": "受理",
    "respond": "首次响应",
    "merge": "合并",
    "split": "拆分",
}
ACTORS = {
    "customer": "客户",
    "bot": "智能客服",
    "staff": "客服代表",
    "leader": "班长",
    "system": "系统",
}


def customer_json(session: Session, conversation: Conversation) -> dict[str, Any] | None:
    """Return what is known of the customer, masked."""
    customer = session.get(Customer, conversation.customer_id) if conversation.customer_id else None
    if customer is None:
        return None
    return {
        "id": customer.id,
        "name": mask_name(customer.name) if customer.name else None,
        "phone": mask_fact("phone_number", customer.phone) if customer.phone else None,
        "verified_at": customer.verified_at,
    }


def sees_ticket(caller: Caller, ticket: Ticket) -> bool:
    """Tell whether the ticket is this person's business: team or holder."""
    return ticket.holder_id == caller.id or caller.sees_team(ticket.team)
