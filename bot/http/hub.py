"""Wake-up calls inside one process: who waits for news of a topic hears of it at once.

News is only a hint to look into the database, so nothing is lost when a hint is.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any


class Hub:
    """Let tasks wait for the next news of a topic."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Future[dict[str, Any]]]] = defaultdict(set)

    def publish(self, topic: str, data: dict[str, Any] | None = None) -> None:
        """Wake everybody who waits for the topic; call it from the event loop."""
        for future in self._waiting.pop(topic, set()):
            if not future.done():
                future.set_result(data or {})

    async def wait(self, topic: str, timeout: float) -> dict[str, Any] | None:
        """Return the next news of the topic, or None after `timeout` seconds."""
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[topic].add(future)
        try:
            return await asyncio.wait_for(future, timeout)
        except asyncio.TimeoutError:
            return None
        finally:
            self._waiting[topic].discard(future)
            if not self._waiting[topic]:
                self._waiting.pop(topic, None)
