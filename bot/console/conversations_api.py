"""Conversations (会话): queue, page, take, answer, note, pass on, give back, end."""

from __future__ import annotations

from functools import partial
from typing import Any

import structlog
from sanic.response import HTTPResponse
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bot.console import views
from bot.console.routing import Ask, Field, Section, ok
from bot.desk import handing, serving
from bot.desk.messages import LanguageBlocked
from bot.desk.presence import refuse_offer
from bot.desk.rules_in_force import note_refused, note_rewritten
from bot.desk.tickets import tickets_of
from bot.desk.waits import measured_pace, minutes_at
from bot.handbook.errors import DeskError, NotFound
from bot.handbook.handoff import ConversationState
from bot.storage.conversations import Conversation, Message

log = structlog.get_logger()
section = Section("conversations")
LONGEST = 2_000
EPOCH = Field(
    "epoch", "whole", about="the epoch the decision was made under; refused with 409 when old"
)
STATES = ("bot", "waiting", "staff", "ended", "mine")


@section.endpoint(
    "GET",
    "/conversations",
    "The queue in its order, then held conversations",
    "conversations_read",
    query=[Field("state", options=STATES), Field("limit", "whole")],
    due_in="conversations",
)
async def list_conversations(ask: Ask) -> dict[str, Any]:
    """List conversations of one state, or the queue and what is held."""
    most = max(1, min(ask.query.get("limit", 200), 500))

    def look(session: Session) -> dict[str, Any]:
        found = serving.listed_conversations(
            session, ask.caller, state=ask.query.get("state"), most=most
        )
        shown = views.conversations_json(session, ask.desk.handbook, found, now=ask.now)
        over = ask.tables.reception.measured_over
        places: dict[str | None, int] = {}
        paces: dict[str | None, float | None] = {}
        for item in shown:
            team = item["team"]
            if item["state"] == "waiting":
                if team not in paces:
                    paces[team] = measured_pace(session, team, now=ask.now, over=over)
                places[team] = places.get(team, 0) + 1
                item["position"] = places[team]
                item["expected_minutes"] = minutes_at(places[team], paces[team])
        return {"conversations": shown}

    return await ask.look(look)


@section.endpoint(
    "GET",
    "/conversations/<id:str>",
    "One conversation with messages, notes, tickets and the bot's reading",
    "conversations_read",
    query=[Field("after", "whole"), Field("limit", "whole")],
    due_in="tickets",
)
async def show_conversation(ask: Ask, id: str) -> dict[str, Any]:
    """Show a conversation; `after` gives only newer messages."""
    return await ask.look(lambda session: _page(session, ask, id))


def _page(session: Session, ask: Ask, id_: str) -> dict[str, Any]:
    conversation = serving.visible_conversation(session, ask.caller, id_)
    [shown] = views.conversations_json(session, ask.desk.handbook, [conversation], now=ask.now)
    tickets = tickets_of(session, conversation, most=20)
    return {
        "conversation": shown,
        "messages": _messages(session, ask, conversation),
        "tickets": [views.ticket_row(t, ask.desk.handbook, {}, now=ask.now) for t in tickets],
        "customer": views.customer_json(session, conversation),
        "may": _may(ask, conversation),
    }


def _messages(session: Session, ask: Ask, conversation: Conversation) -> list[dict[str, Any]]:
    after = ask.query.get("after", 0)
    most = max(1, min(ask.query.get("limit", 300), 500))
    query = select(Message).where(Message.conversation_id == conversation.id, Message.id > after)
    # A long conversation opens at its end.
    rows = list(session.execute(query.order_by(Message.id.desc()).limit(most)).scalars())
    return views.messages_json(session, reversed(rows), secret=ask.secret)


def _may(ask: Ask, conversation: Conversation) -> list[str]:
    """Return what this person can do with the conversation now, for the page's buttons."""
    if "conversations_serve" not in ask.caller.may:
        return []
    if conversation.state == "staff" and conversation.holder_id == ask.caller.id:
        return ["reply", "note", "hand-back", "transfer", "end"]
    if conversation.state in {"waiting", "bot"}:
        return ["claim", "note"]
    if conversation.state == "staff" and "tickets_lead" in ask.caller.may:
        return ["claim", "note"]
    return ["note"]


async def _changed(ask: Ask, id_: str) -> dict[str, Any]:
    """Deliver what was written and answer with the conversation as it is now."""
    await ask.deliver(id_)

    def look(session: Session) -> dict[str, Any]:
        conversation = serving.desk.find_conversation(session, id_)
        [shown] = views.conversations_json(session, ask.desk.handbook, [conversation], now=ask.now)
        return {"conversation": shown, "may": _may(ask, conversation)}

    return await ask.look(look)


@section.endpoint(
    "POST",
    "/conversations/<id:str>/claim",
    "Take a conversation; of two people one wins, the other is told who",
    "conversations_serve",
    body=[EPOCH],
)
async def claim(ask: Ask, id: str) -> dict[str, Any]:
    """Take the conversation; the bot is silent from the commit on."""

    def work(session: Session) -> None:
        conversation = serving.visible_conversation(session, ask.caller, id)
        serving.claim_conversation(
            session, ask.office, ask.caller, conversation, now=ask.now, epoch=ask.body.get("epoch")
        )

    await ask.work(work)
    return await _changed(ask, id)


@section.endpoint(
    "POST",
    "/conversations/<id:str>/refuse-offer",
    "Pass an offer on to the next person",
    "conversations_serve",
)
async def pass_on(ask: Ask, id: str) -> dict[str, Any]:
    """Let the offer go."""
    await ask.work(
        lambda session: refuse_offer(
            session, ask.caller, serving.visible_conversation(session, ask.caller, id), now=ask.now
        )
    )
    return await _changed(ask, id)


@section.endpoint(
    "POST",
    "/conversations/<id:str>/reply",
    "Answer the customer; refused with 422 language_blocked and the findings",
    "conversations_serve",
    body=[
        Field("text", required=True, most=LONGEST),
        Field("ticket", most=40, about="number of the ticket the reply is about"),
        Field("client_message_id", most=100),
        Field("override_reason", most=200),
        Field("rewritten", "texts", about="rules whose proposed words were taken"),
        EPOCH,
    ],
)
async def reply(ask: Ask, id: str) -> HTTPResponse:
    """Answer under the language check; the same client id again answers the first result."""

    def work(session: Session) -> int:
        conversation = serving.visible_conversation(session, ask.caller, id)
        serving.check_holds(session, ask.caller, conversation)
        serving.check_epoch(conversation, ask.body.get("epoch"))
        message = serving.reply(
            session,
            ask.office,
            ask.caller,
            conversation,
            text=ask.body["text"],
            now=ask.now,
            ticket_number=ask.body.get("ticket"),
            client_id=ask.body.get("client_message_id"),
            override_reason=ask.body.get("override_reason"),
        )
        if message.state == "pending":
            note_rewritten(
                session, ask.body.get("rewritten", []), checker=ask.desk.gate.checker,
                staff_id=ask.caller.id, now=ask.now,
            )
        return int(message.id)

    try:
        try:
            message_id = await ask.work(work)
        except IntegrityError:
            # The same reply was written by another process just now: this finds it.
            message_id = await ask.work(work)
    except LanguageBlocked as blocked:
        await ask.work(partial(_note_refused, ask=ask, blocked=blocked))
        raise
    return await sent(ask, id, message_id)


def _note_refused(session: Session, *, ask: Ask, blocked: LanguageBlocked) -> None:
    note_refused(
        session, blocked.data["findings"], checker=ask.desk.gate.checker,
        staff_id=ask.caller.id, now=ask.now,
    )


async def sent(ask: Ask, conversation_id: str, message_id: int) -> HTTPResponse:
    """Deliver a message and answer with it; one that came too late was not sent, and that is said."""
    await ask.deliver(conversation_id)

    def look(session: Session) -> dict[str, Any]:
        message = session.get(Message, message_id)
        [shown] = views.messages_json(session, [message], secret=ask.secret)
        return shown

    shown = await ask.look(look)
    if shown["state"] == "dropped":
        raise DeskError("stale_holder", "会话已由他人变更，这条消息没有发出", message_id=message_id)
    return ok({"message": shown}, status=201)


@section.endpoint(
    "POST",
    "/conversations/<id:str>/note",
    "Keep an internal note",
    "conversations_serve",
    body=[Field("text", required=True, most=LONGEST)],
)
async def note(ask: Ask, id: str) -> HTTPResponse:
    """Write a note that only staff see."""

    def work(session: Session) -> dict[str, Any]:
        conversation = serving.visible_conversation(session, ask.caller, id)
        kept = serving.add_note(
            session, ask.caller, conversation, text=ask.body["text"], now=ask.now
        )
        [shown] = views.messages_json(session, [kept], secret=ask.secret)
        return shown

    shown = await ask.work(work)
    ask.desk.hub.publish("staff", {})
    return ok({"message": shown}, status=201)


@section.endpoint(
    "POST",
    "/conversations/<id:str>/hand-back",
    "Give the conversation back to the bot",
    "conversations_serve",
    body=[EPOCH],
)
async def give_back(ask: Ask, id: str) -> dict[str, Any]:
    """Hand back; the engine's memory is told what was said meanwhile."""

    def work(session: Session) -> list[dict[str, Any]]:
        conversation = serving.visible_conversation(session, ask.caller, id)
        said = handing.said_meanwhile(session, conversation)
        handing.hand_back(
            session, ask.office, ask.caller, conversation, now=ask.now, epoch=ask.body.get("epoch")
        )
        return handing.memory_of(said)

    events = await ask.work(work)
    try:
        await ask.desk.rasa.learn(id, events)
    except DeskError as error:
        # The facts are in our own record; the engine's memory is a cache.
        log.warning("handback.engine_not_told", conversation=id, why=error.code)
    return await _changed(ask, id)


@section.endpoint(
    "POST",
    "/conversations/<id:str>/transfer",
    "Pass the conversation to a team's queue or to one person",
    "conversations_serve",
    body=[
        Field("team", most=32),
        Field("person", "whole"),
        Field("reason", most=500),
        Field("note", most=500),
        EPOCH,
    ],
)
async def transfer(ask: Ask, id: str) -> dict[str, Any]:
    """Transfer, with a note for whoever takes it."""
    team, person = ask.body.get("team"), ask.body.get("person")
    if not team and person is None:
        raise DeskError("missing_reason", "请选择团队或同事", needs="team")
    if team and team not in ask.desk.handbook.teams:
        raise NotFound("没有这个团队", team=team, known=list(ask.desk.handbook.teams))

    def work(session: Session) -> None:
        conversation = serving.visible_conversation(session, ask.caller, id)
        handing.transfer(
            session,
            ask.office,
            ask.caller,
            conversation,
            access=ask.tables.access,
            now=ask.now,
            team=team,
            person=person,
            epoch=ask.body.get("epoch"),
            note=ask.body.get("note") or ask.body.get("reason"),
        )

    await ask.work(work)
    return await _changed(ask, id)


@section.endpoint(
    "POST",
    "/conversations/<id:str>/end",
    "End the conversation with a closing sentence",
    "conversations_serve",
    body=[EPOCH],
)
async def end(ask: Ask, id: str) -> dict[str, Any]:
    """End; the customer's next message opens it again with the bot."""

    def work(session: Session) -> None:
        conversation = serving.visible_conversation(session, ask.caller, id)
        handing.end_conversation(
            session, ask.office, ask.caller, conversation, now=ask.now, epoch=ask.body.get("epoch")
        )

    await ask.work(work)
    return await _changed(ask, id)


__all__ = ["ConversationState", "section"]
