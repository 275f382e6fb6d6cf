"""A mail server: a small IMAP mailbox to read from, SMTP to send through, with faults."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any

from aiohttp import web

from tests.channels.simulators.platform import FETCHED, Posted, Sent, Simulator

ADDRESS = "service@operator.example"


class Mailbox:
    """Holds mails by UID; answers what the adapter asks and nothing more."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.sent: list[EmailMessage] = []
        # Answers to DATA; a fault that is no answer is a server that is busy.
        self.faults: deque[Any] = deque()
        # Answers to RCPT, before any other.
        self.receivers: deque[str] = deque()
        self.on_kept: Callable[[EmailMessage], None] = lambda message: None
        self.validity = 1
        # By UID, of mails that did not come today.
        self.days_ago: dict[int, int] = {}
        self.imap_port = self.smtp_port = 0

    def entry(self) -> dict[str, Any]:
        return {
            "platform": "mail", "imap": f"imap://user:pass@127.0.0.1:{self.imap_port}/INBOX",
            "smtp": f"smtp://127.0.0.1:{self.smtp_port}", "address": ADDRESS,
        }

    def arrives(
        self, sender: str, subject: str, text: str, *, id: str, date: str = "Mon, 02 Mar 2026 09:00:00 +0800",
        **headers: str,
    ) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = sender, ADDRESS, subject
        message["Message-ID"] = f"<{id}@mail.example>"
        message["Date"] = date
        for name, value in headers.items():
            message[name.replace("_", "-")] = value
        message.set_content(text)
        self.mails.append(message.as_bytes())

    def _arrived(self, uid: int) -> datetime:
        return datetime.now(timezone.utc) - timedelta(days=self.days_ago.get(uid, 0))

    async def _imap(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def line(text: str) -> None:
            writer.write(text.encode() + b"\r\n")

        line("* OK ready")
        while raw := await reader.readline():
            tag, _, command = raw.decode().strip().partition(" ")
            upper = command.upper()
            if upper.startswith("CAPABILITY"):
                line("* CAPABILITY IMAP4rev1")
            elif upper.startswith(("SELECT", "EXAMINE")):
                line(f"* {len(self.mails)} EXISTS")
                line(f"* OK [UIDVALIDITY {self.validity}] valid")
            elif upper.startswith("UID SEARCH"):
                first = int(re.search(r"UID (\d+):", command)[1])
                uids = [n for n in range(1, len(self.mails) + 1) if n >= first]
                if since := re.search(r"SINCE (\d+-[A-Z][a-z]{2}-\d{4})", command):
                    day = datetime.strptime(since[1], "%d-%b-%Y").replace(tzinfo=timezone.utc)
                    uids = [n for n in uids if self._arrived(n) >= day]
                # `n:*` always names the last mail, as the standard says.
                uids = uids or ([len(self.mails)] if self.mails else [])
                line("* SEARCH " + " ".join(map(str, uids)))
            elif upper.startswith("UID FETCH"):
                uid = int(command.split()[2])
                mail = self.mails[uid - 1]
                line(f"* {uid} FETCH (UID {uid} BODY[]<0> {{{len(mail)}}}")
                writer.write(mail + b")\r\n")
            elif upper.startswith("LOGOUT"):
                line("* BYE")
                line(f"{tag} OK bye")
                break
            line(f"{tag} OK done")
            await writer.drain()
        writer.close()

    async def _smtp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def line(text: str) -> None:
            writer.write(text.encode() + b"\r\n")

        line("220 ready")
        while raw := await reader.readline():
            command = raw.decode("utf-8", "replace").strip().upper()
            if command.startswith("EHLO"):
                line("250-here")
                line("250 8BITMIME")
            elif command == "DATA":
                if self.faults:
                    fault = self.faults.popleft()
                    line(fault if isinstance(fault, str) else "451 try later")
                    continue
                line("354 go on")
                content = b""
                while (part := await reader.readline()) != b".\r\n":
                    content += part
                self._keep(content)
                line("250 kept")
            elif command.startswith("RCPT") and self.receivers:
                line(self.receivers.popleft())
            elif command == "QUIT":
                line("221 bye")
                break
            else:
                line("250 ok")
            await writer.drain()
        writer.close()

    def _keep(self, content: bytes) -> None:
        message = message_from_bytes(content, policy=policy.default)
        if all(old["Message-ID"] != message["Message-ID"] for old in self.sent):
            self.sent.append(message)  # type: ignore[arg-type]
            self.on_kept(message)  # type: ignore[arg-type]


    async def begin(self) -> None:
        self.servers = [await asyncio.start_server(work, "127.0.0.1", 0) for work in (self._imap, self._smtp)]
        self.imap_port, self.smtp_port = (server.sockets[0].getsockname()[1] for server in self.servers)

    async def end(self) -> None:
        for server in self.servers:
            server.close()


@asynccontextmanager
async def running_mailbox() -> Any:
    box = Mailbox()
    await box.begin()
    try:
        yield box
    finally:
        await box.end()


class MailSimulator(Simulator):
    """A mailbox in the shape of the other platforms: what is posted elsewhere lies there to be fetched."""

    name = "mail"
    host = "mail.example"

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.box = Mailbox()
        self.box.faults = self.faults
        self.box.on_kept = self._handed

    async def begin(self) -> None:
        await self.box.begin()

    async def end(self) -> None:
        await self.box.end()

    def routes(self) -> list[web.RouteDef]:
        return []

    def entry(self) -> dict[str, Any]:
        return self.box.entry()

    def busy(self) -> web.Response:
        return web.Response(status=503)

    def _handed(self, message: EmailMessage) -> None:
        to = str(message["To"]).removesuffix(f"@{self.host}")
        self.sent.append(Sent(to, message.get_content().strip(), str(message["Message-ID"])))

    def message(self, sender: str, text: str, *, id: str = "", at: float | None = None) -> Posted:
        at = self.clock() if at is None else at
        self.box.arrives(
            f"{sender}@{self.host}", "", text, id=id or f"m{next(self.numbers)}", date=formatdate(at)
        )
        return Posted(method=FETCHED)

    def sealed(self, raw: bytes) -> Posted:
        self.box.mails.append(raw)
        return Posted(method=FETCHED)
