"""Pictures of customers (图片上传): checked by content, kept under the installation's folder."""

from __future__ import annotations

from typing import Any

from sanic import Blueprint
from sanic.request import Request
from sanic.response import HTTPResponse
from sqlalchemy.orm import Session

from bot.channels.web.api import message_json
from bot.channels.web.sessions import conversation_id_of
from bot.desk.attachments import AttachmentRefused, media_type_of, store_attachment
from bot.desk.conversations import find_conversation
from bot.desk.messages import deliver_pending, receive_message, say, settle
from bot.handbook.channels import ChannelTables
from bot.handbook.handoff import ConversationState
from bot.http.envelope import BadRequest, ok
from bot.http.files import file_address
from bot.storage.conversations import Message

LARGEST = 10 * 1024 * 1024
PER_MINUTE = 10


def pictures(tables: ChannelTables) -> Blueprint:
    """Return the route `POST /api/v1/pictures`."""
    blueprint = Blueprint("web_pictures", url_prefix="/api/v1")

    @blueprint.post("/pictures")
    async def send_picture(request: Request) -> HTTPResponse:
        desk = request.app.ctx.desk
        conversation_id = conversation_id_of(request, desk.settings)
        name, content, client_id = _form(request)

        def work(session: Session) -> tuple[Message, bool]:
            return keep_picture(session, desk, tables, conversation_id, name, content, client_id)

        message, is_new = await desk.turns.in_thread(work)
        desk.hub.publish(f"conversation:{conversation_id}")
        desk.hub.publish("staff", {"conversation": conversation_id})
        return ok({"message": message_json(message)}, status=201 if is_new else 200)

    return blueprint


def _form(request: Request) -> tuple[str, bytes, str]:
    file = request.files.get("file") if request.files else None
    client_id = request.form.get("client_message_id", "") if request.form else ""
    if file is None or not client_id or len(client_id) > 100:
        raise BadRequest("请以表单提交 file 与 client_message_id", code="invalid")
    return file.name or "图片", file.body, client_id


def keep_picture(
    session: Session, desk: Any, tables: ChannelTables, conversation_id: str, name: str,
    content: bytes, client_id: str,
) -> tuple[Message, bool]:
    """Store a picture as the customer's message; the same id again finds the first."""
    now = desk.now()
    conversation = find_conversation(session, conversation_id)
    if len(content) <= LARGEST and content and not media_type_of(content).startswith("image/"):
        raise AttachmentRefused("只能发送图片（PNG、JPEG、GIF、WebP）")
    message, is_new = receive_message(
        session, conversation, text="", external_id=client_id, kind="image", now=now
    )
    if not is_new:
        return message, False
    desk.limits.count("picture", conversation_id, PER_MINUTE)
    stored = store_attachment(
        session, desk.settings.home / "uploads", name=name, content=content, most=LARGEST, now=now,
        conversation_id=conversation_id,
    )
    message.payload = {
        "attachment": {
            "id": stored.id, "name": stored.name, "media_type": stored.media_type,
            "size": stored.size, "url": file_address(stored.id, secret=desk.settings.secret),
        }
    }
    settle(session, [message.id])
    if conversation.state == ConversationState.BOT.value:
        say(
            session, desk.gate, conversation, text=tables.said["picture"], author="bot", now=now,
            reply_to=message.id,
        )
        deliver_pending(session, conversation_id, now=now)
    session.refresh(message)
    return message, True
