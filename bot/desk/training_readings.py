"""Chapter 8.3: what the model in service makes of turns in the inbox (待标注判读): ranking, doubt.

A turn that was answered brings its reading along; the others are read later, in bulk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Text, func, select
from sqlalchemy.orm import Session

from bot.desk.messages import note_for_review
from bot.desk.training_inbox import WAITING, refresh_groups
from bot.desk.training_sources import worth
from bot.handbook.intake import Reading
from bot.handbook.privacy import mask
from bot.storage.coach import InboxItem

LOW = 0.55
# As many as there are keys for.
RANKED = 6


def shares(ranking: Iterable[tuple[str, float]]) -> list[list[Any]]:
    """Return the likeliest types with their shares, as the inbox keeps them."""
    return [[name, round(share, 4)] for name, share in list(ranking)[:RANKED]]


def reading_kept(reading: Reading) -> dict[str, Any]:
    """Return what the inbox keeps of the reading that a turn was answered with."""
    return {"ranking": shares(reading.ranking), "urgency": reading.urgency.value}


def note_doubt(
    session: Session, reading: Reading, urgency: Mapping[str, Any], *, conversation_id: str,
    message_id: int | None, now: datetime,
) -> None:
    """Keep for trainers a turn that was answered although its reading was in doubt."""
    reasons = ["low_confidence"] if reading.confidence < LOW else []
    said = [row.get("name") for row in urgency.get("ranking") or []]
    if urgency.get("signals") and said and said[0] != urgency.get("name"):
        reasons.append("signal_raised")
    for reason in reasons:
        note_for_review(
            session, conversation_id=conversation_id, message_id=message_id, reason=reason,
            text=mask(reading.text), reading=reading_kept(reading), now=now,
        )


def _unread() -> list[Any]:
    # The list of what waits is short: text search in the JSON is enough.
    return [InboxItem.state.in_(WAITING), InboxItem.reading.cast(Text).not_like('%"urgency"%')]


def count_unread(session: Session) -> int:
    """Return how many turns wait for a reading."""
    return int(session.execute(select(func.count(InboxItem.id)).where(*_unread())).scalar() or 0)


def unread(session: Session, *, most: int = 2_000) -> list[tuple[int, str]]:
    """Return turns without a reading, the newest first."""
    rows = session.execute(
        select(InboxItem.id, InboxItem.text)
        .where(*_unread()).order_by(InboxItem.id.desc()).limit(most)
    )
    return [(int(key), str(text)) for key, text in rows]


def keep_readings(session: Session, found: Mapping[int, tuple[dict[str, Any], list[str]]]) -> None:
    """Keep reading and reasons of turns that were read, and rank them anew."""
    rows = session.execute(select(InboxItem).where(InboxItem.id.in_(list(found)))).scalars().all()
    for item in rows:
        reading, reasons = found[item.id]
        item.reading = {**item.reading, **reading}
        item.reasons = list(dict.fromkeys([*item.reasons, *reasons]))
        item.worth = worth(item.reasons, item.reading)
    refresh_groups(session, {item.group_id for item in rows})
