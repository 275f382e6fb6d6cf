"""Chapter 3.4: the outbox (发件箱): deliveries carried out after commit, at least once.

A delivery is claimed for a while, carried out without any lock, and marked afterwards. A crash in
between repeats it under the same id, by which the receiver knows it. What fails waits longer each
time and is a dead letter in the end, which a person can send again. What is only written into the
desk's own database shares transactions: thousands may be due at once when an incident ends.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Protocol, runtime_checkable

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.sql import Executable, Select

from bot.desk.notices import CUSTOMER, put_delivery
from bot.handbook.errors import DeskError, NotFound
from bot.handbook.tables import Handbook
from bot.storage.conversations import Message
from bot.storage.engine import reading
from bot.storage.notices import Delivery
from bot.storage.tickets import Ticket

log = structlog.get_logger()
# More would hold the database's writer too long for those who wait for an acknowledgement.
TOGETHER = 10
# A receiver that answers slowly holds up customers no longer than this, and no signature gets stale.
LONGEST_ROUND_S = 15.0
PENDING, SENT, MERGED, DEAD, SKIPPED = "pending", "sent", "merged", "dead", "skipped"


class DeliveryError(DeskError):
    """Say why a delivery did not arrive, and whether another try can help."""

    def __init__(self, code: str, message: str, *, permanent: bool = False, **data: Any) -> None:
        super().__init__(code, message, **data)
        self.permanent = permanent


class NobodyToSendTo(DeskError):
    """Say that the operator named nobody whom this should reach beyond the console."""

    def __init__(self, message: str) -> None:
        super().__init__("nobody", message)


class DeferralError(DeskError):
    """Ask for a later try that does not count as a failure."""

    def __init__(self, message: str, *, until: datetime) -> None:
        super().__init__("deferred", message)
        self.until = until


@dataclass(frozen=True)
class Outgoing:
    """Hold one delivery as a sender sees it."""

    id: str
    sender: str
    target: str
    payload: Mapping[str, Any]
    attempt: int
    created_at: datetime


class Sender(Protocol):
    """Carry a delivery to its receiver; raise one of the three errors above."""

    def send(self, outgoing: Outgoing, *, now: datetime) -> None:
        """Carry out one delivery; the same id again must be harmless to the receiver."""


@runtime_checkable
class DeskSender(Sender, Protocol):
    """A sender that only writes into the desk's own database."""

    def write(self, session: Session, outgoing: Outgoing, *, now: datetime) -> str:
        """Write one delivery; return who must be woken after commit."""

    def wake(self, reached: str) -> None:
        """Tell those who wait that there is something to read."""


Claimed = tuple[Outgoing, int]


@dataclass
class Delivered:
    """Count what one round of the outbox did."""

    sent: int = 0
    failed: int = 0
    dead: int = 0
    ids: list[str] = field(default_factory=list)


def deliver_due(
    sessions: sessionmaker,
    handbook: Handbook,
    senders: Mapping[str, Sender],
    *,
    now: datetime,
    most: int = 200,
) -> Delivered:
    """Carry out what is due; several processes may do so at once."""
    done, started = Delivered(), time.monotonic()
    with reading(sessions) as session:
        if not _due_ids(session, now, 1):
            return done
    with sessions.begin() as session:
        claimed = _claim(session, handbook, now=now, most=most)
    own = {name: each for name, each in senders.items() if isinstance(each, DeskSender)}
    for name, sender in own.items():
        for some in _in_tens([each for each in claimed if each[0].sender == name]):
            _write_together(sessions, handbook, sender, some, now=now, done=done)
    others = [each for each in claimed if each[0].sender not in own]
    for place, (outgoing, row_id) in enumerate(others):
        if place and time.monotonic() - started > LONGEST_ROUND_S:
            _give_back(sessions, [each for _, each in others[place:]], now=now)
            break
        _carry_out(sessions, handbook, senders.get(outgoing.sender), outgoing, row_id, now=now, done=done)
    return done


def _give_back(sessions: sessionmaker, row_ids: list[int], *, now: datetime) -> None:
    """Leave what was not tried any more to the next round, in which customers come first again."""
    with sessions.begin() as session:
        session.execute(
            update(Delivery)
            .where(Delivery.id.in_(row_ids), Delivery.state == PENDING)
            .values(next_at=now, attempts=Delivery.attempts - 1)
            .execution_options(synchronize_session=False)
        )


def _in_tens(claimed: Iterable[Claimed]) -> Iterator[list[Claimed]]:
    left = iter(claimed)
    while some := list(islice(left, TOGETHER)):
        yield some


def _write_together(
    sessions: sessionmaker, handbook: Handbook, sender: DeskSender, claimed: list[Claimed], *,
    now: datetime, done: Delivered,
) -> None:
    """Write some deliveries and their marks in one transaction."""
    written: list[tuple[str, str]] = []
    refused: list[tuple[Claimed, DeferralError | DeliveryError]] = []
    try:
        with sessions.begin() as session:
            for outgoing, row_id in claimed:
                try:
                    with session.begin_nested():
                        reached = sender.write(session, outgoing, now=now)
                        session.execute(_marking(row_id, state=SENT, sent_at=now, last_error=None))
                except (DeferralError, DeliveryError) as error:
                    refused.append(((outgoing, row_id), error))
                else:
                    written.append((outgoing.id, reached))
    except Exception:
        # Nobody shall suffer for another's row: each on its own.
        log.exception("outbox.apart", deliveries=len(claimed))
        for outgoing, row_id in claimed:
            _carry_out(sessions, handbook, sender, outgoing, row_id, now=now, done=done)
        return
    done.sent += len(written)
    done.ids += [id_ for id_, _ in written]
    _wake(sender, dict.fromkeys(reached for _, reached in written))
    for (outgoing, row_id), error in refused:
        _not_sent(sessions, handbook, outgoing, row_id, error, now=now, done=done)


def _wake(sender: DeskSender, reached: Iterable[str]) -> None:
    """Wake those who wait; what is written stays written when one cannot be woken."""
    for each in reached:
        try:
            sender.wake(each)
        except Exception:
            log.exception("outbox.not_woken", reached=each)


def _due_ids(session: Session, now: datetime, most: int) -> list[int]:
    return list(
        session.execute(
            select(Delivery.id)
            .where(Delivery.state == PENDING, Delivery.next_at <= now)
            .order_by(Delivery.next_at, Delivery.id)
            .limit(most)
        ).scalars()
    )


def _claim(
    session: Session, handbook: Handbook, *, now: datetime, most: int
) -> list[Claimed]:
    rows = (
        session.execute(
            select(Delivery)
            .where(Delivery.state == PENDING, Delivery.next_at <= now)
            .order_by(Delivery.next_at, Delivery.id)
            .limit(most)
            .with_for_update(skip_locked=True)
        )
        .scalars()
        .all()
    )
    carriers: dict[str, Delivery] = {}
    claimed = []
    for row in sorted(rows, key=lambda each: each.id):
        if row.digest is not None and row.attempts == 0 and row.digest in carriers:
            _merge(carriers[row.digest], row)
            continue
        if row.digest is not None:
            carriers.setdefault(row.digest, row)
        row.attempts += 1
        row.next_at = now + handbook.clock.escalation.retry.lease
        claimed.append(row)
    session.flush()
    return [
        (
            Outgoing(row.delivery_id, row.sender, row.target, row.payload, row.attempts, row.created_at),
            row.id,
        )
        for row in claimed
    ]


def _merge(carrier: Delivery, row: Delivery) -> None:
    """Put a notice into the digest; it is fixed before it is sent, so a repetition is the same."""
    items = [*carrier.payload.get("items", []), row.payload]
    carrier.payload = {**carrier.payload, "items": items}
    row.state = MERGED


def _carry_out(
    sessions: sessionmaker,
    handbook: Handbook,
    sender: Sender | None,
    outgoing: Outgoing,
    row_id: int,
    *,
    now: datetime,
    done: Delivered,
) -> None:
    if sender is None:
        _mark(sessions, row_id, state=SKIPPED, last_error=f"no sender {outgoing.sender}")
        return
    try:
        sender.send(outgoing, now=now)
    except (DeferralError, DeliveryError) as error:
        _not_sent(sessions, handbook, outgoing, row_id, error, now=now, done=done)
        return
    except NobodyToSendTo as error:
        _mark(sessions, row_id, state=SKIPPED, last_error=error.message[:300])
        return
    except Exception as error:
        # Whatever a sender raises is a failed attempt of this row and of no other.
        log.exception("outbox.unexpected", delivery=outgoing.id, sender=outgoing.sender)
        failure = DeliveryError("unexpected", f"{type(error).__name__}: {error}")
        _not_sent(sessions, handbook, outgoing, row_id, failure, now=now, done=done)
        return
    _mark(sessions, row_id, state=SENT, sent_at=now, last_error=None)
    done.sent += 1
    done.ids.append(outgoing.id)


def _not_sent(
    sessions: sessionmaker, handbook: Handbook, outgoing: Outgoing, row_id: int,
    error: DeferralError | DeliveryError, *, now: datetime, done: Delivered,
) -> None:
    if isinstance(error, DeferralError):
        _mark(sessions, row_id, next_at=error.until, attempts=outgoing.attempt - 1)
        return
    wait = None if error.permanent else handbook.clock.escalation.retry.wait_after(outgoing.attempt)
    log.warning(
        "outbox.failed", delivery=outgoing.id, sender=outgoing.sender, code=error.code,
        attempt=outgoing.attempt, dead=wait is None,
    )
    text = f"{error.code}: {error.message}"[:300]
    if wait is None:
        _mark(sessions, row_id, state=DEAD, last_error=text)
        done.dead += 1
        return
    _mark(sessions, row_id, next_at=now + wait, last_error=text)
    done.failed += 1


def _mark(sessions: sessionmaker, row_id: int, **values: Any) -> None:
    with sessions.begin() as session:
        session.execute(_marking(row_id, **values))


def _marking(row_id: int, **values: Any) -> Executable:
    return (
        update(Delivery)
        .where(Delivery.id == row_id, Delivery.state == PENDING)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def dead_letters(
    session: Session, *, before: int | None = None, most: int = 100,
    teams: Collection[str] | None = None,
) -> list[Delivery]:
    """Return the deliveries that were given up, newest first; of some teams' tickets only if given."""
    query = _dead(teams).order_by(Delivery.id.desc()).limit(most)
    if before is not None:
        query = query.where(Delivery.id < before)
    return list(session.execute(query).scalars())


def _dead(teams: Collection[str] | None) -> Select:
    query = select(Delivery).where(Delivery.state == DEAD)
    if teams is None:
        return query
    return query.outerjoin(Ticket, Ticket.id == Delivery.ticket_id).where(
        Ticket.id.is_(None) | Ticket.team.in_(teams)
    )


def send_again(
    session: Session, delivery_id: str, *, now: datetime, teams: Collection[str] | None = None
) -> Delivery:
    """Put a dead letter back into the outbox under its old id."""
    row = session.execute(
        _dead(teams).where(Delivery.delivery_id == delivery_id)
    ).scalar_one_or_none()
    if row is None:
        raise NotFound("没有这封待重发的通知，可能已经重发", delivery=delivery_id)
    row.state, row.attempts, row.next_at, row.told_at = PENDING, 0, now, None
    session.flush()
    return row


def bury(session: Session, message: Message, *, reason: str, now: datetime) -> Delivery:
    """Make a dead letter of what was said to a customer and could not be handed over (3.4)."""
    letter = session.execute(
        select(Delivery).where(Delivery.delivery_id == message.external_id, Delivery.sender == CUSTOMER)
    ).scalar_one_or_none()
    if letter is None:
        number = ((message.payload or {}).get("ticket") or {}).get("number")
        ticket = select(Ticket.id).where(Ticket.number == number)
        letter = put_delivery(
            session, key=f"message:{message.id}", sender=CUSTOMER, target=message.conversation_id,
            payload={"message": message.id}, now=now,
            ticket_id=session.execute(ticket).scalar_one_or_none(),
        )
    message.state = "failed"
    letter.state, letter.last_error, letter.told_at = DEAD, reason[:300], None
    session.flush()
    return letter


def outbox_counts(session: Session) -> dict[str, int]:
    """Return how many deliveries are in which state."""
    rows = session.execute(select(Delivery.state, func.count()).group_by(Delivery.state))
    return dict(rows.all())
