"""SMS by any HTTP gateway (短信网关): signed posts in, a posted template out.

In: JSON `{id, from, text, time}` with `X-Timestamp` and `X-Signature: sha256=` HMAC over
`timestamp.body`. Out: `body` with `{phone}`, `{text}` and `{id}` filled in.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bot.channels.adapter import (
    REFUSED,
    RETRY,
    SENT,
    Answer,
    Delivery,
    Hook,
    Inbound,
    Line,
    Outbound,
    Read,
    Rejected,
    is_fresh,
)
from bot.channels.calls import call
from bot.channels.json_body import moment, object_of, word
from bot.handbook.channels import Limits
from bot.handbook.privacy import find_phones


@dataclass(frozen=True)
class Sms:
    """Connect one gateway; names of its fields are settings."""

    id: str
    limits: Limits
    url: str
    secret: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, str] = field(
        default_factory=lambda: {"phone": "{phone}", "text": "{text}", "id": "{id}"}
    )
    ok_field: str = "code"
    ok_value: str = "0"
    busy_values: tuple[str, ...] | list[str] = ()
    native_buttons: int = 0
    sends_pictures: bool = False
    ways: tuple[str, ...] = ()

    def read(self, hook: Hook, *, now: datetime) -> Read:
        """Verify and parse what a customer sent by SMS."""
        timestamp = hook.headers.get("x-timestamp", "")
        if not self.secret or not is_fresh(timestamp, self.limits, now):
            raise Rejected("时间戳过期")
        expected = signature(self.secret, timestamp, hook.body)
        if not hmac.compare_digest(expected.encode(), hook.headers.get("x-signature", "").encode()):
            raise Rejected("签名不正确")
        return Read((parse(object_of(hook.body)),), Answer("ok"))

    async def send(self, outbound: Outbound, line: Line) -> Delivery:
        """Post one message to the gateway."""
        values = {"phone": outbound.target, "text": outbound.text, "id": outbound.id}
        body = {name: template.format(**values) for name, template in self.body.items()}
        status, answer = await call(line.http, "POST", self.url, body=body, headers=self.headers)
        value = word(answer, self.ok_field)
        if status < 300 and value == self.ok_value:
            return Delivery(SENT, platform_id=word(answer, "id"))
        error = f"HTTP {status} {self.ok_field} {value}"[:120]
        if value in self.busy_values:
            return Delivery(RETRY, error=error, retry_after=timedelta(seconds=10))
        return Delivery(REFUSED, error=error)


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the signature over timestamp and body."""
    content = timestamp.encode() + b"." + body
    return "sha256=" + hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


def parse(body: Mapping[str, Any]) -> Inbound:
    """Return the message of a post."""
    number, sender = word(body, "id"), word(body, "from")
    if not number or not sender or not isinstance(body.get("text"), str):
        raise Rejected("短信缺少编号、号码或内容", status=400)
    phones = [secret.digits for secret in find_phones(sender)]
    return Inbound(
        "text", number, phones[0] if phones else sender, str(body["text"]), moment(body.get("time"))
    )
