"""What a message means by what was asked before (承接上文): yes, no, bare facts, a wish among facts."""

from __future__ import annotations

import re
from typing import Any

from rasa_sdk.events import ActiveLoop

from actions.base import DeskAction, Turn
from actions.handoff import hand_off
from actions.open_ticket import about_open_ticket
from actions.talk import ask_open, hear, noted, offer_choices, take_up_among_facts
from actions.tickets import (
    MOST_CLARIFIED,
    SHORTEST_NO,
    WISHES,
    rate,
    supplement,
    survey,
    withdraw,
)
from actions.without_ticket import begin_named_matter
from bot.desk.tickets import find_ticket
from bot.handbook.closure import score_in
from bot.handbook.errors import NotFound
from bot.handbook.intake import says_no
from bot.handbook.intake_parts import NOTHING_TOLD, only_marks, told_so_far
from bot.handbook.short_answers import wants_nothing
from bot.storage.tickets import Ticket

_NOT_THIS = re.compile(r"^(?:不是|不对|都不是|错)")
_NO_NUMBER = re.compile(r"没有?(?:什么)?(?:工?单|编)?号|(?:不知道|忘|记不).{0,4}(?:号|了)|(?:没|不)(?:给|告诉)我.{0,3}号")


class ActionFollowContext(DeskAction):
    """Understand yes, no and bare facts by what was asked before."""

    def name(self) -> str:
        """Return the name Rasa calls."""
        return "action_follow_context"

    def answer(self, turn: Turn) -> None:
        """Go on with an open question, an interrupted intake, or say what is possible."""
        state = turn.conversation.dialogue or {}
        if only_marks(turn.reading.text):
            hear(turn)
        elif ("intake" in state and not state["intake"].get("outcome")) or "start" in state:
            # Rasa lost its tracker; the row still knows the intake, so the form goes on.
            turn.events.append(ActiveLoop("intake_form"))
        elif "withdraw" in state:
            withdraw(turn, find_ticket(turn.session, state["withdraw"]))
        elif "supplement" in state:
            supplement(turn, find_ticket(turn.session, state["supplement"]), turn.reading.text)
        elif "rate" in state:
            rate(turn, find_ticket(turn.session, state["rate"]), score_in(turn.reading.text))
        else:
            _unasked(turn, state)


def _unasked(turn: Turn, state: dict[str, Any]) -> None:
    if number := turn.reading.facts.get("ticket_number"):
        _ticket_named(turn, number, state)
    elif survey(turn) or take_up_among_facts(turn) or about_open_ticket(turn) or begin_named_matter(turn):
        return
    elif "wish" in state and _NO_NUMBER.search(turn.reading.text):
        turn.say("utter_without_number")
    elif "clarify" in state and wants_nothing(turn.reading.text):
        turn.conversation.dialogue = None
        turn.say("utter_goodbye")
    elif "clarify" in state and (turn.reading.type == "inform" or says_no(turn.reading)):
        # What was told while we asked what it is about is not asked for again.
        told = told_so_far(state["clarify"], turn.reading)
        if noted(turn) - state["clarify"]["facts"].keys():
            # Who tells fact after fact is heard, and not misunderstood.
            told["count"] = state["clarify"]["count"]
            turn.conversation.dialogue = {**state, "clarify": told}
            _ask_again(turn, told.get("choices"))
            return
        turn.conversation.dialogue = {**state, "clarify": told}
        if told["count"] > MOST_CLARIFIED:
            turn.conversation.dialogue = None
            hand_off(turn, intake=None)
        elif told["count"] > 1:
            turn.say("utter_clarify_offer_person")
        else:
            ask_open(turn)
    elif says_no(turn.reading) and len(turn.reading.text.strip()) <= SHORTEST_NO:
        turn.say("utter_clarify_open" if _NOT_THIS.search(turn.reading.text) else "utter_goodbye")
    elif turn.reading.type == "affirm" and "clarify" in state:
        _yes_to_which(turn, state)
    elif turn.reading.type == "inform":
        turn.conversation.dialogue = {"clarify": told_so_far(NOTHING_TOLD, turn.reading)}
        ask_open(turn)
    else:
        turn.say("utter_anything_else")


def _yes_to_which(turn: Turn, state: dict[str, Any]) -> None:
    """Bring a choice again, once, to a yes that says not which; else it is a yes to a person."""
    told = told_so_far(state["clarify"], turn.reading)
    choices = told.pop("choices", None)
    if choices:
        turn.conversation.dialogue = {**state, "clarify": told}
        offer_choices(turn, choices)
    elif told["count"] > MOST_CLARIFIED:
        turn.conversation.dialogue = None
        hand_off(turn, intake=None)
    else:
        turn.say("utter_anything_else")


def _ticket_named(turn: Turn, number: str, state: dict[str, Any]) -> None:
    """Do with the ticket that a bare number names what was wished before, or tell how it stands."""
    ticket: Ticket | None
    try:
        ticket = find_ticket(turn.session, number)
    except NotFound:
        ticket = None
    if ticket is None or ticket.conversation_id != turn.conversation.id:
        turn.say("utter_ticket_not_yours", number=number)
        return
    WISHES.get(state.get("wish", "ticket_status"), WISHES["ticket_status"])(turn, ticket)


def _ask_again(turn: Turn, choices: list[dict[str, str]] | None) -> None:
    """Ask anew what is meant: of what was told before, the same choices; else openly."""
    if choices:
        turn.say("utter_noted")
        offer_choices(turn, choices)
    else:
        ask_open(turn)
