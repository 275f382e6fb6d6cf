"""Chapter 8.3: turns worth a label (待标注来源): from reviews, corrections, repeats, hand-overs.

Each source is read on from where it was left; what it yields is masked before it is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.desk.conversations import HANDED_OVER
from bot.desk.likeness import bare, likeness, pairs
from bot.storage.coach import InboxCursor
from bot.storage.conversations import Message, Review
from bot.storage.staff import StaffEvent
from bot.storage.tickets import Ticket, TicketEntry

AT_ONCE = 2_000
REPEAT_WITHIN = timedelta(minutes=5)
HANDED_WITHIN = timedelta(minutes=30)
REPEAT_ALIKE = 0.3
SHORTEST = 2
LONGEST = 200
# What a label of such a turn teaches, before the model's doubt is added.
WORTH = {
    "reclassified": 1.0,
    "models_disagree": 0.9,
    "rephrased": 0.7,
    "clarified": 0.6,
    "handed_over": 0.5,
    "signal_raised": 0.45,
    "low_confidence": 0.4,
    "out_of_scope": 0.3,
    "engine_down": 0.2,
    "divided": 0.8,
}
TITLES = {
    "reclassified": "客服更正",
    "models_disagree": "新旧模型不一致",
    "rephrased": "客户换了说法",
    "clarified": "反问确认",
    "handed_over": "转了人工",
    "signal_raised": "征象与模型不一致",
    "low_confidence": "把握低",
    "out_of_scope": "判为超出范围",
    "engine_down": "应答异常时",
    "divided": "拆分出来",
}


@dataclass(frozen=True)
class Find:
    """One turn that a source yields, not masked yet."""

    origin: str
    text: str
    reason: str
    at: datetime
    conversation_id: str | None = None
    reading: dict[str, Any] = field(default_factory=dict)
    label: tuple[str, str, str] | None = None


def worth(reasons: list[str], reading: dict[str, Any]) -> float:
    """Return what a label would teach: the best reason, plus the model's doubt."""
    shares = [float(share) for _, share in reading.get("ranking") or []]
    doubt = -sum(s * math.log(s) for s in shares if s > 0) / math.log(len(shares) + 1) if shares else 0.3
    return round(max((WORTH.get(r, 0.1) for r in reasons), default=0.1) + min(doubt, 1.0) / 2, 4)


def new_finds(
    session: Session, *, settled: datetime | None = None
) -> tuple[list[Find], dict[str, tuple[int, int]]]:
    """Return what the sources hold beyond their cursors, and from where to where each was read.

    What is younger than `settled` stays: a row of a lower number may still be on its way.
    """
    finds: list[Find] = []
    steps: dict[str, tuple[int, int]] = {}
    left = {row.source: int(row.last_id) for row in session.execute(select(InboxCursor)).scalars()}
    for source, (row, at, finder) in _SOURCES.items():
        after = left.get(source, 0)
        old = [at <= settled] if settled is not None else []
        newest = session.execute(
            select(func.max(row.id)).where(row.id > after, row.id <= after + AT_ONCE, *old)
        ).scalar()
        newest = newest or _next_id(session, row, after, old)
        if newest is None:
            continue
        finds += [f for f in finder(session, after, newest) if worth_reading(f.text)]
        steps[source] = (after, newest)
    return finds, steps


def move_cursors(session: Session, steps: Mapping[str, tuple[int, int]]) -> bool:
    """Note how far the sources were read; change nothing when somebody else read on meanwhile."""
    rows = {source: session.get(InboxCursor, source, with_for_update=True) for source in steps}
    if any((rows[source].last_id if rows[source] else 0) != start for source, (start, _) in steps.items()):
        return False
    for source, (_, end) in steps.items():
        if rows[source] is None:
            session.add(InboxCursor(source=source, last_id=end))
        else:
            rows[source].last_id = end
    return True


def _next_id(session: Session, row: Any, after: int, old: list[Any]) -> int | None:
    """Step over a gap in the ids."""
    return session.execute(select(func.min(row.id)).where(row.id > after, *old)).scalar()


def worth_reading(text: str) -> bool:
    """Tell whether a text has words to learn from."""
    return len(bare(text)) >= SHORTEST and len(text) <= LONGEST


def _reviews(session: Session, after: int, to: int) -> Iterator[Find]:
    rows = session.execute(
        select(Review).where(Review.id > after, Review.id <= to, Review.reason.in_(list(WORTH)))
    ).scalars()
    for row in rows:
        # Named by the message, so that another source that finds the same turn adds its reason.
        origin = f"message:{row.message_id}" if row.message_id else f"review:{row.id}"
        yield Find(
            origin, row.text, row.reason, row.created_at, row.conversation_id, dict(row.reading or {})
        )


def _corrections(session: Session, after: int, to: int) -> Iterator[Find]:
    """Take a person's correction of type or urgency as a first label."""
    rows = session.execute(
        select(TicketEntry, Ticket)
        .join(Ticket, Ticket.id == TicketEntry.ticket_id)
        .where(TicketEntry.id > after, TicketEntry.id <= to, TicketEntry.step == "reclassify")
    )
    for entry, ticket in rows:
        words = (ticket.summary or "").splitlines()
        if words:
            label = (f"staff:{entry.actor_id or 0}", ticket.type, ticket.urgency)
            yield Find(
                f"reclassify:{entry.id}", words[0], "reclassified", entry.at,
                ticket.conversation_id, {}, label,
            )


def _repeats(session: Session, after: int, to: int) -> Iterator[Find]:
    """Find messages that say again, in other words, what the customer just said."""
    said = (
        select(Message.id, Message.conversation_id, Message.text, Message.created_at)
        .where(Message.direction == "in", Message.kind == "text", Message.author == "customer")
        .order_by(Message.id)
    )
    rows = session.execute(said.where(Message.id > after, Message.id <= to)).all()
    if not rows:
        return
    # The first of the two may have been read a while ago, in an earlier round.
    earlier = session.execute(
        said.where(
            Message.conversation_id.in_({row.conversation_id for row in rows}), Message.id <= after,
            Message.created_at >= min(row.created_at for row in rows) - REPEAT_WITHIN,
        )
    )
    last: dict[str, Any] = {row.conversation_id: row for row in earlier}
    for row in rows:
        before = last.get(row.conversation_id)
        last[row.conversation_id] = row
        if before is None or row.created_at - before.created_at > REPEAT_WITHIN:
            continue
        alike = likeness(pairs(before.text), pairs(row.text))
        if REPEAT_ALIKE <= alike < 1 and len(bare(before.text)) >= 4:
            yield Find(
                f"message:{before.id}", before.text, "rephrased", before.created_at,
                row.conversation_id,
            )


def _hand_overs(session: Session, after: int, to: int) -> Iterator[Find]:
    """Find the first words of what a customer wanted shortly before a person was called."""
    called = session.execute(
        select(StaffEvent.conversation_id, StaffEvent.at)
        .where(StaffEvent.id > after, StaffEvent.id <= to, StaffEvent.kind == HANDED_OVER)
        .order_by(StaffEvent.id)
    ).all()
    if not called:
        return
    rows = session.execute(
        select(Message.id, Message.conversation_id, Message.text, Message.created_at)
        .where(
            Message.conversation_id.in_({event.conversation_id for event in called}),
            Message.direction == "in", Message.author == "customer",
            Message.created_at >= min(event.at for event in called) - HANDED_WITHIN,
        )
        .order_by(Message.id)
    )
    said: dict[str, list[Any]] = {}
    for row in rows:
        if "人工" not in row.text:
            said.setdefault(row.conversation_id, []).append(row)
    for event in called:
        for row in said.get(event.conversation_id, []):
            if event.at - HANDED_WITHIN <= row.created_at <= event.at:
                yield Find(
                    f"message:{row.id}", row.text, "handed_over", row.created_at, row.conversation_id
                )
                break


_SOURCES: dict[str, tuple[Any, Any, Callable[[Session, int, int], Iterator[Find]]]] = {
    "reviews": (Review, Review.created_at, _reviews),
    "corrections": (TicketEntry, TicketEntry.at, _corrections),
    "repeats": (Message, Message.created_at, _repeats),
    "handed_over": (StaffEvent, StaffEvent.at, _hand_overs),
}
