"""Chapter 8.3: the inbox of trainers (待标注): turns worth a label, in groups of like ones.

Nothing unmasked is kept here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Text, func, select
from sqlalchemy.orm import Session

from bot.desk.likeness import Neighbours
from bot.desk.training_sources import TITLES, Find, move_cursors, new_finds, worth, worth_reading
from bot.handbook.errors import NotFound
from bot.handbook.training import Training
from bot.handbook.training_text import for_training
from bot.storage.coach import InboxGroup, InboxItem, InboxLabel

WAITING = ("open", "second", "disputed")
PAGE = 30
SHOWN_OF_GROUP = 12


@dataclass(frozen=True)
class Placed:
    """Turns to bring into the inbox, masked, each with its group, worked out by reading only.

    A group below zero is one still to be made.
    """

    turns: list[tuple[Find, str, int]]
    steps: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def gather(session: Session, training: Training, *, extra: Iterable[Find] = ()) -> int:
    """Bring new turns into the inbox, each once, beside those that are worded alike."""
    fresh = keep_turns(session, training, look_ahead(session, training))
    return fresh + keep_turns(session, training, placed(session, training, extra))


def look_ahead(
    session: Session, training: Training, *, settled: datetime | None = None
) -> Placed:
    """Return what is new in the sources; writes nothing, so that no writer waits for it."""
    finds, steps = new_finds(session, settled=settled)
    return Placed(placed(session, training, finds).turns, steps)


def placed(session: Session, training: Training, finds: Iterable[Find]) -> Placed:
    """Find the group of each turn: the open one worded most alike, or a new one."""
    wanted = [find for find in finds if worth_reading(find.text)]
    if not wanted:
        return Placed([])
    groups = Neighbours(
        (row.id, row.text)
        for row in session.execute(
            select(InboxGroup.id, InboxGroup.text).where(InboxGroup.open_items > 0)
        )
    )
    turns = []
    for number, find in enumerate(wanted, start=1):
        text = for_training(find.text)
        key, alike = groups.nearest(text)
        if key is None or alike < training.near:
            key = -number
            groups.add(key, text)
        turns.append((find, text, key))
    return Placed(turns)


def keep_turns(session: Session, training: Training, found: Placed) -> int:
    """Keep the turns that are not there yet; of one that is, note that another source has it."""
    if not move_cursors(session, found.steps):
        return 0
    known = {
        item.origin: item
        for item in session.execute(
            select(InboxItem).where(InboxItem.origin.in_([find.origin for find, *_ in found.turns]))
        ).scalars()
    }
    made: dict[int, InboxGroup] = {}
    fresh = []
    for find, text, key in found.turns:
        if find.origin in known:
            _add_reason(known[find.origin], find)
            continue
        item = known[find.origin] = _item(training, find, text)
        if key < 0:
            item.group = made.setdefault(key, InboxGroup(text=text))
        else:
            item.group_id = key
        fresh.append(item)
    session.add_all(fresh)
    session.flush()
    refresh_groups(session, {item.group_id for item in known.values()})
    return len(fresh)


def _add_reason(item: InboxItem, find: Find) -> None:
    item.reasons = list(dict.fromkeys([*item.reasons, find.reason]))
    item.reading = {**item.reading, **find.reading}
    item.worth = worth(item.reasons, item.reading)


def _item(training: Training, find: Find, text: str) -> InboxItem:
    item = InboxItem(
        origin=find.origin, conversation_id=find.conversation_id, text=text,
        reasons=[find.reason], reading=find.reading, worth=worth([find.reason], find.reading),
        sample=is_sample(find.origin, training.sample_share), created_at=find.at,
        state="second" if find.label else "open",
    )
    if find.label:
        labeller, type_, urgency = find.label
        item.labels.append(InboxLabel(labeller=labeller, type=type_, urgency=urgency, at=find.at))
    return item


def is_sample(origin: str, share: float) -> bool:
    """Tell whether a turn needs two people; the same turns whenever asked."""
    digest = hashlib.sha256(f"agreement:{origin}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def refresh_groups(session: Session, ids: Iterable[int]) -> None:
    """Count anew what waits in the groups, and what it is worth: many small ones beat one."""
    wanted = list(ids)
    session.flush()
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        found = session.execute(
            select(InboxItem.group_id, func.count(), func.max(InboxItem.worth))
            .where(InboxItem.group_id.in_(part), InboxItem.state.in_(WAITING))
            .group_by(InboxItem.group_id)
        ).all()
        counts = {row[0]: (row[1], row[2]) for row in found}
        for group in session.execute(select(InboxGroup).where(InboxGroup.id.in_(part))).scalars():
            count, best = counts.get(group.id, (0, 0.0))
            group.open_items = count
            group.worth = round(best + min(count, 20) * 0.05, 4) if count else 0.0
    session.flush()


def inbox_page(
    session: Session, *, labeller: str = "", reason: str | None = None, most: int = PAGE,
    after: int = 0,
) -> dict[str, Any]:
    """Return the groups worth most that wait for this person; `after` passes over so many."""
    query = select(InboxGroup).where(InboxGroup.open_items > 0)
    if labeller:
        # A group in which every turn waits for somebody else would stand in the way for ever.
        query = query.where(InboxGroup.id.in_(select(InboxItem.group_id).where(*_open_to(labeller))))
    if reason:
        # The reasons are few and the list is short: text search in the JSON is enough.
        holds = select(InboxItem.group_id).where(
            *_open_to(labeller), InboxItem.reasons.cast(Text).contains(f'"{reason}"')
        )
        query = query.where(InboxGroup.id.in_(holds))
    groups = list(
        session.execute(
            query.order_by(InboxGroup.worth.desc(), InboxGroup.id).offset(after).limit(most + 1)
        ).scalars()
    )
    shown = groups[:most]
    items = _items_of(session, [group.id for group in shown])
    mine = _labelled_by(session, [i.id for row in items.values() for i in row], labeller)
    open_to = _counts_open_to(session, labeller, [group.id for group in shown])
    return {
        "groups": [
            {
                "id": group.id, "worth": group.worth, "count": group.open_items,
                "open": open_to.get(group.id, 0),
                "items": [
                    item_json(item) | {"mine": item.id in mine}
                    for item in items.get(group.id, [])
                ],
            }
            for group in shown
        ],
        "next": after + most if len(groups) > most else None,
        "waiting": session.execute(
            select(func.count(InboxItem.id)).where(*_open_to(labeller))
        ).scalar() or 0,
    }


def _open_to(labeller: str) -> list[Any]:
    """Return what holds of a turn that waits for this person, who has not labelled it yet."""
    waits = [InboxItem.state.in_(WAITING)]
    if labeller:
        own = select(InboxLabel.item_id).where(InboxLabel.labeller == labeller)
        waits.append(InboxItem.id.not_in(own))
    return waits


def _counts_open_to(session: Session, labeller: str, groups: Sequence[int]) -> dict[int, int]:
    rows = session.execute(
        select(InboxItem.group_id, func.count())
        .where(InboxItem.group_id.in_(groups), *_open_to(labeller))
        .group_by(InboxItem.group_id)
    )
    return {int(group): int(count) for group, count in rows}


def _items_of(session: Session, groups: Sequence[int]) -> dict[int, list[InboxItem]]:
    found: dict[int, list[InboxItem]] = {}
    place = (
        func.row_number()
        .over(partition_by=InboxItem.group_id, order_by=(InboxItem.worth.desc(), InboxItem.id))
        .label("place")
    )
    ranked = (
        select(InboxItem.id, place)
        .where(InboxItem.group_id.in_(groups), InboxItem.state.in_(WAITING))
        .subquery()
    )
    rows = session.execute(
        select(InboxItem)
        .join(ranked, ranked.c.id == InboxItem.id)
        .where(ranked.c.place <= SHOWN_OF_GROUP)
        .order_by(ranked.c.place)
    ).scalars()
    for item in rows:
        found.setdefault(item.group_id, []).append(item)
    return found


def _labelled_by(session: Session, ids: Sequence[int], labeller: str) -> set[int]:
    if not labeller or not ids:
        return set()
    return set(
        session.execute(
            select(InboxLabel.item_id).where(
                InboxLabel.item_id.in_(ids), InboxLabel.labeller == labeller
            )
        ).scalars()
    )


def item_json(item: InboxItem) -> dict[str, Any]:
    """Return a turn as trainers see it."""
    return {
        "id": item.id, "text": item.text, "state": item.state, "worth": item.worth,
        "reasons": [TITLES.get(reason, reason) for reason in item.reasons],
        "ranking": [list(pair) for pair in item.reading.get("ranking") or []],
        "urgency_read": item.reading.get("urgency"), "serving": item.reading.get("serving"),
        "type": item.type, "urgency": item.urgency,
        "sample": item.sample, "conversation_id": item.conversation_id, "at": item.created_at,
    }


def find_items(session: Session, ids: Sequence[int]) -> list[InboxItem]:
    """Return the turns; raise `NotFound` when one is missing."""
    found = list(session.execute(select(InboxItem).where(InboxItem.id.in_(ids))).scalars())
    if len(found) != len(set(ids)):
        raise NotFound("没有这条待标注的话")
    return found


def group_ids(session: Session, group_id: int) -> list[int]:
    """Return the turns of a group that still wait."""
    return list(
        session.execute(
            select(InboxItem.id).where(
                InboxItem.group_id == group_id, InboxItem.state.in_(WAITING)
            )
        ).scalars()
    )
