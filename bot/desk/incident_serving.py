"""Chapter 4.5: members of an incident are served (群障告知): every change told, restored, let go.

The incident's ticket says what holds; each member is told of its last change once, in a savepoint
of its own, and gets a line with the new due time in its own history.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlalchemy.sql import Select

from bot.desk.incidents import Change, detach, last_change, words_of
from bot.desk.notices import tell_customer
from bot.desk.ticket_log import lock_ticket
from bot.desk.tickets import take_step
from bot.handbook.clocks import RESOLUTION, Standing
from bot.handbook.closure import in_sample
from bot.handbook.deadlines import shown_time
from bot.handbook.escalation import Ladder, delay_id
from bot.handbook.lifecycle import OPEN_STATES
from bot.handbook.tables import Handbook
from bot.storage.clock import FaultReport, Incident
from bot.storage.tickets import Ticket

log = structlog.get_logger()
BATCH = 100
# A member that cannot be served is looked at again later and holds up neither the others nor the end.
TRY_AGAIN = timedelta(minutes=5)
IN_OTHER_HANDS = timedelta(seconds=10)
# What members are told of a step of the incident's ticket, however little it moves the time.
TEXTS = {
    "hold": "utter_incident_held", "resume": "utter_incident_resumed",
    "transfer": "utter_incident_resumed", "redate": "utter_incident_delayed",
}
ALWAYS_TOLD = frozenset({"hold", "resume", "redate"})


def serve_incident(session: Session, handbook: Handbook, incident: Incident, *, now: datetime) -> int:
    """Serve some members of an incident; when all are served, end it or wait for the next change."""
    carrier = session.get(Ticket, incident.ticket_id)
    last = last_change(session, handbook, carrier)
    rows = session.execute(
        _unserved(select(FaultReport), incident, last)
        .where(FaultReport.next_at.is_(None) | (FaultReport.next_at <= now))
        .order_by(FaultReport.id)
        .limit(BATCH)
    ).scalars().all()
    for report in rows:
        try:
            with session.begin_nested():
                _serve_member(session, handbook, incident, report, last, now=now)
        except Exception:
            # Whatever is wrong with one member, the others are told.
            log.exception("incident.member_failed", incident=incident.id, ticket=report.ticket_id)
            report.next_at = now + TRY_AGAIN
    if len(rows) < BATCH:
        _rest(session, handbook, incident, carrier, last, now=now)
    session.flush()
    return len(rows)


def _unserved(query: Select, incident: Incident, last: Change) -> Select:
    """Narrow down to the members that have not heard of the last change."""
    return query.join(Ticket, Ticket.id == FaultReport.ticket_id).where(
        FaultReport.incident_id == incident.id, FaultReport.left_at.is_(None),
        FaultReport.heard < last.seq, Ticket.state.in_(OPEN_STATES),
    )


def _serve_member(
    session: Session, handbook: Handbook, incident: Incident, report: FaultReport, last: Change, *,
    now: datetime,
) -> None:
    ticket = session.get(Ticket, report.ticket_id)
    lock_ticket(session, ticket)
    report.heard, report.next_at = last.seq, None
    if ticket.incident_id != incident.id or ticket.state not in OPEN_STATES:
        return
    if incident.state == "restored":
        _restore(session, handbook, incident, report, ticket, now=now)
    elif incident.state == "ending":
        detach(session, handbook, incident, report, who="system", now=now)
    elif last.step in ALWAYS_TOLD or last.due != ticket.resolution_due_at:
        _tell_change(session, handbook, incident, ticket, last, now=now)


def _tell_change(
    session: Session, handbook: Handbook, incident: Incident, ticket: Ticket, last: Change, *,
    now: datetime,
) -> None:
    """Move a member's due time with the incident's, and tell its customer once (3.4)."""
    was, key = ticket.resolution_due_at, f"incident:{incident.id}:{last.seq}"
    title = handbook.lifecycle.steps[last.step].title
    take_step(
        session, handbook, ticket, "redate", who="system", now=now, recorded=True,
        reason=f"群障工单{title}", key=key,
        data={"incident": incident.id, "due": last.due.isoformat(), "cause": last.step},
    )
    reason = handbook.lifecycle.hold_reasons.get(last.standing.hold_reason or "")
    tell_customer(
        session, handbook, ticket, TEXTS.get(last.step, "utter_incident_redated"), key=key, now=now,
        values={
            "area": words_of(incident), "symptom": incident.symptom,
            "was": shown_time(was, now=now), "hold_title": reason.title if reason else "",
            "until": shown_time(last.standing.held_until or now, now=now),
        },
    )


def _restore(
    session: Session, handbook: Handbook, incident: Incident, report: FaultReport, ticket: Ticket, *,
    now: datetime,
) -> None:
    """Resolve one member; all are told, a sample is asked again and called like any other."""
    closure = handbook.clock.closure
    if ticket.state == "on_hold":
        take_step(session, handbook, ticket, "resume", who="system", now=now, reason="群障已恢复")
    place = session.execute(
        select(func.count())
        .select_from(FaultReport)
        .where(FaultReport.incident_id == incident.id, FaultReport.id <= report.id)
    ).scalar_one()
    asked = place <= closure.sample_least or in_sample(ticket.number, closure.sample_percent)
    data = {"incident": incident.id, "symptom": incident.symptom}
    if not asked:
        data["survey_most"] = 1
    take_step(
        session, handbook, ticket, "resolve", who="system", now=now, reason=f"{incident.symptom}已恢复",
        data=data, key=f"incident:{incident.id}:{incident.resolved_at.isoformat()}",
    )


def _rest(
    session: Session, handbook: Handbook, incident: Incident, carrier: Ticket, last: Change, *,
    now: datetime,
) -> None:
    """Settle when the incident is looked at next: put-off members, the next delay, or never."""
    incident.next_at = session.execute(
        _unserved(select(func.min(FaultReport.next_at)), incident, last)
    ).scalar_one()
    if incident.next_at is not None:
        return
    if incident.state != "open":
        _finish(session, handbook, incident, carrier, now=now)
        return
    incident.next_at = tell_again_at(handbook, last.standing)
    if incident.next_at is not None and incident.next_at <= now:
        _delay_again(session, handbook, incident, now=now)


def _ladder(handbook: Handbook, standing: Standing) -> Ladder | None:
    return handbook.clock.escalation.ladder_of(
        deadline_class=standing.deadline_class, clock=RESOLUTION
    )


def tell_again_at(handbook: Handbook, standing: Standing) -> datetime | None:
    """Return when members that were told of a delay are told again if the incident lasts."""
    ladder = _ladder(handbook, standing)
    if standing.incident_due is None or ladder is None or ladder.delay_at is None:
        return None
    return standing.members_due - ladder.delay * (100 - ladder.delay_at) / 100


def _delay_again(session: Session, handbook: Handbook, incident: Incident, *, now: datetime) -> None:
    """Name a later time; whoever works the incident's ticket just now comes first."""
    carrier = session.execute(
        select(Ticket)
        .where(Ticket.id == incident.ticket_id)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if carrier is None:
        incident.next_at = now + IN_OTHER_HANDS
        return
    standing = last_change(session, handbook, carrier).standing
    again = tell_again_at(handbook, standing)
    if again is not None and again <= now:
        delay_incident(session, handbook, carrier, standing, now=now)


def delay_incident(
    session: Session, handbook: Handbook, carrier: Ticket, standing: Standing, *, now: datetime
) -> None:
    """Name a later time in the history of the incident's ticket; the sweep tells the members."""
    ladder = _ladder(handbook, standing)
    due = standing.members_due
    if ladder is None or carrier.state not in OPEN_STATES - {"submitted"}:
        return
    take_step(
        session, handbook, carrier, "redate", who="system", now=now, recorded=True,
        reason="抢修未按时完成，告知客户新的时间", key=delay_id(due),
        data={"due": (max(due, now) + ladder.delay).isoformat()},
    )


def _finish(
    session: Session, handbook: Handbook, incident: Incident, carrier: Ticket, *, now: datetime
) -> None:
    if incident.state == "restored":
        lock_ticket(session, carrier)
        if carrier.state == "resolved":
            for step in ("confirm", "close"):
                take_step(
                    session, handbook, carrier, step, who="system", now=now, reason="群障成员均已告知"
                )
    incident.state, incident.ended_at = "ended", now
