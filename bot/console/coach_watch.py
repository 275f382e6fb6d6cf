"""The desk's watch for trainers (训练值守): routes, new types, what engines ended, the inbox.

Types are added to the tables in place: clock, outbox and console hold the same mappings.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from sanic import Blueprint, Sanic

from bot.desk.engine_routes import Routes, routes_path
from bot.desk.model_files import ended_notes
from bot.desk.model_switching import take_in_ended
from bot.desk.training_inbox import keep_turns, look_ahead
from bot.handbook.tables import Handbook, load_handbook
from bot.handbook.training_table import load_training

log = structlog.get_logger()
coach_watch = Blueprint("console_coach_watch")
EVERY_S = 2.0
GATHER_EVERY_S = 30.0
# Longer than any transaction that writes what the inbox is gathered from.
SETTLED = timedelta(seconds=10)


def take_in(handbook: Handbook, fresh: Handbook) -> list[str]:
    """Add types and answers that came new; return the names of new types. None is taken away."""
    names = [name for name in fresh.types if name not in handbook.types]
    handbook.types.update(fresh.types)  # type: ignore[attr-defined]
    handbook.knowledge.update(fresh.knowledge)  # type: ignore[attr-defined]
    return names


@coach_watch.listener("before_server_start")
async def follow(app: Sanic, loop: asyncio.AbstractEventLoop) -> None:
    """Let the engine's client ask which engine serves a conversation."""
    desk: Any = app.ctx.desk
    desk.rasa.routes = Routes(
        routes_path(desk.settings.home), desk.settings.rasa_url.rstrip("/"),
        rest_s=load_training().rest.total_seconds(),
    )


async def tell_ended(desk: Any) -> None:
    """Take into the history what the supervisor ended by itself, and forget the words after."""
    home = desk.settings.home
    if ended_notes(home):
        for path in await desk.turns.in_thread(lambda s: take_in_ended(s, home, now=desk.now())):
            path.unlink(missing_ok=True)
        desk.hub.publish("staff", {})


async def gather_new(desk: Any) -> int:
    """Bring new turns into the inbox; only what was found is written, in one short go."""
    training = load_training()
    found = await desk.turns.look(
        lambda s: look_ahead(s, training, settled=desk.now() - SETTLED)
    )
    if not found.steps:
        return 0
    return int(await desk.turns.in_thread(lambda s: keep_turns(s, training, found)))


@dataclass
class Rounds:
    """Do what trainers' pages wait for, each on its own: a failure of one holds up no other."""

    desk: Any
    seen: int = 0
    gathered: float = -GATHER_EVERY_S

    async def once(self) -> None:
        """Do one round."""
        for work in (self._tell, self._gather, self._types):
            try:
                await work()
            except Exception:
                # The tables in use stay in use, the inbox as it is; the next round looks again.
                log.exception("coach.failed", work=work.__name__.strip("_"))

    async def _tell(self) -> None:
        await tell_ended(self.desk)

    async def _gather(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self.gathered >= GATHER_EVERY_S:
            self.gathered = now
            await gather_new(self.desk)

    async def _types(self) -> None:
        path = routes_path(self.desk.settings.home)
        stamp = path.stat().st_mtime_ns if path.exists() else 0
        if stamp == self.seen:
            return
        self.seen = stamp
        fresh = await asyncio.get_running_loop().run_in_executor(None, load_handbook)
        if names := take_in(self.desk.handbook, fresh):
            log.info("types.added", types=names)


async def _loop(app: Sanic) -> None:
    rounds = Rounds(app.ctx.desk)
    while True:
        await asyncio.sleep(EVERY_S)
        await rounds.once()


@coach_watch.listener("after_server_start")
async def begin(app: Sanic, loop: asyncio.AbstractEventLoop) -> None:
    """Begin to look for new types with the server."""
    app.ctx.coach_watch = loop.create_task(_loop(app))


@coach_watch.listener("before_server_stop")
async def finish(app: Sanic, loop: asyncio.AbstractEventLoop) -> None:
    """End with the server."""
    app.ctx.coach_watch.cancel()
