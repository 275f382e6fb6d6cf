"""The desk's watch for trainers (训练值守): routes, new types, what engines ended, the inbox.

What near types are told by is learned anew in a process of its own when the training data change.
Types are added to the tables in place: clock, outbox and console hold the same mappings.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from sanic import Blueprint, Sanic

from bot.desk.engine_routes import Routes, routes_path
from bot.desk.model_files import ended_notes
from bot.desk.model_switching import take_in_ended
from bot.desk.training_inbox import keep_turns, look_ahead
from bot.handbook.tables import Handbook, load_handbook
from bot.handbook.training_table import load_training
from bot.settings import ROOT

log = structlog.get_logger()
coach_watch = Blueprint("console_coach_watch")
EVERY_S = 2.0
GATHER_EVERY_S = 30.0
# The engine starts beside the desk and needs the machine more.
NEAR_AFTER_S = 15.0
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


def training_files(root: Path) -> list[tuple[str, int, int]]:
    """Return what tells that the training data changed, by whatever hand."""
    files = [*sorted((root / "data" / "nlu").glob("*.yml")), root / "data" / "handbook" / "requests.yml"]
    return [(f.name, f.stat().st_mtime_ns, f.stat().st_size) for f in files]


@dataclass
class Near:
    """Have learned what near types are told by, before a trainer looks."""

    desk: Any
    root: Path = ROOT
    seen: list[tuple[str, int, int]] = field(default_factory=list)
    running: asyncio.Task[None] | None = None
    process: asyncio.subprocess.Process | None = None
    stopped: bool = False

    async def look(self) -> None:
        """Begin to learn when the data are others than before; the next look does not wait."""
        if self.running is not None and not self.running.done():
            return
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(None, training_files, self.root)
        if found != self.seen:
            self.seen = found
            self.running = loop.create_task(self.learn())

    async def learn(self) -> None:
        """Learn in a process of its own; what cannot be read is told to who looks."""
        settings = self.desk.settings
        environ = {"INTAKE_HOME": str(settings.home), "INTAKE_DATABASE_URL": settings.database_url}
        quiet = asyncio.subprocess.DEVNULL
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "coach", "near", "--prepare", "--root", str(self.root),
            cwd=ROOT, env=dict(os.environ) | environ, stdin=quiet, stdout=quiet, stderr=quiet,
        )
        if self.stopped:
            self._end()
        code = await self.process.wait()
        log.info("near.learned", code=code)

    async def stop(self) -> None:
        """End with the server, which waits for the process to be gone."""
        self.stopped = True
        self._end()
        if self.running is not None:
            await asyncio.wait([self.running])

    def _end(self) -> None:
        if self.process is not None and self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.kill()


@dataclass
class Rounds:
    """Do what trainers' pages wait for, each on its own: a failure of one holds up no other."""

    desk: Any
    seen: int = 0
    gathered: float = -GATHER_EVERY_S
    near: Near = field(init=False)
    begun: float = field(init=False)

    def __post_init__(self) -> None:
        """Begin to count."""
        self.near, self.begun = Near(self.desk), asyncio.get_running_loop().time()

    async def once(self) -> None:
        """Do one round."""
        for work in (self._tell, self._gather, self._types, self._near):
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

    async def _near(self) -> None:
        if asyncio.get_running_loop().time() - self.begun >= NEAR_AFTER_S:
            await self.near.look()


async def _loop(app: Sanic) -> None:
    rounds = Rounds(app.ctx.desk)
    try:
        while True:
            await asyncio.sleep(EVERY_S)
            await rounds.once()
    finally:
        await rounds.near.stop()


@coach_watch.listener("after_server_start")
async def begin(app: Sanic, loop: asyncio.AbstractEventLoop) -> None:
    """Begin to look for new types with the server."""
    app.ctx.coach_watch = loop.create_task(_loop(app))


@coach_watch.listener("before_server_stop")
async def finish(app: Sanic, loop: asyncio.AbstractEventLoop) -> None:
    """End with the server."""
    app.ctx.coach_watch.cancel()
    await asyncio.wait([app.ctx.coach_watch])
