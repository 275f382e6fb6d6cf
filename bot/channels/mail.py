"""Mail (邮件): read from a mailbox by IMAP from a stored cursor on, answered by SMTP.

Machines are not answered (RFC 3834), quoted text is left out, and an answer belongs to the thread.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import imaplib
import re
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.message import EmailMessage
from email.utils import parseaddr, parsedate_to_datetime
from functools import partial
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urlsplit

import aiosmtplib

from bot.channels.adapter import (
    REFUSED,
    RETRY,
    SENT,
    Delivery,
    Hook,
    Inbound,
    Line,
    Outbound,
    Page,
    Read,
    Rejected,
)
from bot.channels.calls import Unreachable
from bot.handbook.channels import Limits

AT_ONCE = 20
LARGEST = 5 * 1024 * 1024
LOOK_BACK = timedelta(days=2)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_QUOTE = re.compile(
    # Not `\s`: a mail of empty lines would be read from each of them to its end.
    r"^[^\S\n]*(?:>|-{2,}\s*(?:原始邮件|Original Message|转发邮件)|在.{4,80}写道[：:]|On .{4,80} wrote:|发件人[：:]|From:)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Mail:
    """Connect one mailbox: `imaps://user:password@host/INBOX` and `smtp://user:password@host`."""

    id: str
    limits: Limits
    imap: str
    smtp: str
    address: str
    subject: str = "服务工单回复"
    seconds: float = 30
    native_buttons: int = 0
    sends_pictures: bool = False
    ways: tuple[str, ...] = ()

    @property
    def fetch_every(self) -> timedelta:
        """Return how often to look into the mailbox."""
        return timedelta(seconds=self.seconds)

    def wishes(self) -> list[dict[str, Any]]:
        """Return the one mailbox."""
        return [{"name": self.address}]

    def read(self, hook: Hook, *, now: datetime) -> Read:
        """Refuse: mail has no webhook."""
        raise Rejected("邮件渠道没有回调地址", status=404)

    async def pages(self, wish: Mapping[str, Any], line: Line) -> AsyncIterator[Page]:
        """Fetch what lies behind the stored cursor."""
        name = f"{self.id}:{self.address}"
        while True:
            cursor = await line.cursor(name)
            try:
                validity, found = await asyncio.get_running_loop().run_in_executor(
                    None, partial(fetch_after, self.imap, cursor, now=line.now())
                )
            except (OSError, imaplib.IMAP4.error, TypeError, ValueError, IndexError) as error:
                # `imaplib` hands out None and words where a server answers otherwise than it should.
                raise Unreachable(f"IMAP: {type(error).__name__}") from error
            if not cursor:
                # What lay in the mailbox before the desk was connected is not its to answer.
                yield Page((), name, f"{validity}:{found[-1][0] if found else 0}")
                return
            if not found:
                return
            # Large attachments take long to read: beside the loop, which has callbacks to answer.
            messages = await asyncio.get_running_loop().run_in_executor(
                None, parse_all, [raw for _, raw in found], self.address, line.now()
            )
            yield Page(messages, name, f"{validity}:{found[-1][0]}")

    async def send(self, outbound: Outbound, line: Line) -> Delivery:
        """Send one mail whose Message-ID is ours."""
        parts = urlsplit(self.smtp)
        try:
            await aiosmtplib.send(
                self._message(outbound), hostname=parts.hostname, port=parts.port,
                username=unquote(parts.username) if parts.username else None,
                password=unquote(parts.password) if parts.password else None,
                use_tls=parts.scheme == "smtps", timeout=20,
            )
        except aiosmtplib.SMTPResponseException as error:
            state = REFUSED if 500 <= error.code < 600 else RETRY
            return Delivery(state, error=f"SMTP {error.code}")
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = sorted({each.code for each in error.recipients})
            # 4xx: a server that does not know us yet wants to be asked again (greylisting).
            state = REFUSED if codes and codes[0] >= 500 else RETRY
            return Delivery(state, error=f"SMTP {codes}")
        except ValueError as error:
            return Delivery(REFUSED, error=type(error).__name__)
        except (aiosmtplib.SMTPException, OSError) as error:
            return Delivery(RETRY, error=type(error).__name__)
        return Delivery(SENT, platform_id=outbound.id)

    def _message(self, outbound: Outbound) -> EmailMessage:
        message = EmailMessage()
        subject = str(outbound.address.get("subject") or "") or self.subject
        message["From"], message["To"] = self.address, outbound.target
        message["Subject"] = subject if subject.lower().startswith("re:") else f"Re: {subject}"
        message["Message-ID"] = f"<{outbound.id}@{self.address.rsplit('@', 1)[-1]}>"
        if outbound.address.get("message_id"):
            message["In-Reply-To"] = message["References"] = str(outbound.address["message_id"])
        # Other machines must not answer ours.
        message["Auto-Submitted"] = "auto-replied"
        message.set_content(outbound.text)
        return message


def fetch_after(url: str, cursor: str, *, now: datetime) -> tuple[str, list[tuple[int, bytes]]]:
    """Return the mailbox's validity and the next mails after the cursor `validity:uid`.

    Without a cursor only the newest number is returned, with no mail.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "imaps":
        client: imaplib.IMAP4 = imaplib.IMAP4_SSL(
            host, port or 993, ssl_context=ssl.create_default_context(), timeout=20
        )
    else:
        client = imaplib.IMAP4(host, port or 143, timeout=20)
    with client:
        client.login(unquote(parts.username or ""), unquote(parts.password or ""))
        client.select(parts.path.lstrip("/") or "INBOX", readonly=True)
        validity = (client.response("UIDVALIDITY")[1][0] or b"0").decode()
        before, _, last = cursor.partition(":")
        if not cursor:
            return validity, [(uid, b"") for uid in _listed(client, "UID 1:*")[-1:]]
        after = int(last) if before == validity and last.isdigit() else 0
        # New numbers begin when the validity changes: then the newest days are looked at again.
        since = "" if before == validity else f" SINCE {_day(now - LOOK_BACK)}"
        uids = [uid for uid in _listed(client, f"UID {after + 1}:*{since}") if uid > after][:AT_ONCE]
        return validity, [(uid, _fetch(client, uid)) for uid in uids]


def _listed(client: imaplib.IMAP4, wanted: str) -> list[int]:
    _, listed = client.uid("SEARCH", wanted)
    return sorted(int(uid) for uid in (listed[0] or b"").split())


def _day(at: datetime) -> str:
    """Return a day as IMAP writes it, whatever the language of the machine."""
    return f"{at.day}-{MONTHS[at.month - 1]}-{at.year}"


def _fetch(client: imaplib.IMAP4, uid: int) -> bytes:
    _, data = client.uid("FETCH", str(uid), f"(BODY.PEEK[]<0.{LARGEST}>)")
    return next((part[1] for part in data if isinstance(part, tuple)), b"")


def parse_all(mails: Sequence[bytes], own: str, now: datetime) -> tuple[Inbound, ...]:
    """Return the messages among some mails."""
    return tuple(found for raw in mails if (found := parse(raw, own, now)) is not None)


def parse(raw: bytes, own: str, now: datetime) -> Inbound | None:
    """Return a mail as a message; None for machines, bounces and our own."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    try:
        sender = parseaddr(str(message.get("From", "")))[1].lower()
        automatic = str(message.get("Auto-Submitted", "no")).lower() != "no"
        bulk = str(message.get("Precedence", "")).lower() in {"bulk", "junk", "list", "auto_reply"}
        number, subject = str(message.get("Message-ID", "")).strip(), str(message.get("Subject", ""))
        text = unquoted(_text(message))
    except (ValueError, LookupError, TypeError, AttributeError, IndexError):
        # The parser of the standard library is not proof against every broken header.
        return None
    if automatic or bulk or "@" not in sender or sender == own.lower() or sender.startswith("mailer-daemon@"):
        return None
    title = re.sub(r"^(?:(?:re|fw|fwd|回复|答复|转发)\s*[:：]\s*)+", "", subject, flags=re.IGNORECASE)
    is_answer = bool(message.get("In-Reply-To"))
    words = text if is_answer or not title.strip() else f"{title.strip()}。{text}"
    at = _date(message, now)
    return Inbound(
        "text" if words.strip() else "event", number or f"{sender}:{at.isoformat()}", sender,
        words.strip(), at, address={"subject": subject[:200], "message_id": number[:300]},
    )


def _date(message: Any, now: datetime) -> datetime:
    try:
        found = parsedate_to_datetime(str(message.get("Date", "")))
    except (TypeError, ValueError):
        return now
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def _text(message: Any) -> str:
    body = message.get_body(preferencelist=("plain", "html"))
    if body is None:
        return ""
    content = body.get_payload(decode=True) or b""
    try:
        text = content.decode(body.get_content_charset() or "utf-8", "replace")
    except LookupError:
        # Chinese mails name encodings that nobody knows; GB 18030 reads most of them.
        text = content.decode("gb18030", "replace")
    return _plain(text) if body.get_content_subtype() == "html" else text


def unquoted(text: str) -> str:
    """Return what the customer wrote above the quoted mail."""
    match = _QUOTE.search(text)
    return (text[: match.start()] if match else text).strip()


class _Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.silent += tag in {"script", "style", "blockquote"}
        if tag in {"br", "p", "div", "li", "tr"}:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"script", "style", "blockquote"}:
            self.silent = max(0, self.silent - 1)

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.parts.append(data)


def _plain(html: str) -> str:
    reader = _Texts()
    reader.feed(html)
    return re.sub(r"\n\s*\n+", "\n", "".join(reader.parts))
