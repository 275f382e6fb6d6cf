"""The envelope of every JSON answer, and the one table from errors to statuses."""

from __future__ import annotations

from typing import Any

from sanic.exceptions import SanicException
from sanic.request import Request
from sanic.response import HTTPResponse, json

from bot.handbook.errors import DeskError

STATUS = {
    "not_found": 404,
    "illegal_step": 409,
    "missing_reason": 422,
    "stale_holder": 409,
    "illegal_handoff": 409,
    "language_blocked": 422,
    "unauthorized": 401,
    "forbidden": 403,
    "rate_limited": 429,
    "bad_request": 400,
    "too_long": 413,
    "invalid": 422,
    "attachment_refused": 415,
}


def ok(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> HTTPResponse:
    """Answer with data."""
    return json({"ok": True, "data": data}, status=status, headers=headers, ensure_ascii=False)


def refused(
    code: str, message: str, details: Any = None, *, status: int | None = None,
    headers: dict[str, str] | None = None,
) -> HTTPResponse:
    """Answer with an error that names the thing and the way out."""
    body = {"ok": False, "error": {"code": code, "message": message, "details": details or {}}}
    return json(
        body, status=status or STATUS.get(code, 400), headers=headers, ensure_ascii=False
    )


def answer_error(request: Request, error: Exception) -> HTTPResponse:
    """Turn an error of the desk or of HTTP into the envelope."""
    if isinstance(error, DeskError):
        headers = {"Retry-After": "30"} if error.code == "rate_limited" else None
        return refused(error.code, error.message, error.data, headers=headers)
    if isinstance(error, SanicException):
        status = getattr(error, "status_code", 500) or 500
        names = {404: "not_found", 405: "method_not_allowed", 400: "bad_request", 413: "too_long"}
        return refused(names.get(status, "http_error"), str(error), status=status)
    raise error


class BadRequest(DeskError):
    """Say which part of a request cannot be used."""

    def __init__(self, message: str, *, code: str = "bad_request", **data: Any) -> None:
        super().__init__(code, message, **data)


def body_of(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request; raise `BadRequest` for anything else."""
    try:
        body = request.json
    except SanicException:
        raise BadRequest("请求体不是合法的 JSON") from None
    if not isinstance(body, dict):
        raise BadRequest("请求体应为 JSON 对象")
    return body


def text_of(body: dict[str, Any], key: str, *, most: int, least: int = 1) -> str:
    """Return a text field of a JSON object, its length checked."""
    value = body.get(key)
    if not isinstance(value, str):
        raise BadRequest(f"{key} 应为文本", code="invalid", field=key)
    if len(value) > most:
        raise BadRequest(
            f"{key} 最长 {most} 个字符，收到 {len(value)} 个", code="too_long", field=key, limit=most
        )
    if len(value) < least:
        raise BadRequest(f"{key} 不能为空", code="invalid", field=key)
    return value
