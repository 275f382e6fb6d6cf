"""Access tokens: one for all instances, asked for once by many who wait."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from bot.channels.calls import Unreachable
from bot.channels.tokens import SharedTokens
from tests.channels.conftest import Office, OpenOffice


@pytest.fixture
async def office(open_office: OpenOffice) -> Office:
    return await open_office("wechat")


async def test_many_who_need_a_token_ask_the_database_once(office: Office) -> None:
    asked, calls = 0, 0

    async def renew() -> tuple[str, timedelta]:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0.3)
        return f"token-{calls}", timedelta(hours=2)

    async def work(job: Any) -> Any:
        nonlocal asked
        asked += 1
        return await office.post.writer.later(job)

    tokens = SharedTokens(work, office.clock)
    got = await asyncio.gather(*(tokens.get("wechat:x", renew) for _ in range(48)))
    assert (set(got), calls, asked) == ({"token-1"}, 1, 2)

    again = await asyncio.gather(*(tokens.get("wechat:x", renew, failed="token-1") for _ in range(48)))
    assert (set(again), calls) == ({"token-2"}, 2)


async def test_two_instances_share_one_token(office: Office) -> None:
    calls = 0

    async def renew() -> tuple[str, timedelta]:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0.05)
        return f"token-{calls}", timedelta(hours=2)

    caches = [SharedTokens(office.desk.turns.in_thread, office.clock) for _ in range(4)]
    tokens = await asyncio.gather(*(cache.get("wechat:x", renew) for cache in caches))
    assert (set(tokens), calls) == ({"token-1"}, 1)

    assert await caches[0].get("wechat:x", renew, failed="token-1") == "token-2"
    assert await caches[1].get("wechat:x", renew, failed="token-1") == "token-2"
    assert calls == 2


async def test_many_who_wait_share_a_failure_instead_of_trying_in_turn(office: Office) -> None:
    calls = 0

    async def renew() -> tuple[str, timedelta]:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0.1)
        raise Unreachable("down")

    tokens = SharedTokens(office.post.writer.later, office.clock)
    got = await asyncio.gather(*(tokens.get("wechat:x", renew) for _ in range(48)), return_exceptions=True)
    assert ({type(each) for each in got}, calls) == ({Unreachable}, 1)
