"""Who writes next: one at a time on SQLite, what is urgent first, nothing lost on the way."""

from __future__ import annotations

import asyncio
import threading

import pytest

from bot.dialogue.writers import Writers


class Gate:
    """A job that lasts until the test lets it go."""

    def __init__(self) -> None:
        self.opened = threading.Event()

    def __call__(self) -> str:
        assert self.opened.wait(10)
        return "opened"


async def test_what_is_urgent_is_written_before_what_came_earlier() -> None:
    writers, gate, done = Writers("sqlite"), Gate(), []
    first = asyncio.create_task(writers.run(gate))
    await asyncio.sleep(0)
    turns = [
        asyncio.create_task(writers.run(lambda name=name: done.append(name), urgent=urgent))
        for name, urgent in (("turn 1", False), ("turn 2", False), ("reply", True))
    ]
    await asyncio.sleep(0)
    gate.opened.set()
    await asyncio.gather(first, *turns)

    assert ["reply", "turn 1", "turn 2"] == done


async def test_a_failure_reaches_the_one_who_asked_and_the_next_is_served() -> None:
    writers = Writers("sqlite")

    with pytest.raises(ZeroDivisionError):
        await writers.run(lambda: 1 / 0)

    assert 3 == await writers.run(lambda: 3)


async def test_who_goes_away_while_waiting_holds_nobody_up() -> None:
    writers, gate = Writers("sqlite"), Gate()
    first = asyncio.create_task(writers.run(gate))
    await asyncio.sleep(0)
    leaving = asyncio.create_task(writers.run(lambda: "never"))
    staying = asyncio.create_task(writers.run(lambda: "served"))
    await asyncio.sleep(0)
    leaving.cancel()
    gate.opened.set()

    assert ["opened", "served"] == await asyncio.gather(first, staying)


async def test_postgresql_writes_several_at_once() -> None:
    writers, both = Writers("postgresql"), threading.Barrier(2, timeout=10)

    assert {0, 1} == set(await asyncio.gather(writers.run(both.wait), writers.run(both.wait)))
