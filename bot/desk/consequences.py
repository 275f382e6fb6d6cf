"""Chapters 3.3 to 3.5: what a step causes (工单联动): the customer told, a survey begun, a leader told.

Which step causes what stands in `data/handbook/lifecycle.yml`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bot.desk.notices import notify_staff, tell_customer
from bot.desk.surveys import await_mark, begin_survey, end_survey
from bot.handbook.clocks import MEMBERS_HEAR, PEOPLE, RESPONSE, Standing
from bot.handbook.deadlines import shown_time
from bot.handbook.tables import Handbook
from bot.storage.clock import Incident
from bot.storage.tickets import Ticket, TicketEntry

RUNG_ROLES = ("holder", "leader", "duty_manager")
LONGEST_RESULT = 300


def role_of_rung(rung: int) -> str:
    """Return who a rung of the ladder belongs to; the last one is never left."""
    return RUNG_ROLES[min(rung, len(RUNG_ROLES) - 1)]


def consequences(
    session: Session,
    handbook: Handbook,
    ticket: Ticket,
    entry: TicketEntry,
    standing: Standing,
    *,
    now: datetime,
) -> None:
    """Do what the step table says that this step causes."""
    causes = handbook.lifecycle.steps[entry.step].causes
    if "tell_dispatch" in causes:
        _tell_dispatch(session, handbook, ticket, entry, now=now)
    if "tell_hold" in causes:
        _tell_hold(session, handbook, ticket, entry, standing, now=now)
    if "tell_resume" in causes:
        _tell(session, handbook, ticket, "utter_told_resumed", entry, now=now)
    if "tell_reclass" in causes:
        _tell_reclass(session, handbook, ticket, entry, standing, now=now)
    if "tell_rejected" in causes:
        _tell(
            session, handbook, ticket, "utter_told_rejected", entry, now=now,
            fallback="utter_told_rejected_plain", result=_result(entry),
        )
    if "tell_withdrawn" in causes and entry.actor_kind in PEOPLE and "merged_into" not in entry.data:
        _tell(session, handbook, ticket, "utter_told_withdrawn", entry, now=now)
    if "tell_reopened" in causes and entry.actor_kind != "customer":
        _tell(session, handbook, ticket, "utter_told_reopened", entry, now=now)
    if "survey" in causes:
        _resolved(session, handbook, ticket, entry, standing, now=now)
    if "ask_mark" in causes:
        _confirmed(session, handbook, ticket, entry, now=now)
    if "end_survey" in causes:
        state = {"reopen": "unsolved", "send_back": "cancelled"}.get(entry.step, "done")
        end_survey(session, ticket, state=state, now=now)
    if "rung_up" in causes:
        _tell_rung(session, handbook, ticket, entry, now=now)
    _carry_to_incident(session, ticket, entry, now=now)


def _tell(
    session: Session, handbook: Handbook, ticket: Ticket, response: str, entry: TicketEntry, *,
    now: datetime, fallback: str | None = None, survey: bool = False, **values: str,
) -> None:
    tell_customer(
        session, handbook, ticket, response, key=f"{entry.step}:{entry.seq}", now=now,
        values=values, fallback=fallback, survey=survey,
    )


def _tell_dispatch(
    session: Session, handbook: Handbook, ticket: Ticket, entry: TicketEntry, *, now: datetime
) -> None:
    """Tell the first dispatch and every change of team; who works it inside a team is not news."""
    if entry.step == "transfer":
        _tell(session, handbook, ticket, "utter_told_transferred", entry, now=now)
    elif entry.from_state == "accepted":
        tell_customer(
            session, handbook, ticket, "utter_told_dispatched", key=f"dispatch:{ticket.team}",
            now=now,
        )


def _tell_hold(
    session: Session, handbook: Handbook, ticket: Ticket, entry: TicketEntry, standing: Standing,
    *, now: datetime,
) -> None:
    reason = handbook.lifecycle.hold_reasons[standing.hold_reason or ""]
    until = shown_time(standing.held_until or now, now=now)
    _tell(
        session, handbook, ticket, "utter_told_held", entry, now=now, hold_title=reason.title,
        until=until,
    )


def _tell_reclass(
    session: Session, handbook: Handbook, ticket: Ticket, entry: TicketEntry, standing: Standing,
    *, now: datetime,
) -> None:
    """Tell another class and the times that hold now (2.4)."""
    if entry.data["was"]["deadline_class"] == ticket.deadline_class:
        return
    awaited = standing.clocks[RESPONSE].ended is None and ticket.response_due_at > now
    response = "utter_told_reclassed" if awaited else "utter_told_reclassed_answered"
    _tell(session, handbook, ticket, response, entry, now=now)


def _resolved(
    session: Session, handbook: Handbook, ticket: Ticket, entry: TicketEntry, standing: Standing,
    *, now: datetime,
) -> None:
    if incident_of_carrier(session, ticket) is not None:
        return
    symptom = entry.data.get("symptom")
    begin_survey(
        session, handbook, ticket, cycle=standing.cycle, now=now,
        most=entry.data.get("survey_most"),
    )
    _tell(
        session, handbook, ticket,
        "utter_incident_resolved" if symptom else "utter_told_resolved", entry, now=now,
        fallback=None if symptom else "utter_told_resolved_plain", survey=True,
        symptom=symptom or "",
        result=_result(entry),
    )


def _result(entry: TicketEntry) -> str:
    """Return what a person wrote, as the middle of a sentence."""
    return (entry.reason or "").strip().rstrip("。.")[:LONGEST_RESULT]


def _confirmed(
    session: Session, handbook: Handbook, ticket: Ticket, entry: TicketEntry, *, now: datetime
) -> None:
    """Ask for the mark next; who confirmed by themselves is asked in the same talk."""
    survey = await_mark(session, ticket, until=now + handbook.clock.closure.score_wait)
    if survey is not None and survey.score is None and entry.actor_kind != "customer":
        _tell(session, handbook, ticket, "utter_survey_ask_score", entry, now=now, survey=True)


def _tell_rung(
    session: Session, handbook: Handbook, ticket: Ticket, entry: TicketEntry, *, now: datetime
) -> None:
    role = role_of_rung(ticket.rung)
    title = handbook.clock.escalation.rung_title(ticket.rung)
    notify_staff(
        session, key=f"{ticket.number}:rung:{entry.seq}", kind="reopened", level="warning",
        role=role, ticket=ticket, now=now, by=("console", "webhook"),
        text=f"工单{ticket.number}（{handbook.type_of(ticket.type).title}）客户反映未解决，已重开，由{title}跟进。",
    )


def incident_of_carrier(session: Session, ticket: Ticket) -> Incident | None:
    """Return the incident whose deadline this ticket carries."""
    return session.execute(
        select(Incident).where(Incident.ticket_id == ticket.id)
    ).scalar_one_or_none()


def _carry_to_incident(
    session: Session, ticket: Ticket, entry: TicketEntry, *, now: datetime
) -> None:
    """Pass what happens to the ticket of an incident on to it; the sweep serves the members."""
    if ticket.incident_id is None or entry.step not in MEMBERS_HEAR:
        return
    values: dict[str, Any] = {
        "resolve": {"state": "restored", "open_key": None, "resolved_at": now},
        "withdraw": {"state": "ending", "open_key": None},
        "reopen": {"state": "open", "resolved_at": None},
        "send_back": {"state": "open", "resolved_at": None},
    }.get(entry.step, {})
    session.execute(
        update(Incident)
        .where(Incident.ticket_id == ticket.id)
        .values(next_at=now, **values)
        .execution_options(synchronize_session="fetch")
    )
