"""One writer at a time (写锁排队): who wants to write into an SQLite file queues for it.

SQLite lets one connection write and all others look again, after ever longer pauses: with a few
writers in two processes most of them sleep while nobody writes, and some sleep for seconds. Here
they wait in a queue of the operating system and are woken when it is their turn. A process that
is killed leaves the queue with it. SQLite's own lock stays what keeps the data whole.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections import deque
from typing import Any
from weakref import WeakValueDictionary, finalize

from sqlalchemy.exc import OperationalError

PATIENCE_S = 30.0
_HELD = "intake_writer"


class Line:
    """Let threads through one by one, in the order in which they came.

    A plain lock goes to whoever asks at the right moment: a thread that writes all the time has it
    again before one that waits is awake.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Lock] = deque()

    def enter(self, patience: float) -> bool:
        """Wait for the turn; return whether it came within so many seconds."""
        with self._guard:
            if not self._taken:
                self._taken = True
                return True
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        if turn.acquire(timeout=patience):
            return True
        with self._guard:
            if turn not in self._waiting:
                return True  # it came at the last moment
            self._waiting.remove(turn)
            return False

    def leave(self) -> None:
        """Let the next one through."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False


class WriterQueue:
    """Let one of the threads and processes that write into a file go on, the others wait."""

    def __init__(self, path: str) -> None:
        self._path = path
        # The system's lock is the process's: threads wait here first.
        self._mine = Line()
        self._open()

    def _open(self) -> None:
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._process = os.getpid()
        finalize(self, os.close, self._file)

    def enter(self, info: dict[str, Any]) -> None:
        """Wait for the turn of a connection, unless it has it.

        Who waits for a thread of this process longer than PATIENCE_S gets an OperationalError; a
        process that stands still in the midst of writing is waited for until it goes on or ends.
        """
        if info.get(_HELD):
            return
        if not self._mine.enter(PATIENCE_S):
            raise OperationalError("BEGIN IMMEDIATE", None, sqlite3.OperationalError("database is locked"))
        try:
            if self._process != os.getpid():
                self._open()  # a lock is shared with the process that one was forked from
            fcntl.flock(self._file, fcntl.LOCK_EX)
        except BaseException:
            self._mine.leave()
            raise
        info[_HELD] = True

    def leave(self, info: dict[str, Any]) -> None:
        """End the turn of a connection, if it has it."""
        if info.pop(_HELD, False):
            fcntl.flock(self._file, fcntl.LOCK_UN)
            self._mine.leave()


_queues: WeakValueDictionary[str, WriterQueue] = WeakValueDictionary()
_of_queues = threading.Lock()


def writer_queue(database: str) -> WriterQueue:
    """Return the queue of an SQLite file, the same for all engines of this process."""
    path = os.path.realpath(database) + "-writer"
    with _of_queues:
        queue = _queues.get(path)
        if queue is None:
            queue = _queues[path] = WriterQueue(path)
        return queue
