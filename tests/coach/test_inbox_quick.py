"""Ten thousand turns in the inbox: a page of it, whole, at the server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from bot.storage.coach import InboxGroup, InboxItem, InboxLabel
from tests.console.conftest import LocalDesk, start_local

TURNS, GROUP_OF, LABELLED = 10_000, 3, 3_000
# Instructions of SQLite's machine: what a page costs on any computer, however busy it is.
EACH, MOST_EACH = 1_000, 1_000


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalDesk]:
    """Serve a desk whose inbox holds ten thousand waiting turns beside settled ones."""
    local, end = start_local(tmp_path_factory.mktemp("quick"))
    with local.desk.sessions.begin() as session:
        fill(session, local)
    yield local
    end()


@pytest.fixture(scope="module")
def trainer(local: LocalDesk) -> httpx.Client:
    return local.person("trainer")


@contextmanager
def counted(local: LocalDesk) -> Iterator[list[int]]:
    """Count the thousands of instructions that SQLite carries out."""
    count = [0]

    def one_more() -> None:
        count[0] += 1

    def listen(connection: Any, *_: Any) -> None:
        connection.set_progress_handler(one_more, EACH)

    engine = local.desk.sessions.kw["bind"]
    event.listen(engine, "checkout", listen)
    yield count
    event.remove(engine, "checkout", listen)


def fill(session: object, local: LocalDesk) -> None:
    """Put turns of every state into groups of a few, some of them labelled by others."""
    now = local.now()
    total = TURNS + LABELLED
    session.bulk_insert_mappings(
        InboxGroup,
        [
            {"id": n + 1, "text": f"第{n}组的话", "open_items": GROUP_OF, "worth": (n * 37 % 1000) / 1000}
            for n in range(total // GROUP_OF + 1)
        ],
    )
    session.bulk_insert_mappings(
        InboxItem,
        [
            {
                "id": n + 1, "origin": f"message:{n}", "group_id": n // GROUP_OF + 1, "text": f"第{n}句话怎么办",
                "reasons": ["low_confidence", "clarified"] if n % 2 else ["rephrased"],
                "reading": {"urgency": "general", "ranking": [["port_out", 0.4], ["ticket_status", 0.3]]},
                "worth": (n * 53 % 1000) / 1000, "sample": n % 10 == 0, "created_at": now - timedelta(seconds=n),
                "state": ("second" if n % 10 == 0 else "open") if n < TURNS else "labelled",
            }
            for n in range(total)
        ],
    )
    session.bulk_insert_mappings(
        InboxLabel,
        [
            {"item_id": n + 1, "labeller": "other", "type": "port_out", "urgency": "general", "at": now}
            for n in range(total) if n >= TURNS or n % 10 == 0
        ],
    )


@pytest.mark.parametrize("query", [{}, {"reason": "clarified"}, {"after": 3000}])
def test_a_page_of_ten_thousand_turns_is_quick(
    local: LocalDesk, trainer: httpx.Client, query: dict[str, object]
) -> None:
    with counted(local) as thousands:
        answer = trainer.get("/coach/inbox", params=query)

    page = answer.json()["data"]
    assert page["waiting"] == TURNS
    assert len(page["groups"]) == 30
    assert 0 < thousands[0] < MOST_EACH, thousands
