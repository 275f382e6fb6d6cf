"""Chapter 8.3: labels of trainers (标注): one decision for many turns, agreement, the way back.

A sample of the turns needs two people; where they differ a third decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bot.desk.training_inbox import WAITING, find_items, keep_turns, placed, refresh_groups
from bot.desk.training_sources import Find
from bot.handbook.errors import Refusal
from bot.handbook.requests import Urgency
from bot.handbook.tables import Handbook
from bot.handbook.training import Training
from bot.storage.coach import InboxItem, InboxLabel


class BadLabel(Refusal):
    """Say why a label cannot be taken."""

    code = "invalid"


def check_label(handbook: Handbook, type_: str, urgency: str | None) -> str | None:
    """Return the urgency to keep: requests carry one, talk carries none; raise `BadLabel`."""
    known = handbook.types.get(type_)
    if known is None or known.retired:
        raise BadLabel(f"没有“{type_}”这个类型", type=type_)
    if not known.kind.is_request:
        return None
    if urgency not in {level.value for level in Urgency}:
        raise BadLabel("诉求类型需要同时标注紧急程度", type=type_)
    return urgency


def label_items(
    session: Session, handbook: Handbook, ids: Sequence[int], *, type_: str, urgency: str | None,
    labeller: str, now: datetime,
) -> Counter[str]:
    """Label turns; return how many are settled, wait for another person, or are disputed."""
    # A page that was opened before a rename or a merge still names the old type.
    type_ = handbook.name_in_use(type_) or type_
    urgency = check_label(handbook, type_, urgency)
    items = [item for item in find_items(session, ids) if item.state in WAITING]
    for item in items:
        own = next((row for row in item.labels if row.labeller == labeller), None)
        if own is None:
            item.labels.append(InboxLabel(labeller=labeller, type=type_, urgency=urgency, at=now))
        else:
            own.type, own.urgency, own.at = type_, urgency, now
        _settle(item, handbook, now=now)
    refresh_groups(session, {item.group_id for item in items})
    return Counter(item.state for item in items)


def _settle(item: InboxItem, handbook: Handbook, *, now: datetime) -> None:
    said = {label: (handbook.name_in_use(label.type) or label.type, label.urgency) for label in item.labels}
    votes = Counter(said.values())
    (best, count), people = votes.most_common(1)[0], len(item.labels)
    needs = 2 if item.sample or any(r.labeller.startswith("staff:") for r in item.labels) else 1
    if people < needs:
        item.state = "second"
    elif count >= needs or (people > 2 and count > people / 2):
        item.state, (item.type, item.urgency) = "labelled", best
        item.labelled_by = ",".join(
            sorted(label.labeller for label, vote in said.items() if vote == best)
        )[:64]
        item.labelled_at = now
    else:
        item.state = "disputed" if people < 3 else "refused"
        item.note = None if people < 3 else "三人意见各不相同"


def skip_items(session: Session, ids: Sequence[int], *, labeller: str, now: datetime) -> int:
    """Lay turns aside without a label; what was settled meanwhile stays."""
    items = [item for item in find_items(session, ids) if item.state in WAITING]
    for item in items:
        item.state, item.labelled_by, item.labelled_at = "skipped", labeller, now
    refresh_groups(session, {item.group_id for item in items})
    return len(items)


def take_back(
    session: Session, handbook: Handbook, ids: Sequence[int], *, labeller: str, now: datetime
) -> int:
    """Take back what this person said of turns, or that they were laid aside; return how many wait again.

    What has entered the data, or was divided, stays.
    """
    taken = []
    for item in find_items(session, ids):
        own = next((row for row in item.labels if row.labeller == labeller), None)
        by_votes = item.state in {*WAITING, "labelled"} or (item.state == "refused" and not item.type)
        skipped = item.state == "skipped" and item.labelled_by == labeller
        if not skipped and not (own and by_votes):
            continue
        if own and not skipped:
            item.labels.remove(own)
            session.delete(own)
        item.state, item.note = "open", None
        item.type = item.urgency = item.labelled_by = item.labelled_at = None
        if item.labels:
            _settle(item, handbook, now=now)
        taken.append(item)
    refresh_groups(session, {item.group_id for item in taken})
    return len(taken)


def divide_item(
    session: Session, training: Training, item_id: int, texts: Sequence[str], *, labeller: str,
    now: datetime,
) -> int:
    """Divide a turn that holds two requests into turns of their own."""
    [item] = find_items(session, [item_id])
    parts = [text.strip() for text in texts if text.strip()]
    if len(parts) < 2:
        raise BadLabel("拆分至少需要两句话")
    if item.state not in WAITING:
        raise BadLabel("这句话已经处理过了")
    item.state, item.labelled_by, item.labelled_at = "divided", labeller, now
    extra = [
        Find(f"divided:{item.id}:{n}", part, "divided", now, item.conversation_id)
        for n, part in enumerate(parts)
    ]
    refresh_groups(session, {item.group_id})
    return keep_turns(session, training, placed(session, training, extra))


def labelled_items(
    session: Session, *, since: datetime | None = None, states: Sequence[str] = ("labelled",)
) -> list[InboxItem]:
    """Return settled turns, oldest first."""
    query = select(InboxItem).where(InboxItem.state.in_(states)).order_by(InboxItem.labelled_at)
    if since is not None:
        query = query.where(InboxItem.labelled_at >= since)
    return list(session.execute(query).scalars())


def agreement(session: Session) -> dict[str, Any]:
    """Return how often two people said the same of a sampled turn."""
    rows = session.execute(
        select(InboxLabel.item_id, InboxLabel.type, InboxLabel.urgency)
        .join(InboxItem, InboxItem.id == InboxLabel.item_id)
        .where(InboxItem.sample.is_(True))
        .order_by(InboxLabel.item_id, InboxLabel.id)
    ).all()
    said: dict[int, list[tuple[str, str | None]]] = {}
    for item_id, type_, urgency in rows:
        said.setdefault(item_id, []).append((type_, urgency))
    both = [labels[:2] for labels in said.values() if len(labels) > 1]
    same = sum(one == other for one, other in both)
    return {"pairs": len(both), "same": same, "share": round(same / len(both), 3) if both else None}


def mark_items(session: Session, ids: Sequence[int], state: str, *, note: str | None = None) -> None:
    """Note that turns were promoted, or refused with the reason."""
    session.execute(
        update(InboxItem)
        .where(InboxItem.id.in_(list(ids)))
        .values(state=state, note=note)
        .execution_options(synchronize_session=False)
    )
