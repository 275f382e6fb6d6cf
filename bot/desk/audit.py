"""Chapters 1.3 and 4.4: the audit log (审计日志): who did what when, sealed line by line.

Each line carries the hash of the line before, so that a changed, missing or inserted line
breaks the chain at a place that `verify` names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from bot.handbook.privacy import mask_data
from bot.storage.audit import AuditEntry

FIRST = "0" * 64
# Any number of our own: writers of the chain queue up on PostgreSQL; SQLite has one writer anyway.
CHAIN_LOCK = 20260102


def record_audit(
    session: Session,
    *,
    action: str,
    subject: str,
    now: datetime,
    staff_id: int | None = None,
    staff_name: str = "",
    data: dict[str, Any] | None = None,
) -> AuditEntry:
    """Append one line to the chain; personal numbers in `data` are masked."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"SELECT pg_advisory_xact_lock({CHAIN_LOCK})"))
    last = session.execute(
        select(AuditEntry.id, AuditEntry.hash).order_by(AuditEntry.id.desc()).limit(1)
    ).first()
    entry = AuditEntry(
        id=(last.id if last else 0) + 1,
        at=now,
        staff_id=staff_id,
        staff_name=staff_name,
        action=action,
        subject=subject[:120],
        # Free-text reasons are written by people in a hurry: the log can never be corrected.
        data=mask_data(data or {}),
        previous=last.hash if last else FIRST,
    )
    entry.hash = seal(entry)
    session.add(entry)
    session.flush()
    return entry


def seal(entry: AuditEntry) -> str:
    """Return the hash of a line's content and of the line before."""
    content = [
        entry.id,
        entry.at.astimezone(timezone.utc).isoformat(timespec="microseconds"),
        entry.staff_id,
        entry.staff_name,
        entry.action,
        entry.subject,
        entry.data,
        entry.previous,
    ]
    text_ = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text_.encode()).hexdigest()


@dataclass(frozen=True)
class Break:
    """Name the line at which the chain breaks, and how."""

    id: int
    what: str


def verify_audit(session: Session, *, batch: int = 1_000) -> tuple[int, Break | None]:
    """Walk the whole chain; return how many lines hold and the first break."""
    previous, number = FIRST, 0
    for entry in _lines(session, batch):
        if entry.id != number + 1:
            return number, Break(number + 1, f"缺少第{number + 1}行")
        if entry.previous != previous:
            return number, Break(entry.id, "与上一行的校验值不衔接")
        if seal(entry) != entry.hash:
            return number, Break(entry.id, "内容与校验值不符")
        previous, number = entry.hash, entry.id
    return number, None


def _lines(session: Session, batch: int) -> Iterator[AuditEntry]:
    after = 0
    while True:
        found = list(
            session.execute(
                select(AuditEntry).where(AuditEntry.id > after).order_by(AuditEntry.id).limit(batch)
            ).scalars()
        )
        yield from found
        if len(found) < batch:
            return
        after = found[-1].id
        session.expunge_all()


def audit_page(
    session: Session,
    *,
    before: int | None = None,
    action: str | None = None,
    staff_id: int | None = None,
    most: int = 100,
) -> list[AuditEntry]:
    """Return lines, newest first, below a cursor."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(most)
    if before:
        query = query.where(AuditEntry.id < before)
    if action:
        query = query.where(AuditEntry.action == action)
    if staff_id:
        query = query.where(AuditEntry.staff_id == staff_id)
    return list(session.execute(query).scalars())
