"""What people wait for at a page, one at a time: `python -m tests.load.quick_answers`.

A page of a trainers' inbox of ten thousand turns at the server, an answer looked up among the
handbook's, and how soon a second browser's line tells of what the first one did.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event, Thread

import httpx

from bot.handbook.knowledge import best_answers
from tests.coach.test_inbox_quick import TURNS, fill
from tests.console.conftest import LocalDesk, start_local
from tests.console.test_stream import events
from tests.handbook.test_knowledge import ENTRIES, QUERIES

TIMES = 30


def timed(acts: Sequence[Callable[[], object]]) -> list[float]:
    """Return the milliseconds of each act."""
    spent = []
    for act in acts:
        began = time.perf_counter()
        act()
        spent.append((time.perf_counter() - began) * 1_000)
    return spent


def heard_after(local: LocalDesk) -> Iterator[float]:
    """Yield the milliseconds from the answer to who acts to the line of who watches."""
    acting, watching = local.person("staff", "billing"), local.person("leader")
    for _ in range(TIMES):
        ready, heard = Event(), list[float]()
        listener = Thread(target=_listen, args=(watching, ready, heard))
        id_ = local.waiting()
        listener.start()
        ready.wait()
        acting.post(f"/conversations/{id_}/claim").raise_for_status()
        answered = time.perf_counter()
        listener.join()
        yield max(0.0, heard[0] - answered) * 1_000
        acting.post(f"/conversations/{id_}/end", json={}).raise_for_status()


def _listen(watching: httpx.Client, ready: Event, heard: list[float]) -> None:
    for _, kind, data in events(watching):
        if kind == "ready":
            ready.set()
        elif kind == "changes" and any(each["kind"] == "claimed" for each in data["events"]):
            heard.append(time.perf_counter())
            return


def main() -> None:
    """Print median and most of each."""
    with tempfile.TemporaryDirectory() as home:
        local, end = start_local(Path(home))
        try:
            heard = list(heard_after(local))
            with local.desk.sessions.begin() as session:
                fill(session, local)
            trainer = local.person("trainer")
            pages = timed([lambda: trainer.get("/coach/inbox").raise_for_status()] * TIMES)
        finally:
            end()
    lookups = timed([lambda q=q: best_answers(ENTRIES, q["text"], request_type=q["type"], most=1) for q in QUERIES["answered"]])
    for title, spent in (
        (f"page of an inbox of {TURNS} turns", pages), ("answer looked up", lookups),
        ("second browser hears of it", heard),
    ):
        print(f"  {title:34} median {statistics.median(spent):8.1f} ms   most {max(spent):8.1f} ms")


if __name__ == "__main__":
    main()
