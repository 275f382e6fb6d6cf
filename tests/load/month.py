"""A month of 100,000 customers in virtual time: `python -m tests.load.month [--customers N]`.

Every tenth customer brings a matter. Staff take, answer, hold, pass on, resolve; customers answer
the surveys or stay silent; outages break out; the sweep, the outbox and the nightly figures run
every quarter of an hour. At the end the whole database is replayed: no difference is allowed.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session, sessionmaker

from bot.desk.clock import sweep
from bot.desk.conversations import open_conversation
from bot.desk.figure_days import close_days
from bot.desk.followup import answer_survey
from bot.desk.incidents import join_or_count
from bot.desk.messages import Gate
from bot.desk.outbox import Outgoing, deliver_due
from bot.desk.replays import replay_all
from bot.desk.senders import CustomerSender
from bot.desk.tickets import open_ticket, record_human_response, take_step
from bot.dialogue.texts import load_texts
from bot.handbook.errors import DeskError
from bot.handbook.language.checker import load_checker
from bot.handbook.requests import Urgency
from bot.handbook.tables import Handbook, load_handbook
from bot.storage.clock import Incident
from bot.storage.conversations import Conversation
from bot.storage.engine import open_engine, session_factory
from bot.storage.tickets import Ticket
from tests.load.databases import database
from tests.moments import at

START = at("2026-03-01 00:00")
ROUND = timedelta(minutes=15)
TYPES = ("fault_broadband", "fault_mobile", "bill_dispute", "plan_change", "bill_query", "complaint_service")
ANSWERS = ("解决了，5分", "已解决", "很满意", "4分", "3分", "没有解决", "1分，还是不行", "2分")
PLACES = "东南西北春夏秋冬金银"
Act = Callable[[Session, datetime], None]


@dataclass
class Month:
    """Hold the desk, the dice and what is still to happen."""

    handbook: Handbook
    sessions: sessionmaker
    dice: random.Random
    days: int
    queue: list[tuple[datetime, int, Act]] = field(default_factory=list)
    order: itertools.count = field(default_factory=itertools.count)
    refused: Counter = field(default_factory=Counter)

    def later(self, moment: datetime, act: Act) -> None:
        """Let something happen at an instant."""
        heapq.heappush(self.queue, (moment, next(self.order), act))

    def soon(self, now: datetime, least: float, most: float, act: Act) -> None:
        """Let something happen some minutes after now."""
        self.later(now + timedelta(minutes=self.dice.uniform(least, most)), act)

    def report(self, customer: int, address: str, kind: str) -> Act:
        """Return the act by which a customer brings a matter."""

        def act(session: Session, now: datetime) -> None:
            conversation = open_conversation(
                session, channel="web", external_id=f"v{customer}", now=now, id=f"c{customer}"
            )
            urgency = self.dice.choices(list(Urgency), [90, 7, 3])[0]
            ticket, _ = open_ticket(
                session, self.handbook, conversation=conversation, type=kind, urgency=urgency,
                facts={"address": address}, summary="客户来件", signals=[], key=f"c{customer}", now=now,
            )
            join_or_count(session, self.handbook, ticket, now=now)
            self.soon(now, 3, 500, self.step(ticket.id, "claim"))
            if self.dice.random() < 0.03:
                self.soon(now, 5, 600, self.step(ticket.id, "withdraw", who="customer", reason="不需要了", confirmed=True))

        return act

    def step(self, ticket_id: int, name: str, *, who: str = "staff", **more: object) -> Act:
        """Return the act of a step, and what usually follows it."""

        def act(session: Session, now: datetime) -> None:
            ticket = session.get(Ticket, ticket_id)
            take_step(
                session, self.handbook, ticket, name, who=who, now=now,
                actor_id=self.dice.randint(1, 40), **more,
            )
            self.follow(ticket_id, ticket.conversation_id, name, now)

        return act

    def follow(self, ticket_id: int, conversation: str | None, name: str, now: datetime) -> None:
        """Choose what happens after a step."""
        roll = self.dice.random()
        if name in {"claim", "resume"}:
            if name == "claim":
                self.soon(now, 1, 240, self.respond(ticket_id))
            if roll < 0.1:
                self.soon(now, 10, 300, self.step(ticket_id, "hold", hold_reason=self.dice.choice(["customer", "part"])))
            elif roll < 0.15:
                self.soon(now, 10, 300, self.step(ticket_id, "transfer", team="field", reason="需要上门"))
            elif roll < 0.18:
                self.soon(now, 10, 200, self.step(ticket_id, "reclassify", who="leader", reason="核实", urgency=Urgency.MAJOR))
                self.soon(now, 300, 2000, self.step(ticket_id, "resolve", reason="已处理", cause="delay"))
            elif roll < 0.97:
                self.soon(now, 30, 1300, self.step(ticket_id, "resolve", reason="已处理", cause="delay"))
        elif name == "transfer":
            self.soon(now, 5, 300, self.step(ticket_id, "claim"))
        elif name == "hold" and roll < 0.8:
            self.soon(now, 60, 3000, self.step(ticket_id, "resume"))
        elif name == "resolve" and roll < 0.6:
            self.soon(now, 5, 3000, self.answer(ticket_id))

    def respond(self, ticket_id: int) -> Act:
        """Return the act of a staff reply."""

        def act(session: Session, now: datetime) -> None:
            ticket = session.get(Ticket, ticket_id)
            record_human_response(session, self.handbook, ticket, staff_id=self.dice.randint(1, 40), now=now)

        return act

    def answer(self, ticket_id: int) -> Act:
        """Return the act of an answer to the survey."""

        def act(session: Session, now: datetime) -> None:
            ticket = session.get(Ticket, ticket_id)
            if ticket.conversation_id is None:
                return
            conversation = session.get(Conversation, ticket.conversation_id)
            outcome = answer_survey(
                session, self.handbook, conversation, now=now, ticket=ticket, text=self.dice.choice(ANSWERS)
            )
            if outcome.kind in {"ask_score", "ask_solved"} and self.dice.random() < 0.5:
                self.soon(now, 1, 60, self.answer(ticket_id))
            elif outcome.kind == "reopened":
                self.soon(now, 30, 900, self.step(ticket_id, "resolve", reason="已再次处理", cause="delay"))

        return act

    def plan(self, customers: int, share: float, outages: int) -> None:
        """Spread matters and outages over the month."""
        minutes = self.days * 1440
        for customer in range(int(customers * share)):
            place = f"城关区{self.dice.choice('甲乙丙丁戊己庚辛壬癸')}{self.dice.randint(1, 400)}号院"
            moment = START + timedelta(minutes=self.dice.uniform(0, minutes))
            self.later(moment, self.report(customer, place, self.dice.choice(TYPES)))
        for outage in range(outages):
            begin = START + timedelta(minutes=self.dice.uniform(0, minutes - 600))
            for member in range(self.dice.randint(6, 40)):
                moment = begin + timedelta(minutes=self.dice.expovariate(1 / 15))
                customer = 10_000_000 + outage * 1000 + member
                self.later(moment, self.report(customer, f"安宁区{PLACES[outage % 10]}{PLACES[outage // 10 % 10]}小区{member}号楼", "fault_broadband"))
            self.later(begin + timedelta(hours=3), self.restore)

    def restore(self, session: Session, now: datetime) -> None:
        """Resolve the oldest open incident."""
        incident = session.execute(
            select(Incident).where(Incident.state == "open").order_by(Incident.id).limit(1)
        ).scalar_one_or_none()
        if incident is not None:
            carrier = session.get(Ticket, incident.ticket_id)
            take_step(
                session, self.handbook, carrier, "resolve", who="staff", actor_id=1, now=now, reason="已修复"
            )

    def play(self, now: datetime) -> None:
        """Let everything up to now happen, in order."""
        with self.sessions.begin() as session:
            while self.queue and self.queue[0][0] <= now:
                moment, _, act = heapq.heappop(self.queue)
                try:
                    with session.begin_nested():
                        act(session, moment)
                except DeskError as error:
                    # The ticket has moved on meanwhile, as it does in life.
                    self.refused[error.code] += 1


class Outside:
    """A receiver that takes everything."""

    def send(self, outgoing: Outgoing, *, now: datetime) -> None:
        """Take it."""


def run(engine: Engine, *, customers: int, share: float, days: int, outages: int, seed: int) -> Month:
    """Live the month."""
    handbook, sessions = load_handbook(), session_factory(engine)
    month = Month(handbook, sessions, random.Random(seed), days)
    month.plan(customers, share, outages)
    outside, gate = Outside(), Gate(load_checker(verify=False), "您的问题已转交专人处理，请稍候。")
    senders = {
        "webhook": outside, "mail": outside, "customer": CustomerSender(sessions, gate, load_texts()),
    }
    now, end = START, START + timedelta(days=days)
    while now < end:
        now += ROUND
        month.play(now)
        sweep(sessions, handbook, now=now)
        while deliver_due(sessions, handbook, senders, now=now, most=500).ids:
            pass
        if now.hour == 16 and now.minute == 0:
            with sessions.begin() as session:
                close_days(session, handbook, now=now)
    return month


def main() -> int:
    """Live the month, replay it, print what there is; fail on a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--share", type=float, default=0.1, help="share that brings a matter")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--outages", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--on", choices=["sqlite", "postgresql"], default="sqlite")
    args = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with database(args.on) as url:
        engine = open_engine(url)
        started = time.perf_counter()
        month = run(
            engine, customers=args.customers, share=args.share, days=args.days,
            outages=args.outages, seed=args.seed,
        )
        lived = time.perf_counter() - started
        with month.sessions() as session:
            states = Counter(session.execute(select(Ticket.state)).scalars())
            incidents = Counter(session.execute(select(Incident.state)).scalars())
        done = replay_all(
            engine, month.handbook, now=START + timedelta(days=args.days), workers=os.cpu_count() or 1
        )
        engine.dispose()
    print(f"{args.customers} customers, {args.days} days lived in {lived:.0f} s on {args.on}")
    print(f"tickets {dict(states)}; incidents {dict(incidents)}; refused {dict(month.refused)}")
    print(
        f"replayed {done.tickets} tickets, {done.events} events, {done.figures} stored figures:"
        f" {len(done.differences)} differences"
    )
    for difference in done.differences[:5]:
        print(difference)
    return 1 if done.differences else 0


if __name__ == "__main__":
    raise SystemExit(main())
