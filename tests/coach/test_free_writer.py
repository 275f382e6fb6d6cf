"""Trainers' tools leave SQLite's only writer to the desk while they read and plan."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import sessionmaker

from bot.coach import promote
from bot.coach.shadow import look
from bot.handbook.training_table import load_training
from bot.storage.coach import InboxGroup, InboxItem
from bot.storage.conversations import Conversation, Message

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def written(sessions: sessionmaker) -> None:
    """Write as the desk does: with a tool in the way this fails after a while."""
    with sessions.begin() as session:
        session.connection().exec_driver_sql("PRAGMA busy_timeout=100")
        session.add(InboxGroup(text="meanwhile", open_items=0))


def test_a_promotion_is_planned_while_others_write(
    sessions: sessionmaker, database_url: str, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("INTAKE_DATABASE_URL", database_url)
    (tmp_path / "data" / "nlu").mkdir(parents=True)
    with sessions.begin() as session:
        group = InboxGroup(text="呀", open_items=0)
        session.add(group)
        session.flush()
        session.add(InboxItem(
            origin="o1", group_id=group.id, text="呀", reasons=[], reading={}, worth=0.1, state="labelled",
            type="port_out", urgency="general", labelled_at=now, created_at=now,
        ))  # fmt: skip
    plan = promote.plan_promotion

    def planned(*given: Any) -> promote.Promotion:
        written(sessions)
        return plan(*given)

    monkeypatch.setattr(promote, "plan_promotion", planned)
    promote.run(Namespace(root=tmp_path, write=True, branch="", by="a", commit=False, json=True))

    with sessions() as session:
        [item] = session.execute(select(InboxItem)).scalars()
        assert (item.state, item.note) == ("refused", "太短")


class Model:
    """Stands in for a model that takes its time."""

    def __init__(self, sessions: sessionmaker, type_: str) -> None:
        self.sessions, self.type = sessions, type_

    def read(self, texts: list[str]) -> Iterator[SimpleNamespace]:
        """Read, and let the desk write meanwhile."""
        written(self.sessions)
        for _ in texts:
            yield SimpleNamespace(
                types=((self.type, 0.9),), type=self.type, type_confidence=0.9, urgency="general"
            )


def test_a_shadow_reads_while_others_write(sessions: sessionmaker, now: datetime) -> None:
    with sessions.begin() as session:
        session.add(Conversation(
            id="c1", channel="web", external_id="c1", state="bot", epoch=0, created_at=now
        ))  # fmt: skip
        session.add(Message(
            conversation_id="c1", direction="in", author="customer", text="授权码一直没到",
            external_id="m1", state="handled", created_at=now,
        ))  # fmt: skip
    looked = look(
        sessions, load_training(), Model(sessions, "payment"), Model(sessions, "port_out"), name="new",
        after=0, share=1.0,
    )

    assert looked[1:] == (1, 1)
    with sessions() as session:
        [item] = session.execute(select(InboxItem)).scalars()
        assert item.reasons == ["models_disagree"]
