"""The desk's watch (值守): offers, lost people, long waits, appeals, dead letters, certificates.

One loop per process; every part is idempotent, so that several processes do no harm, and has a
transaction of its own, so that one that fails takes nothing from the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sanic import Blueprint, Sanic
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.console.routing import Tables, console_tables
from bot.desk import absence, complaints, presence
from bot.desk.apart import apart, told
from bot.desk.dead_letters import tell_dead_letters
from bot.desk.messages import deliver_pending
from bot.desk.notices import notify_staff
from bot.desk.rules_in_force import check_waiting
from bot.desk.serving import Office
from bot.handbook.deadlines import SHANGHAI
from bot.storage.staff import Qualification, Staff

watch = Blueprint("console_watch")
EVERY_S = 1.0


Part = Callable[[Session, Any, Tables, datetime], list[str]]


def _office(desk: Any, tables: Tables) -> Office:
    return Office(desk.handbook, tables.reception, desk.gate)


def _return_abandoned(session: Session, desk: Any, tables: Tables, now: datetime) -> list[str]:
    return [c.id for c in absence.return_abandoned(session, _office(desk, tables), now=now)]


def _drop_lost_presence(session: Session, desk: Any, tables: Tables, now: datetime) -> list[str]:
    absence.drop_lost_presence(session, _office(desk, tables), now=now)
    return []


def _warn_of_waiting(session: Session, desk: Any, tables: Tables, now: datetime) -> list[str]:
    return [c.id for c in absence.warn_of_waiting(session, _office(desk, tables), now=now)]


def _relieve_queue(session: Session, desk: Any, tables: Tables, now: datetime) -> list[str]:
    office, secret = _office(desk, tables), desk.settings.secret
    return [c.id for c in absence.relieve_queue(session, office, secret=secret, now=now)]


def _sweep_offers(session: Session, desk: Any, tables: Tables, now: datetime) -> list[str]:
    return presence.sweep_offers(session, tables.reception, now=now)


def _check_waiting(session: Session, desk: Any, tables: Tables, now: datetime) -> list[str]:
    return check_waiting(session, desk.gate, now=now)


def _watch_appeals(session: Session, desk: Any, tables: Tables, now: datetime) -> list[str]:
    alarmed = complaints.watch_appeals(session, desk.handbook, tables.reception.complaints, now=now)
    return [ticket.conversation_id for ticket in alarmed if ticket.conversation_id]


def _tell_dead_letters(session: Session, desk: Any, tables: Tables, now: datetime) -> list[str]:
    tell_dead_letters(session, desk.handbook, now=now)
    return []


# In this order: who was lost frees what is offered next.
PARTS: dict[str, Part] = {
    "return_abandoned": _return_abandoned,
    "drop_lost_presence": _drop_lost_presence,
    "warn_of_waiting": _warn_of_waiting,
    "relieve_queue": _relieve_queue,
    "sweep_offers": _sweep_offers,
    "check_waiting": _check_waiting,
    "watch_appeals": _watch_appeals,
    "tell_dead_letters": _tell_dead_letters,
}


async def watch_once(
    desk: Any, tables: Tables, undelivered: set[str], *, now: datetime
) -> list[str]:
    """Do everything that is due, each part in its own transaction; return what changed.

    What was written is delivered after commit; what cannot be stays in `undelivered` for the
    next round.
    """
    for name, part in PARTS.items():
        with told(name):
            undelivered.update(
                await desk.turns.in_thread(partial(_served, part, desk, tables, now))
            )
    changed = sorted(undelivered)
    for conversation_id in changed:
        with told("deliver", conversation=conversation_id):
            await desk.turns.in_thread(partial(_delivered, conversation_id, now))
            undelivered.discard(conversation_id)
    return changed


def _served(part: Part, desk: Any, tables: Tables, now: datetime, session: Session) -> list[str]:
    return part(session, desk, tables, now)


def _delivered(conversation_id: str, now: datetime, session: Session) -> None:
    deliver_pending(session, conversation_id, now=now)


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
        with apart(session, "warn_lapsing", staff=staff.id):
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
    undelivered: set[str] = set()
    next_warning: datetime | None = None
    while True:
        await asyncio.sleep(EVERY_S)
        now = desk.now()
        changed = await watch_once(desk, tables, undelivered, now=now)
        if next_warning is None or now >= next_warning:
            next_warning = now + timedelta(hours=1)
            with told("warn_lapsing"):
                await desk.turns.in_thread(partial(warn_lapsing, tables=tables, now=now))
        for conversation_id in changed:
            desk.hub.publish(f"conversation:{conversation_id}", {})
        if changed:
            desk.hub.publish("staff", {})


@watch.listener("after_server_start")
async def begin(app: Sanic, loop: asyncio.AbstractEventLoop) -> None:
    """Begin the watch with the server."""
    app.ctx.console_watch = loop.create_task(_loop(app))


@watch.listener("before_server_stop")
async def finish(app: Sanic, loop: asyncio.AbstractEventLoop) -> None:
    """End the watch with the server."""
    app.ctx.console_watch.cancel()
