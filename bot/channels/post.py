"""The post office (收发室) of one desk process: what comes in, what is fetched, what follows it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.channels.adapter import (
    RETRY,
    SENT,
    Adapter,
    Delivery,
    Fetcher,
    Inbound,
    Line,
    MediaSource,
    Outbound,
    Page,
    StateFollower,
)
from bot.channels.calls import Unreachable
from bot.channels.delivery import Deliveries
from bot.channels.linking import CodeWish
from bot.channels.outside import record_outside
from bot.channels.receiving import Received, cursor_of, receive, store_cursor
from bot.channels.writing import Writer
from bot.desk.attachments import AttachmentRefused, store_attachment
from bot.handbook.channels import ChannelTables
from bot.handbook.privacy import mask_phone
from bot.http.files import file_address
from bot.storage.channels import ChannelAccount
from bot.storage.conversations import Conversation, Message

log = structlog.get_logger()
MEDIA_TRIES = 3
LARGEST_PICTURE = 10 * 1024 * 1024
FOLLOW_EVERY = 1.0


@dataclass
class Post:
    """Run the channels of this process."""

    desk: Any
    tables: ChannelTables
    adapters: Mapping[str, Adapter]
    line: Line
    writer: Writer
    deliveries: Deliveries = field(init=False)
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    _fetching: dict[str, asyncio.Lock] = field(default_factory=dict)
    # Conversations whose state the platform refused: how often, and until when they wait.
    _behind: dict[str, tuple[int, datetime]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.deliveries = Deliveries(
            self.desk, self.tables, self.adapters, self.line, self.writer
        )

    def start(self) -> None:
        """Begin to deliver, to fetch and to follow states."""
        self.background(self.deliveries.run())
        for adapter in self.adapters.values():
            if isinstance(adapter, Fetcher):
                self.background(self._fetch_now_and_then(adapter))
            if isinstance(adapter, StateFollower):
                self.background(self._follow_states(adapter))

    async def stop(self) -> None:
        """End what runs; what was not delivered stays in the database."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.line.http.close()
        self.writer.close()

    def background(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run work beside the answer, keeping hold of it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("channels.background_failed", exc_info=task.exception())

    async def take_in(
        self, adapter: Adapter, messages: Sequence[Inbound], page: Page | None = None
    ) -> Received:
        """Store messages, with the cursor of the page they came on, then let the turns begin."""

        def work(session: Session) -> Received:
            now = self.line.now()
            done = receive(
                session, self.desk, self.tables, adapter, messages, connected=self.adapters, now=now
            )
            if page is not None:
                done.touched |= record_outside(session, self.desk, adapter, page.replies, now=now)
                store_cursor(session, page.cursor_name, page.cursor, now=now)
            return done

        done = await self.writer.urgent(work, of=messages[0].sender if messages else "")
        for conversation_id in done.touched:
            self.desk.hub.publish(f"conversation:{conversation_id}")
        if done.touched:
            self.desk.hub.publish("staff", {})
        for conversation_id in dict.fromkeys(done.turns):
            self.desk.turns.start(conversation_id, wait=self.desk.settings.burst_wait)
        for wish in done.codes:
            self.background(self.send_code(wish))
        if isinstance(adapter, MediaSource):
            for message_id, media in done.media:
                self.background(self._keep_media(adapter, message_id, media))
        return done

    def send_from_thread(self, adapter: Adapter, outbound: Outbound) -> Delivery:
        """Send one message from outside the event loop and wait for what became of it."""
        return asyncio.run_coroutine_threadsafe(self._send_now(adapter, outbound), self._loop).result()

    async def _send_now(self, adapter: Adapter, outbound: Outbound) -> Delivery:
        try:
            return await adapter.send(outbound, self.line)
        except Unreachable as error:
            return error.as_delivery()
        except Exception as error:
            # What nobody foresaw is a failed try of this card, and nothing of the others'.
            log.exception("channels.card_failed", channel=adapter.id)
            return Delivery(RETRY, error=type(error).__name__)

    async def send_code(self, wish: CodeWish) -> None:
        """Send a one-time code by SMS, or to the log where no gateway is configured."""
        adapter = next((a for id_, a in self.adapters.items() if id_.split("-")[0] == "sms"), None)
        if adapter is None:
            log.info("sms.console", phone=mask_phone(wish.phone), text=wish.text)
            return
        id_ = hashlib.sha256(f"{wish.phone}:{wish.text}".encode()).hexdigest()[:32]
        outbound = Outbound(id=id_, target=wish.phone, text=wish.text)
        for wait in (1, 5, 15):
            try:
                delivery = await adapter.send(outbound, self.line)
            except Unreachable as error:
                delivery = error.as_delivery()
            if delivery.state == SENT:
                return
            await asyncio.sleep(wait)
        log.error("sms.code_not_sent", phone=mask_phone(wish.phone), error=delivery.error[:120])

    async def fetch(self, adapter: Fetcher, wish: Mapping[str, Any]) -> None:
        """Fetch page after page; each is stored together with its cursor."""
        lock = self._fetching.setdefault(f"{adapter.id}:{wish.get('name', '')}", asyncio.Lock())  # type: ignore[attr-defined]
        async with lock:
            async for page in adapter.pages(wish, self.line):
                await self.take_in(adapter, page.inbound, page)  # type: ignore[arg-type]

    async def _fetch_now_and_then(self, adapter: Fetcher) -> None:
        while True:
            for wish in adapter.wishes():
                await self._try_fetch(adapter, wish)
            await asyncio.sleep(adapter.fetch_every.total_seconds())

    async def fetch_on_hint(self, adapter: Fetcher, wish: Mapping[str, Any]) -> None:
        """Fetch after a platform's hint, trying again for a while."""
        for wait in (0.5, 2, 5, 15, 0):
            if await self._try_fetch(adapter, wish):
                return
            await asyncio.sleep(wait)

    async def _try_fetch(self, adapter: Fetcher, wish: Mapping[str, Any]) -> bool:
        """Fetch and tell whether it went well; what failed is logged and fetched again later."""
        try:
            await self.fetch(adapter, wish)
            return True
        except Unreachable as error:
            log.warning("channels.fetch_failed", channel=adapter.id, error=str(error))  # type: ignore[attr-defined]
        except Exception:
            # A database that is away, or a reader that stumbled, must not end the fetching.
            log.exception("channels.fetch_failed", channel=adapter.id)  # type: ignore[attr-defined]
        return False

    async def _keep_media(self, adapter: MediaSource, message_id: int, media: dict[str, Any]) -> None:
        """Fetch a picture and keep it with its message."""
        for attempt in range(MEDIA_TRIES):
            try:
                name, content = await adapter.media(media, self.line)
                await self.writer.later(
                    partial(self._store_picture, message_id=message_id, name=name, content=content)
                )
                return
            except AttachmentRefused as refused:
                log.warning("channels.picture_refused", message=message_id, why=refused.message)
                return
            except Unreachable as error:
                log.warning("channels.picture_failed", message=message_id, error=str(error))
                await asyncio.sleep(2**attempt)

    def _store_picture(
        self, session: Session, *, message_id: int, name: str, content: bytes
    ) -> None:
        message = session.get(Message, message_id)
        stored = store_attachment(
            session, self.desk.settings.home / "uploads", name=name, content=content,
            most=LARGEST_PICTURE, now=self.line.now(), conversation_id=message.conversation_id,
        )
        shown = {"id": stored.id, "name": stored.name, "media_type": stored.media_type, "size": stored.size}
        shown["url"] = file_address(stored.id, secret=self.desk.settings.secret)
        message.payload = {**(message.payload or {}), "attachment": shown}

    async def _follow_states(self, adapter: StateFollower) -> None:
        while True:
            try:
                await self.follow_states(adapter)
            except Exception:
                # The loop outlives what fails in one look.
                log.exception("channels.state_failed", channel=adapter.id)  # type: ignore[attr-defined]
            await self.desk.hub.wait("staff", FOLLOW_EVERY)

    async def follow_states(self, adapter: StateFollower) -> int:
        """Bring the platform's states in line with ours where they changed; return how many."""
        now = self.line.now()
        waiting = {id_ for id_, (_, until) in self._behind.items() if until > now}

        def look(session: Session) -> list[tuple[str, str, int, int | None, dict[str, Any]]]:
            rows = session.execute(
                select(
                    Conversation.id, Conversation.state, Conversation.epoch,
                    ChannelAccount.service_state, ChannelAccount.address,
                )
                .join(ChannelAccount, ChannelAccount.conversation_id == Conversation.id)
                .where(
                    ChannelAccount.channel == adapter.id,  # type: ignore[attr-defined]
                    ChannelAccount.synced_epoch.is_(None)
                    | (ChannelAccount.synced_epoch != Conversation.epoch),
                )
                .limit(100 + len(waiting))
            )
            return [tuple(row) for row in rows if row[0] not in waiting]

        changed = 0
        for conversation_id, state, epoch, current, address in await self.writer.look(look):
            try:
                became = await adapter.follow(state, current, address, self.line)
            except Exception as error:  # noqa: BLE001 - logged and tried again later
                # One customer whom the platform refuses must not keep the others waiting.
                self._follow_later(conversation_id, error)
                continue

            def note(session: Session, id_: str = conversation_id, to: int = became, seen: int = epoch) -> None:
                account = session.get(ChannelAccount, id_)
                account.service_state, account.synced_epoch = to, seen

            await self.writer.later(note)
            self._behind.pop(conversation_id, None)
            changed += 1
        return changed

    def _follow_later(self, conversation_id: str, error: Exception) -> None:
        """Leave a conversation's state alone for a while, longer each time."""
        failed = self._behind[conversation_id][0] if conversation_id in self._behind else 0
        wait = self.tables.retry.wait_after(failed + 1) or self.tables.retry.ceiling
        self._behind[conversation_id] = (failed + 1, self.line.now() + wait)
        unknown = None if isinstance(error, Unreachable) else error
        log.warning(
            "channels.state_failed", conversation=conversation_id, error=str(error)[:120],
            wait_s=wait.total_seconds(), exc_info=unknown,
        )


def cursor_reader(writer: Writer) -> Callable[[str], Awaitable[str]]:
    """Return the function by which adapters learn how far they have read."""

    async def read(name: str) -> str:
        return str(await writer.look(lambda session: cursor_of(session, name)))

    return read
