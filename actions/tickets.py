"""What a customer does with an existing ticket (工单): status, urge, withdraw, supplement, reopen, rate."""

from __future__ import annotations

import re
from typing import Any

from actions.base import DeskAction, Turn
from actions.raised import raise_class
from actions.without_ticket import without_ticket
from bot.desk import followup, ticket_cards
from bot.desk import tickets as desk
from bot.desk.intakes import change_numbers, only_number
from bot.desk.ticket_log import called_by
from bot.handbook.closure import read_answer, score_in
from bot.handbook.deadlines import shown_time
from bot.handbook.intake import says_yes
from bot.handbook.lifecycle import OPEN_STATES, IllegalStep
from bot.handbook.privacy import mask
from bot.handbook.short_answers import in_no_hurry
from bot.handbook.subjects import line_named
from bot.handbook.visits import wishes_for_visit
from bot.handbook.wished_time import wished_time
from bot.storage.tickets import Ticket

SHORTEST_NO = 6
_UNHAPPY = re.compile(r"不满意|不好|差评|太差|很差|垃圾|失望")
# One question, one offer of a person; after that the person comes unasked.
MOST_CLARIFIED = 2
_ASKING = frozenset({"ticket_status", "ticket_urge"})
# What the dialogue keeps while it waits for an answer about a ticket, and the question.
_ASKED = {
    "withdraw": "utter_confirm_withdraw", "supplement": "utter_ask_supplement", "rate": "utter_ask_rating",
}
_NOT_THAT = re.compile(r"不是[^，,。]{1,8}")
_TAIL = re.compile(r"(?<![\d.])\d{3,6}(?!\d)")  # 撤000042: how people name one of two tickets
BARE_WITHDRAWAL = re.compile(r"^(?:嗯|好|对|是|那就|就|确认|是的|快|[，,\s])*撤(?:了|销|单|掉|吧)*[。！!]*$")
_KEEP = re.compile(r"^(?:不|别|先不|先别|算了|等(?:等|一下|会))|[不别](?:要|用)?(?:撤|取消)|保留|先别|留着|没(?:让|说|要)[^，,。]{0,4}撤")
# No agreement either, whatever else it is: 修好了再撤, 撤了会怎么样.
_NOT_AGREED = re.compile(r"谁让|为什么|撤错|(?:再|以后|明天|后天)撤|撤什么|怎么样|[?？]")


class ActionAnswerTicket(DeskAction):
    """Serve a message of kind ticket."""

    def name(self) -> str:
        """Return the name Rasa calls."""
        return "action_answer_ticket"

    def answer(self, turn: Turn) -> None:
        """Find the ticket meant and do what the customer wants with it."""
        answer_ticket(turn)


def answer_ticket(turn: Turn, *, bare: bool = False) -> None:
    """Find the ticket meant and do what the customer wants with it; a `bare` wish is asked about."""
    turn.note_doubt()
    state = turn.conversation.dialogue or {}
    if "withdraw" in state and keeps(turn.reading.text):
        withdraw(turn, desk.find_ticket(turn.session, str(state["withdraw"])))
        return
    wish = turn.reading.type
    if wish == "rate_service":
        _rate(turn)
        return
    if wish in _ASKING and note_visit_wish(turn):
        return
    ticket = _meant(turn, wish)
    if ticket is None:
        return
    if bare:
        ask_supplement(turn, ticket)
        return
    WISHES[wish](turn, ticket)


def _meant(turn: Turn, wish: str) -> Ticket | None:
    """Return the ticket that the message names, or the newest that fits the wish."""
    own = desk.tickets_of(turn.session, turn.conversation)
    number = turn.reading.facts.get("ticket_number")
    if number:
        for ticket in own:
            if ticket.number == number.upper():
                return ticket
        turn.say("utter_ticket_not_yours", number=number)
        return None
    fitting = [t for t in own if (t.state not in OPEN_STATES) == (wish == "ticket_reopen")]
    if named := _named(turn, fitting or own):
        return named
    if wish == "ticket_status" and len(fitting) > 1:
        _list(turn, fitting)
        return None
    chosen = fitting or own
    if not chosen:
        without_ticket(turn, wish)
        return None
    return chosen[0]


def _named(turn: Turn, tickets: list[Ticket]) -> Ticket | None:
    """Return the one of several tickets that the words name, by its last digits or its matter."""
    if len(tickets) < 2:
        return None
    text = turn.reading.text
    tails, line = _TAIL.findall(text), line_named(text)
    meant = [
        ticket for ticket in tickets
        if any(ticket.number.endswith(tail) for tail in tails)
        or (not tails and (line == ticket.type or _says(turn.handbook.type_of(ticket.type).spoken, text)))
    ]
    return meant[0] if len(meant) == 1 else None


def _says(spoken: str, text: str) -> bool:
    """Tell whether words name a type by two characters of its name: 催那个诈骗的，不是停机的."""
    meant = _NOT_THAT.sub("", text)
    return any(spoken[at : at + 2] in meant for at in range(len(spoken) - 1))


def _list(turn: Turn, tickets: list[Ticket]) -> None:
    lines = "；".join(
        f"{t.number}（{turn.handbook.type_of(t.type).spoken}，"
        f"{turn.handbook.lifecycle.states[t.state]}，{due_words(turn, t, call=False)}）"
        for t in tickets[:3]
    )
    turn.say("utter_ticket_list", count=len(tickets), lines=lines)
    _show(turn, tickets[0])


def due_words(turn: Turn, ticket: Ticket, *, call: bool = True) -> str:
    """Return what the customer is told of the clock: the due time, or what is already done.

    A list is checked against the facts of its first ticket, so that it names no promised `call`.
    """
    if ticket.state not in OPEN_STATES:
        return f"状态为{turn.handbook.lifecycle.states[ticket.state]}"
    if ticket.state == "on_hold":
        reason = turn.handbook.lifecycle.hold_reasons.get(ticket.hold_reason)
        return f"目前因“{reason.title if reason else '等待'}”挂起，恢复后继续计时"
    call_by = called_by(turn.session, ticket, now=turn.now) if call else None
    words = ticket_cards.due_words(ticket, now=turn.now, call_by=call_by)
    first = ticket.response_due_at
    if call and ticket.first_response_at is None and turn.now < first < ticket.resolution_due_at:
        # Who waits at a broken line wants to know first when somebody calls.
        return f"{shown_time(first, now=turn.now)}前联系您，{words}"
    return words


def _show(turn: Turn, ticket: Ticket) -> None:
    turn.show(
        ticket=desk.ticket_card(ticket, turn.handbook), context=ticket.type,
        facts=desk.ticket_facts(
            ticket, now=turn.now, call_by=called_by(turn.session, ticket, now=turn.now)
        ),
    )


def _values(turn: Turn, ticket: Ticket) -> dict[str, Any]:
    return {
        "number": ticket.number,
        "title": turn.handbook.type_of(ticket.type).spoken,
        "state_title": turn.handbook.lifecycle.states[ticket.state],
        "class_title": turn.handbook.classes[ticket.deadline_class].title,
        "team_title": turn.handbook.teams[ticket.team].title,
        "due_words": due_words(turn, ticket),
    }


def tell(turn: Turn, ticket: Ticket, response: str, **more: Any) -> None:
    """Utter a text about a ticket, with its card."""
    turn.say(response, **{**_values(turn, ticket), **more})
    _show(turn, ticket)


def _step(turn: Turn, ticket: Ticket, step: str, **more: Any) -> None:
    desk.take_step(
        turn.session, turn.handbook, ticket, step, who="customer", now=turn.now, **more
    )


def _status(turn: Turn, ticket: Ticket) -> None:
    tell(turn, ticket, "utter_ticket_status")


def _urge(turn: Turn, ticket: Ticket) -> None:
    if ticket.state not in OPEN_STATES:
        _reopen(turn, ticket)
        return
    if in_no_hurry(turn.reading.text):
        _status(turn, ticket)
        return
    _step(turn, ticket, "urge", reason=turn.reading.text)
    raise_class(turn, ticket, turn.reading.text)
    tell(turn, ticket, "utter_ticket_urged")


def _cancel(turn: Turn, ticket: Ticket) -> None:
    asked = (turn.conversation.dialogue or {}).get("withdraw")
    if asked and keeps(turn.reading.text):
        withdraw(turn, desk.find_ticket(turn.session, asked))
        return
    if asked and turn.reading.facts.get("ticket_number", asked).upper() == asked:
        withdraw(turn, desk.find_ticket(turn.session, asked))
        return
    if ticket.state not in OPEN_STATES:
        tell(turn, ticket, "utter_ticket_status")
        return
    turn.conversation.dialogue = {"withdraw": ticket.number}
    tell(turn, ticket, "utter_confirm_withdraw")


def _supplement(turn: Turn, ticket: Ticket) -> None:
    words = re.sub(r"^(?:我)?(?:想|要)?(?:再)?(?:补充|追加)(?:一下|一点|说明|信息|内容)*[，,。：:\s]*", "", turn.reading.text)
    if len(words) < 4:
        ask_supplement(turn, ticket)
        return
    supplement(turn, ticket, words)


def ask_supplement(turn: Turn, ticket: Ticket) -> None:
    """Ask what is to be added to the ticket; the next message is."""
    turn.conversation.dialogue = {"supplement": ticket.number}
    turn.say("utter_ask_supplement", number=ticket.number)


def ask_anew(turn: Turn) -> bool:
    """Ask again what was asked about a ticket; False if nothing was."""
    state = turn.conversation.dialogue or {}
    for name, question in _ASKED.items():
        if name in state:
            tell(turn, desk.find_ticket(turn.session, state[name]), question)
            return True
    return False


def visit_wished(turn: Turn) -> Ticket | None:
    """Return the open ticket for whose visit the words are a wish; who has to come needs the address."""
    if not wishes_for_visit(turn.reading.text):
        return None
    for ticket in desk.tickets_of(turn.session, turn.conversation, open_only=True):
        visited = any("address" in group for group in turn.handbook.type_of(ticket.type).needs)
        if visited and wishes_for_visit(turn.reading.text, ticket.type):
            return ticket
    return None


def note_visit_wish(turn: Turn) -> bool:
    """Add a wish for the visit to the ticket that waits for one; False if it is none."""
    ticket = visit_wished(turn)
    if ticket is not None:
        supplement(turn, ticket, turn.reading.text)
    return ticket is not None


def supplement(turn: Turn, ticket: Ticket, words: str) -> None:
    """Add the customer's words to the ticket's history."""
    try:
        _step(turn, ticket, "supplement", reason=words)
    except IllegalStep:
        tell(turn, ticket, "utter_ticket_status")
        return
    raise_class(turn, ticket, words)
    # A number and nothing else, where we asked what is to be added, is the one to call.
    said, values = "utter_ticket_supplemented", {}
    asked = "supplement" in (turn.conversation.dialogue or {}) and only_number(words)
    bare = str(turn.reading.facts.get("phone_number") or "") if asked else ""
    secret = turn.office.settings.secret
    if number := change_numbers(turn.handbook, ticket, words, bare=bare, secret=secret):
        said, values = "utter_number_changed", {"phone": mask(number)}
    if wish := wished_time(words):
        ticket.facts = {**(ticket.facts or {}), "wished_time": wish}
    turn.conversation.dialogue = None
    tell(turn, ticket, said, **values)


def _reopen(turn: Turn, ticket: Ticket) -> None:
    if ticket.state in OPEN_STATES:
        _step(turn, ticket, "supplement", reason=turn.reading.text)
        _step(turn, ticket, "urge", reason=turn.reading.text)
        tell(turn, ticket, "utter_ticket_still_open")
        return
    if survey(turn, ticket, solved=False):
        return
    try:
        _step(turn, ticket, "reopen", reason=turn.reading.text or "客户反映未解决")
    except IllegalStep:
        turn.say("utter_reopen_too_late", number=ticket.number, days=_days_to_reopen(turn))
        return
    tell(turn, ticket, "utter_ticket_reopened")


def _days_to_reopen(turn: Turn) -> int:
    return int(turn.handbook.lifecycle.steps["reopen"].within_days or 0)


def _rate(turn: Turn) -> None:
    if survey(turn):
        return
    own = desk.tickets_of(turn.session, turn.conversation)
    ended = [t for t in own if t.state in {"resolved", "confirmed", "closed", "closed_unconfirmed"}]
    if not ended:
        low = score_in(turn.reading.text) in {1, 2} or _UNHAPPY.search(turn.reading.text)
        turn.say("utter_unhappy" if low else "utter_nothing_to_rate")
        return
    rate(turn, ended[0], score_in(turn.reading.text))


def rate(turn: Turn, ticket: Ticket, score: int | None) -> None:
    """Record the mark, or ask for one."""
    if score is None:
        turn.conversation.dialogue = {"rate": ticket.number}
        tell(turn, ticket, "utter_ask_rating")
        return
    turn.conversation.dialogue = None
    if survey(turn, ticket, score=score):
        return
    followup.rate_ended(
        turn.session, turn.handbook, ticket, score=score, words=turn.reading.text, now=turn.now,
        key=_key(turn),
    )
    _say_mark(turn, ticket, score)


def _say_mark(turn: Turn, ticket: Ticket, score: int) -> None:
    if score > turn.handbook.clock.closure.low_score:
        tell(turn, ticket, "utter_rated", score=score)
        return
    due = followup.improvement_due(turn.session, ticket, now=turn.now)
    if due is None:
        tell(turn, ticket, "utter_rated_low_noted", score=score)
    else:
        tell(turn, ticket, "utter_rated_low", score=score, improve_by=shown_time(due, now=turn.now))


def _key(turn: Turn) -> str | None:
    return f"message:{turn.reading.message_id}" if turn.reading.message_id else None


def survey(
    turn: Turn, ticket: Ticket | None = None, *, score: int | None = None, solved: bool | None = None
) -> bool:
    """Take the message as an answer to the open survey; False when it is none (3.5)."""
    asked = followup.just_asked(turn.session, turn.conversation)
    if solved is None and asked and read_answer(turn.reading.text).solved is None:
        solved = {"affirm": True, "deny": False}.get(turn.reading.type)
    if not asked and score is None and _mere_yes(turn) and followup.not_yet_asked(turn.session, turn.conversation):
        return False  # 嗯 answers no question that was not put
    outcome = followup.answer_survey(
        turn.session, turn.handbook, turn.conversation, now=turn.now, text=turn.reading.text,
        score=score, solved=solved, ticket=ticket, key=_key(turn),
    )
    if outcome.ticket is None or outcome.kind in {"none", "noted"}:
        return False
    turn.conversation.dialogue = None
    if outcome.kind == "closed":
        _say_mark(turn, outcome.ticket, outcome.score)
    elif outcome.kind == "reopened":
        tell(turn, outcome.ticket, "utter_ticket_reopened")
    else:
        turn.conversation.dialogue = {"rate": outcome.ticket.number} if outcome.kind == "ask_score" else None
        tell(turn, outcome.ticket, f"utter_survey_{outcome.kind}", score=outcome.score)
    return True


def _mere_yes(turn: Turn) -> bool:
    return says_yes(turn.reading) and len(turn.reading.text.strip()) <= SHORTEST_NO


WISHES = {
    "ticket_status": _status, "ticket_urge": _urge, "ticket_cancel": _cancel,
    "ticket_supplement": _supplement, "ticket_reopen": _reopen,
}


def keeps(text: str) -> bool:
    """Tell whether the words keep the ticket that was to be withdrawn: 算了还是不撤."""
    return bool(_KEEP.search(text))


def withdraw(turn: Turn, ticket: Ticket) -> None:
    """Withdraw the ticket if the customer agrees; else keep it."""
    turn.conversation.dialogue = None
    agreed = says_yes(turn.reading) or turn.reading.type == "ticket_cancel" or bool(BARE_WITHDRAWAL.search(turn.reading.text))
    if agreed and not (keeps(turn.reading.text) or _NOT_AGREED.search(turn.reading.text)):
        _step(turn, ticket, "withdraw", reason="客户确认撤单", confirmed=True)
        tell(turn, ticket, "utter_ticket_withdrawn")
    else:
        tell(turn, ticket, "utter_withdraw_kept")
