"""What a conversation gives the customer besides words (附件、工单), and reveals (查看脱敏信息)."""

from __future__ import annotations

from typing import Any

from sanic.response import HTTPResponse
from sqlalchemy.orm import Session

from bot.console import views
from bot.console.conversations_api import LONGEST, sent
from bot.console.routing import Ask, Field, Section, ok
from bot.desk import attachments, serving
from bot.desk.audit import record_audit
from bot.desk.incidents import join_or_count
from bot.desk.readings import facts_in
from bot.desk.ticket_work import audit_opened
from bot.desk.tickets import hash_phone, open_ticket, ticket_card
from bot.handbook.errors import DeskError, NotFound
from bot.handbook.requests import Urgency
from bot.storage.conversations import Message

section = Section("customer")


@section.endpoint(
    "POST",
    "/conversations/<id:str>/attachments",
    "Send a picture or PDF, up to 10 MB",
    "conversations_serve",
    upload=True,
)
async def send_file(ask: Ask, id: str) -> HTTPResponse:
    """Check the file by its content, keep it, and send it to the customer."""
    given = ask.request.files.get("file") if ask.request.files else None
    if given is None:
        raise DeskError("invalid", "file 必填：multipart/form-data 中的文件", field="file")
    folder = ask.desk.settings.home / "uploads"

    def work(session: Session) -> int:
        conversation = serving.visible_conversation(session, ask.caller, id)
        serving.check_holds(session, ask.caller, conversation)
        stored = attachments.store_attachment(
            session,
            folder,
            name=given.name or "",
            content=given.body,
            now=ask.now,
            most=ask.tables.reception.upload_bytes,
            conversation_id=conversation.id,
            staff_id=ask.caller.id,
        )
        shown = views.attachment_json(stored, secret=ask.secret)
        shown["at"] = shown["at"].isoformat()
        words = ask.tables.reception.words["attachment"].format(name=stored.name)
        message = serving.reply(
            session,
            ask.office,
            ask.caller,
            conversation,
            text=words,
            now=ask.now,
            payload={"attachment": shown},
        )
        message.kind = "file"
        return int(message.id)

    return await sent(ask, id, await ask.work(work))


@section.endpoint(
    "POST",
    "/conversations/<id:str>/reveal",
    "Show one message unmasked, with a reason",
    "secrets_reveal",
    body=[Field("message", "whole", required=True), Field("reason", required=True, most=200)],
)
async def reveal(ask: Ask, id: str) -> dict[str, Any]:
    """Show the words as they were said; who looked, and why, is kept."""

    def work(session: Session) -> dict[str, Any]:
        conversation = serving.visible_conversation(session, ask.caller, id)
        message = session.get(Message, ask.body["message"])
        if message is None or message.conversation_id != conversation.id:
            raise NotFound("没有这条消息", message_id=ask.body["message"])
        record_audit(
            session,
            action="revealed",
            subject=f"message:{message.id}",
            now=ask.now,
            staff_id=ask.caller.id,
            staff_name=ask.caller.name,
            data={"reason": ask.body["reason"], "conversation": id},
        )
        return {"text": message.text}

    return await ask.work(work)


@section.endpoint(
    "POST",
    "/conversations/<id:str>/tickets",
    "Open a ticket for the customer of a conversation",
    "tickets_work",
    body=[
        Field("type", required=True, most=40),
        Field("urgency", options=tuple(u.value for u in Urgency)),
        Field("summary", required=True, most=LONGEST),
        Field("facts", "object"),
        Field("key", most=60),
    ],
)
async def open_for_customer(ask: Ask, id: str) -> HTTPResponse:
    """Open a ticket; the same key again finds the first one."""
    handbook, body = ask.desk.handbook, ask.body
    if body["type"] not in handbook.types or not handbook.types[body["type"]].kind.is_request:
        raise NotFound("没有这个诉求类型", type=body["type"])
    facts = {k: str(v).strip() for k, v in body.get("facts", {}).items() if k in handbook.facts and v}
    for name in ("phone_number", "line_number"):
        if said := facts.get(name):
            number = facts_in(said).get("phone_number")
            if number is None or not number.isdigit():
                raise DeskError("invalid", "电话请填11位手机号，或带区号的固定电话", field=name)
            facts[name] = number

    def work(session: Session) -> tuple[dict[str, Any], bool]:
        conversation = serving.visible_conversation(session, ask.caller, id)
        phone = facts.get("phone_number")
        key = body.get("key") or f"{conversation.epoch}:{body['type']}:{ask.now.timestamp():.0f}"
        ticket, is_new = open_ticket(
            session,
            handbook,
            conversation=conversation,
            type=body["type"],
            urgency=Urgency(body.get("urgency", "general")),
            facts=facts,
            summary=body["summary"],
            signals=[],
            key=f"{conversation.id}:staff:{key}",
            now=ask.now,
            phone_hash=hash_phone(phone, secret=ask.secret) if phone else None,
            who=ask.caller.who,
            actor_id=ask.caller.id,
        )
        joined = join_or_count(session, handbook, ticket, now=ask.now)
        if is_new:
            audit_opened(session, ask.caller, ticket, now=ask.now)
        return {
            "ticket": ticket_card(ticket, handbook),
            "incident": {"id": joined.incident.id, "area": joined.area} if joined else None,
        }, is_new

    opened, is_new = await ask.work(work)
    ask.desk.hub.publish("staff", {})
    return ok(opened, status=201 if is_new else 200)
