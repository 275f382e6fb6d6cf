"""Calls to platforms (平台调用): JSON over HTTP with a time limit, failures as values."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

import aiohttp

from bot.channels.adapter import RETRY, Delivery

PATIENCE = aiohttp.ClientTimeout(total=10, connect=5)
MOST_BYTES = 20 * 1024 * 1024
LARGEST_ERROR = 64 * 1024
T = TypeVar("T")


class Unreachable(Exception):
    """Say that a platform did not answer, or answered with nothing usable: `answer`, if it said why."""

    def __init__(
        self, why: str, *, status: int = 0, retry_after: float | None = None,
        answer: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(why)
        self.status = status
        self.answer = answer or {}
        self.retry_after = retry_after

    def as_delivery(self) -> Delivery:
        """Return the failure as a delivery that is worth another try."""
        after = None if self.retry_after is None else timedelta(seconds=self.retry_after)
        return Delivery(RETRY, error=str(self), retry_after=after, pause_all=self.status == 429)


def to_json(value: Any) -> bytes:
    r"""Return JSON in UTF-8; platforms show `\uXXXX` to the customer as it is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


async def call(
    http: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    params: Mapping[str, str] | None = None,
    body: Any = None,
    form: Any = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, dict[str, Any]]:
    """Call a platform and return status and JSON; raise `Unreachable` for 5xx, 429 and noise."""
    sent = dict(headers or {})
    data = form
    if body is not None:
        data = to_json(body)
        sent["Content-Type"] = "application/json; charset=utf-8"
    try:
        async with http.request(
            method, url, params=params, data=data, headers=sent, timeout=PATIENCE
        ) as response:
            content = await response.read()
            status = response.status
            after = response.headers.get("Retry-After", "")
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
        raise Unreachable(type(error).__name__) from error
    answer = _object(content)
    if status >= 500 or status == 429:
        seconds = float(after) if after.isdigit() else _retry_after(answer)
        raise Unreachable(f"HTTP {status}", status=status, retry_after=seconds)
    if answer is None:
        raise Unreachable(f"HTTP {status} without a JSON object", status=status)
    return status, answer


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(content)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _retry_after(answer: dict[str, Any] | None) -> float | None:
    parameters = (answer or {}).get("parameters")
    seconds = parameters.get("retry_after") if isinstance(parameters, dict) else None
    return float(seconds) if isinstance(seconds, (int, float)) else None


async def download(
    http: aiohttp.ClientSession, url: str, *, params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """Return the bytes behind an address; raise `Unreachable`."""
    try:
        async with http.get(url, params=params, headers=headers, timeout=PATIENCE) as response:
            status, content = response.status, await _bytes_of(response)
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
        raise Unreachable(type(error).__name__) from error
    # Platforms send their errors under any content type, and with 200.
    said = _object(content) if len(content) <= LARGEST_ERROR else None
    if status != 200 or said is not None:
        raise Unreachable(f"HTTP {status}, an error instead of a file", status=status, answer=said)
    return content


async def _bytes_of(response: aiohttp.ClientResponse) -> bytes:
    content = await response.content.read(MOST_BYTES + 1)
    while len(content) <= MOST_BYTES:
        more = await response.content.read(MOST_BYTES)
        if not more:
            return content
        content += more
    raise Unreachable("a file that is too large")


async def with_token(
    token: Callable[[str], Awaitable[str]], work: Callable[[str], Awaitable[T]],
    has_ended: Callable[[Unreachable], bool],
) -> T:
    """Work with the shared token; renew it once when the platform says that it has ended."""
    used = await token("")
    try:
        return await work(used)
    except Unreachable as error:
        if not has_ended(error):
            raise
    return await work(await token(used))
