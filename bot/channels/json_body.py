"""JSON bodies (JSON 消息体): an object or a refusal, never a surprise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from bot.channels.adapter import Rejected


def object_of(body: bytes | str) -> dict[str, Any]:
    """Return the JSON object of a body; raise `Rejected` for anything else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise Rejected("消息体不是合法的 JSON", status=400) from None
    if not isinstance(value, dict):
        raise Rejected("消息体应为 JSON 对象", status=400)
    return value


def part(value: Mapping[str, Any], *path: str) -> dict[str, Any]:
    """Return a nested object; an empty one where there is none."""
    for key in path:
        inner = value.get(key)
        value = inner if isinstance(inner, dict) else {}
    return dict(value)


def word(value: Mapping[str, Any], key: str) -> str:
    """Return a text or a number as text; empty where there is none."""
    found = value.get(key)
    return str(found) if isinstance(found, (str, int)) and not isinstance(found, bool) else ""


def moment(seconds: Any, *, per_second: int = 1) -> datetime:
    """Return the instant of a count since 1970; raise `Rejected`."""
    try:
        return datetime.fromtimestamp(int(seconds) / per_second, timezone.utc)
    except (TypeError, ValueError, OverflowError, OSError):
        raise Rejected("消息时间不正确", status=400) from None
