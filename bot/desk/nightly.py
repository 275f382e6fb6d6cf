"""Chapters 1.3 and 5.1: the nightly comparison (夜间核对): everything recomputed from the log."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from bot.desk.audit import audit_page, record_audit
from bot.desk.notices import notify_staff
from bot.desk.replays import Replayed, replay_all
from bot.handbook.deadlines import SHANGHAI
from bot.handbook.tables import Handbook
from bot.storage.audit import AuditEntry
from bot.storage.engine import reading
from bot.storage.locks import lock_name

ACTION = "figures_compared"
NIGHT = range(2, 5)
# A desk that is off at night compares when it is on.
LATEST = timedelta(hours=30)
SHOWN = 20


def compare_nightly(
    sessions: sessionmaker, handbook: Handbook, *, now: datetime, workers: int = 2
) -> Replayed | None:
    """Replay the log and note the result, once a night; tell leaders of any difference."""
    with reading(sessions) as session:
        if not is_due(last_comparison(session), now):
            return None
    done = replay_all(sessions.kw["bind"], handbook, now=now, workers=workers)
    with sessions.begin() as session:
        lock_name(session, ACTION)
        if is_due(last_comparison(session), now):
            _note(session, done, now)
    return done


def last_comparison(session: Session) -> AuditEntry | None:
    """Return the line of the last comparison in the audit log."""
    return next(iter(audit_page(session, action=ACTION, most=1)), None)


def is_due(last: AuditEntry | None, now: datetime) -> bool:
    """Tell whether nothing was compared yet this night, or for too long."""
    if last is None or now - last.at > LATEST:
        return True
    local = now.astimezone(SHANGHAI)
    return local.hour in NIGHT and last.at.astimezone(SHANGHAI).date() < local.date()


def comparison_json(last: AuditEntry | None) -> dict[str, Any] | None:
    """Return the last comparison as the console shows it."""
    return None if last is None else {"at": last.at, **last.data}


def _note(session: Session, done: Replayed, now: datetime) -> None:
    day = now.astimezone(SHANGHAI).date().isoformat()
    count = len(done.differences)
    record_audit(
        session, action=ACTION, subject=f"day:{day}", now=now,
        data={
            "tickets": done.tickets, "events": done.events, "figures": done.figures,
            "differences": count,
            "where": [f"{number}: {what}" for number, what, *_ in done.differences[:SHOWN]],
        },
    )
    if count:
        notify_staff(
            session, key=f"{ACTION}:{day}", kind="comparison", level="urgent", role="duty_manager",
            now=now, by=("console", "mail"),
            text=f"夜间核对发现{count}处与事件记录不一致，请管理员运行 intake replay 查看明细。",
        )
