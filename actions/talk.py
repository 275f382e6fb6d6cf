"""What is not a request (会话): unclear words, other trades, praise."""

from __future__ import annotations

from actions.base import DeskAction, Turn
from actions.handoff import hand_off
from actions.tickets import about_open_ticket, supplement
from bot.desk.messages import note_for_review
from bot.desk.tickets import find_ticket
from bot.desk.training_readings import reading_kept
from bot.handbook.privacy import mask

MOST_CHOICES = 3
# One question, one offer of a person; after that the person comes unasked.
MOST_CLARIFIED = 2
LEAST_SHARE = 0.08


class ActionClarify(DeskAction):
    """Ask one clarifying question with the likeliest readings; then offer a person."""

    def name(self) -> str:
        """Return the name Rasa calls."""
        return "action_clarify"

    def answer(self, turn: Turn) -> None:
        """Ask once with choices, the second time offer a person."""
        state = turn.conversation.dialogue or {}
        if "supplement" in state:
            supplement(turn, find_ticket(turn.session, state["supplement"]), turn.reading.text)
            return
        if "clarify" not in state and about_open_ticket(turn):
            return
        earlier = state.get("clarify") or {"count": 0, "text": "", "signals": [], "facts": {}, "urgency": "general"}
        reading = turn.reading
        turn.conversation.dialogue = {
            "clarify": {
                "count": earlier["count"] + 1,
                "text": f"{earlier['text']} {reading.text}".strip()[:500],
                "signals": [*earlier["signals"], *reading.signals],
                "facts": {**earlier["facts"], **reading.facts},
                "urgency": reading.urgency.value if reading.urgency.rank else earlier["urgency"],
            }
        }
        note_for_review(
            turn.session, conversation_id=turn.conversation.id, message_id=turn.message_id,
            reason="clarified", text=mask(reading.text),
            reading=reading_kept(reading), now=turn.now,
        )
        if earlier["count"] >= MOST_CLARIFIED:
            turn.conversation.dialogue = None
            hand_off(turn, intake=None)
            return
        if earlier["count"] >= 1:
            turn.say("utter_clarify_offer_person")
            return
        choices = likely_choices(turn)
        if choices and reading.type == "nlu_fallback":
            turn.say("utter_clarify", buttons=[*choices, {"title": "都不是，转人工", "payload": "转人工"}])
        else:
            turn.say("utter_clarify_open")


def likely_choices(turn: Turn) -> list[dict[str, str]]:
    """Return buttons for the two or three likeliest readings worth offering."""
    offered = []
    for name, share in turn.reading.ranking:
        known = turn.handbook.types.get(name)
        if known is None or known.kind.value == "talk" or share < LEAST_SHARE:
            continue
        offered.append({"title": known.spoken, "payload": known.spoken, "choice": name})
    return offered[:MOST_CHOICES]


class ActionOutOfScope(DeskAction):
    """Say kindly that this is not ours, and what is."""

    def name(self) -> str:
        """Return the name Rasa calls."""
        return "action_out_of_scope"

    def answer(self, turn: Turn) -> None:
        """Answer, and keep the turn for the trainers."""
        note_for_review(
            turn.session, conversation_id=turn.conversation.id, message_id=turn.message_id,
            reason="out_of_scope", text=mask(turn.reading.text),
            reading=reading_kept(turn.reading), now=turn.now,
        )
        turn.say("utter_out_of_scope")


class ActionThankForPraise(DeskAction):
    """Thank for praise."""

    def name(self) -> str:
        """Return the name Rasa calls."""
        return "action_thank_for_praise"

    def answer(self, turn: Turn) -> None:
        """Say thanks."""
        turn.say("utter_praise")
