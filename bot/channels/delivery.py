"""Delivery (渠道投递) after commit: in order within a conversation, many conversations at once.

One instance runs in every desk process; the database keeps them out of each other's way. At least
once: a process that dies between sending and noting it sends again under the same id.
"""

from __future__ import annotations

import asyncio
from collections import Counter as Count
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from prometheus_client import Counter, Histogram
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.channels import parcels
from bot.channels.adapter import (
    REFUSED,
    RETRY,
    SENT,
    Adapter,
    Card,
    Delivery,
    Line,
    Outbound,
    Picture,
)
from bot.channels.calls import Unreachable
from bot.channels.receiving import cursor_of, store_cursor
from bot.channels.removed import NOTED_EVERY, end_removed
from bot.channels.writing import Writer
from bot.desk.attachments import file_of, find_attachment
from bot.handbook.channels import ChannelTables
from bot.handbook.errors import NotFound
from bot.storage.conversations import Message

log = structlog.get_logger()
DELIVERED = Counter("intake_channel_deliveries", "What became of deliveries", ["channel", "state"])
DELAY = Histogram(
    "intake_channel_delivery_seconds", "From commit to the platform", ["channel"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300),
)
# Of one channel: a platform that hangs keeps nobody else's messages back.
AT_ONCE = 48
LOOK_EVERY = 0.5
PAUSE = timedelta(seconds=5)
# Messages older than this are no longer looked through for one that was left behind.
BEHIND = timedelta(hours=24)
BEHIND_EVERY = timedelta(minutes=10)
# Most looks read only what was written since; some read all, for what was committed late.
RECENT = timedelta(minutes=2)
LOOK_AT_ALL_EVERY = timedelta(seconds=30)
COLLECTED = "deliveries"


@dataclass
class Deliveries:
    """Carry out the deliveries of this process."""

    desk: Any
    tables: ChannelTables
    adapters: Mapping[str, Adapter]
    line: Line
    writer: Writer
    _serving: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _busy: Count[str] = field(default_factory=Count)
    _paused: dict[str, datetime] = field(default_factory=dict)
    _after: int = -1
    _moved_at: datetime | None = None
    _looked_at: datetime | None = None
    _noted_at: datetime | None = None
    _seen: deque[tuple[datetime, int]] = field(default_factory=deque)

    async def run(self) -> None:
        """Deliver until cancelled; what fails in one round is tried in the next."""
        while True:
            try:
                busy = await self.round()
            except asyncio.CancelledError:
                raise
            except Exception:
                # The loop outlives what fails in one round.
                log.exception("channels.round_failed")
                busy = False
            # News of the desk wakes the round; other processes' messages are found by looking.
            await (asyncio.sleep(0.05) if busy else self.desk.hub.wait("staff", LOOK_EVERY))

    async def round(self) -> bool:
        """Collect what is new and serve what is due; tell whether there was anything."""
        now, fresh, left_over = self.line.now(), False, False
        if self._noted_at is None or now - self._noted_at >= NOTED_EVERY:
            await self._end_removed(now)
        due = await self._due(now)
        for conversation_id, channel in due:
            if conversation_id in self._serving:
                continue
            if self._busy[channel] >= AT_ONCE:
                left_over = True
                continue
            self._busy[channel] += 1
            task = asyncio.get_running_loop().create_task(self._serve(conversation_id))
            self._serving[conversation_id] = task
            task.add_done_callback(partial(self._served, conversation_id, channel))
            fresh = True
        return fresh or left_over

    async def _end_removed(self, now: datetime) -> None:
        told = await self._work(
            lambda session: end_removed(session, self.tables, self.adapters, now=now)
        )
        for conversation_id in told:
            self.desk.hub.publish(f"conversation:{conversation_id}")
        self._noted_at = now

    async def settle(self, *, patience: float = 10.0) -> None:
        """Serve until nothing is due, for tests and an orderly end."""
        end = asyncio.get_running_loop().time() + patience
        while asyncio.get_running_loop().time() < end:
            busy = await self.round()
            if self._serving:
                await asyncio.wait(list(self._serving.values()), timeout=1)
            elif not busy:
                return

    async def _due(self, now: datetime) -> list[tuple[str, str]]:
        """Return the conversations to be served and their channels."""
        new_after, due = None, []
        if self.adapters or self._after < 0:
            new_after, due = await self.writer.look(lambda session: self._look(session, now))
        if new_after is not None:
            return await self._work(lambda session: self._collect(session, new_after, now))
        if self._moved_at is None or now - self._moved_at > BEHIND_EVERY:
            await self._work(lambda session: self._move_on(session, now))
        return due

    def _look(self, session: Session, now: datetime) -> tuple[int | None, list[tuple[str, str]]]:
        """Return after which message there is a new one, if there is, and what is due."""
        if self._after < 0:
            self._after = int(cursor_of(session, COLLECTED) or 0)
        after = self._look_after(session, now)
        new = session.execute(parcels.waiting(sorted(self.adapters), after).limit(1)).first()
        return None if new is None else after, parcels.due_conversations(session, self.adapters, now=now)

    def _look_after(self, session: Session, now: datetime) -> int:
        """Return from which message on to look this time."""
        newest = session.execute(select(func.max(Message.id))).scalar_one() or 0
        self._seen.append((now, int(newest)))
        while len(self._seen) > 1 and now - self._seen[1][0] >= RECENT:
            self._seen.popleft()
        if self._looked_at is None or now - self._looked_at >= LOOK_AT_ALL_EVERY:
            self._looked_at = now
            return self._after
        at, seen = self._seen[0]
        return max(self._after, seen) if now - at >= RECENT else self._after

    def _collect(self, session: Session, after: int, now: datetime) -> list[tuple[str, str]]:
        parcels.collect(session, sorted(self.adapters), after=after, now=now)
        return parcels.due_conversations(session, self.adapters, now=now)

    def _move_on(self, session: Session, now: datetime) -> None:
        """Leave old messages behind, once all of them are in the queue."""
        newest = session.execute(
            select(func.max(Message.id)).where(
                Message.id > self._after, Message.created_at < now - BEHIND
            )
        ).scalar_one()
        if newest is not None:
            self._after = int(newest)
            store_cursor(session, COLLECTED, str(newest), now=now)
        self._moved_at = now

    def _served(self, conversation_id: str, channel: str, task: asyncio.Task[None]) -> None:
        self._serving.pop(conversation_id, None)
        self._busy[channel] -= 1
        if not task.cancelled() and task.exception() is not None:
            log.error("channels.delivery_failed", conversation=conversation_id, exc_info=task.exception())

    async def _serve(self, conversation_id: str) -> None:
        parcel = await self._work(lambda session: self._begin(session, conversation_id))
        while parcel is not None:
            delivery = await self._send(parcel)
            parcel = await self._work(
                lambda session, sent=parcel, became=delivery: self._next(session, sent, became)
            )

    async def _work(self, work: Callable[[Session], Any]) -> Any:
        return await self.writer.later(work)

    def _begin(self, session: Session, conversation_id: str) -> parcels.Parcel | None:
        now = self.line.now()
        if not parcels.claim(session, conversation_id, lease=self.tables.retry.lease, now=now):
            return None
        return self._take(session, conversation_id, now)

    def _take(self, session: Session, conversation_id: str, now: datetime) -> parcels.Parcel | None:
        parcel = parcels.take(session, self.tables, self.adapters, conversation_id, now=now)
        if parcel is None:
            parcels.release(session, conversation_id)
        return parcel

    def _next(
        self, session: Session, parcel: parcels.Parcel, delivery: Delivery
    ) -> parcels.Parcel | None:
        now = self.line.now()
        row = session.get(parcels.ChannelDelivery, parcel.delivery_id)
        state = parcels.finish(session, self.tables, self.adapters, parcel, delivery, now=now)
        DELIVERED.labels(parcel.channel, delivery.state).inc()
        if delivery.state == SENT:
            DELAY.labels(parcel.channel).observe(max(0.0, (now - parcel.created_at).total_seconds()))
        else:
            log.warning(
                "channels.not_sent", channel=parcel.channel, delivery=parcel.delivery_id,
                attempt=parcel.attempt, became=state, error=delivery.error[:120],
            )
        return self._take(session, row.conversation_id, now)

    async def _send(self, parcel: parcels.Parcel) -> Delivery:
        adapter = self.adapters[parcel.channel]
        paused = self._paused.get(adapter.id)
        if paused is not None and self.line.now() < paused:
            return Delivery(RETRY, error="the platform asked to wait", retry_after=paused - self.line.now())
        try:
            outbound = await self._outbound(parcel, adapter)
            delivery = await adapter.send(outbound, self.line)
            if delivery.state == REFUSED and outbound.card is not None:
                # Not every client shows cards; the words go all the same.
                delivery = await adapter.send(replace(outbound, card=None), self.line)
        except Unreachable as error:
            delivery = error.as_delivery()
        except Exception as error:
            # A picture that is gone, an answer nobody foresaw: a failed try, so that tries end.
            log.error(
                "channels.sending_failed", channel=parcel.channel, delivery=parcel.delivery_id,
                # The later tries mostly fail alike.
                exc_info=parcel.attempt == 1,
            )
            delivery = Delivery(RETRY, error=type(error).__name__)
        if delivery.pause_all:
            self._paused[adapter.id] = self.line.now() + (delivery.retry_after or PAUSE)
        return delivery

    async def _outbound(self, parcel: parcels.Parcel, adapter: Adapter) -> Outbound:
        text, picture = parcel.text, None
        if parcel.attachment:
            picture = await self.writer.look(lambda session: self._picture(session, parcel, adapter))
            if picture is None and parcel.attachment.get("url"):
                text = f"{text}\n{self.desk.settings.public_url}{parcel.attachment['url']}"
        return Outbound(
            id=parcel.id, target=parcel.target, text=text, address=parcel.address,
            buttons=parcel.buttons, picture=picture, way=parcel.way, ticket=parcel.ticket,
            card=self._card(parcel) if parcel.as_card else None,
        )

    def _card(self, parcel: parcels.Parcel) -> Card:
        shown = parcel.ticket or {}
        title = f"{shown.get('type_title', '')} {shown.get('number', '')}".strip()
        return Card(title, parcel.text, says=self.tables.said["progress"])

    def _picture(self, session: Session, parcel: parcels.Parcel, adapter: Adapter) -> Picture | None:
        shown = parcel.attachment or {}
        if not adapter.sends_pictures or not str(shown.get("media_type", "")).startswith("image/"):
            return None
        try:
            stored = find_attachment(session, int(shown["id"]))
        except NotFound:
            return None
        folder = self.desk.settings.home / "uploads"
        return Picture(stored.name, stored.media_type, file_of(folder, stored))
