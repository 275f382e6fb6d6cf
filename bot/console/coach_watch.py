"""The desk follows a change of model (引擎跟随): routes to engines, and types that came new.

Types are added to the tables in place: clock, outbox and console hold the same mappings.
"""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from sanic import Blueprint, Sanic
from sqlalchemy.exc import SQLAlchemyError

from bot.desk.engine_routes import Routes, routes_path
from bot.desk.model_files import ended_notes
from bot.desk.model_switching import take_in_ended
from bot.handbook.errors import DeskError
from bot.handbook.tables import Handbook, load_handbook
from bot.handbook.training_table import load_training

log = structlog.get_logger()
coach_watch = Blueprint("console_coach_watch")
EVERY_S = 2.0


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


async def _loop(app: Sanic) -> None:
    path, seen = routes_path(app.ctx.desk.settings.home), 0
    while True:
        await asyncio.sleep(EVERY_S)
        try:
            await tell_ended(app.ctx.desk)
            stamp = path.stat().st_mtime_ns if path.exists() else 0
            if stamp == seen:
                continue
            seen = stamp
            fresh = await asyncio.get_running_loop().run_in_executor(None, load_handbook)
            if names := take_in(app.ctx.desk.handbook, fresh):
                log.info("types.added", types=names)
        except (DeskError, OSError, SQLAlchemyError):
            # The tables in use stay in use; what is wrong with the new ones is in the log.
            log.exception("types.failed")


@coach_watch.listener("after_server_start")
async def begin(app: Sanic, loop: asyncio.AbstractEventLoop) -> None:
    """Begin to look for new types with the server."""
    app.ctx.coach_watch = loop.create_task(_loop(app))


@coach_watch.listener("before_server_stop")
async def finish(app: Sanic, loop: asyncio.AbstractEventLoop) -> None:
    """End with the server."""
    app.ctx.coach_watch.cancel()
