"""Chapter 3.5: the closed loop (回访闭环): asked, answered, closed, reopened or filed unconfirmed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.desk.consequences import role_of_rung
from bot.desk.contact import conversations_of
from bot.desk.messages import last_said
from bot.desk.notices import notify_staff, tell_customer
from bot.desk.outbox import PENDING
from bot.desk.surveys import ASKING, OPEN, OVERDUE, PERSON, end_survey, open_survey_of
from bot.desk.ticket_log import lock_ticket
from bot.desk.tickets import take_step
from bot.handbook.closure import Answer, read_answer
from bot.handbook.tables import Handbook
from bot.storage.clock import Improvement, Survey
from bot.storage.conversations import Conversation
from bot.storage.notices import Delivery
from bot.storage.tickets import Ticket

ON_THE_PHONE = "电话回访，客户确认已解决"
ASK_AGAIN = ("utter_survey_second", "utter_survey_last")


@dataclass(frozen=True)
class SurveyOutcome:
    """Say what an answer did: closed, ask_score, ask_solved, reopened, noted or none."""

    kind: str
    ticket: Ticket | None = None
    score: int | None = None


def open_survey(
    session: Session, conversation: Conversation
) -> tuple[Survey, Ticket] | None:
    """Return the newest open survey of a conversation's customer and its ticket."""
    own = conversations_of(session, conversation)
    survey = session.execute(
        select(Survey)
        .where(Survey.conversation_id.in_(own), Survey.state.in_(OPEN))
        .order_by(Survey.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    if survey is None:
        return None
    return survey, session.get(Ticket, survey.ticket_id)


def not_yet_asked(session: Session, conversation: Conversation) -> bool:
    """Tell whether the question of the open survey waited for a talk with a person to end, and is on its way."""
    found = open_survey(session, conversation)
    return found is not None and any(each.payload.get("waited") for each in _waiting_questions(session, [found[1].id]))


def ask_now(session: Session, conversation: Conversation, *, now: datetime) -> None:
    """Let the questions that waited for the end of a talk with a person be sent at once."""
    own = conversations_of(session, conversation)
    asked = select(Survey.ticket_id).where(Survey.conversation_id.in_(own), Survey.state.in_(OPEN))
    waiting = _waiting_questions(session, session.execute(asked).scalars().all())
    for question in (each for each in waiting if not each.attempts and each.next_at > now):
        question.next_at = now
        question.payload = {**question.payload, "waited": True}


def _waiting_questions(session: Session, tickets: Sequence[int]) -> list[Delivery]:
    waiting = select(Delivery).where(Delivery.ticket_id.in_(tickets), Delivery.state == PENDING)
    return [each for each in session.execute(waiting).scalars() if each.payload.get("survey")]


def just_asked(session: Session, conversation: Conversation) -> bool:
    """Tell whether the last thing the customer was sent is the question of a survey."""
    last = last_said(session, conversation.id)
    if last is None or last.external_id is None:
        return False
    payload = session.execute(
        select(Delivery.payload).where(Delivery.delivery_id == last.external_id)
    ).scalar_one_or_none()
    return bool(payload and payload.get("survey"))


def answer_survey(
    session: Session,
    handbook: Handbook,
    conversation: Conversation | None,
    *,
    now: datetime,
    text: str = "",
    score: int | None = None,
    solved: bool | None = None,
    ticket: Ticket | None = None,
    who: str = "customer",
    staff_id: int | None = None,
    key: str | None = None,
) -> SurveyOutcome:
    """Take an answer to the survey, in words or as figures; the same `key` again does nothing new.

    Solved closes the ticket once a mark is given, or asks for one; not solved reopens it; a low
    mark alone asks whether it is solved.
    """
    if ticket is None:
        found = open_survey(session, conversation) if conversation is not None else None
        if found is None:
            return SurveyOutcome("none")
        ticket = found[1]
    lock_ticket(session, ticket)
    survey = open_survey_of(session, ticket)
    if survey is None:
        return SurveyOutcome("none", ticket)
    closure = handbook.clock.closure
    read = read_answer(text, low_score=closure.low_score, solved_score=closure.solved_score)
    if staff_id is not None:
        # What a person writes of a call is no answer of the customer's: only what they enter counts.
        read = Answer(None, None, read.words)
    answer = Answer(
        read.solved if solved is None else solved, read.score if score is None else score, read.words
    )
    if answer.solved is None and answer.score is not None and answer.score >= closure.solved_score:
        answer = Answer(True, answer.score, answer.words)
    actor = {"who": who, "actor_id": staff_id, "now": now}
    return _act(session, handbook, ticket, survey, answer, actor, key)


def _act(
    session: Session, handbook: Handbook, ticket: Ticket, survey: Survey, answer: Answer,
    actor: dict, key: str | None,
) -> SurveyOutcome:
    if answer.words:
        survey.words = "\n".join(filter(None, (survey.words, answer.words)))[:2_000]
    if answer.score is not None and survey.score is None:
        survey.score = answer.score
        _record_mark(session, handbook, ticket, survey, answer, actor, key)
    if answer.solved is False:
        survey.solved = False
        take_step(
            session, handbook, ticket, "reopen", reason=answer.words or "客户反映未解决",
            key=key and f"{key}:reopen", **actor,
        )
        return SurveyOutcome("reopened", ticket, survey.score)
    if answer.solved is True and ticket.state == "resolved":
        take_step(
            session, handbook, ticket, "confirm", key=key and f"{key}:confirm",
            reason=answer.words or (ON_THE_PHONE if actor["actor_id"] else None),
            data={"solved": True}, **actor,
        )
    if ticket.state != "confirmed":
        kind = "noted" if answer.score is None else "ask_solved"
        return SurveyOutcome(kind, ticket, survey.score)
    if survey.score is None:
        return SurveyOutcome("ask_score", ticket)
    take_step(session, handbook, ticket, "close", key=key and f"{key}:close", **actor)
    return SurveyOutcome("closed", ticket, survey.score)


def _record_mark(
    session: Session, handbook: Handbook, ticket: Ticket, survey: Survey, answer: Answer,
    actor: dict, key: str | None,
) -> None:
    take_step(
        session, handbook, ticket, "rate", reason=answer.words or None,
        data={"score": answer.score, "cycle": survey.cycle}, key=key and f"{key}:rate",
        recorded=True, **actor,
    )
    if answer.score is not None and answer.score <= handbook.clock.closure.low_score:
        note_low_mark(
            session, handbook, ticket, cycle=survey.cycle, score=answer.score, words=answer.words,
            now=actor["now"],
        )


def rate_ended(
    session: Session, handbook: Handbook, ticket: Ticket, *, score: int, words: str, now: datetime,
    key: str | None = None,
) -> None:
    """Record a mark that comes when no survey is open any more; the newest one counts."""
    take_step(
        session, handbook, ticket, "rate", who="customer", now=now, reason=words or None,
        data={"score": score}, key=key, recorded=True,
    )
    if score <= handbook.clock.closure.low_score:
        cycle = session.execute(
            select(Survey.cycle).where(Survey.ticket_id == ticket.id).order_by(Survey.cycle.desc())
        ).scalars().first()
        note_low_mark(
            session, handbook, ticket, cycle=cycle or 0, score=score, words=words, now=now
        )


def note_low_mark(
    session: Session, handbook: Handbook, ticket: Ticket, *, cycle: int, score: int, words: str,
    now: datetime,
) -> None:
    """Make an improvement item of a low mark, once per cycle, and tell the leader (5.1)."""
    found = session.execute(
        select(Improvement.id).where(Improvement.ticket_id == ticket.id, Improvement.cycle == cycle)
    ).scalar_one_or_none()
    if found is not None:
        return
    due = now + handbook.clock.closure.improvement
    hours = handbook.clock.closure.improvement.total_seconds() / 3600
    session.add(
        Improvement(
            ticket_id=ticket.id, cycle=cycle, team=ticket.team, reason=f"评价{score}分：{words}"[:500],
            due_at=due, next_at=due, created_at=now,
        )
    )
    session.flush()
    notify_staff(
        session, key=f"{ticket.number}:low:{cycle}", kind="low_mark", level="warning",
        role="leader", ticket=ticket, now=now, by=("console", "mail"),
        text=f"工单{ticket.number}（{handbook.type_of(ticket.type).title}）客户评价{score}分，请在{hours:g}小时内了解情况并登记改进措施。",
    )


def improvement_due(session: Session, ticket: Ticket, *, now: datetime) -> datetime | None:
    """Return until when somebody looks into a low mark; None if that is done, over or not planned."""
    due: datetime | None = session.execute(
        select(Improvement.due_at)
        .where(Improvement.ticket_id == ticket.id, Improvement.state == "open", Improvement.due_at > now)
        .order_by(Improvement.cycle.desc())
        .limit(1)
    ).scalar_one_or_none()
    return due


def serve_survey(
    session: Session, handbook: Handbook, ticket: Ticket, survey_id: int, *, now: datetime
) -> bool:
    """Do what is due of one survey: ask again, hand it to a person, close."""
    survey = session.get(Survey, survey_id, populate_existing=True)
    if survey is None or survey.next_at is None or survey.next_at > now:
        return False
    if ticket.state == "confirmed":
        take_step(
            session, handbook, ticket, "close", who="system", now=now, reason="客户未评分",
            key=f"survey:{survey.cycle}:close",
        )
    elif survey.state == ASKING and survey.asks < survey.most:
        _ask_again(session, handbook, ticket, survey, now=now)
    elif survey.state == ASKING and _needs_person(handbook, ticket, survey):
        _hand_to_person(session, handbook, ticket, survey, now=now)
    elif survey.state == PERSON:
        _call_is_late(session, handbook, ticket, survey, now=now)
    else:
        _file_unconfirmed(session, handbook, ticket, survey, now=now)
    session.flush()
    return True


def _needs_person(handbook: Handbook, ticket: Ticket, survey: Survey) -> bool:
    # A member of an incident outside the sample is told once and not called.
    if survey.most == 1 and ticket.incident_id is not None:
        return False
    closure = handbook.clock.closure
    silent = survey.conversation_id is None
    return silent or closure.needs_person(deadline_class=ticket.deadline_class, kind=ticket.kind)


def _ask_again(
    session: Session, handbook: Handbook, ticket: Ticket, survey: Survey, *, now: datetime
) -> None:
    closure = handbook.clock.closure
    response = ASK_AGAIN[-1] if survey.asks + 1 >= survey.most else ASK_AGAIN[0]
    survey.asks += 1
    survey.next_at = closure.ask_time(now + closure.rules[ticket.deadline_class].every)
    tell_customer(
        session, handbook, ticket, response, key=f"survey:{survey.cycle}:{survey.asks}", now=now,
        survey=True,
    )


def _hand_to_person(
    session: Session, handbook: Handbook, ticket: Ticket, survey: Survey, *, now: datetime
) -> None:
    rule = handbook.clock.closure.rules[ticket.deadline_class]
    survey.state, survey.next_at = PERSON, now + rule.person_within
    notify_staff(
        session, key=f"{ticket.number}:call:{survey.cycle}", kind="call", level="info",
        role="holder" if ticket.holder_id else "team", staff_id=ticket.holder_id, ticket=ticket,
        now=now,
        text=f"工单{ticket.number}办结后客户未答复，请在{rule.person_within.total_seconds() / 3600:g}小时内电话回访并登记结果。",
    )


def _call_is_late(
    session: Session, handbook: Handbook, ticket: Ticket, survey: Survey, *, now: datetime
) -> None:
    rule = handbook.clock.closure.rules[ticket.deadline_class]
    survey.state, survey.next_at = OVERDUE, now + rule.give_up
    notify_staff(
        session, key=f"{ticket.number}:call_late:{survey.cycle}", kind="call", level="warning",
        role=role_of_rung(max(ticket.rung, 1)), ticket=ticket, now=now, by=("console", "mail"),
        text=f"工单{ticket.number}的电话回访已超过规定时间，请督促完成。",
    )


def _file_unconfirmed(
    session: Session, handbook: Handbook, ticket: Ticket, survey: Survey, *, now: datetime
) -> None:
    if ticket.state != "resolved":
        end_survey(session, ticket, state="done", now=now)
        return
    cycle = survey.cycle
    take_step(
        session, handbook, ticket, "close_unconfirmed", who="system", now=now,
        reason="多次回访客户未答复", key=f"survey:{cycle}:unconfirmed",
    )
    tell_customer(
        session, handbook, ticket, "utter_told_closed_unconfirmed", key=f"survey:{cycle}:filed",
        now=now,
    )
