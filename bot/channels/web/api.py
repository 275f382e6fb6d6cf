"""The customer's HTTP interface (contract.md): sessions, messages, stream, own tickets."""

from __future__ import annotations

import asyncio
import json as jsonlib
import uuid
from collections.abc import Sequence
from typing import Any

from sanic import Blueprint
from sanic.request import Request
from sanic.response import HTTPResponse
from sqlalchemy.orm import Session

from bot.channels.choices import chosen
from bot.channels.linking import go_on
from bot.channels.web.sessions import conversation_id_of, new_token
from bot.desk.conversations import find_conversation, open_conversation, queue_place
from bot.desk.messages import receive_message, replies_to, shown_messages
from bot.desk.staff import staff_titles
from bot.desk.tickets import find_ticket, ticket_card
from bot.handbook.errors import NotFound
from bot.handbook.handoff import ConversationState
from bot.http.envelope import BadRequest, body_of, ok, text_of
from bot.http.limits import client_address
from bot.storage.conversations import Message

# A caller that waits for the bot's turn gets what there is after this time.
LONGEST_WAIT = 15.0
HEARTBEAT = 15.0

web = Blueprint("web_channel", url_prefix="/api/v1")


def messages_json(session: Session, found: Sequence[Message]) -> list[dict[str, Any]]:
    """Return messages as the customer page shows them, those of staff with their name."""
    titles = staff_titles(session, [message.staff_id for message in found])
    return [message_json(message, name=titles.get(message.staff_id)) for message in found]


def message_json(message: Message, *, name: str | None = None) -> dict[str, Any]:
    """Return a message as the customer page shows it."""
    payload = message.payload or {}
    shown: dict[str, Any] = {
        "id": message.id,
        "author": message.author,
        **({"author_name": name} if name else {}),
        "text": payload.get("typed", message.text),
        "created_at": message.created_at.isoformat(timespec="milliseconds"),
        "state": message.state,
    }
    if message.direction == "in":
        shown["client_message_id"] = message.external_id
    for key in ("buttons", "ticket", "attachment"):
        if payload.get(key):
            shown[key] = payload[key]
    return shown


@web.post("/sessions")
async def open_session(request: Request) -> HTTPResponse:
    """Open a customer's session: a signed token that is bound to one conversation."""
    desk = request.app.ctx.desk
    desk.limits.count("session", client_address(request), desk.settings.sessions_per_minute)
    conversation_id = uuid.uuid4().hex

    def work(session: Session) -> None:
        open_conversation(
            session, channel="web", external_id=conversation_id, id=conversation_id, now=desk.now()
        )

    await desk.turns.in_thread(work, urgent=True)
    token = new_token(desk.settings.secret, conversation_id)
    return ok({"token": token, "conversation_id": conversation_id}, status=201)


@web.post("/messages")
async def send_message(request: Request) -> HTTPResponse:
    """Store a customer's message, then let the turn begin; the same id again changes nothing."""
    desk = request.app.ctx.desk
    conversation_id = conversation_id_of(request, desk.settings)
    body = body_of(request)
    text = text_of(body, "text", most=desk.settings.message_limit, least=0)
    external_id = text_of(body, "client_message_id", most=100)
    limit, tables = desk.settings.messages_per_minute, request.app.ctx.post.tables
    waits = request.args.get("wait") == "1"

    def work(session: Session) -> tuple[Message, bool, Any]:
        conversation = find_conversation(session, conversation_id)
        before = conversation.last_customer_at
        button = chosen(session, conversation_id, text)
        message, is_new = receive_message(
            session, conversation, text=text.replace("\x00", "") if button is None else button,
            external_id=external_id, payload=None if button is None else {"typed": text}, now=desk.now(),
        )
        if is_new:
            # Inside the transaction: a refused message leaves no row.
            desk.limits.count("message", conversation_id, limit)
            go_on(session, desk, tables, conversation, message, before=before, now=desk.now())
        found = desk.turns.waiting(session, conversation_id) if waits else None
        return message, is_new, found

    message, is_new, waiting = await desk.turns.in_thread(work, urgent=True)
    desk.hub.publish(f"conversation:{conversation_id}")
    if waits:
        return await _answered(request, conversation_id, message, is_new, waiting)
    if message.state == "received":
        desk.turns.start(conversation_id, wait=desk.settings.burst_wait)
    return ok({"message": message_json(message)}, status=202 if is_new else 200)


async def _answered(
    request: Request, conversation_id: str, message: Message, is_new: bool, waiting: Any
) -> HTTPResponse:
    turns = request.app.ctx.desk.turns

    def show(session: Session, stored: Message) -> dict[str, Any]:
        joined_to = (stored.payload or {}).get("joined_to", stored.id)
        replies = messages_json(session, replies_to(session, conversation_id, joined_to))
        return {"message": message_json(stored), "replies": replies}

    try:
        shown = await asyncio.wait_for(
            turns.answer_to(conversation_id, message.id, show, waiting), timeout=LONGEST_WAIT
        )
    except asyncio.TimeoutError:
        shown = await turns.look(lambda session: show(session, session.get(Message, message.id)))
    return ok(shown, status=201 if is_new else 200)


def _cursor(request: Request) -> int:
    given = request.args.get("after", "0")
    if not given.isdigit() or len(given) > 18:
        raise BadRequest("after 应为消息编号（非负整数）", field="after")
    return int(given)


@web.get("/messages")
async def list_messages(request: Request) -> HTTPResponse:
    """Return what the customer sees after a cursor."""
    desk = request.app.ctx.desk
    conversation_id = conversation_id_of(request, desk.settings)
    after = _cursor(request)

    def work(session: Session) -> dict[str, Any]:
        found = shown_messages(session, conversation_id, after=after)
        return {
            "messages": messages_json(session, found),
            "conversation": _conversation_json(session, desk, conversation_id),
        }

    return ok(await desk.turns.look(work))


def _conversation_json(session: Session, desk: Any, conversation_id: str) -> dict[str, Any]:
    conversation = find_conversation(session, conversation_id)
    shown: dict[str, Any] = {
        "id": conversation.id,
        "state": conversation.state,
        "state_title": ConversationState(conversation.state).label,
    }
    if conversation.holder_id is not None:
        shown["holder_name"] = staff_titles(session, [conversation.holder_id]).get(
            conversation.holder_id
        )
    if conversation.state == ConversationState.WAITING.value:
        shown["position"] = queue_place(
            session, desk.handbook, conversation, now=desk.now()
        ).position
    return shown


@web.get("/tickets/<number:str>")
async def show_ticket(request: Request, number: str) -> HTTPResponse:
    """Return a ticket of the session's own conversation."""
    desk = request.app.ctx.desk
    conversation_id = conversation_id_of(request, desk.settings)

    def work(session: Session) -> dict[str, Any]:
        ticket = find_ticket(session, number)
        conversation = find_conversation(session, conversation_id)
        own = ticket.conversation_id == conversation_id or (
            conversation.customer_id is not None
            and ticket.customer_id == conversation.customer_id
        )
        if not own:
            # A stranger's ticket and a missing one look the same.
            raise NotFound("没有这个工单", number=number)
        return ticket_card(ticket, desk.handbook)

    return ok(await desk.turns.look(work))


@web.get("/site")
async def site(request: Request) -> HTTPResponse:
    """Return what the page shows before the first message."""
    desk = request.app.ctx.desk
    return ok(
        {
            "name": desk.settings.operator_name,
            "hotline": desk.settings.hotline,
            "greeting": desk.texts.render("utter_greet"),
            "quick": desk.texts.buttons("utter_greet"),
        }
    )


@web.get("/stream")
async def stream(request: Request) -> None:
    """Send the conversation's messages as they come, from a cursor on (server-sent events)."""
    desk = request.app.ctx.desk
    conversation_id = conversation_id_of(request, desk.settings)
    cursor = _cursor(request)
    last_id = request.headers.get("Last-Event-ID", "")
    cursor = max(cursor, int(last_id)) if last_id.isdigit() and len(last_id) < 18 else cursor

    def look(after: int) -> Any:
        def work(session: Session) -> tuple[list[dict[str, Any]], dict[str, Any]]:
            found = messages_json(session, shown_messages(session, conversation_id, after=after))
            return found, _conversation_json(session, desk, conversation_id)

        return work

    response = await request.respond(
        content_type="text/event-stream; charset=utf-8",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )
    known: dict[str, Any] | None = None
    await response.send(_event("ping", {"now": desk.now().isoformat()}))
    while True:
        messages, conversation = await desk.turns.look(look(cursor))
        for message in messages:
            cursor = message["id"]
            await response.send(_event("message", message, cursor))
        if conversation != known:
            known = conversation
            await response.send(_event("conversation", conversation))
        if messages:
            continue
        news = await desk.hub.wait(f"conversation:{conversation_id}", HEARTBEAT)
        if news is None:
            await response.send(_event("ping", {"now": desk.now().isoformat()}))


def _event(name: str, data: dict[str, Any], id: int | None = None) -> str:
    head = f"id: {id}\n" if id is not None else ""
    return f"{head}event: {name}\ndata: {jsonlib.dumps(data, ensure_ascii=False)}\n\n"
