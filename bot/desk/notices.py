"""Chapters 3.4 and 5.3: notices (通知): to staff through the console and beyond, to customers.

A notice is a row in the transaction of what caused it, under a key that makes it one; what
leaves the desk goes through the outbox after commit.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from bot.desk.ticket_cards import text_values, ticket_card, ticket_facts
from bot.desk.ticket_log import called_by
from bot.handbook.errors import NotFound
from bot.handbook.tables import Handbook
from bot.storage.notices import Delivery, Notice, NoticeRead
from bot.storage.tickets import Ticket

# Delivery ids are made of keys in this space, so that a repetition carries the same id.
NAMESPACE = uuid.UUID("6f0ab8f4-41f3-5c55-9e0d-5f0c4dd1a6b2")
CUSTOMER = "customer"


def delivery_id_of(key: str) -> str:
    """Return the id that receivers see of a delivery."""
    return str(uuid.uuid5(NAMESPACE, key))


def notify_staff(
    session: Session,
    *,
    key: str,
    kind: str,
    level: str,
    role: str,
    text: str,
    now: datetime,
    ticket: Ticket | None = None,
    team: str | None = None,
    staff_id: int | None = None,
    by: Collection[str] = ("console",),
    send_at: datetime | None = None,
    digest: bool = False,
    carries: Mapping[str, Any] | None = None,
) -> Notice:
    """Write a notice once; `by` names the ways it leaves besides the console, from `send_at` on.

    What it `carries` goes with it on those ways.
    """
    found = session.execute(select(Notice).where(Notice.key == key)).scalar_one_or_none()
    if found is not None:
        return found
    notice = Notice(
        key=key, kind=kind, level=level, role=role, text=text, created_at=now, staff_id=staff_id,
        team=team or (ticket.team if ticket else None), ticket_id=ticket.id if ticket else None,
    )
    session.add(notice)
    session.flush()
    target = f"{role}:{notice.team or ''}:{staff_id or ''}"
    for sender in sorted(set(by) - {"console"}):
        payload = {
            "kind": kind, "level": level, "text": text, "role": role, "team": notice.team,
            "staff_id": staff_id, "ticket": ticket.number if ticket else None, **(carries or {}),
        }
        put_delivery(
            session, key=f"{key}:{sender}", sender=sender, target=target, payload=payload,
            now=now, send_at=send_at, notice_id=notice.id, ticket_id=notice.ticket_id,
            digest=f"{sender}:{target}" if digest else None,
        )
    return notice


def tell_customer(
    session: Session,
    handbook: Handbook,
    ticket: Ticket,
    response: str,
    *,
    key: str,
    now: datetime,
    values: Mapping[str, Any] | None = None,
    facts: Mapping[str, Any] | None = None,
    fallback: str | None = None,
    survey: bool = False,
) -> Delivery | None:
    """Put a text of `domain.yml` into the outbox for the ticket's customer, once per key.

    `fallback` names the text that is sent when `response` is blocked by the language check,
    because it carries words of staff.
    """
    if ticket.conversation_id is None:
        return None
    call_by = called_by(session, ticket, now=now)
    payload = {
        "response": response, "context": ticket.type, "fallback": fallback, "survey": survey,
        "values": text_values(ticket, handbook, now=now, call_by=call_by) | dict(values or {}),
        "facts": ticket_facts(ticket, now=now, call_by=call_by) | dict(facts or {}),
        "ticket": ticket_card(ticket, handbook),
    }
    return put_delivery(
        session, key=f"{ticket.number}:{key}", sender=CUSTOMER, target=ticket.conversation_id,
        payload=payload, now=now, ticket_id=ticket.id,
    )


def put_delivery(
    session: Session,
    *,
    key: str,
    sender: str,
    target: str,
    payload: Mapping[str, Any],
    now: datetime,
    send_at: datetime | None = None,
    notice_id: int | None = None,
    ticket_id: int | None = None,
    digest: str | None = None,
) -> Delivery:
    """Write one delivery, or find the one of the same key."""
    found = session.execute(select(Delivery).where(Delivery.key == key)).scalar_one_or_none()
    if found is not None:
        return found
    delivery = Delivery(
        key=key, delivery_id=delivery_id_of(key), sender=sender, target=target,
        payload=dict(payload), digest=digest, notice_id=notice_id, ticket_id=ticket_id,
        next_at=send_at or now, created_at=now,
    )
    session.add(delivery)
    session.flush()
    return delivery


def notices_for(
    session: Session,
    *,
    staff_id: int,
    teams: Collection[str] | None,
    roles: Collection[str],
    after: int = 0,
    unread: bool = False,
    most: int = 100,
) -> list[tuple[Notice, datetime | None]]:
    """Return a person's notices, newest first, each with when that person read it."""
    mine = (NoticeRead.notice_id == Notice.id) & (NoticeRead.staff_id == staff_id)
    query = (
        select(Notice, NoticeRead.read_at)
        .outerjoin(NoticeRead, mine)
        .where(Notice.id > after, _is_for(staff_id=staff_id, teams=teams, roles=roles))
        .order_by(Notice.id.desc())
        .limit(most)
    )
    if unread:
        query = query.where(NoticeRead.read_at.is_(None))
    return [(notice, at) for notice, at in session.execute(query).all()]


def _is_for(
    *, staff_id: int, teams: Collection[str] | None, roles: Collection[str]
) -> ColumnElement:
    """Tell which notices are a person's: their own, and those of their roles and teams."""
    theirs = Notice.role.in_(roles)
    if teams is not None:
        theirs = theirs & (Notice.team.in_(teams) | Notice.team.is_(None))
    return or_(Notice.staff_id == staff_id, theirs & Notice.staff_id.is_(None))


def read_notice(
    session: Session,
    notice_id: int,
    *,
    staff_id: int,
    teams: Collection[str] | None,
    roles: Collection[str],
    now: datetime,
) -> bool:
    """Mark a notice as read by one person; raise `NotFound` when it is none of theirs."""
    seen = _is_for(staff_id=staff_id, teams=teams, roles=roles)
    if not session.execute(select(Notice.id).where(Notice.id == notice_id, seen)).first():
        raise NotFound("没有这个通知", notice=notice_id)
    if session.get(NoticeRead, (notice_id, staff_id)) is not None:
        return False
    try:
        with session.begin_nested():
            session.add(NoticeRead(notice_id=notice_id, staff_id=staff_id, read_at=now))
    except IntegrityError:
        return False
    session.execute(
        update(Notice)
        .where(Notice.id == notice_id, Notice.read_at.is_(None))
        .values(read_at=now, read_by=staff_id)
        .execution_options(synchronize_session=False)
    )
    return True
