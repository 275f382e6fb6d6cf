"""Chapter 3.4: senders (发送方式) of the outbox: console, webhook, mail, the customer's channel.

Each carries the delivery id to its receiver, who can tell a repetition by it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from http.client import HTTPException
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from bot.desk.contact import (
    conversations_of,
    is_connected,
    reachable_conversation,
    say_again,
)
from bot.desk.messages import Gate, deliver, say
from bot.desk.notices import notify_staff
from bot.desk.outbox import DeferralError, DeliveryError, NobodyToSendTo, Outgoing
from bot.handbook.errors import DeskError
from bot.handbook.handoff import ConversationState
from bot.storage.conversations import Conversation, Message

FAILED = "failed"
REPLAY_WINDOW = timedelta(minutes=5)
# While a person talks with the customer, the survey waits and the rest is said.
SURVEY_WAIT = timedelta(minutes=10)
SIGNATURE, TIMESTAMP, DELIVERY = "X-Intake-Signature", "X-Intake-Timestamp", "X-Intake-Delivery"


class TextSource(Protocol):
    """What a sender needs of the texts of `domain.yml`."""

    def render(self, name: str, **values: Any) -> str:
        """Return the text with its values."""

    def buttons(self, name: str) -> list[dict[str, str]]:
        """Return the buttons of the text."""


@dataclass(frozen=True)
class ConsoleSender:
    """Show a delivery as a notice at the console; what other ways fall back to."""

    sessions: sessionmaker

    def send(self, outgoing: Outgoing, *, now: datetime) -> None:
        """Write the notice under the delivery's id, so that a repetition finds it."""
        payload = outgoing.payload
        with self.sessions.begin() as session:
            notify_staff(
                session, key=f"delivery:{outgoing.id}", kind=str(payload.get("kind", "notice")),
                level=str(payload.get("level", "info")), role=str(payload.get("role", "leader")),
                team=payload.get("team"), staff_id=payload.get("staff_id"),
                text=digest_text(payload), now=now,
            )


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Let a redirect be an error: followed as GET, it would lose the body and look delivered."""

    def redirect_request(self, *_given: Any) -> None:
        """Follow nowhere."""


_OPENER = urllib.request.build_opener(_NoRedirects)


@dataclass(frozen=True)
class WebhookSender:
    """Post a delivery as JSON, signed over timestamp and body."""

    url: str
    secret: str
    timeout: float = 10.0

    def send(self, outgoing: Outgoing, *, now: datetime) -> None:
        """Post once; an answer of 2xx is an arrival, 4xx except 408, 425 and 429 is final."""
        body = json.dumps(
            {
                "id": outgoing.id, "created_at": outgoing.created_at.isoformat(),
                "target": outgoing.target, **outgoing.payload,
            },
            ensure_ascii=False,
        ).encode()
        stamp = str(int(now.timestamp()))
        request = urllib.request.Request(  # noqa: S310 - the address is the operator's setting
            self.url, data=body, method="POST",
            headers={
                "Content-Type": "application/json", TIMESTAMP: stamp, DELIVERY: outgoing.id,
                SIGNATURE: sign(self.secret, stamp, body),
            },
        )
        try:
            with _OPENER.open(request, timeout=self.timeout):
                return
        except urllib.error.HTTPError as error:
            final = 400 <= error.code < 500 and error.code not in {408, 425, 429}
            raise DeliveryError(
                "webhook_refused", f"HTTP {error.code}", permanent=final
            ) from None
        except (OSError, HTTPException) as error:
            raise DeliveryError("webhook_unreachable", str(error)) from None


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a webhook body."""
    return "sha256=" + hmac.new(
        secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256
    ).hexdigest()


def verify(
    secret: str, headers: Mapping[str, str], body: bytes, *, now: datetime,
    window: timedelta = REPLAY_WINDOW,
) -> bool:
    """Tell whether a webhook is ours and fresh, as a receiver should before believing it."""
    stamp = headers.get(TIMESTAMP, "")
    if not stamp.isascii() or not stamp.isdigit():
        return False
    if abs(now.timestamp() - int(stamp)) > window.total_seconds():
        return False
    return hmac.compare_digest(sign(secret, stamp, body), headers.get(SIGNATURE, ""))


@dataclass(frozen=True)
class MailSender:
    """Mail a delivery; `addresses` finds who stands behind a role, a team or a person."""

    url: str
    addresses: Callable[[Mapping[str, Any]], Collection[str]]
    timeout: float = 20.0

    def send(self, outgoing: Outgoing, *, now: datetime) -> None:
        """Send one mail whose Message-ID is the delivery id."""
        to = sorted(self.addresses(outgoing.payload))
        if not to:
            raise NobodyToSendTo(f"{outgoing.target} 没有邮箱地址")
        parts = urlsplit(self.url)
        sender = parse_qs(parts.query).get("from", ["intake@localhost"])[0]
        message = EmailMessage()
        message["From"], message["To"] = sender, ", ".join(to)
        message["Date"] = format_datetime(now)
        message["Message-ID"] = f"<{outgoing.id}@{sender.rsplit('@', 1)[-1]}>"
        count = 1 + len(outgoing.payload.get("items", []))
        message["Subject"] = "工单提醒" if count == 1 else f"工单提醒汇总（{count}条）"
        message.set_content(digest_text(outgoing.payload))
        try:
            self._send(parts, message)
        except smtplib.SMTPResponseException as error:
            final = 500 <= error.smtp_code < 600
            raise DeliveryError("mail_refused", f"SMTP {error.smtp_code}", permanent=final) from None
        except (smtplib.SMTPException, OSError) as error:
            raise DeliveryError("mail_unreachable", str(error)) from None

    def _send(self, parts: Any, message: EmailMessage) -> None:
        host, port = parts.hostname or "localhost", parts.port
        if parts.scheme == "smtps":
            client: smtplib.SMTP = smtplib.SMTP_SSL(
                host, port or 465, timeout=self.timeout, context=ssl.create_default_context()
            )
        else:
            client = smtplib.SMTP(host, port or 25, timeout=self.timeout)
        with client:
            client.ehlo()
            if parts.scheme == "smtp" and client.has_extn("starttls"):
                client.starttls(context=ssl.create_default_context())
            if parts.username:
                client.login(unquote(parts.username), unquote(parts.password or ""))
            client.send_message(message)


def addresses_by_role(setting: str) -> Callable[[Mapping[str, Any]], list[str]]:
    """Return who is mailed: `leader/billing=a@x, duty_manager=b@x, c@x`, the narrowest that fit.

    An address without a role receives what no other entry is for.
    """
    known: dict[str, list[str]] = {}
    for entry in filter(None, (part.strip() for part in setting.split(","))):
        who, _, address = entry.rpartition("=")
        known.setdefault(who.strip(), []).append(address.strip())

    def addresses(payload: Mapping[str, Any]) -> list[str]:
        role, team = payload.get("role") or "", payload.get("team") or ""
        for who in (f"{role}/{team}", role, ""):
            if who in known:
                return known[who]
        return []

    return addresses


def digest_text(payload: Mapping[str, Any]) -> str:
    """Return the text of a notice, or of a digest with one line for each."""
    lines = [str(payload.get("text", ""))]
    lines += [str(item.get("text", "")) for item in payload.get("items", [])]
    return "\n".join(lines)


@dataclass(frozen=True)
class CustomerSender:
    """Say a text in the conversation that the customer reads, with a language verdict, exactly once."""

    sessions: sessionmaker
    gate: Gate
    texts: TextSource
    # Called after commit with the conversation's id: wakes streams, pushes to an outer channel.
    said: Callable[[str], None] = field(default=lambda _conversation: None)
    # The channels that reach customers; None: whatever they came by.
    connected: Collection[str] | None = None

    def send(self, outgoing: Outgoing, *, now: datetime) -> None:
        """Write and deliver the message under the delivery's id; a repetition finds it there."""
        with self.sessions.begin() as session:
            reached = self.write(session, outgoing, now=now)
        self.wake(reached)

    def write(self, session: Session, outgoing: Outgoing, *, now: datetime) -> str:
        """Write and deliver the message; return its conversation."""
        conversation = session.get(Conversation, outgoing.target)
        if conversation is None:
            raise DeliveryError("no_conversation", "会话不存在", permanent=True)
        said = self._said(session, conversation, outgoing)
        if said is None or said.state == FAILED:
            conversation = reachable_conversation(
                session, conversation, connected=self.connected, now=now
            )
        else:
            conversation = session.get(Conversation, said.conversation_id)
        if outgoing.payload.get("survey") and _is_with_person(conversation):
            raise DeferralError("客户正在与客服交谈", until=now + SURVEY_WAIT)
        if said is not None and said.state == FAILED:
            # Somebody asked for it at the outbox.
            if not is_connected(conversation, self.connected):
                raise DeliveryError("channel_removed", "客户所用的渠道仍未接通", permanent=True)
            said = say_again(session, said, conversation, external_id=outgoing.id, now=now)
        said = said or self._message(session, conversation, outgoing, now=now)
        if said.state == "pending":
            deliver(session, said, now=now)
        return str(conversation.id)

    def wake(self, reached: str) -> None:
        """Wake streams and channels of the conversation."""
        self.said(reached)

    def _said(
        self, session: Session, conversation: Conversation, outgoing: Outgoing
    ) -> Message | None:
        """Return the message in which it was said already, on whichever of the customer's channels."""
        here = Message.conversation_id.in_(conversations_of(session, conversation))
        same = here & (Message.external_id == outgoing.id)
        return session.execute(
            select(Message)
            .where(same | (Message.id == outgoing.payload.get("message")))
            .order_by(Message.id.desc())
            .limit(1)
        ).scalar_one_or_none()

    def _message(
        self, session: Session, conversation: Conversation, outgoing: Outgoing, *, now: datetime
    ) -> Message:
        payload = outgoing.payload
        name, facts = str(payload.get("response", "")), payload.get("facts") or {}
        text = self._rendered(name, payload)
        if payload.get("fallback") and self._is_blocked(text, payload, now=now):
            name = payload["fallback"]
            text = self._rendered(name, payload)
        shown: dict[str, Any] = {"ticket": payload.get("ticket")}
        if buttons := self.texts.buttons(name):
            shown["buttons"] = buttons
        return say(
            session, self.gate, conversation, text=text, author="system", now=now, payload=shown,
            context=payload.get("context"), facts=facts, external_id=outgoing.id,
        )

    def _rendered(self, name: str, payload: Mapping[str, Any]) -> str:
        """Render a text; one that lacks a name or value lacks it at every later try as well."""
        try:
            return self.texts.render(name, **payload["values"])
        except (DeskError, AttributeError, LookupError, TypeError, ValueError) as error:
            reason = f"{name}: {type(error).__name__}: {error}"
            raise DeliveryError("text_unusable", reason, permanent=True) from None

    def _is_blocked(self, text: str, payload: Mapping[str, Any], *, now: datetime) -> bool:
        result = self.gate.checker.check(
            text, speaker="bot", context=payload.get("context"), facts=payload.get("facts"),
            now=now,
        )
        return result.as_json()["verdict"] == "block"


def _is_with_person(conversation: Conversation) -> bool:
    return conversation.state in {ConversationState.STAFF.value, ConversationState.WAITING.value}
