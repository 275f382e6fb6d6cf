"""Calls to WeChat and WeCom (微信接口): token in the query, errors in `errcode`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import aiohttp

from bot.channels.adapter import CLOSED, QUOTA, REFUSED, RETRY, SENT, Delivery, Line, Picture
from bot.channels.calls import Unreachable, call, download, with_token

TOKEN_ENDED = {40001, 40014, 42001}
BUSY = {-1, 50001, 6000}
# 45009 and 45011: too many calls of the whole account.
TOO_MANY = {45009, 45011, 45033}
# 45015: 48 hours are over; 45047 and 95001: the messages of a window are used up;
# 95013 and 95018: on the platform nobody is being served until the customer writes again.
NO_QUOTA = {45015, 45047, 95001, 95013, 95018}
# 43004 and 48002: the customer left or takes no messages; 40003: no such customer.
GONE = {43004, 48002, 40003}
WAIT_AFTER_TOO_MANY = timedelta(seconds=30)


@dataclass(frozen=True)
class Credentials:
    """Hold how to get a token: `renewal` is the path, with the parameters or the body it takes."""

    name: str
    api: str
    method: str
    renewal: str
    params: Mapping[str, str] | None = None
    body: Mapping[str, Any] | None = None


async def call_api(
    line: Line, who: Credentials, path: str, *, body: Any = None,
    form: Callable[[], Any] | None = None, params: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Call with the shared token; renew it once when the platform says that it has ended.

    A form is used up by being sent: `form` makes it anew.
    """
    failed = ""
    for last in (False, True):
        token = await token_of(line, who, failed=failed)
        _, answer = await call(
            line.http, "POST", f"{who.api}{path}", params={**(params or {}), "access_token": token},
            body=body, form=None if form is None else form(),
        )
        if code_of(answer) not in TOKEN_ENDED or last:
            return answer
        failed = token
    raise AssertionError("unreachable")  # pragma: no cover


async def token_of(line: Line, who: Credentials, *, failed: str = "") -> str:
    """Return the access token that all instances share."""

    async def renew() -> tuple[str, timedelta]:
        _, answer = await call(
            line.http, who.method, f"{who.api}{who.renewal}", params=who.params, body=who.body
        )
        token = answer.get("access_token")
        if code_of(answer) or not isinstance(token, str):
            raise Unreachable(f"no token: errcode {code_of(answer)}")
        return token, timedelta(seconds=int(answer.get("expires_in", 7200)))

    return await line.tokens.get(who.name, renew, failed=failed)


def code_of(answer: Mapping[str, Any]) -> int:
    """Return the platform's error code; 0 is success."""
    code = answer.get("errcode", 0)
    return code if isinstance(code, int) else -1


def delivery_of(answer: Mapping[str, Any]) -> Delivery:
    """Return what an answer means for a delivery."""
    code = code_of(answer)
    error = f"errcode {code}: {str(answer.get('errmsg', ''))[:120]}"
    if code == 0:
        return Delivery(SENT, platform_id=str(answer.get("msgid", "")))
    if code in NO_QUOTA:
        return Delivery(QUOTA, error=error)
    if code in GONE:
        return Delivery(CLOSED, error=error)
    if code in TOO_MANY:
        return Delivery(RETRY, error=error, retry_after=WAIT_AFTER_TOO_MANY, pause_all=True)
    if code in BUSY or code in TOKEN_ENDED:
        return Delivery(RETRY, error=error)
    return Delivery(REFUSED, error=error)


async def upload_picture(line: Line, who: Credentials, picture: Picture, path: str) -> str:
    """Upload a picture and return its media id; raise `Unreachable`."""

    def form() -> aiohttp.FormData:
        made = aiohttp.FormData()
        made.add_field(
            "media", picture.path.read_bytes(), filename=picture.name, content_type=picture.media_type
        )
        return made

    answer = await call_api(line, who, path, form=form, params={"type": "image"})
    if code_of(answer) or not answer.get("media_id"):
        raise Unreachable(f"upload: errcode {code_of(answer)}")
    return str(answer["media_id"])


async def fetch_media(line: Line, who: Credentials, path: str, media_id: str) -> bytes:
    """Return the bytes of a picture that a customer sent."""
    return await with_token(
        lambda failed: token_of(line, who, failed=failed),
        lambda token: download(
            line.http, f"{who.api}{path}", params={"access_token": token, "media_id": media_id}
        ),
        lambda error: code_of(error.answer) in TOKEN_ENDED,
    )
