"""The loops of the desk: they go on after an error and end when they are cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select, update
from sqlalchemy.orm import sessionmaker

from bot.console import clock_loop
from bot.console.clock_loop import run_clock, run_nightly, run_outbox
from bot.desk.messages import Gate
from bot.desk.nightly import compare_nightly, is_due
from bot.desk.notices import tell_customer
from bot.desk.replays import Replayed
from bot.desk.senders import CustomerSender
from bot.desk.tickets import take_step
from bot.dialogue.texts import load_texts
from bot.handbook.language.checker import load_checker
from bot.handbook.tables import Handbook
from bot.storage.audit import AuditEntry
from bot.storage.clock import FigureDay
from bot.storage.conversations import Message
from bot.storage.notices import Notice
from bot.storage.tickets import Ticket
from tests.moments import at


async def run_until(done: Callable[[], bool], *loops: object) -> None:
    """Run loops until something has happened, forty seconds at most, and cancel them."""
    tasks = [asyncio.ensure_future(loop) for loop in loops]
    for _ in range(800):
        await asyncio.sleep(0.05)
        if done():
            break
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def test_the_loops_fire_and_deliver(
    sessions: sessionmaker, handbook: Handbook, make_ticket: Callable[..., Ticket]
) -> None:
    with sessions.begin() as session:
        ticket = make_ticket(session)
        tell_customer(
            session, handbook, ticket, "utter_told_dispatched", key="x", now=at("2026-03-02 09:00")
        )
    said: list[str] = []
    fired: list[int] = []
    gate = Gate(load_checker(verify=False), "请稍候。")
    senders = {"customer": CustomerSender(sessions, gate, load_texts(), said.append)}

    asyncio.run(
        run_until(
            lambda: bool(said and sum(fired)),
            run_clock(
                sessions, handbook, seconds=0.1, swept=lambda swept: fired.append(swept.fired)
            ),
            run_outbox(sessions, handbook, senders, seconds=0.1),
        )
    )

    with sessions() as session:
        sent = select(Message.state).where(Message.direction == "out").order_by(Message.id)
        assert session.execute(sent).scalars().first() == "sent"
    assert sum(fired) > 0


def test_the_night_stores_days_and_compares_them_with_the_log(
    sessions: sessionmaker, handbook: Handbook, make_ticket: Callable[..., Ticket]
) -> None:
    with sessions.begin() as session:
        ticket = make_ticket(session, now=at("2026-03-02 09:00"))
        step = {"now": at("2026-03-02 10:00"), "who": "staff"}
        take_step(session, handbook, ticket, "claim", actor_id=1, **step)
        take_step(session, handbook, ticket, "contact", actor_id=1, reason="已联系", **step)
        take_step(session, handbook, ticket, "resolve", reason="已修复", **step)
    seen: list[Replayed] = []
    asyncio.run(
        run_until(lambda: bool(seen), run_nightly(sessions, handbook, seconds=9, compared=seen.append))
    )

    with sessions() as session:
        days = session.execute(select(FigureDay.day).distinct()).scalars().all()
        assert days == ["2026-03-02"]
    assert (seen[0].tickets, seen[0].figures > 0, seen[0].differences) == (1, True, [])


@pytest.mark.parametrize(
    ("last", "now", "due"),
    [
        # Monday night, compared the night before
        ("2026-03-01 02:00", "2026-03-02 02:01", True),
        ("2026-03-02 02:00", "2026-03-02 02:10", False),
        ("2026-03-02 02:00", "2026-03-03 01:50", False),
        # the desk was off on Tuesday night
        ("2026-03-02 02:00", "2026-03-03 08:30", True),
        (None, "2026-03-02 14:00", True),
    ],
)
def test_the_comparison_is_due_once_a_night(last: str | None, now: str, due: bool) -> None:
    row = AuditEntry(at=at(last)) if last else None

    assert is_due(row, at(now)) is due


def test_a_difference_is_told_to_the_duty_manager_once(
    sessions: sessionmaker, handbook: Handbook, make_ticket: Callable[..., Ticket]
) -> None:
    with sessions.begin() as session:
        ticket = make_ticket(session, now=at("2026-03-02 09:00"))
        session.flush()
        session.execute(update(Ticket).where(Ticket.id == ticket.id).values(rung=3))
    first = compare_nightly(sessions, handbook, now=at("2026-03-02 09:30"))
    again = compare_nightly(sessions, handbook, now=at("2026-03-02 09:40"))

    assert (len(first.differences), again) == (1, None)
    with sessions() as session:
        assert session.execute(select(Notice.role).where(Notice.kind == "comparison")).scalars().all() == ["duty_manager"]


def test_an_error_does_not_stop_the_clock(handbook: Handbook) -> None:
    rounds: list[int] = []

    class Away:
        """A database that cannot be reached."""

        def __getattr__(self, _name: str) -> object:
            rounds.append(1)
            raise OSError("the database is away")

    asyncio.run(run_until(lambda: len(rounds) > 1, run_clock(Away(), handbook, seconds=0.05)))

    assert len(rounds) > 1


def test_days_that_cannot_be_stored_do_not_stop_the_comparison(
    sessions: sessionmaker, handbook: Handbook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> int:
        raise KeyError("a day nobody foresaw")

    monkeypatch.setattr(clock_loop, "close_days", broken)
    seen: list[Replayed] = []
    before = failures("close_days")
    asyncio.run(run_until(lambda: bool(seen), run_nightly(sessions, handbook, seconds=9, compared=seen.append)))

    assert (seen[0].differences, failures("close_days") - before) == ([], 1)


def failures(part: str) -> float:
    """Return how often a part of the sweeps has failed, as /metrics tells it."""
    return REGISTRY.get_sample_value("intake_sweep_failed_total", {"part": part}) or 0.0
