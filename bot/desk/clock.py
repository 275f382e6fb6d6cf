"""Chapters 2.4 and 5.3: the sweep (时限巡检): fires what is due, each thing once, on any instance.

A round costs what is due, not what is open: it reads an index of next times. Each ticket is
served in its own savepoint under the lock of its row; on PostgreSQL another sweep skips it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from bot.desk.apart import FAILED, apart
from bot.desk.calls import remind_of_improvement
from bot.desk.consequences import incident_of_carrier, role_of_rung
from bot.desk.followup import serve_survey
from bot.desk.incident_serving import delay_incident, serve_incident
from bot.desk.notices import notify_staff, tell_customer
from bot.desk.ticket_log import HOLD, events_of, fired_steps, reindex
from bot.desk.tickets import take_step
from bot.handbook.clocks import CALLBACK, COMPLAINT, RESOLUTION, RESPONSE, Clock, Standing, replay
from bot.handbook.deadlines import shown_time
from bot.handbook.escalation import (
    BREACH,
    Ladder,
    Point,
    delay_id,
    passed,
    tell_delay_at,
    warning_words,
)
from bot.handbook.lifecycle import OPEN_STATES
from bot.handbook.tables import Handbook
from bot.storage.clock import Improvement, Incident, LadderFiring, Survey, TicketClock
from bot.storage.engine import reading
from bot.storage.tickets import Ticket

log = structlog.get_logger()
# A ticket whose row cannot be served is looked at again later and does not hold up the others.
TRY_AGAIN = timedelta(minutes=5)
BATCH = 20
# What is due besides clocks says so itself.
ROWS = {"survey": Survey, "incident": Incident, "improvement": Improvement}
# What a customer is told of the delay of a clock.
DELAYED = {
    RESOLUTION: "utter_told_delayed", CALLBACK: "utter_told_call_delayed",
    COMPLAINT: "utter_told_answer_delayed", RESPONSE: "utter_told_response_delayed",
}


@dataclass
class Swept:
    """Count what one sweep did; `late` holds how late each ladder step fired, in seconds."""

    fired: int = 0
    resumed: int = 0
    surveys: int = 0
    members: int = 0
    improvements: int = 0
    failed: int = 0
    late: list[float] = field(default_factory=list)


def sweep(
    sessions: sessionmaker, handbook: Handbook, *, now: datetime, most: int = 2_000
) -> Swept:
    """Fire every due step of clocks, holds, surveys, incidents and improvements up to `now`."""
    swept = Swept()
    for kind, serve in (
        ("ticket", _serve_ticket), ("survey", _serve_survey), ("incident", _serve_incident),
        ("improvement", _serve_improvement),
    ):
        try:
            _sweep_kind(sessions, handbook, kind, serve, now, most, swept)
        except Exception:
            # A kind that cannot even be looked for holds up no other.
            log.exception("clock.failed", kind=kind)
            FAILED.labels(f"clock_{kind}").inc()
            swept.failed += 1
    return swept


def _sweep_kind(
    sessions: sessionmaker, handbook: Handbook, kind: str, serve: Callable[..., Any], now: datetime,
    most: int, swept: Swept,
) -> None:
    failed: set[int] = set()
    served = 0
    while served < most:
        with reading(sessions) as session:
            ids = _due(session, kind, now, failed)
        if not ids:
            return
        with sessions.begin() as session:
            count = _serve(session, handbook, kind, serve, ids, now, swept, failed)
        served += count
        if count == 0 and not failed.issuperset(ids):
            return  # all are in the hands of another sweep


def _due(session: Session, kind: str, now: datetime, failed: Collection[int]) -> list[int]:
    """Return what is due; what failed in this round is left out, however first it stands."""
    if kind == "ticket":
        id_, due = TicketClock.ticket_id, TicketClock.next_fire_at
    else:
        id_, due = ROWS[kind].id, ROWS[kind].next_at
    query = select(id_).where(due <= now, id_.not_in(failed)).order_by(due)
    return list(dict.fromkeys(session.execute(query.limit(BATCH * 2)).scalars()))[:BATCH]


def _serve(
    session: Session, handbook: Handbook, kind: str, serve: Callable[..., Any], ids: Iterable[int],
    now: datetime, swept: Swept, failed: set[int],
) -> int:
    count = 0
    for each in ids:
        try:
            with session.begin_nested():
                count += bool(serve(session, handbook, each, now, swept))
        except Exception:
            # Whatever is wrong with one row, first in the queue or not, the others are served.
            log.exception("clock.failed", kind=kind, id=each)
            FAILED.labels(f"clock_{kind}").inc()
            failed.add(each)
            swept.failed += 1
            with apart(session, f"clock_{kind}", id=each):
                _put_off(session, kind, each, now)
    return count


def _put_off(session: Session, kind: str, row_id: int, now: datetime) -> None:
    later = now + TRY_AGAIN
    if kind == "ticket":
        change = (
            update(TicketClock)
            .where(TicketClock.ticket_id == row_id, TicketClock.next_fire_at <= now)
            .values(next_fire_at=later)
        )
    else:
        change = update(ROWS[kind]).where(ROWS[kind].id == row_id).values(next_at=later)
    session.execute(change.execution_options(synchronize_session=False))


def _locked(session: Session, row: Any, row_id: int, *, key_share: bool = False) -> Any:
    """Return the row under its lock, or None when another sweep has it."""
    return session.execute(
        select(row)
        .where(row.id == row_id)
        .with_for_update(skip_locked=True, key_share=key_share)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()


def _serve_survey(
    session: Session, handbook: Handbook, survey_id: int, now: datetime, swept: Swept
) -> bool:
    ticket_id = session.execute(select(Survey.ticket_id).where(Survey.id == survey_id)).scalar_one()
    ticket = _locked(session, Ticket, ticket_id)
    if ticket is None:
        return False
    served = serve_survey(session, handbook, ticket, survey_id, now=now)
    swept.surveys += served
    return served


def _serve_incident(
    session: Session, handbook: Handbook, incident_id: int, now: datetime, swept: Swept
) -> bool:
    # Not against those who only refer to it: reports go on joining meanwhile.
    incident = _locked(session, Incident, incident_id, key_share=True)
    if incident is None:
        return False
    served = serve_incident(session, handbook, incident, now=now)
    swept.members += served
    return True


def _serve_improvement(
    session: Session, handbook: Handbook, improvement_id: int, now: datetime, swept: Swept
) -> bool:
    improvement = _locked(session, Improvement, improvement_id)
    if improvement is None:
        return False
    reminded = remind_of_improvement(session, handbook, improvement, now=now)
    swept.improvements += reminded
    return reminded


def _serve_ticket(
    session: Session, handbook: Handbook, ticket_id: int, now: datetime, swept: Swept
) -> bool:
    ticket = _locked(session, Ticket, ticket_id)
    if ticket is None:
        return False
    due = set(
        session.execute(
            select(TicketClock.clock).where(
                TicketClock.ticket_id == ticket_id, TicketClock.next_fire_at <= now
            )
        ).scalars()
    )
    if HOLD in due and ticket.state == "on_hold":
        swept.resumed += _end_hold(session, handbook, ticket, now=now)
    standing = replay(events_of(session, ticket_id), handbook.clock.calendars)
    for name in sorted(due - {HOLD}):
        clock = standing.clocks.get(name)
        if clock is not None:
            _fire(session, handbook, ticket, standing, clock, now=now, swept=swept)
    reindex(session, handbook, ticket, now=now)
    return bool(due)


def _end_hold(session: Session, handbook: Handbook, ticket: Ticket, *, now: datetime) -> bool:
    """Resume a ticket whose hold has reached the longest duration of its reason."""
    entry = take_step(
        session, handbook, ticket, "resume", who="system", now=now, reason="挂起已到最长时限"
    )
    notify_staff(
        session, key=f"{ticket.number}:hold:{entry.seq}", kind="hold_ended", level="info",
        role="holder" if ticket.holder_id else "team", staff_id=ticket.holder_id, ticket=ticket,
        text=f"工单{ticket.number}挂起已到最长时限，已自动恢复处理。", now=now,
    )
    return True


def _fire(
    session: Session, handbook: Handbook, ticket: Ticket, standing: Standing, clock: Clock, *,
    now: datetime, swept: Swept,
) -> None:
    """Fire the steps that have come due; of several missed at once only the last is told."""
    ladder = handbook.clock.escalation.ladder_of(
        deadline_class=standing.deadline_class, clock=clock.id
    )
    if ladder is None:
        return
    fired = fired_steps(session, ticket.id).get(clock.id, set())
    due = passed(clock, ladder, fired, now)
    planned = [(point.id, clock.when(point.amount), point is due[-1]) for point in due]
    delay = tell_delay_at(clock, ladder, fired)
    if delay is not None and delay <= now:
        planned.append((delay_id(clock.due), delay, True))
    for step, moment, told in planned:
        session.add(
            LadderFiring(
                ticket_id=ticket.id, clock=clock.id, step=step, planned_at=moment, at=now, told=told
            )
        )
        swept.late.append((now - moment).total_seconds())
    session.flush()
    swept.fired += len(planned)
    if any(point.id == BREACH for point in due) and ladder.climb:
        _climb(session, handbook, ticket, clock, ladder, now=now)
    if len(planned) > len(due):
        _tell_delay(session, handbook, ticket, standing, clock, ladder, now=now)
    if due:
        _warn(session, handbook, ticket, clock, ladder, due[-1], now=now)


def _climb(
    session: Session, handbook: Handbook, ticket: Ticket, clock: Clock, ladder: Ladder, *,
    now: datetime,
) -> None:
    """Go one rung up, once per clock; an urgent matter leaves the hands that were too slow."""
    if ticket.state not in OPEN_STATES:
        return
    data = {"rung": (ticket.rung or 0) + 1, "clock": clock.id}
    if ladder.release_holder and ticket.holder_id is not None:
        data["was_holder"] = ticket.holder_id
    take_step(
        session, handbook, ticket, "escalate", who="system", now=now, recorded=True, data=data,
        reason="时限已到", key=f"breach:{clock.id}",
    )
    if ladder.release_holder:
        ticket.holder_id = None


def _tell_delay(
    session: Session, handbook: Handbook, ticket: Ticket, standing: Standing, clock: Clock,
    ladder: Ladder, *, now: datetime,
) -> None:
    """Tell of a delay before the due time passes (3.4), with a new time that is a promise."""
    if incident_of_carrier(session, ticket) is not None:
        # After the first delay the incident itself is told again as long as it lasts.
        if clock.id == RESOLUTION and standing.incident_due is None:
            delay_incident(session, handbook, ticket, standing, now=now)
        return
    if clock.id == RESPONSE and ticket.state not in OPEN_STATES:
        return  # solved without a word before: what the customer hears next is the solution
    may = "promise" in handbook.lifecycle.legal_steps(ticket.state, who="system")
    if not may or ticket.conversation_id is None or _is_told_later(standing, clock):
        return
    new_time = ladder.new_time(clock, now)
    key = f"{delay_id(clock.due)}:{clock.id}"
    take_step(
        session, handbook, ticket, "promise", who="system", now=now, by=new_time,
        reason="告知客户延误并承诺联系时间", key=key,
    )
    tell_customer(
        session, handbook, ticket, DELAYED[clock.id.split(":", 1)[0]], key=key, now=now,
        values={
            "due": shown_time(clock.due, now=now), "new_time": shown_time(new_time, now=now),
        },
        facts={"respond_by": new_time.isoformat()},
    )


def _is_told_later(standing: Standing, clock: Clock) -> bool:
    """Tell whether the desk's promise of a call was followed by one for a later time."""
    return clock.promised_by == "system" and any(
        other.promised_by == "system" and other.due > clock.due for other in standing.running()
    )


def _warn(
    session: Session, handbook: Handbook, ticket: Ticket, clock: Clock, ladder: Ladder, point: Point,
    *, now: datetime,
) -> None:
    escalation = handbook.clock.escalation
    text = warning_words(
        number=ticket.number, title=handbook.type_of(ticket.type).title,
        class_title=handbook.classes[ticket.deadline_class].title, clock=clock.id, point=point.id,
        due=clock.due, rung=escalation.rung_title(max(ticket.rung, 1)),
    )
    late = point.id == BREACH or point.id.startswith("overdue:")
    roles = dict.fromkeys(point.step.tell)
    if late and ticket.rung:
        roles[role_of_rung(ticket.rung)] = None
    for role in roles:
        # Without a holder the team is told in their place.
        staff_id = ticket.holder_id if role == "holder" else None
        audience = "team" if role == "holder" and staff_id is None else role
        notify_staff(
            session, key=f"{ticket.number}:{clock.id}:{point.id}:{audience}", kind="deadline",
            level="urgent" if late or not ladder.quiet else "warning", role=audience,
            staff_id=staff_id, ticket=ticket, text=text, now=now, by=point.step.by,
            send_at=escalation.send_at(ladder, now), digest=ladder.digest,
        )
