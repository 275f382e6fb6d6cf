"""Signed customer sessions (客户会话令牌): a token names one conversation and nothing else."""

from __future__ import annotations

from functools import lru_cache

from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer
from sanic.request import Request

from bot.handbook.errors import Refusal
from bot.settings import Settings


class Unauthorized(Refusal):
    """Refuse a request without a valid session, and say how to get one."""

    code = "unauthorized"


@lru_cache(maxsize=4)
def _signer(secret: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret, salt="customer-session")


def new_token(secret: str, conversation_id: str) -> str:
    """Return the token of a new session."""
    return _signer(secret).dumps(conversation_id)


def conversation_id_of(request: Request, settings: Settings) -> str:
    """Return the conversation that the request's token names; raise `Unauthorized`."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("缺少会话令牌，请先 POST /api/v1/sessions")
    try:
        return str(
            _signer(settings.secret).loads(token, max_age=settings.session_days * 24 * 3600)
        )
    except SignatureExpired:
        raise Unauthorized("会话令牌已过期，请重新开始会话") from None
    except BadSignature:
        raise Unauthorized("会话令牌无效，请重新开始会话") from None
