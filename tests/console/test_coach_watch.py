"""What near types are told by is learned in the background: at the start, and when the data change."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from bot.console import coach_watch
from bot.settings import ROOT


@pytest.fixture
def near(tmp_path: Path) -> coach_watch.Near:
    """Return the watch over a project of two types."""
    for name in ("data/nlu/invoice.yml", "data/nlu/port_out.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "data/handbook", tmp_path / "data/handbook")
    settings = SimpleNamespace(home=tmp_path / "var", database_url=f"sqlite:///{tmp_path}/desk.db")
    return coach_watch.Near(SimpleNamespace(settings=settings), tmp_path)


def test_the_data_are_learned_at_the_start_and_again_when_they_change(near: coach_watch.Near) -> None:
    kept = near.root / "var/coach/near.npz"

    async def days() -> list[int]:
        made = []
        for changed in (None, "port_out", "port_out"):
            if changed:
                os.utime(near.root / f"data/nlu/{changed}.yml", (len(made), len(made)))
            await near.look()
            assert near.running
            await near.running
            made.append(kept.stat().st_mtime_ns)
            before = near.running
            await near.look()
            assert near.running is before
        return made

    assert 3 == len(set(asyncio.run(days())))


def test_nothing_waits_while_it_is_learned(
    near: coach_watch.Near, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []

    async def rounds() -> None:
        end = asyncio.Event()

        async def learn() -> None:
            begun.append("learned")
            await end.wait()

        monkeypatch.setattr(near, "learn", learn)
        await near.look()
        assert near.running and not near.running.done()
        os.utime(near.root / "data/nlu/invoice.yml", (1, 1))
        await near.look()
        await asyncio.sleep(0)
        assert ["learned"] == begun
        end.set()
        await near.running
        # What changed meanwhile is learned next.
        await near.look()
        await near.running

    asyncio.run(rounds())
    assert ["learned"] * 2 == begun


def test_a_round_begins_it_once_the_engine_had_its_time(
    near: coach_watch.Near, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[float] = []

    async def look() -> None:
        looked.append(1.0)

    async def nothing(_self: object) -> None:
        return None

    for work in ("_tell", "_gather", "_types"):
        monkeypatch.setattr(coach_watch.Rounds, work, nothing)

    async def rounds() -> None:
        watch = coach_watch.Rounds(near.desk)
        monkeypatch.setattr(watch.near, "look", look)
        await watch.once()
        assert not looked
        watch.begun -= coach_watch.NEAR_AFTER_S
        await watch.once()

    asyncio.run(rounds())
    assert [1.0] == looked


@pytest.mark.parametrize("known", [True, False], ids=["begun", "about to begin"])
def test_learning_ends_with_the_desk(near: coach_watch.Near, *, known: bool) -> None:
    async def short_day() -> int:
        await near.look()
        while known and near.process is None:
            await asyncio.sleep(0.01)
        await near.stop()
        assert near.running and near.running.done() and near.process
        return int(near.process.returncode or 0)

    assert -9 == asyncio.run(short_day())
