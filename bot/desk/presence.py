"""Chapters 2.1 and 4.3: presence (在岗状态), capacity, offers (派发) and the measured wait.

`sweep_reception` is idempotent and may run in several processes: an offer is unique per round,
and a conversation changes its holder by compare-and-set.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bot.desk.apart import apart
from bot.desk.conversations import URGENCY_RANK
from bot.desk.qualifications import held_skills
from bot.desk.staff import Caller
from bot.handbook.deadlines import SHANGHAI
from bot.handbook.errors import NotFound, Refusal
from bot.handbook.handoff import ConversationState
from bot.handbook.reception import NotQualified, Reception, lapsing_skills, missing_skills
from bot.storage.conversations import Conversation
from bot.storage.staff import Offer, Qualification, Staff, StaffEvent

WAITING, STAFF = ConversationState.WAITING.value, ConversationState.STAFF.value


class PresenceReason(Refusal):
    """Ask for one of the reasons that a presence may have."""

    code = "missing_reason"


def record_event(
    session: Session,
    kind: str,
    *,
    now: datetime,
    conversation: Conversation | None = None,
    ticket_number: str | None = None,
    staff_id: int | None = None,
    team: str | None = None,
    data: dict[str, Any] | None = None,
) -> None:
    """Write one change for the consoles' stream and for the measured rates."""
    session.add(
        StaffEvent(
            kind=kind,
            team=team or (conversation.team if conversation else None),
            staff_id=staff_id,
            conversation_id=conversation.id if conversation else None,
            ticket_number=ticket_number,
            data=data or {},
            at=now,
        )
    )
    session.flush()


def set_presence(
    session: Session,
    reception: Reception,
    staff: Staff,
    presence: str,
    *,
    now: datetime,
    reason: str | None = None,
    by_other: bool = False,
) -> Staff:
    """Set on duty, break or off; a presence with reasons in the table needs one of them."""
    chosen = reception.presences.get(presence)
    if chosen is None:
        raise NotFound("没有这种在岗状态", presence=presence, known=list(reception.presences))
    if reason and reason not in chosen.reasons:
        raise PresenceReason("原因不在表中", needs="reason", known=list(chosen.reasons))
    if chosen.reasons and not reason:
        raise PresenceReason(
            f"{chosen.title}需要选择原因", needs="reason", known=list(chosen.reasons)
        )
    if staff.presence != presence:
        staff.presence_since = now
        staff.idle_since = now if chosen.takes_work else None
    staff.presence, staff.presence_reason = presence, reason
    # What another sets does not show that the person is there: nothing is offered to who is not.
    staff.seen_at = staff.seen_at if by_other else now
    if not chosen.takes_work:
        _end_offers(session, [staff.id], "withdrawn")
    record_event(
        session,
        "presence",
        now=now,
        staff_id=staff.id,
        data={"presence": presence, "reason": reason},
    )
    return staff


def held_count(session: Session, staff_id: int) -> int:
    """Return how many conversations the person holds."""
    return int(
        session.execute(
            select(func.count()).where(
                Conversation.state == STAFF, Conversation.holder_id == staff_id
            )
        ).scalar_one()
    )


def check_qualified(
    session: Session, reception: Reception, staff_id: int, team: str | None, *, now: datetime
) -> None:
    """Raise `NotQualified` when the team needs a certificate that is missing or lapsed."""
    desk = reception.desks.get(team or "")
    if desk is None or not desk.needs:
        return
    missing = missing_skills(
        desk, held_skills(session, staff_id), today=now.astimezone(SHANGHAI).date()
    )
    if missing:
        titles = "、".join(reception.skills[skill] for skill in missing)
        raise NotQualified(f"接入该团队的会话需要有效的{titles}", missing=missing)


def people(
    session: Session, reception: Reception, *, now: datetime, teams: Iterable[str] | None = None
) -> list[dict[str, Any]]:
    """Return who is there: presence, how many they hold, what lapses soon."""
    holds = dict(
        session.execute(
            select(Conversation.holder_id, func.count())
            .where(Conversation.state == STAFF)
            .group_by(Conversation.holder_id)
        ).all()
    )
    wanted = None if teams is None else set(teams)
    today = now.astimezone(SHANGHAI).date()
    skills: dict[int, dict[str, Any]] = {}
    for row in session.execute(select(Qualification)).scalars():
        skills.setdefault(row.staff_id, {})[row.skill] = row.expires_on
    shown = []
    for staff in session.execute(
        select(Staff).where(Staff.disabled_at.is_(None)).order_by(Staff.id)
    ).scalars():
        if wanted is not None and staff.teams and not wanted & set(staff.teams):
            continue
        own = skills.get(staff.id, {})
        shown.append(
            {
                "id": staff.id,
                "name": staff.name,
                "title": staff.title,
                "role": staff.role,
                "teams": staff.teams,
                "presence": staff.presence,
                "presence_reason": staff.presence_reason,
                "presence_since": staff.presence_since,
                "connected": is_connected(staff, reception, now=now),
                "holds": holds.get(staff.id, 0),
                "capacity": staff.capacity,
                "qualifications": {name: day.isoformat() for name, day in own.items()},
                "lapsing": lapsing_skills(own, today=today, within=reception.warn_for),
            }
        )
    return shown


def is_connected(staff: Staff, reception: Reception, *, now: datetime) -> bool:
    """Tell whether the person's console was heard of lately."""
    return staff.seen_at is not None and now - staff.seen_at < reception.lost_offer_for


def somebody_is_there(
    session: Session, reception: Reception, team: str | None, *, now: datetime
) -> bool:
    """Tell whether anybody of the team is on duty and connected."""
    working = [p.id for p in reception.presences.values() if p.takes_work]
    rows = session.execute(
        select(Staff.teams).where(
            Staff.disabled_at.is_(None),
            Staff.presence.in_(working),
            Staff.seen_at > now - reception.lost_offer_for,
        )
    ).scalars()
    return any(not teams or team in teams for teams in rows)


@dataclass
class Swept:
    """Hold what one sweep changed, for the edge to publish."""

    offered: list[str] = field(default_factory=list)
    returned: list[str] = field(default_factory=list)

    @property
    def conversations(self) -> list[str]:
        """Return every conversation that was touched."""
        return [*self.offered, *self.returned]


def sweep_offers(session: Session, reception: Reception, *, now: datetime) -> list[str]:
    """End stale offers and hold each waiting conversation out to the longest idle person."""
    touched = _lapse_offers(session, reception, now=now)
    offering = [desk.team for desk in reception.desks.values() if desk.offers]
    waiting = list(
        session.execute(
            select(Conversation)
            .outerjoin(
                Offer,
                (Offer.conversation_id == Conversation.id)
                & (Offer.epoch == Conversation.epoch)
                & (Offer.state == "open"),
            )
            .where(
                Conversation.state == WAITING, Conversation.team.in_(offering), Offer.id.is_(None)
            )
        ).scalars()
    )
    if not waiting:
        return touched
    free = _free_people(session, reception, now=now)
    for conversation in sorted(waiting, key=queue_order):
        with apart(session, "sweep_offers", conversation=conversation.id):
            staff = _next_person(session, reception, conversation, free, now=now)
            if staff is not None and _offer(session, reception, conversation, staff, now=now):
                free.remove(staff)
                touched.append(conversation.id)
    return touched


def queue_order(conversation: Conversation) -> tuple[int, float]:
    """Order the waiting: more urgent first, then who waits longest."""
    since = conversation.waiting_since.timestamp() if conversation.waiting_since else math.inf
    return -URGENCY_RANK.get(conversation.urgency or "general", 0), since


def _lapse_offers(session: Session, reception: Reception, *, now: datetime) -> list[str]:
    lost = now - reception.lost_offer_for
    rows = list(
        session.execute(
            select(Offer, Conversation.epoch, Conversation.state)
            .join(Conversation, Conversation.id == Offer.conversation_id)
            .join(Staff, Staff.id == Offer.staff_id)
            .where(
                Offer.state == "open",
                (Offer.expires_at <= now)
                | (Staff.seen_at < lost)
                | (Conversation.epoch != Offer.epoch)
                | (Conversation.state != WAITING),
            )
        ).all()
    )
    touched = []
    for offer, epoch, state in rows:
        with apart(session, "lapse_offers", offer=offer.id):
            gone = epoch != offer.epoch or state != WAITING
            offer.state = "gone" if gone else "lapsed"
            if not gone:
                # Who lets an offer pass goes to the end of the line.
                session.get(Staff, offer.staff_id).idle_since = now
                record_event(
                    session,
                    "offer_lapsed",
                    now=now,
                    staff_id=offer.staff_id,
                    conversation=session.get(Conversation, offer.conversation_id),
                )
            touched.append(offer.conversation_id)
    return touched


def _free_people(session: Session, reception: Reception, *, now: datetime) -> list[Staff]:
    working = [p.id for p in reception.presences.values() if p.takes_work]
    holds = (
        select(Conversation.holder_id, func.count().label("n"))
        .where(Conversation.state == STAFF)
        .group_by(Conversation.holder_id)
        .subquery()
    )
    busy = select(Offer.staff_id).where(Offer.state == "open")
    return list(
        session.execute(
            select(Staff)
            .outerjoin(holds, holds.c.holder_id == Staff.id)
            .where(
                Staff.disabled_at.is_(None),
                Staff.presence.in_(working),
                Staff.seen_at > now - reception.lost_offer_for,
                func.coalesce(holds.c.n, 0) < Staff.capacity,
                Staff.id.not_in(busy),
            )
            .order_by(Staff.idle_since, Staff.id)
        ).scalars()
    )


def _next_person(
    session: Session,
    reception: Reception,
    conversation: Conversation,
    free: list[Staff],
    *,
    now: datetime,
) -> Staff | None:
    passed = set(
        session.execute(
            select(Offer.staff_id).where(
                Offer.conversation_id == conversation.id,
                Offer.epoch == conversation.epoch,
                Offer.state.in_(["lapsed", "refused"]),
            )
        ).scalars()
    )
    desk = reception.desks[conversation.team]
    today = now.astimezone(SHANGHAI).date()
    able = [
        staff
        for staff in free
        if (not staff.teams or conversation.team in staff.teams)
        and (
            not desk.needs or not missing_skills(desk, held_skills(session, staff.id), today=today)
        )
    ]
    fresh = [staff for staff in able if staff.id not in passed]
    return next(iter(fresh or able), None)


def _offer(
    session: Session,
    reception: Reception,
    conversation: Conversation,
    staff: Staff,
    *,
    now: datetime,
) -> bool:
    rounds = session.execute(
        select(func.count()).where(
            Offer.conversation_id == conversation.id, Offer.epoch == conversation.epoch
        )
    ).scalar_one()
    offer = Offer(
        conversation_id=conversation.id,
        epoch=conversation.epoch,
        round=rounds,
        staff_id=staff.id,
        state="open",
        offered_at=now,
        expires_at=now + reception.desks[conversation.team].accept_for,
    )
    try:
        with session.begin_nested():
            session.add(offer)
    except IntegrityError:
        return False
    record_event(session, "offered", now=now, conversation=conversation, staff_id=staff.id)
    return True


def open_offer(session: Session, conversation: Conversation) -> Offer | None:
    """Return the offer that stands for the conversation now."""
    return (
        session.execute(
            select(Offer).where(
                Offer.conversation_id == conversation.id,
                Offer.epoch == conversation.epoch,
                Offer.state == "open",
            )
        )
        .scalars()
        .first()
    )


def refuse_offer(
    session: Session, caller: Caller, conversation: Conversation, *, now: datetime
) -> None:
    """Let the person pass an offer on at once."""
    offer = open_offer(session, conversation)
    if offer is None or offer.staff_id != caller.id:
        raise NotFound("该会话没有派发给您", conversation=conversation.id)
    offer.state = "refused"
    session.get(Staff, caller.id).idle_since = now
    record_event(session, "offer_refused", now=now, conversation=conversation, staff_id=caller.id)


def _end_offers(session: Session, staff_ids: list[int], state: str) -> None:
    session.execute(
        update(Offer)
        .where(Offer.staff_id.in_(staff_ids), Offer.state == "open")
        .values(state=state)
        .execution_options(synchronize_session="fetch")
    )
