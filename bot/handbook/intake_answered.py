"""Chapter 3.1: what follows an answer from the knowledge table (已解答): enough, more of it, an order."""

from __future__ import annotations

import re
from dataclasses import replace

from bot.handbook import short_answers
from bot.handbook.intake_asides import (
    ASKS_FOR,
    LONGEST_BARE,
    corrected_type,
    more_of_the_story,
    switch,
)
from bot.handbook.intake_parts import QUESTION, SOLVED, Intake, IntakeTables, Reading, Say, Turn
from bot.handbook.intake_steps import (
    answer_to,
    asks,
    asks_how,
    end,
    follow_up,
    next_question,
    say_answer,
)
from bot.handbook.intake_story import take_in, words_besides
from bot.handbook.requests import RequestKind, Urgency
from bot.handbook.short_answers import says_no, says_yes

_REGISTER = re.compile(
    r"(?:帮我|要|需要|给我|请)(?:登记|查|核实|处理|办)|解决(?:了)?个[屁鬼头毛锤球]|没(?:有)?(?:解决|用|弄好|搞懂|看懂|听懂)|还是(?:不|没)"
)
# Said after an answer: it is to be done now.
_DO_IT = re.compile(
    r"(?:那|好的?|行|嗯|就)*[,，\s]*(?:我|帮我|给我)?(?:现在|马上)?(?:就)?(?:要|想|需要)?(?:办|开|订|转|装|换|移|补|过户|改)(?:理|通|一个|一下|吧|这个|了)*[。！!]*"
)
_ONLY_ASKED = re.compile(r"(?:就|只)是?(?:想|先|随便)?问(?:问|一问|一下|下)(?!题)(?!.*(?:登记|投诉|报))")
NO_REQUEST = frozenset({"unclear", "nlu_fallback", "inform"})
_GOES_ON_ASKING = re.compile(rf"{QUESTION.pattern}|呢[?？。]*$")
_ORDER_OF = {"plan_consult": "plan_change"}


def answered(intake: Intake, reading: Reading, tables: IntakeTables) -> Turn:
    """Take what is said after an answer from the knowledge table: enough, more, or something else."""
    meant = corrected_type(intake, reading, tables)
    if meant is not None:
        return switch(intake, replace(reading, type=meant.id), meant, tables)
    if len(reading.text) <= LONGEST_BARE and _DO_IT.fullmatch(reading.text.strip()):
        return _ordered(intake, reading, tables)
    if short_answers.registers_nothing(reading.text) or (_ONLY_ASKED.search(reading.text) and not asks(reading.text)):
        return end(intake, "done")
    other = tables.types.get(reading.type)
    wants_more = bool(_REGISTER.search(reading.text))
    if not wants_more and (short_answers.gives_up(reading.text) or short_answers.is_enough(reading.text)):
        return end(intake, "done")
    asks_on = bool(_GOES_ON_ASKING.search(reading.text.strip()))
    if not wants_more and asks_on and reading.type in NO_REQUEST:
        answer = follow_up(intake, reading, tables)
        if answer is not None:
            take_in(intake, reading)
            return Turn(says=(say_answer(intake, answer),), ask=SOLVED)
    wants_more = wants_more or says_no(reading)
    asked_back = NO_REQUEST | {"ticket_reopen", "ticket_supplement"}
    if wants_more or (reading.type in asked_back and not says_yes(reading)):
        return _registered(intake, reading, tables)
    if reading.type == "out_of_scope" and not ASKS_FOR.search(reading.text):
        # 手机换新的了 goes on with what was asked.
        return _registered(intake, reading, tables)
    if says_yes(reading) or reading.type in {"thanks", "goodbye", "rate_service", "praise"}:
        return end(intake, "done")
    if other is not None and other.kind.is_request:
        asks_more = asks_on or other.kind is RequestKind.CONSULT or asks_how(reading, other)
        if other.id == intake.type and asks_more:
            return _asked_more(intake, reading, tables)
        if other.id == intake.type:
            return _ordered(intake, reading, tables)
        story = more_of_the_story(intake, reading, other, tables) if other.id != intake.type else None
        return story or end(intake, "switch")
    if reading.facts:
        return _registered(intake, reading, tables)
    return end(intake, "elsewhere")


def _registered(intake: Intake, reading: Reading, tables: IntakeTables) -> Turn:
    """Take down what the answer did not settle; who gives what it asked for is not told sorry."""
    given = bool(reading.facts) and not words_besides(reading)
    take_in(intake, reading)
    said = "utter_noted" if given else "utter_answer_not_enough"
    return next_question(intake, tables, says=(Say(said),))


def _ordered(intake: Intake, reading: Reading, tables: IntakeTables) -> Turn:
    """Take down what was only asked about so far."""
    order = tables.types[_ORDER_OF.get(intake.type, intake.type)]
    intake.asking = None
    return switch(intake, reading, order, tables)


def _asked_more(intake: Intake, reading: Reading, tables: IntakeTables) -> Turn:
    """Answer one more question of the same kind, or take it down."""
    answer = answer_to(reading, tables)
    take_in(intake, reading)
    calm = reading.urgency is Urgency.GENERAL
    if calm and answer is not None and answer.id not in intake.asked:
        return Turn(says=(say_answer(intake, answer),), ask=SOLVED)
    return next_question(intake, tables, says=(Say("utter_answer_not_enough"),))
