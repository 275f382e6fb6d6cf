"""Engines (引擎切换): a new model starts beside the old one, takes over, and the old one drains.

An engine is Rasa with its action server, on ports of its own. New conversations go to the new
engine as soon as it is ready; those under way stay until they rest. When the old one has
drained, the model in service moves back to the ports of the settings, where trainers expect it.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from bot.desk.coach_runs import coach_folder
from bot.desk.engine_routes import routes_path
from bot.desk.model_files import (
    archive_of,
    models_folder,
    name_of,
    note_ended,
    point_to,
    pointer,
    write_json,
)
from bot.desk.shadowing import shadow_path
from bot.handbook.errors import NotFound
from bot.handbook.training_table import load_training
from bot.settings import ROOT, Settings

if TYPE_CHECKING:
    from bot.supervisor import Part

log = structlog.get_logger()
READY_WITHIN_S = 240.0
GUARD_EVERY_S = 60.0
# A shadow that could not begin, or broke, is tried again.
SHADOW_EVERY_S = 30.0
# An engine that dies more often within this time is broken; the stack goes on without it.
MOST_DEATHS = 3
DEATHS_WITHIN_S = 600.0


@dataclass
class Engine:
    """One model being served: its address and its two processes."""

    model: str
    url: str
    parts: list[Part]
    since: float
    until: float = 0.0
    deaths: list[float] = field(default_factory=list)
    is_down: bool = False

    def is_ready(self) -> bool:
        """Tell whether both processes answer."""
        return all(part.is_ready() for part in self.parts)

    def is_dead(self) -> bool:
        """Tell whether one of the processes has ended."""
        return any(part.is_dead() for part in self.parts)

    def stop(self) -> None:
        """End both processes, Rasa first."""
        for part in reversed(self.parts):
            part.stop()


@dataclass
class Engines:
    """Follow `models/current`: start, route, drain, stop; one step per tick."""

    settings: Settings
    parts: list[Part]
    serving: Engine
    make: Callable[[Settings, Path], list[Part]]
    starting: Engine | None = None
    canary: Engine | None = None
    draining: list[Engine] = field(default_factory=list)
    clock: Callable[[], float] = time.monotonic
    _seen: dict[str, Any] = field(default_factory=dict)
    _refused: dict[str, Any] = field(default_factory=dict)
    _stays_away: bool = False
    _guarded: float = 0.0
    _guard: subprocess.Popen[bytes] | None = None
    _shadowed: float = 0.0
    _shadow: subprocess.Popen[bytes] | None = None

    @classmethod
    def begin(cls, settings: Settings, parts: list[Part], model: Path) -> Engines:
        """Take over the parts that were just made, and forget routes of an earlier run."""
        from bot.supervisor import parts_of

        pair = [part for part in parts if part.name in {"actions", "rasa"}]
        engine = Engine(name_of(model), settings.rasa_url, pair, time.monotonic())
        engines = cls(settings, parts, engine, parts_of, _seen=pointer(settings.home))
        engines._write("steady")
        return engines

    def tick(self) -> None:
        """Take the next step, if there is one."""
        now = self.clock()
        self._drained(now)
        self._look_after_canary()
        self._keep_shadow(now)
        if self.starting is not None:
            self._started(now)
            return
        wanted = pointer(self.settings.home)
        if wanted and wanted != self._refused:
            self._follow(wanted)
        if self.starting is None and not self.draining:
            self._settle_back()
        self._watch_signals(wanted, now)

    def died(self, part: Part) -> bool:
        """Hear of a death before the restart; tell whether the stack goes on without the process.

        A canary gets a few restarts, then its conversations stay with the model in service. A new
        model that keeps dying gives way to the one before, while that one still drains.
        """
        engine = next((e for e in self._engines() if any(p is part for p in e.parts)), None)
        if engine is None:
            return False
        if engine in self.draining:
            # What it remembered is gone; the model in service takes its conversations.
            self._let_go(engine)
            return True
        now = self.clock()
        engine.deaths = [at for at in engine.deaths if now - at < DEATHS_WITHIN_S] + [now]
        broken = len(engine.deaths) > MOST_DEATHS
        why = f"模型 {engine.model} 的进程10分钟内中断{len(engine.deaths)}次"
        if engine is self.canary:
            engine.is_down = True
            self._write("canary")
            if broken:
                self._end_canary(f"{why}；见 {part.log}")
            return broken
        before = next((e for e in reversed(self.draining) if not e.is_dead()), None)
        if not broken or before is None or engine.model == before.model:
            return False
        self._return_to(before.model, f"{why}；见 {part.log}")
        self._take_over(before)
        self._let_go(engine)
        return True

    def _engines(self) -> list[Engine]:
        return [e for e in (self.serving, self.canary, *self.draining) if e is not None]

    def _look_after_canary(self) -> None:
        """While the canary starts again, the model in service answers in its place."""
        engine = self.canary
        if engine is not None and engine.is_down and not engine.is_dead() and engine.is_ready():
            engine.is_down = False
            self._write("canary")

    def _end_canary(self, why: str) -> None:
        engine, self.canary = self.canary, None
        if engine is None:
            return
        self._drop_canary(engine.model, why)
        self._let_go(engine)

    def _drop_canary(self, model: str, why: str) -> None:
        """Leave word for history and trainers, and take the canary out of what is wanted."""
        wanted, now = pointer(self.settings.home), datetime.now(timezone.utc)
        since = datetime.fromisoformat(wanted["since"]) if wanted.get("since") else now
        note_ended(
            self.settings.home, kind="canary_end", model=self.serving.model, previous=model,
            reason=why, now=now,
        )
        self._want(wanted, since=since, watched=bool(wanted.get("watched")))
        log.error("engine.canary_ended", model=model, why=why)

    def _return_to(self, model: str, why: str) -> None:
        """Leave word that a model comes back by itself, and want it again."""
        wanted, now = pointer(self.settings.home), datetime.now(timezone.utc)
        note_ended(
            self.settings.home, kind="automatic", model=model, previous=wanted.get("model"),
            reason=why, now=now,
        )
        self._want(wanted | {"model": model}, since=now, watched=False)
        log.error("engine.returned", model=model, before=wanted.get("model"), why=why)

    def _want(self, wanted: dict[str, Any], *, since: datetime, watched: bool) -> None:
        """Write which model is wanted now, without a canary."""
        model, previous = str(wanted.get("model")), wanted.get("previous")
        self._refused = pointer(self.settings.home)
        if (models_folder(self.settings.home) / f"{model}.tar.gz").is_file():
            point_to(
                self.settings.home, model, now=since, watched=watched,
                previous=previous if previous != model else None,
            )

    def _let_go(self, engine: Engine) -> None:
        """Stop an engine for good; its conversations go to the model in service."""
        if engine in self.draining:
            self.draining.remove(engine)
        self._write("draining" if self.draining else "steady")
        for part in engine.parts:
            self.parts.remove(part)
        engine.stop()

    def _follow(self, wanted: dict[str, Any]) -> None:
        canary, model = wanted.get("canary") or {}, wanted.get("model")
        if model != self.serving.model:
            # An engine that still runs takes over at once: that is what makes the way back quick.
            running = [e for e in (self.canary, *self.draining) if e and e.model == model]
            if running and not (running[-1].is_dead() or running[-1].is_down):
                self._take_over(running[-1])
            else:
                self._begin(str(model))
        elif canary and (self.canary is None or self.canary.model != canary["model"]):
            self._begin(str(canary["model"]))
        elif not canary and self.canary is not None:
            self._drain(self.canary)
            self.canary = None
            self._write("draining")

    def _begin(self, model: str, *, at_home: bool = False) -> None:
        """Start an engine for a model on free ports, or on those of the settings."""
        try:
            archive = archive_of(self.settings.home, model)
        except NotFound as error:
            self._refuse(model, str(error))
            return
        rasa, actions = (self.settings.rasa_url, self.settings.actions_url) if at_home else (
            f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}"
        )
        own = replace(self.settings, rasa_url=rasa, actions_url=actions)
        parts = [part for part in self.make(own, archive) if part.name in {"actions", "rasa"}]
        for part in parts:
            if not at_home:
                part.name = f"{part.name}-{name_of(archive)[-8:]}"
                part.log = part.log.with_name(f"{part.name}.log")
            part.start()
        self.starting = Engine(model, rasa, parts, self.clock())
        self._write("starting", model=model)
        log.info("engine.starting", model=model, url=rasa)

    def _started(self, now: float) -> None:
        """Put the engine into service once it is ready; give it up when it does not become so."""
        engine = self.starting
        if engine is None:
            return
        if engine.is_dead() or now - engine.since > READY_WITHIN_S:
            self.starting = None
            engine.stop()
            if engine.url == self.settings.rasa_url:
                self._stays_away = True
                return
            why = f"模型 {engine.model} 未能启动，原模型继续服务；见 {engine.parts[-1].log}"
            self._refuse(engine.model, why)
            return
        if not engine.is_ready():
            return
        self.starting = None
        self.parts.extend(engine.parts)
        if (pointer(self.settings.home).get("canary") or {}).get("model") == engine.model != self.serving.model:
            self.canary = engine
            self._write("canary")
            return
        self._take_over(engine)

    def _take_over(self, engine: Engine) -> None:
        old, self.serving = self.serving, engine
        if engine is self.canary:
            self.canary = None
        if engine in self.draining:
            self.draining.remove(engine)
        self._drain(old)
        self._write("draining")
        log.info("engine.switched", model=engine.model, before=old.model)

    def _drain(self, engine: Engine) -> None:
        engine.until = self.clock() + load_training().drain.total_seconds()
        self.draining.append(engine)

    def _drained(self, now: float) -> None:
        over = [engine for engine in self.draining if now >= engine.until]
        for engine in over:
            self.draining.remove(engine)
        if not over:
            return
        self._write("draining" if self.draining else "steady")
        for engine in over:
            for part in engine.parts:
                self.parts.remove(part)
            # A turn that was sent a moment ago gets its answer: SIGTERM lets Rasa finish it.
            engine.stop()
            log.info("engine.stopped", model=engine.model)

    def _settle_back(self) -> None:
        """Move the model in service to the ports of the settings, once nobody is on them."""
        away = self.serving.url != self.settings.rasa_url
        if away and self.canary is None and not self._stays_away:
            self._begin(self.serving.model, at_home=True)

    def _refuse(self, model: str, why: str) -> None:
        """Keep the model in service, and say so where the console looks."""
        log.error("engine.refused", why=why)
        wanted = pointer(self.settings.home)
        if model == wanted.get("model"):
            self._return_to(self.serving.model, why)
        else:
            self._drop_canary(model, why)
        self._write("refused", message=why)

    def _write(self, state: str, **more: Any) -> None:
        canary = pointer(self.settings.home).get("canary") or {}
        write_json(
            routes_path(self.settings.home),
            {
                "state": state, "at": datetime.now(timezone.utc).isoformat(), **more,
                "serving": {"model": self.serving.model, "url": self.serving.url},
                "draining": [{"model": e.model, "url": e.url} for e in self.draining],
                "canary": self.canary and not self.canary.is_down and {
                    "model": self.canary.model, "url": self.canary.url,
                    "share": canary.get("share", 0.0),
                },
            },
        )

    def _watch_signals(self, wanted: dict[str, Any], now: float) -> None:
        """After a switch or beside a canary, let `intake coach guard` look now and then."""
        if self._guard is not None and self._guard.poll() is None:
            return
        if not (wanted.get("watched") or self.canary) or now - self._guarded < GUARD_EVERY_S:
            return
        self._guarded = now
        self._guard = self._tool("guard")

    def _keep_shadow(self, now: float) -> None:
        """While a shadow is set, keep the process alive that reads; it ends by itself after."""
        runs = self._shadow is not None and self._shadow.poll() is None
        if runs or not shadow_path(self.settings.home).exists() or now - self._shadowed < SHADOW_EVERY_S:
            return
        self._shadowed = now
        self._shadow = self._tool("shadow", "--run")

    def _tool(self, *words: str) -> subprocess.Popen[bytes]:
        from bot.supervisor import child_environment

        folder = coach_folder(self.settings.home)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{words[0]}.log").open("wb") as out:
            return subprocess.Popen(
                [sys.executable, "-m", "bot", "coach", *words], cwd=ROOT,
                env=child_environment(self.settings), stdout=out, stderr=out,
            )

    def stop(self) -> None:
        """End the shadow, and an engine that was not ready yet; the others stand among the parts."""
        if self._shadow is not None:
            self._shadow.terminate()
        if self.starting is not None:
            self.starting.stop()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
