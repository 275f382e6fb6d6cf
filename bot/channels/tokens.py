"""Access tokens (接口凭证): one for all instances, kept in the database, renewed by one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bot.channels.calls import Unreachable
from bot.storage.channels import ChannelToken

# A token is renewed before its end, so that none ends on its way.
MARGIN = timedelta(minutes=5)
RENEWAL = timedelta(seconds=15)
LOOK_AGAIN = 0.1


@dataclass
class SharedTokens:
    """Hand out tokens; `work` runs database work in a transaction outside the event loop."""

    work: Callable[[Callable[[Session], Any]], Awaitable[Any]]
    now: Callable[[], datetime]
    _known: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    # One of this process asks the database for all: fifty that ask ten times a second fill the writer.
    _asking: dict[str, asyncio.Task[str]] = field(default_factory=dict)

    async def get(
        self, name: str, renew: Callable[[], Awaitable[tuple[str, timedelta]]], *, failed: str = ""
    ) -> str:
        """Return the token of that name; renew it when it has ended or is the one that failed."""
        known = self._known.get(name)
        if known and known[0] != failed and self.now() < known[1]:
            return known[0]
        if (asked := self._asking.get(name)) is not None:
            token = await asyncio.shield(asked)
            if token != failed:
                return token
        task = asyncio.get_running_loop().create_task(self._ask(name, renew, failed))
        self._asking[name] = task
        try:
            return await asyncio.shield(task)
        finally:
            if self._asking.get(name) is task:
                del self._asking[name]

    async def _ask(
        self, name: str, renew: Callable[[], Awaitable[tuple[str, timedelta]]], failed: str
    ) -> str:
        for _ in range(int(RENEWAL.total_seconds() / LOOK_AGAIN)):
            token, ends, mine = await self.work(lambda session: _look(session, name, failed, self.now()))
            if token:
                self._known[name] = (token, ends)
                return token
            if mine:
                return await self._renew(name, renew)
            await asyncio.sleep(LOOK_AGAIN)
        raise Unreachable("another process is renewing the token")

    async def _renew(self, name: str, renew: Callable[[], Awaitable[tuple[str, timedelta]]]) -> str:
        try:
            token, life = await renew()
        except Unreachable:
            await self.work(lambda session: _release(session, name))
            raise
        ends = self.now() + max(life - MARGIN, life / 2)

        def store(session: Session) -> None:
            session.execute(
                update(ChannelToken)
                .where(ChannelToken.name == name)
                .values(token=token, expires_at=ends, renewing_until=None)
                .execution_options(synchronize_session=False)
            )

        await self.work(store)
        self._known[name] = (token, ends)
        return token


def _look(
    session: Session, name: str, failed: str, now: datetime
) -> tuple[str, datetime | None, bool]:
    """Return a usable token, or whether this process is the one to renew it."""
    row = session.get(ChannelToken, name, populate_existing=True)
    if row is None:
        try:
            with session.begin_nested():
                session.add(ChannelToken(name=name))
        except IntegrityError:
            pass
    elif row.token and row.token != failed and row.expires_at > now:
        return row.token, row.expires_at, False
    claimed = session.execute(
        update(ChannelToken)
        .where(
            ChannelToken.name == name,
            or_(ChannelToken.renewing_until.is_(None), ChannelToken.renewing_until < now),
        )
        .values(renewing_until=now + RENEWAL)
        .execution_options(synchronize_session=False)
    )
    return "", None, claimed.rowcount == 1


def _release(session: Session, name: str) -> None:
    session.execute(
        update(ChannelToken)
        .where(ChannelToken.name == name)
        .values(renewing_until=None)
        .execution_options(synchronize_session=False)
    )
