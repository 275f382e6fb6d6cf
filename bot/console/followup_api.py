"""The closed loop's lists (回访与改进): call-backs due to a person, improvement items."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from bot.console import views
from bot.console.routing import Ask, Field, Section
from bot.desk import calls
from bot.desk.audit import record_audit
from bot.desk.followup import answer_survey
from bot.desk.staff import staff_titles
from bot.desk.surveys import open_survey_of
from bot.desk.ticket_work import Wish, step_ticket, visible_ticket
from bot.handbook.errors import DeskError, Refusal
from bot.storage.clock import Improvement, Survey
from bot.storage.tickets import Ticket

section = Section("followup")


class NoCallDue(Refusal):
    """Refuse the result of a call that nobody is waiting for."""

    code = "no_call_due"


@section.endpoint(
    "GET", "/calls", "Resolutions whose customer did not answer and is to be called", "tickets_work"
)
async def list_calls(ask: Ask) -> dict[str, Any]:
    """List the calls of the person's teams, late ones first."""

    def look(session: Session) -> dict[str, Any]:
        rows = calls.calls_due(session, own=ask.caller.id, teams=ask.caller.team_limit)
        titles = staff_titles(session, [ticket.holder_id for _, ticket in rows])
        return {"calls": [_call(ask, survey, ticket, titles) for survey, ticket in rows]}

    return await ask.look(look)


def _call(ask: Ask, survey: Survey, ticket: Ticket, titles: dict[int, str]) -> dict[str, Any]:
    phone = str(ticket.facts.get("phone_number") or "")
    return {
        "ticket": views.ticket_row(ticket, ask.desk.handbook, titles, now=ask.now),
        "phone": views.mask_fact("phone_number", phone) if phone else None,
        "asked": survey.asks,
        "late": survey.state == calls.OVERDUE,
        # Once late, the survey waits until it is given up; the call itself was due before.
        "due_at": None if survey.state == calls.OVERDUE else survey.next_at,
        "given_up_at": survey.next_at if survey.state == calls.OVERDUE else None,
        "resolved_at": ticket.resolved_at,
    }


@section.endpoint(
    "POST", "/calls/<number:str>", "Record the result of a call-back", "tickets_work",
    body=[
        Field("reached", "flag"), Field("solved", "flag"), Field("score", "whole"),
        Field("words", most=500),
    ],
)
async def record_call(ask: Ask, number: str) -> dict[str, Any]:
    """Record solved or not, a mark and a word; or that nobody was reached."""
    body, score = ask.body, ask.body.get("score")
    if score is not None and not 1 <= score <= 5:
        raise DeskError("invalid", "score 应为 1 到 5", field="score")
    reached = body.get("reached", True)
    if reached and "solved" not in body:
        raise DeskError("invalid", "solved 必填：客户认为问题是否已解决", field="solved")

    def work(session: Session) -> tuple[str, str | None]:
        ticket = visible_ticket(session, ask.caller, number)
        if open_survey_of(session, ticket) is None:
            raise NoCallDue("该工单没有待完成的电话回访，请刷新列表", ticket=number)
        if not reached:
            said = f"电话回访未接通。{body.get('words', '')}".strip()
            wish = Wish("note", reason=said)
            step_ticket(session, ask.office, ask.caller, ticket, wish, now=ask.now)
            return "not_reached", ticket.conversation_id
        outcome = answer_survey(
            session, ask.desk.handbook, None, ticket=ticket, solved=body["solved"], score=score,
            text=body.get("words", ""), who=ask.caller.who, staff_id=ask.caller.id, now=ask.now,
        )
        _audit(
            session, ask, "call_recorded", f"ticket:{ticket.number}",
            {"solved": body["solved"], "score": score, "outcome": outcome.kind},
        )
        return outcome.kind, ticket.conversation_id

    outcome, conversation = await ask.work(work)
    await ask.deliver(conversation)
    return {"outcome": outcome}


@section.endpoint(
    "GET", "/improvements", "Improvement items from low marks, by due time", "improvements_lead",
    query=[Field("done", "flag")],
)
async def list_improvements(ask: Ask) -> dict[str, Any]:
    """List the open items, or those that are done."""

    def look(session: Session) -> dict[str, Any]:
        rows = calls.improvements(
            session, done=ask.query.get("done", False), teams=ask.caller.team_limit
        )
        ids = [each for item, ticket in rows for each in (item.owner_id, ticket.holder_id)]
        titles = staff_titles(session, ids)
        return {"improvements": [_improvement(ask, *row, titles) for row in rows]}

    return await ask.look(look)


def _improvement(
    ask: Ask, item: Improvement, ticket: Ticket, titles: dict[int, str]
) -> dict[str, Any]:
    return {
        "id": item.id,
        "ticket": views.ticket_row(ticket, ask.desk.handbook, titles, now=ask.now),
        "reason": views.mask_for_lists(item.reason),
        "result": views.mask_for_lists(item.result or "") or None,
        "owner": titles.get(item.owner_id or 0),
        "due_at": item.due_at,
        "late": item.state == "open" and item.due_at < ask.now,
        "created_at": item.created_at,
        "done_at": item.done_at,
    }


@section.endpoint(
    "POST", "/improvements/<id:int>/finish", "Record what was done about a low mark",
    "improvements_lead", body=[Field("result", required=True, most=1_000)],
)
async def finish(ask: Ask, id: int) -> dict[str, Any]:
    """Finish an item with the measure that was taken."""

    def work(session: Session) -> dict[str, Any]:
        item = calls.find_improvement(session, id, teams=ask.caller.team_limit)
        calls.finish_improvement(
            session, item, result=ask.body["result"], staff_id=ask.caller.id, now=ask.now
        )
        data = {"ticket": item.ticket_id, "result": views.mask(item.result)}
        _audit(session, ask, "improvement_finished", f"improvement:{item.id}", data)
        return {"id": item.id, "done_at": item.done_at}

    return await ask.work(work)


def _audit(
    session: Session, ask: Ask, action: str, subject: str, data: dict[str, Any]
) -> None:
    record_audit(
        session, action=action, subject=subject, now=ask.now, staff_id=ask.caller.id,
        staff_name=ask.caller.name, data=data,
    )
