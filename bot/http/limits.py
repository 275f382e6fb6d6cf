"""Rate limits (频率限制): so many per minute and key, counted in this process."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable

from sanic.request import Request

from bot.handbook.errors import Refusal

MOST_KEYS = 50_000


class RateLimited(Refusal):
    """Say that too much came in a minute, and when to try again."""

    code = "rate_limited"


class Limits:
    """Count events per key over the last minute, forgetting the oldest keys."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def count(self, what: str, key: str, most: int) -> None:
        """Count one event; raise `RateLimited` when `most` in a minute are exceeded (0: none)."""
        if most == 0:
            return
        now = self._clock()
        times = self._seen.setdefault((what, key), deque())
        self._seen.move_to_end((what, key))
        while times and now - times[0] >= 60:
            times.popleft()
        if len(times) >= most:
            raise RateLimited("发送太频繁，请稍等一分钟再试", limit_per_minute=most)
        times.append(now)
        while len(self._seen) > MOST_KEYS:
            self._seen.popitem(last=False)


def client_address(request: Request) -> str:
    """Return the caller's address: the proxy's word only when the proxy is on this machine."""
    if request.ip in {"127.0.0.1", "::1"} and request.headers.get("X-Real-IP"):
        return str(request.headers["X-Real-IP"])
    return str(request.ip)
