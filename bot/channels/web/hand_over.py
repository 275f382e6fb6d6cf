"""Identity from the host site (身份交接): signed, expiring, used once; and proof of a phone by code.

The host's server signs `{"user", "nonce"}`, with `name` and a `phone` that it has verified where
it has them, by `itsdangerous.URLSafeTimedSerializer(INTAKE_HAND_OVER_SECRET, salt="hand-over")`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer
from sanic import Blueprint
from sanic.request import Request
from sanic.response import HTTPResponse
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bot.channels.linking import CodeWish
from bot.channels.web.sessions import Unauthorized, conversation_id_of, new_token
from bot.desk.contact import confirm_code, join_customer, link_phone, request_code
from bot.desk.conversations import find_conversation, open_conversation
from bot.handbook.channels import ChannelTables
from bot.handbook.privacy import find_phones, mask_phone
from bot.http.envelope import BadRequest, body_of, ok, text_of
from bot.http.limits import client_address
from bot.settings import Settings
from bot.storage.channels import UsedHandOver
from bot.storage.conversations import Conversation, Customer

SALT = "hand-over"
LIFE = timedelta(minutes=5)


@dataclass(frozen=True)
class Identity:
    """Hold what the host site vouches for."""

    user: str
    nonce: str
    name: str = ""
    phone: str = ""


def hand_over_token(secret: str, **identity: str) -> str:
    """Return the token that a host site makes; also the example for other languages."""
    return str(URLSafeTimedSerializer(secret, salt=SALT).dumps(identity))


def read_token(token: str, *, secret: str) -> Identity:
    """Return who the host site says it is; raise `Unauthorized`."""
    if not secret:
        raise Unauthorized("没有启用身份交接")
    try:
        data = URLSafeTimedSerializer(secret, salt=SALT).loads(token, max_age=LIFE.total_seconds())
    except SignatureExpired:
        raise Unauthorized("身份交接令牌已过期") from None
    except BadData:
        raise Unauthorized("身份交接令牌无效") from None
    values = {k: data.get(k) for k in ("user", "nonce", "name", "phone")} if isinstance(data, dict) else {}
    texts = {k: v for k, v in values.items() if isinstance(v, str) and 0 < len(v) <= 64}
    if "user" not in texts or "nonce" not in texts:
        raise Unauthorized("身份交接令牌缺少 user 或 nonce")
    return Identity(**texts)


def use_once(session: Session, nonce: str, *, now: datetime) -> None:
    """Note that a token has been used; raise `Unauthorized` the second time."""
    session.execute(delete(UsedHandOver).where(UsedHandOver.used_at < now - 2 * LIFE))
    try:
        with session.begin_nested():
            session.add(UsedHandOver(nonce=nonce, used_at=now))
    except IntegrityError:
        raise Unauthorized("身份交接令牌已使用过") from None


def conversation_of_user(
    session: Session, identity: Identity, before: Conversation | None, *, secret: str, now: datetime
) -> Conversation:
    """Return the host user's own conversation, joined with the one they began unknown."""
    conversation = open_conversation(session, channel="web", external_id=f"host:{identity.user}", now=now)
    phones = [found.digits for found in find_phones(identity.phone)]
    if phones:
        customer = link_phone(session, conversation, phones[0], secret=secret, now=now)
    elif conversation.customer_id is not None:
        customer = session.get(Customer, conversation.customer_id)
    else:
        customer = Customer(created_at=now)
        session.add(customer)
        session.flush()
        join_customer(session, conversation, customer)
    customer.name = identity.name or customer.name
    if before is not None and before.id != conversation.id and before.customer_id is None:
        join_customer(session, before, customer)
        if before.dialogue and not conversation.dialogue:
            conversation.dialogue, before.dialogue = before.dialogue, None
    return conversation


def hand_over(tables: ChannelTables) -> Blueprint:
    """Return the routes by which a visitor becomes a known customer."""
    blueprint = Blueprint("web_hand_over", url_prefix="/api/v1")

    @blueprint.post("/sessions/hand-over")
    async def take_over(request: Request) -> HTTPResponse:
        desk = request.app.ctx.desk
        desk.limits.count("session", client_address(request), desk.settings.sessions_per_minute)
        token = text_of(body_of(request), "token", most=2000)
        identity = read_token(token, secret=desk.settings.hand_over_secret)
        before_id = _begun_unknown(request, desk.settings)

        def work(session: Session) -> str:
            use_once(session, identity.nonce, now=desk.now())
            before = find_conversation(session, before_id) if before_id else None
            return str(
                conversation_of_user(
                    session, identity, before, secret=desk.settings.secret, now=desk.now()
                ).id
            )

        conversation_id = await desk.turns.in_thread(work)
        return ok(
            {"token": new_token(desk.settings.secret, conversation_id), "conversation_id": conversation_id},
            status=201,
        )

    _add_phone_routes(blueprint, tables)
    return blueprint


def _begun_unknown(request: Request, settings: Settings) -> str | None:
    """Return the conversation that the visitor has already; a session that ended is none."""
    if not request.headers.get("Authorization"):
        return None
    try:
        return conversation_id_of(request, settings)
    except Unauthorized:
        return None


def _add_phone_routes(blueprint: Blueprint, tables: ChannelTables) -> None:
    """Add the routes by which a customer proves a phone number with a code."""

    @blueprint.post("/phone")
    async def send_code(request: Request) -> HTTPResponse:
        desk = request.app.ctx.desk
        conversation_id = conversation_id_of(request, desk.settings)
        phones = [found.digits for found in find_phones(text_of(body_of(request), "phone", most=20))]
        if not phones:
            raise BadRequest("手机号格式不正确", code="invalid", field="phone")
        desk.limits.count("phone-code", client_address(request), 5)

        def work(session: Session) -> str:
            conversation = find_conversation(session, conversation_id)
            return request_code(
                session, tables.code, conversation, phones[0], secret=desk.settings.secret, now=desk.now()
            )

        code = await desk.turns.in_thread(work)
        minutes = f"{tables.code.life.total_seconds() / 60:g}"
        text = tables.said["code"].format(code=code, minutes=minutes)
        post = request.app.ctx.post
        post.background(post.send_code(CodeWish(phones[0], text)))
        return ok({"phone": mask_phone(phones[0]), "expires_in_s": int(tables.code.life.total_seconds())}, status=202)

    @blueprint.post("/phone/code")
    async def check_code(request: Request) -> HTTPResponse:
        desk = request.app.ctx.desk
        conversation_id = conversation_id_of(request, desk.settings)
        code = text_of(body_of(request), "code", most=10)

        def work(session: Session) -> Any:
            conversation = find_conversation(session, conversation_id)
            return confirm_code(
                session, tables.code, conversation, code, secret=desk.settings.secret, now=desk.now()
            )

        result = await desk.turns.in_thread(work)
        if result.kind != "linked":
            raise BadRequest("验证码不正确或已失效", code="invalid", field="code", left=result.left)
        carried = tables.title_of(result.carried_from) if result.carried_from else None
        return ok({"phone": mask_phone(result.phone), "carried_from": carried})
