"""What is not a request (会话): unclear words, other trades, praise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from actions.base import DeskAction, Turn
from actions.handoff import hand_off
from actions.open_ticket import about_open_ticket, asks_on, told_of_ticket
from actions.tickets import (
    BARE_WITHDRAWAL,
    MOST_CLARIFIED,
    answer_ticket,
    ask_anew,
    keeps,
    note_visit_wish,
    supplement,
    withdraw,
)
from actions.without_ticket import begin_named_matter
from bot.desk.intakes import number_of
from bot.desk.messages import note_for_review
from bot.desk.readings import reading_among_facts, reading_with_earlier, readings_of_halves
from bot.desk.tickets import find_ticket, tickets_of
from bot.desk.training_readings import reading_kept
from bot.handbook.bare_request import SURE_AMONG_FACTS
from bot.handbook.intake import Reading, put_by
from bot.handbook.intake_parts import NOTHING_TOLD, only_marks, told_so_far, with_earlier_words
from bot.handbook.intake_story import corrects
from bot.handbook.privacy import mask
from bot.handbook.queue_words import besides_leaving
from bot.handbook.requests import RequestKind, Urgency
from bot.handbook.subjects import Subject, asks_fee, line_named, load_subjects, subject_of
from bot.handbook.two_requests import requests_in

MOST_CHOICES = 3
LEAST_SHARE = 0.08
LEAST_OTHER_TRADE = 0.3
_NOT_OURS = frozenset({"unclear", "out_of_scope"})
# What the words name and the model guesses; in fewer words a line is named without a fault.
LEAST_NAMED, LEAST_TOLD = 0.35, 8
_NOTED = ("address", "phone_number", "broadband_account")


class ActionClarify(DeskAction):
    """Ask one clarifying question with the likeliest readings; then offer a person."""

    def name(self) -> str:
        """Return the name Rasa calls."""
        return "action_clarify"

    def answer(self, turn: Turn) -> None:
        """Ask once with choices, the second time offer a person."""
        state = turn.conversation.dialogue or {}
        if only_marks(turn.reading.text):
            hear(turn)
            return
        if not turn.reading.has_words:
            turn.say("utter_text_only")
            return
        if not state and besides_leaving(turn.reading.text) == "":
            turn.say("utter_not_queued")
            return
        if "withdraw" in state and (keeps(turn.reading.text) or BARE_WITHDRAWAL.search(turn.reading.text)):
            withdraw(turn, find_ticket(turn.session, state["withdraw"]))
            return
        if "supplement" in state:
            supplement(turn, find_ticket(turn.session, state["supplement"]), turn.reading.text)
            return
        if take_up_among_facts(turn) or begin_named_matter(turn):
            return
        if note_visit_wish(turn):
            return
        if ("clarify" not in state and about_open_ticket(turn)) or begin_both(turn):
            return
        if begin_named_fault(turn, state.get("clarify")) or begin_with_earlier(turn):
            return
        if is_other_trade(turn):
            ActionOutOfScope().answer(turn)
            return
        earlier, reading = state.get("clarify") or NOTHING_TOLD, turn.reading
        turn.conversation.dialogue = {**_wish(state), "clarify": told_so_far(earlier, reading)}
        note_for_review(
            turn.session, conversation_id=turn.conversation.id, message_id=turn.message_id,
            reason="clarified", text=mask(reading.text),
            reading=reading_kept(reading), now=turn.now,
        )
        if earlier["count"] >= MOST_CLARIFIED:
            turn.conversation.dialogue = None
            hand_off(turn, intake=None)
            return
        if ask_of_subject(turn, earlier):
            return
        if earlier["count"] >= 1 and not noted(turn) - earlier["facts"].keys():
            turn.say("utter_clarify_offer_person")
            return
        choices = likely_choices(turn)
        if choices and reading.type == "nlu_fallback":
            state = turn.conversation.dialogue
            turn.conversation.dialogue = {**state, "clarify": {**state["clarify"], "choices": choices}}
            offer_choices(turn, choices)
        else:
            ask_open(turn)


def noted(turn: Turn) -> set[str]:
    """Return the names of the numbers and places that the message tells."""
    return {name for name in _NOTED if name in turn.reading.facts}


def ask_open(turn: Turn) -> None:
    """Ask what it is about; what the message did tell is confirmed."""
    if told := noted(turn):
        titles = (turn.handbook.facts[name] for name in _NOTED if name in told)
        turn.say("utter_facts_noted", noted="、".join(titles))
    else:
        turn.say("utter_clarify_open")


def hear(turn: Turn) -> None:
    """Say to nothing but marks (？？？) that we are here: by the open question, else by a new one."""
    asked = (turn.conversation.dialogue or {}).get("clarify") or {}
    named = {subject.id: subject for subject in load_subjects()}
    if "choices" in asked:
        offer_choices(turn, asked["choices"])
    elif asked.get("subjects"):
        _offer_subject(turn, named[asked["subjects"][-1]])
    elif not ask_anew(turn):
        turn.say("utter_greet_short")
        turn.say("utter_anything_else")


def offer_choices(turn: Turn, choices: list[dict[str, str]]) -> None:
    """Ask which of the likeliest readings is meant."""
    turn.say("utter_clarify", buttons=[*choices, {"title": "都不是，转人工", "payload": "转人工"}])


def begin_named_fault(turn: Turn, earlier: Mapping[str, Any] | None) -> bool:
    """Begin with the fault that the model thinks likeliest where the words name the same line."""
    name, share = turn.reading.ranking[0] if turn.reading.ranking else ("", 0.0)
    told = len(turn.reading.text) >= LEAST_TOLD and line_named(turn.reading.text) == name
    if not told or share < LEAST_NAMED or turn.reading.type != "nlu_fallback":
        return False
    level = (turn.tracker.latest_message.get("urgency") or {}).get("name") or "general"
    turn.note_doubt()
    begun = with_earlier_words(replace(turn.reading, type=name, urgency=Urgency(level)), earlier)
    turn.begin_intake(begun)
    return True


def begin_with_earlier(turn: Turn) -> bool:
    """Begin with the request that the words are together with those before the question."""
    earlier = (turn.conversation.dialogue or {}).get("clarify") or {}
    whole = together_with(turn, earlier)
    known = turn.handbook.types.get(whole.type) if whole is not None else None
    if whole is None or known is None or not known.kind.is_request:
        return False
    own = tickets_of(turn.session, turn.conversation, open_only=True)
    if whole.confidence < SURE_AMONG_FACTS or any(ticket.type == whole.type for ticket in own):
        return False
    turn.note_doubt()
    begun = with_earlier_words(whole, earlier)
    turn.begin_intake(replace(begun, facts={**number_of(turn.session, turn.conversation), **begun.facts}))
    return True


def together_with(turn: Turn, earlier: Mapping[str, Any]) -> Reading | None:
    """Return the reading with earlier words; None where the message names a subject or corrects.

    After a subject was named (机顶盒) only what is offered for it is believed.
    """
    text, subjects = turn.reading.text, load_subjects()
    if corrects(text) or subject_of(text, subjects) is not None:
        return None
    whole = reading_with_earlier(turn.tracker.latest_message, turn.handbook)
    named = [subject for subject in subjects if subject.id in earlier.get("subjects", [])]
    if whole is None or (named and not any(whole.type in subject.offers for subject in named)):
        return None
    return whole


def is_other_trade(turn: Turn) -> bool:
    """Tell whether words too short to be sure of can only be another trade's: 我的外卖呢."""
    shares = dict(turn.reading.ranking)
    others = max((share for name, share in shares.items() if name not in _NOT_OURS), default=0.0)
    return (
        turn.reading.type == "unclear" and others < LEAST_SHARE
        and shares.get("out_of_scope", 0.0) >= LEAST_OTHER_TRADE
    )


def _wish(state: dict[str, Any]) -> dict[str, Any]:
    """Return what was wanted of a ticket that could not be found."""
    return {"wish": state["wish"]} if "wish" in state else {}


def wish_among_facts(turn: Turn) -> Reading | None:
    """Return what is told among the numbers and places of the message; None if nothing is."""
    return reading_among_facts(turn.tracker.latest_message, turn.handbook)


def words_among_facts(turn: Turn) -> str | None:
    """Return the words of the message without its numbers and places; None if it holds none."""
    left = (turn.tracker.latest_message.get("metadata") or {}).get("left")
    return str(left["text"]) if left else None


def take_up_among_facts(turn: Turn) -> bool:
    """Take up the wish that stands among numbers and places; False if there is none."""
    left = wish_among_facts(turn)
    if left is None:
        return False
    state = turn.conversation.dialogue or {}
    told = words_among_facts(turn) or turn.reading.text
    known = turn.handbook.types.get(left.type)
    kind = known.kind if known is not None else RequestKind.TALK
    if kind.is_request:
        own = tickets_of(turn.session, turn.conversation, open_only=True)
        if own and (told_of_ticket(told) or left.confidence < SURE_AMONG_FACTS):
            return False
        if any(ticket.type == left.type for ticket in own):
            return False
        turn.note_doubt()
        known_facts = number_of(turn.session, turn.conversation)
        begun = with_earlier_words(left, state.get("clarify"))
        begun = replace(begun, facts={**known_facts, **begun.facts})
        turn.begin_intake(begun)
    elif kind is RequestKind.TICKET:
        turn.reading = left
        answer_ticket(turn)
    elif left.type == "request_human":
        hand_off(turn, intake=None)
    else:
        return ask_of_subject(turn, state.get("clarify") or NOTHING_TOLD, told)
    return True


def begin_both(turn: Turn) -> bool:
    """Take up the two requests of a message that the model could not read as a whole."""
    parts = readings_of_halves(turn.tracker.latest_message, turn.handbook)
    first, *second = requests_in(turn.reading, parts, turn.office.tables.types)
    if not second:
        return False
    turn.begin_intake(first, rest=[put_by(each) for each in second])
    turn.say("utter_both_noted", title=turn.handbook.type_of(second[0].type).spoken)
    return True


def ask_of_subject(turn: Turn, earlier: Mapping[str, Any], named: str | None = None) -> bool:
    """Show what can be done with the subject that the words name; once for each subject."""
    subject = subject_of(named or turn.reading.text, load_subjects())
    if subject is None or subject.id in earlier.get("subjects", []):
        return False
    told = told_so_far(earlier, turn.reading)
    told["subjects"] = [*earlier.get("subjects", []), subject.id]
    turn.conversation.dialogue = {"clarify": told}
    _offer_subject(turn, subject)
    return True


def _offer_subject(turn: Turn, subject: Subject) -> None:
    spoken = {name: turn.handbook.type_of(name).spoken for name in subject.offers}
    turn.dispatcher.utter_message(
        text=subject.ask,
        buttons=[
            *({"title": said, "payload": said, "choice": name} for name, said in spoken.items()),
            {"title": "转人工", "payload": "转人工"},
        ],
    )


def likely_choices(turn: Turn) -> list[dict[str, str]]:
    """Return buttons for the two or three likeliest readings worth offering."""
    # Of no ticket nothing can be wished.
    has_ticket = bool(tickets_of(turn.session, turn.conversation, most=1))
    kinds = set(RequestKind) - {RequestKind.TALK} - (set() if has_ticket else {RequestKind.TICKET})
    offered = []
    for name, share in (wish_among_facts(turn) or turn.reading).ranking:
        known = turn.handbook.types.get(name)
        if known is not None and known.kind in kinds and share >= LEAST_SHARE:
            offered.append({"title": known.spoken, "payload": known.spoken, "choice": name})
    return offered[:MOST_CHOICES]


class ActionOutOfScope(DeskAction):
    """Say kindly that this is not ours, and what is."""

    def name(self) -> str:
        """Return the name Rasa calls."""
        return "action_out_of_scope"

    def answer(self, turn: Turn) -> None:
        """Answer, and keep the turn for the trainers; wishes for a visit and its price are ours."""
        if note_visit_wish(turn):
            return
        if (ticket := asks_on(turn)) is not None:
            supplement(turn, ticket, turn.reading.text)
            return
        if asks_fee(turn.reading.text) and tickets_of(turn.session, turn.conversation, open_only=True, most=1):
            turn.say("utter_fee")
            return
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
