"""Chapter 4.3: the console's list: the queue whole and in its order, the bot's talks for who may watch."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from bot.desk.serving import listed_conversations, may_see
from bot.storage.conversations import Conversation
from bot.storage.staff import Staff
from tests.desk.callers import caller

Maker = Callable[..., Conversation]


def test_who_waits_longest_is_listed_however_many_wrote_later(
    session: Session, person: Callable[..., Staff], waiting: Maker, make_conversation: Maker, now: datetime
) -> None:
    asks = caller(person("a", "care"))
    oldest = waiting(for_s=900, last_customer_at=now - timedelta(hours=1))
    urgent = waiting(for_s=5, urgency="urgent", last_customer_at=now - timedelta(hours=2))
    later = waiting(for_s=60, last_customer_at=now)
    for _ in range(3):
        make_conversation(session, state="staff", team="care", holder_id=asks.id, last_customer_at=now)
    found = listed_conversations(session, asks, most=2)

    assert found[:2] == [urgent, oldest]
    assert [c.state for c in found[2:]] == ["staff", "staff"]
    assert listed_conversations(session, asks, state="waiting") == [urgent, oldest, later]


@pytest.mark.parametrize(
    ("role", "teams", "seen"),
    [("staff", [], 0), ("staff", ["care"], 0), ("leader", ["care"], 2), ("inspector", [], 2)],
)
def test_what_the_bot_serves_is_listed_for_who_may_watch(
    session: Session, person: Callable[..., Staff], make_conversation: Maker, role: str, teams: list[str], seen: int
) -> None:
    make_conversation(session)
    make_conversation(session, team="care")
    row = person("a", *teams)
    row.role = role

    assert len(listed_conversations(session, caller(row), state="bot")) == seen


# What is listed of the ended: the care team's, billing's, and what only the bot served.
ENDED = [
    ("staff", [], {"care", "billing"}),
    ("staff", ["care"], {"care"}),
    ("leader", [], {"care", "billing", None}),
    ("leader", ["care"], {"care", None}),
    ("duty_manager", ["care"], {"care", "billing", None}),
    ("trainer", [], {"care", "billing", None}),
    ("inspector", [], {"care", "billing", None}),
    ("admin", [], {"care", "billing", None}),
]


@pytest.mark.parametrize(("role", "teams", "seen"), ENDED)
def test_the_ended_are_listed_as_role_and_team_allow(
    session: Session, person: Callable[..., Staff], make_conversation: Maker, role: str, teams: list[str],
    seen: set[str | None],
) -> None:
    for team in ("care", "billing", None):
        make_conversation(session, state="ended", team=team)
    row = person("a", *teams)
    row.role = role

    assert {c.team for c in listed_conversations(session, caller(row), state="ended")} == seen


@pytest.mark.parametrize(("role", "teams"), [each[:2] for each in ENDED])
def test_what_is_listed_can_be_opened_and_what_nobody_of_theirs_served_cannot(
    session: Session, person: Callable[..., Staff], make_conversation: Maker, role: str, teams: list[str]
) -> None:
    states = ("bot", "waiting", "staff", "ended")
    made = [
        make_conversation(session, state=state, team=team, holder_id=None)
        for state in states
        for team in ("care", "billing", None)
    ]
    row = person("a", *teams)
    row.role = role
    asks = caller(row)
    listed = {c.id for state in states for c in listed_conversations(session, asks, state=state)}
    opened = {c.id for c in made if may_see(session, asks, c)}

    assert listed <= opened
    # Only a talk of one's own team that the bot goes on with is opened without being listed.
    rest = [c for c in made if c.id in opened - listed]
    assert all(c.state == "bot" and asks.sees_team(c.team) and c.team for c in rest)
