"""People take conversations over while bot turns are in flight: nothing of the bot may follow.

Run as `python -m tests.load.takeovers [--takeovers 10000]` for both databases; a short version
is in `tests/desk/test_staff_races.py`.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timezone

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from bot.desk import conversations as desk
from bot.desk.messages import Gate, deliver_pending, receive_message, say, settle
from bot.handbook.handoff import StaleHolder
from bot.handbook.language.checker import load_checker
from bot.storage.conversations import Conversation, Message
from bot.storage.engine import open_engine, session_factory
from tests.load.databases import database

WORDS = "好的，已为您记录，请问还有什么可以帮您？"
STAFF = 7


@dataclass
class Report:
    """Hold what went wrong, and what happened at all."""

    takeovers: int = 0
    sent_before: int = 0
    dropped: int = 0
    bot_after_takeover: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def is_clean(self) -> bool:
        """Tell whether every promise was kept."""
        return not (self.bot_after_takeover or self.lost or self.out_of_order)


class Race:
    """Race one takeover against a bot turn and a customer who goes on writing."""

    def __init__(self, sessions: sessionmaker, gate: Gate, seed: int) -> None:
        self.sessions, self.gate = sessions, gate
        self.dice = random.Random(seed)

    def run(self, number: int, pool: ThreadPoolExecutor, report: Report) -> None:
        """Race once and look at what the database holds afterwards."""
        id_ = f"race-{number}"
        with self.sessions.begin() as session:
            conversation = desk.open_conversation(
                session, channel="web", external_id=id_, id=id_, now=_now()
            )
            first, _ = receive_message(
                session, conversation, text="话费不对", external_id="1", now=_now()
            )
            first_id = first.id
        waits = [self.dice.random() * 0.004 for _ in range(3)]
        bot = pool.submit(self._bot, id_, first_id, waits[0])
        person = pool.submit(self._take, id_, waits[1])
        customer = pool.submit(self._write, id_, waits[2])
        sending, taken = bot.result(), person.result()
        customer.result()
        self._judge(id_, sending, taken, report)

    def _bot(self, id_: str, message_id: int, wait: float) -> float:
        """Serve a turn as the desk does; return when the delivery's commit began."""
        with self.sessions.begin() as session:
            conversation = desk.find_conversation(session, id_)
            state, epoch = conversation.state, conversation.epoch
        if state != "bot":
            return 0.0
        time.sleep(wait)
        with self.sessions.begin() as session:
            conversation = desk.find_conversation(session, id_)
            say(
                session,
                self.gate,
                conversation,
                text=WORDS,
                author="bot",
                now=_now(),
                epoch=epoch,
                reply_to=message_id,
            )
            settle(session, [message_id])
        with self.sessions() as session:
            deliver_pending(session, id_, now=_now())
            committing = time.perf_counter()
            session.commit()
        return committing

    def _take(self, id_: str, wait: float) -> float:
        """Take the conversation; return when the takeover was committed."""
        time.sleep(wait)
        with self.sessions.begin() as session:
            conversation = desk.find_conversation(session, id_)
            desk.claim(session, conversation, staff_id=STAFF, epoch=conversation.epoch, now=_now())
        return time.perf_counter()

    def _write(self, id_: str, wait: float) -> None:
        for number in (2, 3):
            time.sleep(wait / 2)
            with self.sessions.begin() as session:
                conversation = desk.find_conversation(session, id_)
                receive_message(
                    session, conversation, text=f"第{number}条", external_id=str(number), now=_now()
                )

    def _judge(self, id_: str, sending: float, taken: float, report: Report) -> None:
        with self.sessions() as session:
            rows = (
                session.execute(
                    select(Message).where(Message.conversation_id == id_).order_by(Message.id)
                )
                .scalars()
                .all()
            )
            holder = session.get(Conversation, id_).holder_id
        report.takeovers += 1
        said = [row for row in rows if row.author == "bot"]
        report.sent_before += sum(row.state == "sent" for row in said)
        report.dropped += sum(row.state == "dropped" for row in said)
        if any(row.state == "sent" for row in said) and sending > taken:
            report.bot_after_takeover.append(id_)
        heard = [row.external_id for row in rows if row.direction == "in"]
        if (
            sorted(heard) != ["1", "2", "3"]
            or holder != STAFF
            or any(r.state == "pending" for r in rows)
        ):
            report.lost.append(id_)
        if heard != ["1", "2", "3"]:
            report.out_of_order.append(id_)


def race(sessions: sessionmaker, *, takeovers: int, seed: int = 1, at_once: int = 4) -> Report:
    """Race so many takeovers, some at once."""
    gate = Gate(load_checker(verify=False), "您好，请稍等。")
    report, runner = Report(), Race(sessions, gate, seed)
    started = time.perf_counter()
    with ThreadPoolExecutor(at_once * 3) as pool, ThreadPoolExecutor(at_once) as races:
        list(races.map(lambda number: runner.run(number, pool, report), range(takeovers)))
    report.seconds = time.perf_counter() - started
    return report


def claims(sessions: sessionmaker, *, conversations: int, people: int) -> list[int]:
    """Let several people claim each conversation at once; return how many won each."""

    def take(id_: str, person: int) -> int:
        try:
            with sessions.begin() as session:
                desk.claim(
                    session,
                    desk.find_conversation(session, id_),
                    staff_id=person,
                    epoch=0,
                    now=_now(),
                )
        except StaleHolder:
            return 0
        return 1

    won = []
    with ThreadPoolExecutor(people) as pool:
        for number in range(conversations):
            with sessions.begin() as session:
                id_ = f"claim-{number}"
                desk.open_conversation(session, channel="web", external_id=id_, id=id_, now=_now())
            won.append(
                sum(pool.map(lambda person, id_=id_: take(id_, person), range(1, people + 1)))
            )
    return won


def _now() -> datetime:
    return datetime.now(timezone.utc)


def main() -> None:
    """Race on SQLite and on PostgreSQL and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--takeovers", type=int, default=10_000)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], action="append")
    arguments = parser.parse_args()
    for kind in arguments.database or ["sqlite", "postgresql"]:
        with database(kind) as url:
            engine = open_engine(url)
            report = race(session_factory(engine), takeovers=arguments.takeovers)
            engine.dispose()
        print(
            f"{kind}: {report.takeovers} takeovers in {report.seconds:.0f} s;"
            f" bot messages sent before {report.sent_before}, dropped {report.dropped};"
            f" sent after the takeover {len(report.bot_after_takeover)},"
            f" customer messages lost {len(report.lost)}, out of order {len(report.out_of_order)}"
        )


__all__ = ["Callable", "Session", "claims", "race"]

if __name__ == "__main__":
    main()
