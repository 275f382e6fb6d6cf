"""Several Rasa workers: the locks of conversations are kept in a real Redis."""

from __future__ import annotations

import asyncio
import os
import uuid
from pathlib import Path

import pytest
import redis
from rasa.core.lock_store import LockStore
from rasa.core.utils import AvailableEndpoints

from bot.settings import load_settings
from bot.supervisor import endpoints_file
from tests.needs import missing

URL = os.environ.get("INTAKE_TEST_REDIS", "redis://127.0.0.1:6379/15")

pytestmark = pytest.mark.rasa


@pytest.fixture
def server() -> redis.Redis:
    server = redis.Redis.from_url(URL)
    try:
        server.ping()
    except redis.ConnectionError as error:
        missing("redis", f"Redis at {URL}: {error}")
    return server


def test_a_conversation_is_locked_for_all_workers(server: redis.Redis, tmp_path: Path) -> None:
    settings = load_settings({"INTAKE_HOME": str(tmp_path), "INTAKE_REDIS_URL": URL})
    endpoints = AvailableEndpoints.read_endpoints(str(endpoints_file(settings)))
    ours, other = (LockStore.create(endpoints.lock_store) for _ in range(2))
    conversation = uuid.uuid4().hex

    async def hold() -> tuple[int, bool]:
        async with ours.lock(conversation):
            held = other.get_lock(conversation)
            return len(server.keys(f"*{conversation}*")), bool(held and held.is_someone_waiting())

    assert asyncio.run(hold()) == (1, True)
    assert server.keys(f"*{conversation}*") == []


def test_the_password_reaches_rasa_and_nobody_else(tmp_path: Path) -> None:
    url = "redis://:s%23cret@cache:6380/2"
    path = endpoints_file(load_settings({"INTAKE_HOME": str(tmp_path), "INTAKE_REDIS_URL": url}))
    kept = AvailableEndpoints.read_endpoints(str(path)).lock_store

    assert (kept.url, kept.kwargs["port"], kept.kwargs["password"]) == ("cache", 6380, "s#cret")
    assert path.stat().st_mode & 0o077 == 0
