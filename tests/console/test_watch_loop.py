"""The watch of the desk: its loop goes on after whatever fails in one round."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from bot.console import watch
from tests.moments import at


def test_the_watch_goes_on_after_an_error_nobody_foresaw(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[int] = []

    def swept(*_: Any, **__: Any) -> list[str]:
        rounds.append(1)
        if len(rounds) == 1:
            raise KeyError("nobody foresaw this")
        return []

    async def in_thread(work: Callable[[Any], Any]) -> Any:
        return work(None)

    desk = SimpleNamespace(now=lambda: at("2026-03-02 09:00"), turns=SimpleNamespace(in_thread=in_thread))
    monkeypatch.setattr(watch, "EVERY_S", 0.01)
    monkeypatch.setattr(watch, "console_tables", lambda: None)
    monkeypatch.setattr(watch, "sweep", swept)
    monkeypatch.setattr(watch, "warn_lapsing", lambda *_, **__: 0)

    async def run() -> bool:
        task = asyncio.ensure_future(watch._loop(SimpleNamespace(ctx=SimpleNamespace(desk=desk))))
        await asyncio.sleep(0.5)
        ended = task.done()
        task.cancel()
        return ended

    assert (asyncio.run(run()), len(rounds) > 1) == (False, True)
