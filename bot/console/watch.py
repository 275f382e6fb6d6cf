"""The desk's watch (值守): offers, lost people, who waits too long, words of an appeal, certificates.

One loop per process; every sweep is idempotent, so that several processes do no harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from sanic import Blueprint, Sanic
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.console.routing import Tables, console_tables
from bot.desk import absence, complaints, presence
from bot.desk.messages import deliver_pending
from bot.desk.notices import notify_staff
from bot.desk.rules_in_force import check_waiting
from bot.desk.serving import Office
from bot.handbook.deadlines import SHANGHAI
from bot.storage.staff import Qualification, Staff

log = structlog.get_logger()
watch = Blueprint("console_watch")
EVERY_S = 1.0


def sweep(session: Session, desk: Any, tables: Tables, *, now: datetime) -> list[str]:
    """Do everything that is due; return the conversations that changed."""
    office = Office(desk.handbook, tables.reception, desk.gate)
    changed = [c.id for c in absence.return_abandoned(session, office, now=now)]
    absence.drop_lost_presence(session, office, now=now)
    changed += [c.id for c in absence.warn_of_waiting(session, office, now=now)]
    changed += [
        c.id for c in absence.relieve_queue(session, office, secret=desk.settings.secret, now=now)
    ]
    changed += presence.sweep_offers(session, tables.reception, now=now)
    changed += check_waiting(session, desk.gate, now=now)
    alarmed = complaints.watch_appeals(session, desk.handbook, tables.reception.complaints, now=now)
    for conversation_id in changed:
        deliver_pending(session, conversation_id, now=now)
    return [*changed, *(ticket.conversation_id for ticket in alarmed if ticket.conversation_id)]


def warn_lapsing(session: Session, tables: Tables, *, now: datetime) -> int:
    """Tell leaders of certificates that lapse within 30 days, once for each (2.1)."""
    today = now.astimezone(SHANGHAI).date()
    rows = session.execute(
        select(Qualification, Staff)
        .join(Staff, Staff.id == Qualification.staff_id)
        .where(
            Qualification.expires_on <= today + tables.reception.warn_for,
            Qualification.expires_on >= today,
            Staff.disabled_at.is_(None),
        )
    ).all()
    for held, staff in rows:
        title = tables.reception.skills.get(held.skill, held.skill)
        notify_staff(
            session,
            key=f"lapse:{staff.id}:{held.skill}:{held.expires_on}",
            kind="qualification",
            level="general",
            role="leader",
            now=now,
            team=staff.teams[0] if staff.teams else None,
            text=f"{staff.title}的{title}将于{held.expires_on:%Y年%m月%d日}到期，到期后不能接入新的会话。",
        )
    return len(rows)


async def _loop(app: Sanic) -> None:
    desk, tables = app.ctx.desk, console_tables()
    next_warning: datetime | None = None
    while True:
        await asyncio.sleep(EVERY_S)
        now = desk.now()
        try:
            changed = await desk.turns.in_thread(_swept(desk, tables, now))
            if next_warning is None or now >= next_warning:
                await desk.turns.in_thread(
                    lambda session: warn_lapsing(session, tables, now=desk.now())
                )
                next_warning = now + timedelta(hours=1)
        except Exception:
            # A watch that ends leaves every customer who waits alone; the next round looks at everything again.
            log.exception("watch.failed")
            continue
        for conversation_id in changed:
            desk.hub.publish(f"conversation:{conversation_id}", {})
        if changed:
            desk.hub.publish("staff", {})


def _swept(desk: Any, tables: Tables, now: datetime) -> Callable[[Session], list[str]]:
    return lambda session: sweep(session, desk, tables, now=now)


@watch.listener("after_server_start")
async def begin(app: Sanic, loop: asyncio.AbstractEventLoop) -> None:
    """Begin the watch with the server."""
    app.ctx.console_watch = loop.create_task(_loop(app))


@watch.listener("before_server_stop")
async def finish(app: Sanic, loop: asyncio.AbstractEventLoop) -> None:
    """End the watch with the server."""
    app.ctx.console_watch.cancel()
