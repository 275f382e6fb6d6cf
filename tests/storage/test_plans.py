"""How SQLite reads: a look into one conversation costs the same, however much others have said."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from bot.desk import messages
from bot.desk.messages import Gate
from bot.desk.rules_in_force import check_waiting
from bot.dialogue.turns import Turns
from bot.handbook.language.checker import load_checker
from bot.storage.conversations import Conversation

LOOKS: dict[str, Callable[[Session, str, datetime], Any]] = {
    "unhandled": lambda session, of, _: messages.unhandled_messages(session, of),
    "said lately": lambda session, of, _: messages.said_lately(session, of, most=3),
    "replies": lambda session, of, _: messages.replies_to(session, of, 1),
    "to be delivered": lambda session, of, now: messages.deliver_pending(session, of, now=now),
    "shown": lambda session, of, _: messages.shown_messages(session, of),
}


@contextmanager
def plans(session: Session) -> Iterator[list[str]]:
    """Collect how each statement on messages is carried out."""
    found: list[str] = []

    def look(connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT") and "FROM messages" in statement:
            rows = connection.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            found.extend(row[3] for row in rows if "messages" in row[3])

    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", look)
    yield found
    event.remove(engine, "before_cursor_execute", look)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_a_conversation_is_read_without_what_was_sent_to_others(
    session: Session, make_conversation: Callable[..., Conversation], look: Callable[..., Any], now: datetime
) -> None:
    of = make_conversation(session).id
    with plans(session) as found:
        look(session, of, now)

    assert found
    assert all(re.search("USING INDEX ix_messages_(conversation_id_id|waiting) ", plan) for plan in found), found


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_waits_is_found_among_what_waits(session: Session, now: datetime) -> None:
    gate = Gate(load_checker(verify=False), "请稍候。")
    turns: Any = Turns.__new__(Turns)
    turns.clock = lambda: now

    async def in_thread(work: Callable[[Session], Any]) -> Any:
        return work(session)

    turns.in_thread = in_thread
    with plans(session) as found:
        check_waiting(session, gate, now=now)
        with pytest.raises(StopIteration):
            turns.resume().send(None)

    assert len(found) == 3
    assert all("ix_messages_waiting" in plan for plan in found), found
