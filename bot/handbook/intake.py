"""Chapter 3.1: the intake (接入登记), one customer turn at a time.

`begin` and `advance` take what was understood of a message and say what comes next: which
texts to say, which fact to ask for, or that the intake is over and how. They ask only for
missing facts, one at a time, twice again at most, and then offer a person.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from bot.handbook import intake_numbers as numbers
from bot.handbook import short_answers
from bot.handbook.intake_answered import NO_REQUEST, answered
from bot.handbook.intake_asides import (
    LONGEST_BARE,
    aside,
    asks_after_ticket,
    denies,
    is_the_same,
    other_request,
    put_aside,
    self_corrected,
)
from bot.handbook.intake_confirm import confirming, correcting, house_mended
from bot.handbook.intake_moves import keep_places, moves, of_move, with_both_places
from bot.handbook.intake_parts import (
    CONFIRM,
    CORRECTION,
    EARLIER_PLACE,
    NOT_GIVEN,
    OFFER,
    QUESTION,
    SOLVED,
    SURE,
    Intake,
    IntakeTables,
    Reading,
    Say,
    Turn,
    only_marks,
    put_by,
    reading_of,
)
from bot.handbook.intake_places import (
    LONGEST_FACT,
    cannot_be_place,
    is_place,
    only_address,
    place_in_parts,
    place_said,
    region_said,
    regions_joined,
    same_place,
    whole_place,
)
from bot.handbook.intake_steps import (
    ANSWER_FITS,
    FIRST_AID,
    OWN_WORDS,
    acknowledge,
    answer_beside,
    answer_to,
    ask,
    ask_again,
    asks,
    asks_how,
    end,
    next_question,
    note_wished_time,
    noted,
    of_loss,
    only_asks,
    raise_by_words,
    repeat,
    say_answer,
    sympathy,
)
from bot.handbook.intake_story import (
    OF_LOSS,
    adds_to_ticket,
    corrects,
    found_again,
    take_in,
    tells_more,
    with_needs,
    with_roles,
    withdraws_ticket,
    words_besides,
)
from bot.handbook.one_story import ALSO, fitting
from bot.handbook.queue_words import wants_no_person
from bot.handbook.requests import RequestKind, Urgency
from bot.handbook.short_answers import says_no, says_yes
from bot.handbook.subjects import asks_fee, asks_fee_too

__all__ = [
    "ANSWER_FITS", "CONFIRM", "CORRECTION", "NOT_GIVEN", "OFFER", "SOLVED", "Intake",
    "IntakeTables", "Reading", "Say", "Turn", "advance", "begin", "put_by", "reading_of",
    "says_no", "says_yes",
]

FREE_FACTS = frozenset({"address", "detail", "name", "since"})

_PRAISES = re.compile(r"(?:不是|不要|没)(?:要|想)?投诉[^，,。]{0,3}[，,。！!\s]*(?:是|要|我要|想)*(?:表扬|夸|感谢|谢谢)")
# 几个人来, 派人来修不: a person is wished for at home, and none to talk to.
_OF_WHO_COMES = re.compile(r"(?:几|多少)个?(?:人|师傅)|(?:派|叫|让|安排|有没有?)(?:个|人|师傅)+[^，,。]{0,3}(?:来(?!听|接|说|谈|回)|上门|修)|有没?有?人(?:会)?(?:给我)?(?:打|联系|回)")
LONGEST_PLACE = 40  # characters of a place in which none is found
LONGEST_DENIAL = 16  # characters; who says more tells what is wanted besides
LEAST_ELSE = 4  # characters besides giving up that can be another wish
# 算了我重新说 开发票，抬头是…
_ANEW = re.compile(
    r"^(?:算了|那|好吧|不对|等等|听|[，,。\s])*(?:我|让我)?(?:(?:重新|从头)(?:再)?说(?:一遍|一下|一次|吧|哈|啊)*|再说一遍)[，,：:。\s]+(.{6,})$", re.S
)
_WANTS_ELSE = re.compile(r"[，,\s](?:就是|只是|只要|我就|改成|换成).{4}")
_KNOWN_BY_HEART = frozenset({"phone_number", "address", "broadband_account"})
_UNKNOWN = re.compile(r"^(?:我|俺)?(?:也|都|真)?(?:不|没)(?:太)?(?:知道|清楚|晓得|记得)|^(?:我)?(?:忘|记不)")
MOBILE_SHORT = 9  # digits of what is meant as a mobile number
_DIGITS = re.compile(r"[\d\s\-+]{4,}")
_THAT = re.compile(
    r"(?:那|好的?|行|嗯|就)*[,，\s]*(?:就)?(?:我|帮我|给我|替我)(?:现在|马上)?(?:就)?(?:要|想)?(?:办|开|弄)(?:理|通|一个|一下|吧|这个|上|好|了)*[。！!]*"
)


def begin(
    reading: Reading, tables: IntakeTables, *, key: str, known: Mapping[str, str] | None = None
) -> tuple[Intake, Turn]:
    """Start an intake from the message that named the request; `known` facts are not asked again."""
    reading = self_corrected(reading, tables)
    intake = Intake(
        type=reading.type, key=key, confidence=reading.confidence, message_id=reading.message_id,
        of_line=numbers.of_line(tables.types[reading.type]),
    )  # fmt: skip
    sorry = sympathy(intake, reading)
    reading = with_roles(intake, reading)
    reading, places = of_move(reading) if moves(tables.types[reading.type]) else (reading, {})
    keep_places(intake, places)
    take_in(intake, reading)
    for name, value in (known or {}).items():
        if name == EARLIER_PLACE:
            intake.earlier_place = value
        else:
            intake.facts.setdefault(name, value)
    note_wished_time(intake, reading, tables)
    raise_by_words(intake, tables)
    request_type, urgency = tables.types[reading.type], Urgency(intake.urgency)
    told = request_type.id in OWN_WORDS and not QUESTION.search(reading.text)
    consults = request_type.kind is RequestKind.CONSULT or asks_how(reading, request_type)
    if consults and not told and urgency is Urgency.GENERAL:
        answer = answer_to(reading, tables)
        if answer is None and only_asks(reading.text):
            answer = answer_beside(reading, reading.type, tables)
        if answer is not None:
            intake.asking = SOLVED
            return intake, Turn(says=(*sorry, say_answer(intake, answer)), ask=SOLVED)
    more = of_loss(intake, reading, tables)
    if request_type.kind is RequestKind.ORDER and asks_fee_too(reading.text):
        more = (Say("utter_fee"), *more)
    return intake, next_question(intake, tables, says=(*sorry, acknowledge(request_type, urgency), *more))


def advance(intake: Intake, reading: Reading, tables: IntakeTables) -> Turn:
    """Take in one more message of the customer and decide the bot's turn."""
    before, sorry = intake.urgency, sympathy(intake, reading)
    turn = _advance(intake, reading, tables)
    turn = replace(turn, says=(*sorry, *turn.says)) if sorry else turn
    if intake.type not in tables.types or not tables.types[intake.type].kind.is_request:
        return turn
    note_wished_time(intake, reading, tables)
    raise_by_words(intake, tables)
    became_urgent = before != intake.urgency == Urgency.URGENT.value
    told = any(said.response.startswith("utter_acknowledge_urgent") for said in turn.says)
    if became_urgent and intake.type in FIRST_AID and not told:
        return replace(turn, says=(Say(f"utter_first_aid_{intake.type}"), *turn.says))
    return turn


def _advance(intake: Intake, reading: Reading, tables: IntakeTables) -> Turn:
    intake.last_message = reading.message_id
    reading = with_roles(intake, reading)
    no_person = _OF_WHO_COMES.search(reading.text) or wants_no_person(reading.text)
    if reading.type == "request_human" and not no_person:
        return end(intake, "human")
    if only_marks(reading.text):
        # It counts, so that a person is offered in the end; but nothing was said that was not understood.
        return replace(ask_again(intake, says=(Say("utter_listening"),)), again=False)
    if not reading.has_words:
        return ask_again(intake, says=(Say("utter_text_only"),))
    added = intake.earlier and intake.asking != CONFIRM and adds_to_ticket(reading.text)
    if added or (intake.same_as and is_the_same(reading, tables)):
        intake.words.append(reading.text)
        return end(intake, "same")
    if (anew := _ANEW.match(reading.text)) and not reading.facts.get("phone_number"):
        return _told_anew(intake, replace(reading, text=anew[1]), tables)
    known = tables.types.get(intake.type)
    kind = known.kind if known is not None else None
    works = kind is RequestKind.FAULT and short_answers.works_again(reading.text)
    if works and intake.asking != CONFIRM and not reading.facts:
        return end(intake, "cancel")
    order = known if kind is RequestKind.ORDER and intake.type != "vas_cancel" else None
    denied = order is not None and len(reading.text) <= LONGEST_DENIAL and denies(reading.text, order)
    if denied and intake.asking != SOLVED:
        return end(intake, "switch" if other_request(intake, reading, tables) else "cancel")
    if withdraws_ticket(reading):
        return end(intake, "named")
    if kind is RequestKind.COMPLAINT and _PRAISES.search(reading.text):
        return end(intake, "praised")
    told = _KNOWN_BY_HEART & set(reading.facts)  # 算了 我地址是… goes on after all
    if intake.asking not in {SOLVED, OFFER} and not told and _gives_up(intake, reading):
        return end(intake, _instead(intake, reading, tables))
    handlers = {CONFIRM: confirming, OFFER: _offered, SOLVED: answered, CORRECTION: correcting}
    return with_both_places(handlers.get(intake.asking or "", _gathering), intake, reading, tables)


def _told_anew(intake: Intake, reading: Reading, tables: IntakeTables) -> Turn:
    """Take what is told anew in place of what was told; numbers and places stay."""
    intake.story.clear()
    intake.facts.pop("detail", None)
    intake.asking = None
    take_in(intake, reading)
    return next_question(intake, tables, says=(Say("utter_updated"),))


def _instead(intake: Intake, reading: Reading, tables: IntakeTables) -> str:
    """Name the outcome of words that give up one thing: 不投诉了，就是卡给不给我补 wants another."""
    left = short_answers.besides_giving_up(reading.text)
    more = len(left) >= LEAST_ELSE and left[0] not in "不没别"
    if not more and not _WANTS_ELSE.search(reading.text):
        return "cancel"
    other = other_request(intake, reading, tables)
    # 算了我自己去营业厅问 wants nothing of us.
    if other is not None and (other.kind is not RequestKind.CONSULT or asks(left)):
        return "switch"
    return "elsewhere" if asks_after_ticket(reading, tables) else "cancel"


def _gives_up(intake: Intake, reading: Reading) -> bool:
    undoes = intake.type in {"vas_cancel", "close_account", "plan_change", "ticket_cancel"}
    if intake.type in OF_LOSS and found_again(reading.text):
        return True
    # Who only leaves no number (不用留电话了吧) gives nothing up.
    no_number = intake.asking == "phone_number" and numbers.KEEPS_NUMBER.search(reading.text)
    if reading.type == "ticket_cancel" and not undoes and not no_number:
        return True
    return short_answers.gives_up(reading.text, undoes=undoes)


def _gathering(intake: Intake, reading: Reading, tables: IntakeTables) -> Turn:
    wanted = intake.asking or ""
    needs = with_needs(tables.types[intake.type], intake).needs
    group = next((g for g in needs if wanted in g), (wanted,))
    if wanted == "address" and (place := same_place(reading.text, intake.earlier_place)):
        take_in(intake, reading)
        intake.facts["address"] = place
        return next_question(intake, tables)
    answered = any(reading.facts.get(name) for name in group)
    if answered or _accepts(intake, reading, wanted, tables):
        other = other_request(intake, reading, tables)
        if wanted == "detail" and other is not None and intake.words:
            known = tables.types[intake.type]
            if known.kind is other.kind is RequestKind.COMPLAINT:
                # 没经我同意开的 told first, 把钱还我 as what is demanded: the money decides.
                intake.type = fitting(intake.words[0], known, reading.text, other).id
        take_in(intake, reading)
        whole = whole_place(reading) if wanted == "address" else ""
        if wanted == "address" and (parts := place_in_parts(reading.text)):
            intake.facts["address"] = parts[:LONGEST_FACT]
        elif whole:
            intake.facts["address"] = place_said(whole)
        elif not answered or (wanted == "address" and only_address(reading)):
            # The pattern may have caught only the district of a longer address.
            said = place_said(reading.text) if wanted == "address" else reading.text.strip()
            if wanted == "detail":
                said = "，".join((*intake.story, said))
            intake.facts[wanted] = said[:LONGEST_FACT]
        if wanted == "address" and intake.region:
            intake.facts["address"] = _with_region(intake.region, intake.facts["address"])
        if answered and not only_address(reading) and other is not None and ALSO.search(reading.text):
            return next_question(intake, tables, says=put_aside(intake, reading, other))
        return next_question(intake, tables)
    if (special := _of_the_fact(intake, reading, tables, wanted)) is not None:
        return special
    # 那帮我开一个 in the middle of an order means what is being ordered.
    bare = len(reading.text) <= LONGEST_BARE and _THAT.fullmatch(reading.text.strip())
    ordered = bare and tables.types[intake.type].kind is RequestKind.ORDER
    between = None if ordered else aside(intake, reading, tables)
    if between is not None:
        return between
    if ordered or reading.facts or tells_more(intake, tables.types[intake.type], reading):
        if not _KNOWN_BY_HEART & set(reading.facts):
            # It is no answer, so it is part of the story.
            intake.asking = None
        take_in(intake, reading)
        # What was told is no failed answer: the question stays in its first wording.
        said = "utter_updated" if reading.facts and corrects(reading.text) else noted(reading)
        return replace(next_question(intake, tables, says=(Say(said),)), again=False)
    return ask_again(intake)


def _of_the_fact(intake: Intake, reading: Reading, tables: IntakeTables, wanted: str) -> Turn | None:
    """Take what is said about the number or the place that is asked for without giving it."""
    if wanted == "address" and (region := region_said(reading)):
        # 江津的嘛: a part of it, and no failed answer.
        intake.words.append(reading.text)
        if intake.region:
            intake.facts["address"] = regions_joined(intake.region, region)
            return next_question(intake, tables)
        intake.region = region
        return repeat(intake, says=(Say("utter_noted"),))
    if wanted != "address" and intake.facts.get("address") and house_mended(intake, reading.text):
        intake.words.append(reading.text)
        return repeat(intake, says=(Say("utter_updated"),))
    if wanted == "phone_number" and numbers.ANOTHERS_WILL_DO.search(reading.text):
        return repeat(intake, says=(Say("utter_any_number"),))
    if wanted == numbers.CALLED and numbers.LINE in intake.facts and numbers.same_as_line(reading.text):
        intake.facts[numbers.CALLED] = intake.facts[numbers.LINE]
        return next_question(intake, tables)
    if wanted == numbers.CALLED and numbers.points_at_caller(reading.text):
        return repeat(intake, says=(Say("utter_caller_unseen"),))
    if wanted == "phone_number" and numbers.KEEPS_NUMBER.search(reading.text):
        return _without(intake, reading, tables, wanted)
    if wanted in _KNOWN_BY_HEART and _UNKNOWN.search(reading.text):
        return _without(intake, reading, tables, wanted)
    if wanted == "phone_number" and _DIGITS.fullmatch(reading.text.strip()):
        # A number with a digit too few is no more of the story.
        count = len(re.sub(r"\D", "", reading.text))
        counted = Say("utter_number_of_digits", {"count": count})
        return ask_again(intake, says=(counted,) if count >= MOBILE_SHORT else ())
    return None


def _with_region(region: str, place: str) -> str:
    """Put a region that was told by its bare name before the place, unless it is there."""
    return place if region[:2] in place else f"{region}{place}"[:LONGEST_FACT]


def _without(intake: Intake, reading: Reading, tables: IntakeTables, wanted: str) -> Turn:
    """Go on without a number or place where nothing may wait; else say what is possible."""
    take_in(intake, reading)
    safety = tables.types[intake.type].kind is RequestKind.SAFETY
    if safety or intake.urgency == Urgency.URGENT.value:
        intake.facts[wanted] = NOT_GIVEN
        return next_question(intake, tables, says=(Say("utter_noted"),))
    intake.facts["stuck"] = wanted
    return ask(intake, OFFER)


def _accepts(intake: Intake, reading: Reading, wanted: str, tables: IntakeTables) -> bool:
    """Tell whether a free-text fact may be filled with the whole message."""
    if wanted not in FREE_FACTS or len(words_besides(reading)) < 2:
        return False
    if wanted != "detail" and len(reading.text.strip()) > 300:
        return False
    too_long = len(reading.text) > LONGEST_PLACE and not reading.text.isascii()  # English takes more
    if wanted == "address" and too_long and not reading.facts.get("address"):
        return False
    if wanted == "address" and not is_place(reading.text):
        # 杭州滨江, 幸福里南门: asked once more, a place is what the customer calls one.
        asked_twice = intake.asked.get("address", 0) > 1 and reading.type in {*NO_REQUEST, intake.type}
        if not asked_twice or cannot_be_place(reading.text):
            return False
    in_danger = wanted == "detail" and intake.type in FIRST_AID and asks(reading.text)
    if in_danger and answer_beside(reading, intake.type, tables, known=intake.asked):
        return False  # 钱能追回来吗 is answered, and tells nothing of what happened
    other = tables.types.get(reading.type)
    if reading.type in {"inform", "unclear", "nlu_fallback", intake.type}:
        return not (wanted == "address" and QUESTION.search(reading.text))
    if wanted == "detail":
        told = {"ticket_supplement", "out_of_scope", "chitchat", "praise"}
        return other is None or other.kind.is_request or reading.type in told
    return reading.confidence < SURE and not QUESTION.search(reading.text)


def _offered(intake: Intake, reading: Reading, tables: IntakeTables) -> Turn:
    stuck = str(intake.facts.get("stuck", ""))
    given = reading.facts.get(stuck)
    if says_yes(reading) and not short_answers.goes_on(reading.text):
        return end(intake, "human")
    if stuck in {CONFIRM, CORRECTION} and short_answers.submits(reading.text):
        return end(intake, "open")
    if asks_fee(reading.text):
        return repeat(intake, says=(Say("utter_fee"),))
    declines = says_no(reading) or short_answers.goes_on(reading.text)
    if not declines and _gives_up(intake, reading):
        return end(intake, "cancel")
    if given is None and not declines and not reading.facts:
        if intake.asked.get(OFFER, 0) > 1:
            return end(intake, "open")
        return ask(intake, OFFER)
    take_in(intake, reading)
    intake.facts.pop("stuck", None)
    if stuck in {CONFIRM, CORRECTION}:
        return end(intake, "open")
    if stuck != SOLVED:
        told = intake.region if stuck == "address" else ""
        intake.facts.setdefault(stuck, given or told or NOT_GIVEN)
    return next_question(intake, tables)
