"""Who writes next (写入排队): database writes on threads of their own, people at a page first.

SQLite has one writer. Who waits for it here holds no thread meanwhile, and people at a page come
first; between processes the queue of `bot.storage.one_writer` decides.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
THREADS = {"sqlite": 1}
MOST_THREADS = 8


class Writers:
    """Run jobs on as many threads as the database has use for, what is urgent before the rest."""

    def __init__(self, dialect: str) -> None:
        self._free = THREADS.get(dialect, MOST_THREADS)
        self._threads = ThreadPoolExecutor(self._free, "writer")
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._later: deque[asyncio.Future[None]] = deque()

    async def run(self, job: Callable[[], T], *, urgent: bool = False) -> T:
        """Run a job when its turn comes; return what it returns."""
        loop = asyncio.get_running_loop()
        if self._free:
            self._free -= 1
        else:
            await self._turn(self._urgent if urgent else self._later)
        try:
            return await loop.run_in_executor(self._threads, job)
        finally:
            self._pass_on()

    async def _turn(self, queue: deque[asyncio.Future[None]]) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            # The turn came at the very moment when nobody wanted it any more.
            if not turn.cancelled():
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        for queue in (self._urgent, self._later):
            while queue:
                turn = queue.popleft()
                if not turn.done():
                    turn.set_result(None)
                    return
        self._free += 1
