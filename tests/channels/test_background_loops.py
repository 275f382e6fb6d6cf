"""The loops beside the webhooks: what fails in one look does not end them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from bot.channels import post as post_module
from bot.channels.mail import Mail, fetch_after
from bot.channels.wechat_kf import WechatKf
from tests.channels.conftest import Office, OpenOffice
from tests.channels.simulators.mailbox import Mailbox, running_mailbox
from tests.channels.simulators.wecom import KfSimulator

REQUEST = "我家宽带断网了，在城关区幸福小区3号楼"


@pytest.fixture
async def box() -> AsyncIterator[Mailbox]:
    async with running_mailbox() as box:
        yield box


def kf(office: Office) -> KfSimulator:
    return office.platforms["wechat_kf"]  # type: ignore[return-value]


async def connected(open_office: OpenOffice, box: Mailbox) -> Office:
    """Open an office that has looked into its mailbox once."""
    office = await open_office(extra=[{**box.entry(), "seconds": 0.05}])
    adapter: Mail = office.adapter("mail")  # type: ignore[assignment]
    await office.post.fetch(adapter, adapter.wishes()[0])
    return office


def failing_once(work: Callable[..., Any], error: Exception) -> Callable[..., Any]:
    """Return work whose first call fails."""
    left = [error]

    async def tried(*args: Any, **options: Any) -> Any:
        if left:
            raise left.pop()
        return await work(*args, **options)

    return tried


async def until(condition: Callable[[], Any]) -> None:
    for _ in range(2_000):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("did not come about")


async def run_beside(office: Office, work: Any, condition: Callable[[], Any]) -> None:
    """Run a loop until something has come about."""
    task = asyncio.create_task(work)
    try:
        await until(lambda: condition() or task.done())
        assert not task.done() or task.exception() is None
        assert condition()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await office.quiet()


ERRORS = [OperationalError("x", {}, Exception("gone")), TypeError("'NoneType' object"), KeyError("x")]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_an_error_while_storing_does_not_end_the_fetching(
    open_office: OpenOffice, box: Mailbox, error: Exception
) -> None:
    office = await connected(open_office, box)
    office.post.take_in = failing_once(office.post.take_in, error)
    box.arrives("li@example.com", "宽带报修", REQUEST, id="m1")

    adapter: Mail = office.adapter("mail")  # type: ignore[assignment]
    await run_beside(office, office.post._fetch_now_and_then(adapter), office.messages)


async def test_an_error_after_a_hint_is_fetched_again(open_office: OpenOffice) -> None:
    office = await open_office("wechat_kf")
    office.post.take_in = failing_once(office.post.take_in, ERRORS[0])
    kf(office).write("u1", REQUEST)
    [wish] = office.adapter("wechat_kf").wishes()

    await office.post.fetch_on_hint(office.adapter("wechat_kf"), wish)
    await office.quiet()
    assert len(office.messages()) == 1


async def test_an_error_while_looking_does_not_end_the_following_of_states(
    open_office: OpenOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post_module, "FOLLOW_EVERY", 0.05)
    office = await open_office("wechat_kf")
    await office.converse("wechat_kf", "u1", REQUEST)
    office.post.follow_states = failing_once(office.post.follow_states, ERRORS[0])

    adapter: WechatKf = office.adapter("wechat_kf")  # type: ignore[assignment]
    await run_beside(office, office.post._follow_states(adapter), lambda: kf(office).moves)


@pytest.mark.parametrize("error", [TypeError("None"), ValueError("words"), IndexError()])
async def test_a_server_that_answers_oddly_is_looked_at_again(
    open_office: OpenOffice, box: Mailbox, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    office = await connected(open_office, box)
    box.arrives("li@example.com", "宽带报修", REQUEST, id="m1")
    left = [error]

    def odd(url: str, cursor: str, *, now: datetime) -> Any:
        if left:
            raise left.pop()
        return fetch_after(url, cursor, now=now)

    monkeypatch.setattr("bot.channels.mail.fetch_after", odd)
    adapter: Mail = office.adapter("mail")  # type: ignore[assignment]
    await run_beside(office, office.post._fetch_now_and_then(adapter), office.messages)
