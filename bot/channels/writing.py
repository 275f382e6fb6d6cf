"""Writing for the channels (批量写入): what waits is written in one transaction, letters first.

A platform wants its acknowledgement in seconds, and SQLite has one writer: fifty requests that
each wait for it are late, one transaction with fifty savepoints is not. What is not urgent fills
the transaction up, so that letters without end do not keep answers from going out.

On PostgreSQL every statement is a way there and back, and on a busy machine each way waits for a
processor: fifty letters in one transaction took seconds in which hardly anything was reckoned.
There some threads write a few letters each, and one writes all the rest. The letters of one
customer keep to one thread and so to their order. A job that must wait for somebody's row waits
in a transaction of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from bot.storage.engine import reading

log = structlog.get_logger()
MOST = 50
# PostgreSQL: so many threads for letters, and so many letters in a transaction of theirs.
LANES, FEW = 4, 5
# Work that is not urgent is begun only so long after what is urgent.
FILL_S = 0.2
# PostgreSQL: so long may one row hold up a transaction of many.
LOCK_MS, ASIDE = 20, 8
LOCK_NOT_AVAILABLE = "55P03"
Work = Callable[[Session], Any]
Job = tuple[Work, "asyncio.Future[Any]"]
Result = tuple[Any, "Exception | None"]


@dataclass
class Lane:
    """Hold what one thread writes, one transaction after the other; at most so many letters in each."""

    most: int = MOST
    urgent: deque[Job] = field(default_factory=deque)
    later: deque[Job] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None


@dataclass
class Writer:
    """Run database work of one process in few transactions, on threads of its own."""

    sessions: sessionmaker
    _letters: list[Lane] = field(init=False)
    _rest: Lane = field(default_factory=Lane)
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(LANES + 1, thread_name_prefix="channels")
    )
    # Not the loop's own threads: there a look would queue behind the turns.
    _readers: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(2, thread_name_prefix="channels-look")
    )

    # Each of them waits for a row that somebody else holds.
    _aside: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(ASIDE, thread_name_prefix="channels-aside")
    )

    def __post_init__(self) -> None:
        # SQLite has one writer: there one lane is for all.
        self._letters = [Lane(FEW) for _ in range(LANES)] if self._is_postgres() else [self._rest]

    async def later(self, work: Work) -> Any:
        """Run work after what is urgent; return its result after commit."""
        return await self._queue(self._rest, self._rest.later, work)

    async def urgent(self, work: Work, *, of: str = "") -> Any:
        """Run work before all that is not urgent, in order of one customer; return its result after commit."""
        lane = self._letters[hash(of) % len(self._letters)]
        return await self._queue(lane, lane.urgent, work)

    async def look(self, work: Work) -> Any:
        """Return what work reads, without waiting for a writer."""

        def read() -> Any:
            with reading(self.sessions) as session:
                return work(session)

        return await asyncio.get_running_loop().run_in_executor(self._readers, read)

    async def _queue(self, lane: Lane, queue: deque[Job], work: Work) -> Any:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        queue.append((work, future))
        if lane.task is None or lane.task.done():
            lane.task = loop.create_task(self._write(lane))
        return await future

    def _is_postgres(self) -> bool:
        return bool(self.sessions.kw["bind"].dialect.name == "postgresql")

    async def _write(self, lane: Lane) -> None:
        loop = asyncio.get_running_loop()
        while lane.urgent or lane.later:
            urgent = _first(lane.urgent, lane.most)
            jobs = urgent + _first(lane.later, MOST - len(urgent))
            works = [work for work, _ in jobs]
            results = await loop.run_in_executor(self._threads, self._together, works, len(urgent))
            lane.later.extendleft(reversed(jobs[len(results) :]))
            for (work, future), result in zip(jobs, results):  # noqa: B905 - the rest waits
                if _is_held_up(result[1]):
                    aside = loop.run_in_executor(self._aside, self._alone, work)
                    aside.add_done_callback(partial(_settle_from, future))
                else:
                    _settle(future, result)

    def _together(self, works: list[Work], urgent: int) -> list[Result]:
        """Run jobs in one transaction: the urgent ones, and of the others what there is time for."""
        try:
            with self.sessions.begin() as session:
                if self._is_postgres():
                    session.execute(text(f"SET LOCAL lock_timeout = '{LOCK_MS}ms'"))
                results = [self._one(session, work) for work in works[:urgent]]
                end = time.monotonic() + FILL_S
                for work in works[urgent:]:
                    results.append(self._one(session, work))
                    if time.monotonic() > end:
                        break
                return results
        except SQLAlchemyError as error:
            # The transaction as a whole failed: nobody shall suffer for another's row.
            log.warning("channels.apart", jobs=len(works), error=type(error).__name__)
            return [self._alone(work) for work in works]

    def _one(self, session: Session, work: Work) -> Result:
        try:
            with session.begin_nested():
                return work(session), None
        except Exception as error:  # noqa: BLE001 - handed to the one who asked
            return None, error

    def _alone(self, work: Work) -> Result:
        try:
            with self.sessions.begin() as session:
                return work(session), None
        except Exception as error:  # noqa: BLE001 - handed to the one who asked
            return None, error

    def close(self) -> None:
        """Let the thread and its connection end."""
        self._threads.shutdown(wait=False)
        self._readers.shutdown(wait=False)
        self._aside.shutdown(wait=False)


def _first(queue: deque[Job], most: int) -> list[Job]:
    return [queue.popleft() for _ in range(min(most, len(queue)))]


def _settle(future: asyncio.Future[Any], result: Result) -> None:
    """Hand a result to the one who waits, if somebody still does."""
    if future.done():
        return
    value, error = result
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)


def _settle_from(future: asyncio.Future[Any], aside: asyncio.Future[Result]) -> None:
    if not aside.cancelled():
        _settle(future, aside.result())


def _is_held_up(error: Exception | None) -> bool:
    """Tell whether a job gave up because others hold its row."""
    return isinstance(error, OperationalError) and getattr(error.orig, "pgcode", "") == LOCK_NOT_AVAILABLE
