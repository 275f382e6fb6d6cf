"""Two days of a small desk in virtual time, as operations that a client repeats until answered.

Eight customers report: six from one place (an incident), one urgent, one complaint, which becomes
an appeal. Staff answer, hold, resolve; the sweep, the outbox, the surveys and the nightly figures
run in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from bot.desk.clock import sweep
from bot.desk.commitments import record_reply
from bot.desk.complaints import watch_appeals
from bot.desk.conversations import open_conversation
from bot.desk.figure_days import close_days
from bot.desk.followup import answer_survey
from bot.desk.incidents import join_or_count
from bot.desk.messages import Gate, deliver, receive_message, say, settle
from bot.desk.outbox import DeliveryError, Outgoing, deliver_due
from bot.desk.senders import CustomerSender, TextSource
from bot.desk.tickets import open_ticket, take_step
from bot.handbook.reception_tables import load_reception
from bot.handbook.requests import Urgency
from bot.handbook.tables import Handbook
from bot.storage.clock import Incident
from bot.storage.conversations import Conversation, Message
from bot.storage.tickets import Ticket
from tests.moments import at

START = at("2026-03-02 09:00")
Point = Callable[[str], None]


@dataclass
class World:
    """Hold what the desk is made of, and where the receivers outside write what they got."""

    sessions: sessionmaker
    handbook: Handbook
    gate: Gate
    texts: TextSource
    received: Path
    point: Point


@dataclass(frozen=True)
class Receiver:
    """A receiver outside: keeps every id it got; every third is refused at the first try."""

    world: World

    def send(self, outgoing: Outgoing, *, now: datetime) -> None:
        """Write the id down, as a webhook's or mail's receiver would."""
        self.world.point("effect before")
        if outgoing.attempt == 1 and int(outgoing.id[:2], 16) % 3 == 0:
            raise DeliveryError("refused", "try again")
        with self.world.received.open("a") as file:
            file.write(f"{outgoing.id}\n")
        self.world.point("effect after")


@dataclass(frozen=True)
class Operation:
    """Hold what a client asks at a minute of the scenario."""

    minute: float
    work: Callable[[World], None]


def minutes(count: float) -> datetime:
    """Return an instant of the scenario."""
    return START + timedelta(minutes=count)


def report(
    number: int, minute: float, *, type: str, urgency: Urgency, address: str, words: str
) -> Operation:
    """Return the operation by which a customer's message opens a ticket."""

    def work(world: World) -> None:
        now = minutes(minute)
        with world.sessions.begin() as session:
            conversation = open_conversation(
                session, channel="web", external_id=f"visitor-{number}", now=now, id=f"c{number}"
            )
            message, _ = receive_message(
                session, conversation, text=words, external_id=f"m{number}", now=now
            )
        with world.sessions.begin() as session:
            conversation = session.get(Conversation, f"c{number}")
            ticket, _ = open_ticket(
                session, world.handbook, conversation=conversation, type=type, urgency=urgency,
                facts={"address": address}, summary=words, signals=[], key=f"c{number}:m{number}",
                now=now,
            )
            join_or_count(session, world.handbook, ticket, now=now)
            settle(session, [message.id])

    return Operation(minute, work)


def ticket_of(session: Session, number: int) -> Ticket:
    """Return the ticket of a customer."""
    return session.execute(
        select(Ticket).where(Ticket.idempotency_key == f"c{number}:m{number}")
    ).scalar_one()


def step(number: int, minute: float, name: str, *, who: str = "staff", **more: object) -> Operation:
    """Return the operation of one step, under the key of its request."""

    def work(world: World) -> None:
        with world.sessions.begin() as session:
            take_step(
                session, world.handbook, ticket_of(session, number), name, who=who, actor_id=7,
                now=minutes(minute), key=f"request:{name}:{minute}", **more,
            )

    return Operation(minute, work)


def reply(number: int, minute: float, words: str) -> Operation:
    """Return the operation of a staff reply: sent, recorded as response and as promise."""

    def work(world: World) -> None:
        now = minutes(minute)
        with world.sessions.begin() as session:
            conversation = session.get(Conversation, f"c{number}")
            found = session.execute(
                select(Message).where(Message.external_id == f"reply:{number}:{minute}")
            ).scalar_one_or_none()
            if found is not None:
                return
            message = say(
                session, world.gate, conversation, text=words, author="staff", staff_id=7, now=now,
                external_id=f"reply:{number}:{minute}", override_reason="演练",
            )
            deliver(session, message, now=now)
            result = world.gate.checker.check(words, speaker="staff", now=now)
            record_reply(
                session, world.handbook, conversation, staff_id=7, now=now, message_id=message.id,
                commitments=result.commitments,
            )

    return Operation(minute, work)


def answer(number: int, minute: float, words: str) -> Operation:
    """Return the operation of an answer to the survey."""

    def work(world: World) -> None:
        with world.sessions.begin() as session:
            answer_survey(
                session, world.handbook, session.get(Conversation, f"c{number}"),
                now=minutes(minute), text=words, ticket=ticket_of(session, number),
                key=f"answer:{number}:{minute}",
            )

    return Operation(minute, work)


def appeal(number: int, minute: float, words: str) -> Operation:
    """Return the operation by which a customer names the regulator, and the watch hears it."""

    def work(world: World) -> None:
        now = minutes(minute)
        with world.sessions.begin() as session:
            conversation = session.get(Conversation, f"c{number}")
            message, _ = receive_message(
                session, conversation, text=words, external_id=f"appeal:{number}", now=now
            )
            settle(session, [message.id])
        with world.sessions.begin() as session:
            watch_appeals(session, world.handbook, load_reception().complaints, now=now)

    return Operation(minute, work)


def incident_step(minute: float, name: str, **more: object) -> Operation:
    """Return the operation by which staff hold, resume or resolve the incident."""

    def work(world: World) -> None:
        with world.sessions.begin() as session:
            incident = session.execute(select(Incident)).scalar_one()
            take_step(
                session, world.handbook, session.get(Ticket, incident.ticket_id), name,
                who="staff", actor_id=7, now=minutes(minute), key=f"incident:{name}", **more,
            )

    return Operation(minute, work)


def carry_out(world: World, minute: float) -> None:
    """Run one round of the outbox."""
    outside = Receiver(world)
    senders = {
        "webhook": outside, "mail": outside,
        "customer": CustomerSender(world.sessions, world.gate, world.texts),
    }
    deliver_due(world.sessions, world.handbook, senders, now=minutes(minute))


def drain(world: World, minute: float) -> None:
    """Run the outbox on: what a killed process had claimed comes back when its claim has run out."""
    for later in range(3, 60, 8):
        carry_out(world, minute + later)


def tick(minute: float) -> Operation:
    """Return one round of the sweep, the outbox and the nightly figures."""

    def work(world: World) -> None:
        now = minutes(minute)
        sweep(world.sessions, world.handbook, now=now)
        carry_out(world, minute)
        carry_out(world, minute + 3)
        with world.sessions.begin() as session:
            close_days(session, world.handbook, now=now)

    return Operation(minute, work)


def operations() -> Iterator[Operation]:
    """Yield the operations of the scenario in order."""
    place = "城关区幸福小区{}号楼"
    for number in range(1, 7):
        yield report(
            number, number, type="fault_broadband", urgency=Urgency.GENERAL,
            address=place.format(number), words="家里宽带断了",
        )
    yield tick(7)
    yield report(7, 10, type="fault_mobile", urgency=Urgency.URGENT, address="七里河区", words="诊所电话打不通")
    yield report(8, 12, type="complaint_service", urgency=Urgency.GENERAL, address="", words="约好没有来")
    yield step(7, 15, "claim")
    yield reply(7, 20, "您好，非常抱歉，我们正在为您排查。")
    yield incident_step(25, "claim")
    yield incident_step(30, "hold", hold_reason="part")
    yield tick(31)
    yield incident_step(40, "resume")
    yield tick(45)
    yield step(8, 50, "claim")
    yield step(8, 60, "hold", hold_reason="customer")
    yield tick(65)
    yield step(8, 90, "resume")
    yield appeal(8, 95, "再没有人来我就打12300")
    yield step(7, 100, "transfer", team="field", reason="需要上门")
    yield step(7, 110, "claim")
    yield incident_step(120, "resolve", reason="光缆已熔接")
    yield tick(121)
    yield answer(1, 125, "已经恢复了，5分")
    yield answer(2, 126, "还是上不了网")
    yield step(7, 130, "resolve", reason="已更换设备")
    yield tick(131)
    yield answer(7, 140, "没有解决")
    yield step(8, 150, "reclassify", who="leader", reason="多次未处理", urgency=Urgency.MAJOR)
    yield tick(700)
    yield step(7, 720, "resolve", reason="已重新布线")
    yield answer(7, 730, "解决了，2分")
    yield step(3, 735, "note", reason="已电话核实")
    for minute in (1000, 1300, 1440, 1500, 2000, 2600, 2880, 3200, 4400, 4700):
        yield tick(minute)
    yield step(8, 4710, "answer", reason="已当面致歉")
    yield tick(12000)
    yield tick(12200)
    yield tick(12300)
