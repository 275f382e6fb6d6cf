"""The watch of the desk: its parts and rows fail each for itself, told by name; the loop goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from bot.console import watch
from bot.desk.presence import record_event
from bot.storage.conversations import Conversation
from bot.storage.staff import StaffEvent
from tests.moments import at

NOW = at("2026-03-02 09:00")


@pytest.fixture(autouse=True)
def present_time() -> None:
    """Serve no desk beside these tests: its own watch would run the parts that they exchange."""


def desk_on(sessions: sessionmaker) -> SimpleNamespace:
    """Return a desk whose work runs on these sessions, one transaction for each job."""

    async def in_thread(work: Callable[[Session], Any]) -> Any:
        with sessions.begin() as session:
            return work(session)

    return SimpleNamespace(now=lambda: NOW, turns=SimpleNamespace(in_thread=in_thread), hub=SimpleNamespace(publish=lambda *_: None))


def failures(part: str) -> float:
    """Return how often a part has failed, as /metrics tells it."""
    return REGISTRY.get_sample_value("intake_sweep_failed_total", {"part": part}) or 0.0


def part(kind: str, *changed: str, breaks: bool = False) -> watch.Part:
    """Return a part that writes an event, and then may break."""

    def work(session: Session, desk: Any, tables: Any, now: Any) -> list[str]:
        record_event(session, kind, now=now)
        if breaks:
            raise KeyError("nobody foresaw this")
        return list(changed)

    return work


def test_a_part_that_breaks_takes_nothing_from_the_others(sessions: sessionmaker, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {"first": part("one", "c1"), "second": part("two", "c2", breaks=True), "third": part("three")}
    monkeypatch.setattr(watch, "PARTS", parts)
    before = failures("second")

    changed = asyncio.run(watch.watch_once(desk_on(sessions), None, set(), now=NOW))

    with sessions() as session:
        assert session.execute(select(StaffEvent.kind).order_by(StaffEvent.id)).scalars().all() == ["one", "three"]
    assert (changed, failures("second") - before) == (["c1"], 1)


def test_what_cannot_be_delivered_is_tried_again_and_holds_up_no_other(
    sessions: sessionmaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def deliver(session: Session, conversation_id: str, *, now: Any) -> None:
        tried.append(conversation_id)
        if tried == ["c1"]:
            raise KeyError("nobody foresaw this")

    monkeypatch.setattr(watch, "deliver_pending", deliver)
    monkeypatch.setattr(watch, "PARTS", {"first": part("one", "c1", "c2")})
    left: set[str] = set()
    asyncio.run(watch.watch_once(desk_on(sessions), None, left, now=NOW))
    assert (tried, left) == (["c1", "c2"], {"c1"})

    monkeypatch.setattr(watch, "PARTS", {})
    asyncio.run(watch.watch_once(desk_on(sessions), None, left, now=NOW))
    assert (tried[2:], left) == (["c1"], set())


def test_the_watch_looks_at_all_its_parts_again_and_again(sessions: sessionmaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "EVERY_S", 0.01)
    monkeypatch.setattr(watch, "console_tables", lambda: None)
    monkeypatch.setattr(watch, "PARTS", {"broken": part("one", breaks=True)})

    def lapsing(*_: Any, **__: Any) -> int:
        raise KeyError("nobody foresaw this either")

    monkeypatch.setattr(watch, "warn_lapsing", lapsing)
    before = failures("broken")

    async def run() -> bool:
        task = asyncio.ensure_future(watch._loop(SimpleNamespace(ctx=SimpleNamespace(desk=desk_on(sessions)))))
        for _ in range(500):
            await asyncio.sleep(0.02)
            if task.done() or failures("broken") - before > 1:
                break
        ended = task.done()
        task.cancel()
        return ended

    assert (asyncio.run(run()), failures("broken") - before > 1) == (False, True)


def test_every_part_of_the_watch_runs(sessions: sessionmaker, make_conversation: Callable[..., Conversation]) -> None:
    from bot.console.routing import console_tables
    from bot.desk.messages import Gate
    from bot.handbook.language.checker import load_checker
    from bot.handbook.tables import load_handbook

    with sessions.begin() as session:
        waits = make_conversation(session, state="waiting", team="care", waiting_since=at("2026-03-02 08:00")).id
    desk = desk_on(sessions)
    desk.handbook, desk.gate = load_handbook(), Gate(load_checker(verify=False), "请稍候。")
    desk.settings = SimpleNamespace(secret="s")
    before = {name: failures(name) for name in watch.PARTS}

    assert asyncio.run(watch.watch_once(desk, console_tables(), set(), now=NOW)) == [waits]
    assert {name: failures(name) for name in watch.PARTS} == before
