"""Handing a conversation to a person (转人工): at any point, in one turn, never a dead end."""

from __future__ import annotations

from actions.base import DeskAction, Turn
from bot.desk import conversations
from bot.desk.callbacks import callback_ask, callback_buttons
from bot.desk.intakes import CALLBACK_KEY, open_callback_ticket
from bot.desk.tickets import ticket_card, ticket_facts
from bot.desk.waits import expected_wait
from bot.handbook.deadlines import shown_time
from bot.handbook.distress import in_distress
from bot.handbook.intake import Intake
from bot.handbook.queue_words import wants_no_person
from bot.handbook.requests import Urgency


class ActionHandOff(DeskAction):
    """Put the conversation into the queue and say where it stands."""

    def name(self) -> str:
        """Return the name Rasa calls."""
        return "action_hand_off"

    def answer(self, turn: Turn) -> None:
        """Hand over with what is known so far."""
        if wants_no_person(turn.reading.text) and not in_distress(turn.reading.text):
            turn.say("utter_anything_else")
            return
        state = turn.conversation.dialogue or {}
        intake = Intake.from_json(state["intake"]) if "intake" in state else None
        hand_off(turn, intake=intake)


def hand_off(turn: Turn, *, intake: Intake | None) -> None:
    """Queue the conversation; out of duty hours open a ticket with a call-back time as well."""
    if in_distress(turn.reading.text):
        turn.say("utter_care")
    urgency = Urgency(intake.urgency) if intake else turn.reading.urgency
    place = conversations.hand_off(
        turn.session, turn.handbook, turn.conversation, reason=turn.reading.text or "转人工",
        urgency=urgency, now=turn.now,
    )
    # The change of holder made a new epoch; this answer belongs to it.
    turn.show(epoch=turn.conversation.epoch)
    if place.on_duty:
        _say_wait(turn, place.position)
        return
    ticket, _ = open_callback_ticket(
        turn.session, turn.handbook, turn.conversation, intake, text=turn.reading.text,
        key=f"{turn.conversation.id}:{turn.reading.message_id}{CALLBACK_KEY}",
        secret=turn.office.settings.secret, now=turn.now,
    )
    sooner = place.opens_at is not None and ticket.response_due_at < place.opens_at
    turn.say(
        "utter_waiting_off_duty_urgent" if sooner else "utter_waiting_off_duty", number=ticket.number,
        opens_at=shown_time(place.opens_at, now=turn.now),
        respond_by=shown_time(ticket.response_due_at, now=turn.now),
    )
    turn.show(
        ticket=ticket_card(ticket, turn.handbook), context=ticket.type,
        facts=ticket_facts(ticket, now=turn.now),
    )
    times = callback_buttons(turn.office.reception, ticket, now=turn.now)
    if asked := callback_ask(turn.office.reception, ticket, times):
        turn.dispatcher.utter_message(text=asked)
        turn.show(buttons=times, context=ticket.type, facts=ticket_facts(ticket, now=turn.now))


def _say_wait(turn: Turn, position: int) -> None:
    """Say the place, and the minutes where they are more than a guess."""
    reception = turn.office.reception
    wait = expected_wait(
        turn.session, reception, turn.conversation.team, position, now=turn.now
    )
    words = wait.words(reception)
    if words is None:
        turn.say("utter_waiting", position=position, minutes=wait.minutes)
    else:
        turn.dispatcher.utter_message(text=words)
