"""Cards to people (接单卡片): a warning goes to those it concerns, with a button that claims.

A sender of the outbox. Unlike a group's robot, the application is told who pressed the button.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from bot.channels.adapter import QUOTA, RETRY, SENT, Adapter, Card, Delivery, Outbound
from bot.channels.staff_chat import NEXT, title_of
from bot.channels.staff_claims import conversation_key, reception_tables
from bot.desk.outbox import DeliveryError, Outgoing, Sender
from bot.desk.senders import digest_text
from bot.desk.staff import caller_of
from bot.storage.engine import reading
from bot.storage.staff import Staff

log = structlog.get_logger()
SendBy = Callable[[Adapter, Outbound], Delivery]


@dataclass
class StaffCards:
    """Send a notice as a card to each person it concerns, and on to the next sender.

    `send_by` sends one message through a channel and waits for what became of it.
    """

    sessions: sessionmaker
    adapters: Mapping[str, Adapter]
    public_url: str
    send_by: SendBy
    then: Sender | None = None
    _told: dict[str, set[str]] = field(default_factory=dict)

    def send(self, outgoing: Outgoing, *, now: datetime) -> None:
        """Send once to each person; a repetition leaves out those who have it.

        One card that must wait keeps no other back: what failed is raised after all were tried.
        """
        told = self._told.setdefault(outgoing.id, set())
        failed: list[DeliveryError] = []
        with reading(self.sessions) as session:
            concerned = self._concerned(session, outgoing.payload)
        for adapter, person in concerned:
            name = f"{adapter.id}:{person}"
            if name not in told:
                try:
                    self._send_one(adapter, person, outgoing)
                except DeliveryError as error:
                    log.warning("channels.card_waits", channel=adapter.id, person=person, error=error.message)
                    failed.append(error)
                else:
                    told.add(name)
        if self.then is not None and NEXT not in told:
            try:
                self.then.send(outgoing, now=now)
            except DeliveryError as error:
                failed.append(error)
            else:
                told.add(NEXT)
        if failed:
            # Another try helps if it helps one of them.
            raise min(failed, key=lambda error: error.permanent)
        self._told.pop(outgoing.id, None)

    def _concerned(self, session: Session, payload: Mapping[str, Any]) -> list[tuple[Adapter, str]]:
        accounts = {
            staff.name: caller_of(staff, reception_tables()[0])
            for staff in session.execute(select(Staff).where(Staff.disabled_at.is_(None))).scalars()
        }
        found = []
        for adapter in self.adapters.values():
            for person, name in getattr(adapter, "staff", {}).items():
                caller = accounts.get(name)
                if caller is None or not caller.sees_team(payload.get("team")):
                    continue
                own = payload.get("staff_id")
                if caller.id == own or (own is None and payload.get("role") in caller.hears):
                    found.append((adapter, person))
        return found

    def _send_one(self, adapter: Adapter, person: str, outgoing: Outgoing) -> None:
        id_ = hashlib.sha256(f"{outgoing.id}:{adapter.id}:{person}".encode()).hexdigest()[:32]
        payload, text = outgoing.payload, digest_text(outgoing.payload)
        number = str(payload.get("ticket") or "")
        link = f"{self.public_url}/console" + (f"#/tickets/{number}" if number else "")
        card = Card(title_of(payload), text, link, number or conversation_key(payload))
        became = self.send_by(adapter, Outbound(id=id_, target=person, text=text, card=card))
        if became.state in {RETRY, QUOTA}:
            raise DeliveryError("card_unreachable", f"{adapter.id}: {became.error}"[:200])
        if became.state != SENT:
            # One person who left the company does not keep the others from hearing of it.
            log.warning("channels.card_refused", channel=adapter.id, person=person, error=became.error[:120])
