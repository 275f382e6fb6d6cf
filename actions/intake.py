"""The intake form (接入登记表单): validation decides every turn, conclusion opens the ticket."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rasa_sdk.events import ActiveLoop, SlotSet

from actions.base import DeskAction, Turn
from actions.handoff import hand_off
from actions.open_ticket import (
    about_open_ticket,
    answer_of_ticket,
    ask_whether_to_withdraw,
    outcome_of_ticket,
    slow_ticket,
)
from actions.talk import ask_of_subject, together_with, wish_among_facts, words_among_facts
from actions.tickets import WISHES, answer_ticket, due_words, keeps, supplement, withdraw
from bot.desk.incidents import incident_of
from bot.desk.intakes import known_of, open_ticket_of_intake, read_back
from bot.desk.readings import readings_of_halves
from bot.desk.tickets import find_ticket, ticket_card, ticket_facts, tickets_of
from bot.handbook.bare_request import surer
from bot.handbook.deadlines import shown_time
from bot.handbook.intake import (
    CONFIRM,
    NOT_GIVEN,
    OFFER,
    SOLVED,
    Intake,
    Reading,
    Say,
    advance,
    begin,
    reading_of,
)
from bot.handbook.intake import Turn as IntakeTurn
from bot.handbook.intake_asides import beside
from bot.handbook.intake_moves import moves
from bot.handbook.intake_numbers import LINE, changes_number
from bot.handbook.intake_parts import NOTHING_TOLD, with_earlier_words
from bot.handbook.requests import RequestKind, Urgency
from bot.handbook.short_answers import works_again
from bot.handbook.subjects import load_subjects, subject_of
from bot.handbook.two_requests import requests_in
from bot.storage.tickets import Ticket


class ValidateIntakeForm(DeskAction):
    """Take in one message of the customer and say what the form asks next."""

    def name(self) -> str:
        """Return the name Rasa calls."""
        return "validate_intake_form"

    def answer(self, turn: Turn) -> None:
        """Advance or begin the intake; the state lives in the conversation's row."""
        state = turn.conversation.dialogue or {}
        intake, step = _step(turn, state)
        step = _of_earlier_ticket(turn, step)
        turn.conversation.dialogue = {"intake": intake.as_json()}
        turn.conversation.reading = _reading_json(turn.reading, intake)
        turn.say_all(step.says)
        if step.says or step.ask:
            turn.show(context=intake.type, asks=step.ask)
        turn.events += _slots(turn, intake, step)


_NOT_YET = Say("utter_not_yet_submitted")
# What “接下来为您登记…” has said already.
_ANNOUNCED = ("utter_acknowledge_order", "utter_acknowledge_consult")


def _step(turn: Turn, state: dict[str, Any]) -> tuple[Intake, IntakeTurn]:
    tables, reading = turn.office.tables, turn.reading
    if "start" in state:
        started = reading_of(state["start"])
        known = known_of(turn.session, turn.conversation)
        intake, step = begin(started, tables, key=_key(turn, started), known=known)
        intake.pending = list(state.get("rest", []))
        intake.earlier = bool(tickets_of(turn.session, turn.conversation, open_only=True, most=1))
        if state.get("announced"):
            step = replace(step, says=tuple(s for s in step.says if s.response not in _ANNOUNCED))
        # The message that is being answered must not count as an answer to the new question.
        intake.last_message = reading.message_id
        return intake, step
    if "intake" in state:
        intake = Intake.from_json(state["intake"])
        if intake.last_message == reading.message_id and (intake.asking or intake.outcome):
            # The same message again, after a lost answer: it counts once.
            return intake, IntakeTurn(ask=intake.asking, outcome=intake.outcome)
        if not intake.outcome:
            return intake, advance(intake, reading, tables)
    if not _is_request(turn):
        # The form runs on in Rasa's tracker while our row knows nothing to go on with.
        outcome = "human" if reading.type == "request_human" else "elsewhere"
        return Intake(type="unclear", key="", outcome=outcome), IntakeTurn(outcome=outcome)
    outcome = _no_beginning(turn, state)
    if outcome is not None:
        meant = Intake(type=turn.reading.type, key="", outcome=outcome, same_as=state.get("withdraw"))
        return meant, IntakeTurn(outcome=outcome)
    return _begin(turn, state)


def _of_earlier_ticket(turn: Turn, step: IntakeTurn) -> IntakeTurn:
    """Answer a question after an earlier ticket in the middle of the next registration."""
    asks = turn.reading.type in {"ticket_status", "ticket_urge"} and _NOT_YET in step.says
    own = tickets_of(turn.session, turn.conversation, open_only=True, most=1) if asks else []
    if not own:
        return step
    answer_ticket(turn)
    return replace(step, says=tuple(each for each in step.says if each != _NOT_YET))


def _no_beginning(turn: Turn, state: dict[str, Any]) -> str | None:
    """Tell what words that read as a request really are: a bare subject, a question after a ticket."""
    asked = (state.get("clarify") or {}).get("subjects", [])
    subject = subject_of(words_among_facts(turn) or turn.reading.text, load_subjects())
    # 就是宽带 to the question what an unknown ticket is about names the matter.
    if subject is not None and subject.id not in asked and not turn.is_choice and "wish" not in state:
        return "subject"
    if _same_danger(turn) is not None:
        return "more"
    if "withdraw" in state and keeps(turn.reading.text):
        return "kept"
    return outcome_of_ticket(turn)


def _same_danger(turn: Turn) -> Ticket | None:
    """Return the open ticket of a danger that the message tells more of, without another place."""
    type = turn.reading.type
    if turn.handbook.type_of(type).kind is not RequestKind.SAFETY or "address" in turn.reading.facts:
        return None
    own = tickets_of(turn.session, turn.conversation, open_only=True)
    return next((ticket for ticket in own if ticket.type == type), None)


def _begin(turn: Turn, state: dict[str, Any]) -> tuple[Intake, IntakeTurn]:
    """Begin with the message's request, or with the more urgent of the two that it holds."""
    turn.note_doubt()
    tables, known = turn.office.tables, known_of(turn.session, turn.conversation)
    parts = readings_of_halves(turn.tracker.latest_message, turn.handbook)
    whole = surer(turn.reading, wish_among_facts(turn), tables.types)
    # 开不了机了 alone may be a phone; after 我家那个盒子 it is not.
    whole = surer(whole, together_with(turn, state.get("clarify") or {}), tables.types)
    first, *second = requests_in(whole, parts, tables.types)
    first = first if second else with_earlier_words(first, state.get("clarify"))
    intake, step = begin(first, tables, key=_key(turn, first), known=known)
    intake.earlier = bool(tickets_of(turn.session, turn.conversation, open_only=True, most=1))
    before = _open_already(turn, first.type) if step.ask != SOLVED else ()
    if before:
        intake.same_as = before[0].values["number"]
    after = beside(intake, second[0], tables) if second else ()
    return intake, replace(step, says=(*before, *step.says, *after))


def _open_already(turn: Turn, type: str) -> tuple[Say, ...]:
    """Tell of an open ticket of the same type, so that nobody has to wonder about two."""
    for ticket in tickets_of(turn.session, turn.conversation, open_only=True):
        if ticket.type == type:
            title = turn.handbook.type_of(type).spoken
            values = {"title": title, "number": ticket.number, "due_words": due_words(turn, ticket)}
            return (Say("utter_same_type_open", values),)
    return ()


def _is_request(turn: Turn) -> bool:
    known = turn.handbook.types.get(turn.reading.type)
    return known is not None and known.kind.is_request


def _key(turn: Turn, reading: Reading) -> str:
    return f"{turn.conversation.id}:{reading.message_id}:{reading.type}"


def _reading_json(reading: Reading, intake: Intake) -> dict[str, Any]:
    return {
        "type": intake.type, "urgency": intake.urgency, "signals": intake.signals,
        "confidence": round(intake.confidence, 3), "ranking": list(reading.ranking[:3]),
    }


def _slots(turn: Turn, intake: Intake, step: IntakeTurn) -> list[dict[str, Any]]:
    titles = {**turn.handbook.facts, CONFIRM: "核对信息"}
    request_type = turn.handbook.type_of(intake.type)
    values: dict[str, Any] = {
        "request_title": request_type.spoken,
        "of_line": intake.of_line and LINE not in intake.facts,
        "has_earlier_place": bool(intake.earlier_place),
        "earlier_place": intake.earlier_place,
        "of_move": moves(request_type),
        "asked_again": step.again,
        "requested_slot": step.ask,
    }
    if step.ask == "detail":
        values["tell"] = request_type.tell
    if step.ask == CONFIRM:
        values["read_back"] = read_back(intake, turn.handbook)
    if step.ask == OFFER:
        values["stuck_title"] = titles.get(str(intake.facts.get("stuck")), "信息")
    return [SlotSet(key, value) for key, value in values.items()]


class ActionConcludeIntake(DeskAction):
    """End an intake: open the ticket, hand over, or go on with the next request."""

    def name(self) -> str:
        """Return the name Rasa calls."""
        return "action_conclude_intake"

    def answer(self, turn: Turn) -> None:
        """Act on the outcome that the form left."""
        state = turn.conversation.dialogue or {}
        intake = Intake.from_json(state["intake"]) if "intake" in state else None
        turn.conversation.dialogue = None
        if intake is None or intake.outcome is None:
            turn.say("utter_anything_else")
            return
        _OUTCOMES[intake.outcome](turn, intake)


def _open(turn: Turn, intake: Intake) -> None:
    ticket, _ = open_ticket_of_intake(
        turn.session, turn.handbook, turn.conversation, intake,
        secret=turn.office.settings.secret, now=turn.now,
    )
    announce_ticket(turn, ticket)
    _go_on(turn, intake)


def announce_ticket(turn: Turn, ticket: Any) -> None:
    """Say number, class, what happens next and both due times; attach the card."""
    chosen = turn.handbook.classes[ticket.deadline_class]
    joined = incident_of(turn.session, ticket)
    if joined is not None:
        # Who joins when the due time is over is not promised a time that is past.
        late = ticket.resolution_due_at <= turn.now
        turn.say(
            "utter_incident_joined_late" if late else "utter_incident_joined",
            number=ticket.number, area=joined.area, symptom=joined.symptom,
            resolve_by=shown_time(ticket.resolution_due_at, now=turn.now),
        )
        turn.show(
            ticket=ticket_card(ticket, turn.handbook), context=ticket.type,
            facts=ticket_facts(ticket, now=turn.now),
        )
        return
    consult = ticket.deadline_class == "consultation"
    callable_on = "utter_ticket_opened" if ticket.facts.get("phone_number") else "utter_ticket_opened_no_number"
    turn.say(
        "utter_ticket_opened_consultation" if consult else callable_on,
        number=ticket.number, class_title=chosen.title,
        team_title=turn.handbook.teams[ticket.team].title,
        respond_by=shown_time(ticket.response_due_at, now=turn.now),
        resolve_by=shown_time(ticket.resolution_due_at, now=turn.now),
    )
    turn.show(
        ticket=ticket_card(ticket, turn.handbook), context=ticket.type,
        facts=ticket_facts(ticket, now=turn.now),
    )
    if wish := ticket.facts.get("wished_time"):
        turn.say("utter_wish_passed_on", wish=wish)


def _go_on(turn: Turn, intake: Intake) -> None:
    """Begin the next request that the customer named meanwhile."""
    # What was put aside as another request may have turned out to be this one.
    intake.pending = [each for each in intake.pending if each["type"] != intake.type]
    if not intake.pending:
        return
    first, rest = intake.pending[0], intake.pending[1:]
    first["facts"] = {**{k: v for k, v in intake.facts.items() if k == "phone_number"}, **first["facts"]}
    turn.say("utter_next_request", title=turn.handbook.type_of(first["type"]).spoken)
    turn.conversation.dialogue = {"start": first, "rest": rest, "announced": True}
    turn.events.append(ActiveLoop("intake_form"))


def _human(turn: Turn, intake: Intake) -> None:
    turn.conversation.dialogue = {"intake": intake.as_json()}
    hand_off(turn, intake=intake)


def _cancel(turn: Turn, intake: Intake) -> None:
    turn.say("utter_intake_cancelled")
    # Who gives it up does not want a question on the way registered in its place.
    kind_of = turn.handbook.type_of
    intake.pending = [p for p in intake.pending if kind_of(p["type"]).kind is not RequestKind.CONSULT]
    _go_on(turn, intake)


def _done(turn: Turn, intake: Intake) -> None:
    turn.say("utter_intake_done")
    _go_on(turn, intake)


def _switch(turn: Turn, intake: Intake) -> None:
    turn.note_doubt()
    # The number to call stays, whatever it is about.
    kept = {k: v for k, v in intake.facts.items() if k == "phone_number" and v != NOT_GIVEN}
    turn.begin_intake(replace(turn.reading, facts={**kept, **turn.reading.facts}), rest=intake.pending)


def _elsewhere(turn: Turn, intake: Intake) -> None:
    kind = turn.handbook.types[turn.reading.type].kind if turn.reading.type in turn.handbook.types else None
    if kind is RequestKind.TICKET:
        answer_ticket(turn)
    else:
        known = {"greet", "goodbye", "thanks", "bot_challenge", "chitchat", "praise", "out_of_scope"}
        name = turn.reading.type if turn.reading.type in known else "anything_else"
        turn.say(f"utter_{name}")


def _subject(turn: Turn, _: Intake) -> None:
    ask_of_subject(turn, NOTHING_TOLD, words_among_facts(turn))


def _more(turn: Turn, _: Intake) -> None:
    ticket = _same_danger(turn)
    if ticket is not None:
        if turn.reading.urgency is Urgency.URGENT:
            turn.say(f"utter_first_aid_{ticket.type}")
        supplement(turn, ticket, turn.reading.text)


def _ticket(turn: Turn, _: Intake) -> None:
    about_open_ticket(turn)


def _recovered(turn: Turn, _: Intake) -> None:
    ask_whether_to_withdraw(turn)


def _kept(turn: Turn, intake: Intake) -> None:
    withdraw(turn, find_ticket(turn.session, str(intake.same_as)))


def _named(turn: Turn, _: Intake) -> None:
    """Withdraw the ticket that the words point at; without one there was only this registration."""
    if not tickets_of(turn.session, turn.conversation, open_only=True, most=1):
        turn.say("utter_intake_cancelled")
        return
    turn.reading = replace(turn.reading, type="ticket_cancel")
    answer_ticket(turn)


def _contact(turn: Turn, _: Intake) -> None:
    ticket = tickets_of(turn.session, turn.conversation, open_only=True)[0]
    supplement(turn, ticket, turn.reading.text)


def _added(turn: Turn, _: Intake) -> None:
    """Add to the ticket that is meant what the customer wants added; ask for the number to change to."""
    turn.reading = replace(turn.reading, type="ticket_supplement")
    answer_ticket(turn, bare=changes_number(turn.reading.text) and "phone_number" not in turn.reading.facts)


def _hurried(turn: Turn, _: Intake) -> None:
    slow = slow_ticket(turn)
    turn.reading = replace(turn.reading, type="ticket_urge")
    if slow is None or "ticket_number" in turn.reading.facts:
        answer_ticket(turn)
    else:
        turn.note_doubt()
        WISHES["ticket_urge"](turn, slow)


def _beside(turn: Turn, _: Intake) -> None:
    if (answer := answer_of_ticket(turn)) is not None:
        turn.say_all((answer,))


def _same(turn: Turn, intake: Intake) -> None:
    """Go on with the ticket that is open already: what was said in the form belongs to it."""
    if intake.same_as is None:
        turn.reading = replace(turn.reading, type="ticket_supplement", text="，".join(intake.words))
        answer_ticket(turn)
        _go_on(turn, intake)
        return
    ticket = find_ticket(turn.session, str(intake.same_as))
    if works_again(turn.reading.text):
        ask_whether_to_withdraw(turn, ticket)
        return
    if turn.reading.type in WISHES and turn.reading.type != "ticket_supplement":
        WISHES[turn.reading.type](turn, ticket)
    else:
        supplement(turn, ticket, "，".join(intake.words))
    _go_on(turn, intake)


_OUTCOMES = {
    "subject": _subject, "ticket": _ticket, "more": _more,
    "open": _open, "human": _human, "cancel": _cancel, "done": _done, "switch": _switch,
    "elsewhere": _elsewhere, "same": _same, "named": _named, "contact": _contact, "recovered": _recovered,
    "kept": _kept, "hurried": _hurried, "added": _added, "beside": _beside, "praised": lambda turn, _: turn.say("utter_praise"),
}
