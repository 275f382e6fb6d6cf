"""The console's stream (实时更新): hints of what changed, from a cursor on, so that nothing is missed.

The cursor names the last message, ticket entry, staff event and notice that were told. A hint
says which conversations and tickets to read again, so that telling one twice does no harm.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sanic import Blueprint
from sanic.request import Request
from sanic.response import HTTPResponse
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from bot.console.refusals import note_refusal
from bot.console.routing import (
    COOKIE,
    NOBODY,
    PREFIX,
    Ask,
    Field,
    Section,
    console_tables,
    dumps,
    look,
    refused,
)
from bot.desk.complaints import MARK
from bot.desk.staff import Caller, find_caller
from bot.handbook.access import NotSignedIn, PasswordChangeNeeded
from bot.handbook.errors import DeskError
from bot.storage.conversations import Conversation, Message
from bot.storage.notices import Notice
from bot.storage.staff import Staff, StaffEvent
from bot.storage.tickets import Ticket, TicketEntry

stream = Blueprint("console_stream", url_prefix=PREFIX)
section = Section("changes")
SOURCES = (Message.id, TicketEntry.id, StaffEvent.id, Notice.id)
# News of this process wakes at once; that of others is found by looking.
POLL_S = 0.8
HEARTBEAT_S = 12.0
# Transactions may commit out of the order of their ids.
LOOK_BACK = 100
MOST = 500
TOGETHER_S = 0.2
MOST_PLACES = 200


@dataclass
class Cursor:
    """Hold the last id told of each source, and the ids told within the look-back."""

    last: list[int]
    told: list[set[int]] = field(default_factory=lambda: [set() for _ in SOURCES])

    @property
    def text(self) -> str:
        """Return the cursor as the stream's event id."""
        return ".".join(map(str, self.last))

    def fresh(self, source: int, rows: list[Any]) -> list[Any]:
        """Return the rows that were not told yet, and remember them."""
        new = [row for row in rows if row[0] not in self.told[source]]
        self.told[source].update(row[0] for row in new)
        self.last[source] = max([self.last[source], *(row[0] for row in new)])
        floor = self.last[source] - LOOK_BACK
        self.told[source] = {id_ for id_ in self.told[source] if id_ > floor}
        return new


def read_cursor(text: str) -> Cursor | None:
    """Read a cursor; None when it is none of ours."""
    parts = text.split(".")
    if len(parts) != len(SOURCES) or not all(
        p.isascii() and p.isdigit() and len(p) < 10 for p in parts
    ):
        return None
    return Cursor([int(part) for part in parts])


def newest(session: Session) -> Cursor:
    """Return the cursor of now: everything so far counts as told."""
    cursor = Cursor(
        [session.execute(select(func.coalesce(func.max(c), 0))).scalar_one() for c in SOURCES]
    )
    for source, column in enumerate(SOURCES):
        ids = session.execute(
            select(column).where(column > cursor.last[source] - LOOK_BACK)
        ).scalars()
        cursor.told[source] = set(ids)
    return cursor


Rows = list[list[Any]]


def rows_after(session: Session, last: tuple[int, ...]) -> Rows:
    """Read what each source has after its place, and a little before it for latecomers."""
    return [
        _after(
            session, last, 0, Message.conversation_id, Conversation.team, Conversation.holder_id
        ),
        _after(
            session, last, 1, Ticket.number, Ticket.team, Ticket.holder_id, Ticket.conversation_id
        ),
        _after(
            session,
            last,
            2,
            StaffEvent.kind,
            StaffEvent.team,
            StaffEvent.staff_id,
            StaffEvent.conversation_id,
            StaffEvent.ticket_number,
        ),
        _after(session, last, 3, Notice.team, Notice.staff_id),
    ]


class News:
    """Read for many streams at once: those that stand at the same place share one reading."""

    def __init__(self) -> None:
        self._readings: dict[tuple[int, ...], tuple[float, asyncio.Task[Rows]]] = {}

    async def after(self, desk: Any, last: tuple[int, ...], *, since: float) -> Rows:
        """Return the rows after a place, read no earlier than `since` (the loop's time)."""
        known = self._readings.get(last)
        if known is None or known[0] < since:
            loop = asyncio.get_running_loop()
            if len(self._readings) > MOST_PLACES:
                self._readings.clear()
            task = loop.create_task(look(desk, lambda session: rows_after(session, last)))
            known = self._readings[last] = (loop.time(), task)
        # A stream that ends must not take the reading away from the others.
        return await asyncio.shield(known[1])


def changes(rows: Rows, caller: Caller, cursor: Cursor) -> dict[str, Any] | None:
    """Return what changed after the cursor, as far as it is the caller's business."""
    said, stepped, events, noticed = (cursor.fresh(n, found) for n, found in enumerate(rows))
    if not (said or stepped or events or noticed):
        return None

    def mine(team: str | None, person: int | None) -> bool:
        return person == caller.id or team is None or caller.sees_team(team)

    events = [row for row in events if row[1] != MARK and mine(row[2], row[3])]
    conversations = [row[1] for row in said if mine(row[2], row[3])]
    conversations += [row[4] for row in stepped if row[4] and mine(row[2], row[3])]
    conversations += [row[4] for row in events if row[4]]
    tickets = [row[1] for row in stepped if mine(row[2], row[3])] + [
        row[5] for row in events if row[5]
    ]
    return {
        "conversations": list(dict.fromkeys(conversations)),
        "tickets": list(dict.fromkeys(tickets)),
        "people": any(row[1] == "presence" for row in events),
        "events": [
            {"kind": row[1], "staff_id": row[3], "conversation": row[4], "ticket": row[5]}
            for row in events
        ],
        "notices": any(mine(row[1], row[2]) for row in noticed),
    }


def _after(session: Session, last: tuple[int, ...], source: int, *columns: Any) -> list[Any]:
    column = SOURCES[source]
    query = select(column, *columns).where(column > last[source] - LOOK_BACK).order_by(column)
    if source == 0:
        query = query.join(Conversation, Conversation.id == Message.conversation_id)
    elif source == 1:
        query = query.join(Ticket, Ticket.id == TicketEntry.ticket_id)
    return list(session.execute(query.limit(MOST)).all())


@section.endpoint(
    "GET",
    "/changes",
    "What changed since a cursor, without a stream",
    "conversations_read",
    query=[Field("cursor", most=60)],
)
async def since(ask: Ask) -> dict[str, Any]:
    """Return the changes after a cursor, and the next cursor."""
    start = read_cursor(ask.query.get("cursor", ""))

    def job(session: Session) -> dict[str, Any]:
        cursor = start or newest(session)
        found = changes(rows_after(session, tuple(cursor.last)), ask.caller, cursor)
        return {"cursor": cursor.text, "changes": found}

    return await ask.look(job)


@stream.get("/stream")
async def listen(request: Request) -> HTTPResponse | None:
    """Send hints as they come; `Last-Event-ID` or `cursor` says from where on."""
    desk, caller = request.app.ctx.desk, NOBODY
    try:
        caller = await _caller(request)
        if caller.must_change:
            raise PasswordChangeNeeded("首次登录请先修改密码")
        caller.require("conversations_read")
    except DeskError as error:
        has_cookie = COOKIE in request.cookies
        await note_refusal(request, error, caller, subject="GET /stream", has_cookie=has_cookie)
        return refused(error)
    cursor = read_cursor(request.headers.get("Last-Event-ID") or request.args.get("cursor") or "")
    if cursor is None:
        cursor = await look(desk, newest)
    response = await request.respond(
        content_type="text/event-stream; charset=utf-8",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )
    await response.send(_event("ready", {"staff": caller.id}, cursor))
    await _pump(request, caller, cursor, response)
    return None


async def _pump(request: Request, caller: Caller, cursor: Cursor, response: Any) -> None:
    desk, clock = request.app.ctx.desk, asyncio.get_running_loop().time
    news: News = request.app.ctx.__dict__.setdefault("console_news", News())
    beat, woken = 0.0, clock()
    while True:
        if clock() - beat >= HEARTBEAT_S:
            beat = clock()
            try:
                await _caller(request)
            except DeskError:
                await response.send(_event("signed_out", {}, cursor))
                return
            await desk.turns.in_thread(
                lambda session: _note_connected(session, caller.id, desk.now())
            )
            await response.send(_event("ping", {}, cursor))
        found = changes(await news.after(desk, tuple(cursor.last), since=woken), caller, cursor)
        if found is not None:
            await response.send(_event("changes", found, cursor))
        else:
            await desk.hub.wait("staff", POLL_S)
        woken = clock()
        # Much happens at once: what comes within this time is told together.
        await asyncio.sleep(TOGETHER_S)


async def _caller(request: Request) -> Caller:
    desk, token = request.app.ctx.desk, request.cookies.get(COOKIE)
    if not token:
        raise NotSignedIn("请先登录")
    access = console_tables().access
    caller, _ = await look(
        desk, lambda session: find_caller(session, access, token, now=desk.now())
    )
    return caller


def _note_connected(session: Session, staff_id: int, now: datetime) -> None:
    # The open page keeps the person connected, but it does not keep an idle sign-in alive.
    session.execute(
        update(Staff)
        .where(Staff.id == staff_id)
        .values(seen_at=now)
        .execution_options(synchronize_session=False)
    )


def _event(name: str, data: dict[str, Any], cursor: Cursor) -> str:
    return f"id: {cursor.text}\nevent: {name}\ndata: {dumps(data)}\n\n"
