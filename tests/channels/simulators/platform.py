"""What all simulated platforms share: a loopback server, scripted faults, pushes with retries."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from bot.channels.adapter import Hook

# Nothing is posted: the desk fetches what has come.
FETCHED = "FETCH"


@dataclass(frozen=True)
class Posted:
    """One request as the platform makes it."""

    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    method: str = "POST"

    def as_hook(self) -> Hook:
        return Hook(self.method, self.query, {k.lower(): v for k, v in self.headers.items()}, self.body)


@dataclass
class Sent:
    """One message that the platform handed to a customer."""

    to: str
    text: str
    id: str = ""
    at: float = field(default_factory=time.time)
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Push:
    """How a push to the desk went."""

    acknowledged: bool
    seconds: list[float]


class Simulator:
    """A platform on the loopback; `faults` are answers it gives instead of its own, in turn."""

    name = ""
    # The query parameters and headers that prove a request; the contract spoils them.
    proof: tuple[str, ...] = ()
    ack_seconds = 5.0
    tries = 3
    wait_between = 0.2

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.sent: list[Sent] = []
        self.calls: list[tuple[str, Any]] = []
        self.faults: deque[Callable[[], web.Response]] = deque()
        self.numbers = itertools.count(1)
        self.url = ""

    async def begin(self) -> None:
        """Open what is reached otherwise than by HTTP."""

    async def end(self) -> None:
        """Close it."""

    def routes(self) -> list[web.RouteDef]:
        raise NotImplementedError

    def entry(self) -> dict[str, Any]:
        """Return what the channels' file says of this platform."""
        raise NotImplementedError

    def message(self, sender: str, text: str, *, id: str = "", at: float | None = None) -> Posted:
        """Return the request by which the platform tells of a text."""
        raise NotImplementedError

    def sealed(self, raw: bytes) -> Posted:
        """Return a genuine request around any content."""
        raise NotImplementedError

    def busy(self) -> web.Response:
        """Return how the platform says that it is limiting us."""
        raise NotImplementedError

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._faulty], client_max_size=20 * 1024 * 1024)
        app.add_routes(self.routes())
        return app

    @web.middleware
    async def _faulty(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.faults and self.is_sending(request):
            return self.faults.popleft()()
        return await handler(request)

    def is_sending(self, request: web.Request) -> bool:
        """Tell whether a request sends a message, so that faults hit only those."""
        return True

    def now(self) -> int:
        return int(self.clock())

    def text_to(self, customer: str) -> list[str]:
        return [sent.text for sent in self.sent if sent.to == customer]

    async def push(self, http: aiohttp.ClientSession, desk: str, posted: Posted) -> Push:
        """Post to the desk, again when it does not acknowledge in time, as the platform does."""
        seconds = []
        for number in range(self.tries):
            began = time.perf_counter()
            try:
                async with http.request(
                    posted.method, f"{desk}/channels/{self.name}", params=posted.query,
                    data=posted.body, headers=posted.headers,
                    timeout=aiohttp.ClientTimeout(total=self.ack_seconds),
                ) as response:
                    content = await response.text()
                    good = response.status == 200 and self.is_ack(content)
            except (aiohttp.ClientError, asyncio.TimeoutError):
                good = False
            seconds.append(time.perf_counter() - began)
            if good:
                return Push(True, seconds)
            if number < self.tries - 1:
                await asyncio.sleep(self.wait_between)
        return Push(False, seconds)

    def is_ack(self, content: str) -> bool:
        return True

    async def say(
        self, http: aiohttp.ClientSession, desk: str, sender: str, text: str, *, id: str = ""
    ) -> Push:
        """Let a customer write."""
        return await self.push(http, desk, self.message(sender, text, id=id))


@asynccontextmanager
async def running(simulator: Simulator) -> AsyncIterator[Simulator]:
    """Run the platform on a free port of the loopback."""
    runner = web.AppRunner(simulator.app(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    simulator.url = f"http://127.0.0.1:{port}"
    await simulator.begin()
    try:
        yield simulator
    finally:
        await simulator.end()
        await runner.cleanup()
