"""Chapter 3.1: the single moves of an intake (接入登记): ask, ask again, answer, end."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import replace

from bot.handbook.distress import in_mourning
from bot.handbook.intake_parts import (
    CONFIRM,
    OFFER,
    QUESTION,
    Intake,
    IntakeTables,
    Reading,
    Say,
    Turn,
)
from bot.handbook.intake_story import still_missing
from bot.handbook.knowledge import KnowledgeEntry, best_answers
from bot.handbook.requests import RequestKind, RequestType, Urgency
from bot.handbook.urgency import raise_urgency, signals
from bot.handbook.wished_time import drops_time, wished_time

MOST_REASKS = 2
ANSWER_FITS = 0.44
# Urgent ones in which the customer must be told what to do at once.
FIRST_AID = frozenset({"fraud_report", "report_hazard"})
# What a customer gives us is not acknowledged in the words for what he wants of us.
OWN_WORDS = frozenset({"suggestion"})
# A question is answered from the entries of its own matter; from those on how we call and answer
# where it fits well, from any where it fits exactly.
OWN_FITS, NEARLY, EXACTLY = 0.5, 0.6, 0.85
NEARER = 0.15  # how much better an entry of another matter must fit
HOW_WE_ANSWER = "store_info"
MOST_ASKED = 3  # questions in one message
LEAST_ASKED, LEAST_ELSEWHERE = 2, 3  # characters that say what is asked; of another matter
_REPROACHES = re.compile(r"为什么|为啥|凭什么|凭啥|怎么(?:还|又|老|总)")  # must fit well to be a question
# 能不能把钱退给我 wishes for something, and asks nothing.
_WISHES = re.compile(r"(?:能不能|可不可以|可以|能否|能)(?:先|就)?(?:帮我|给我退|把|替我|退给|退我|让)")
_ASKS_NOTHING = re.compile(
    r"那个?|这个?|啥子?|什么|甚么|怎么(?:办|弄)?|咋[办弄个]?|到底|(?:行不|能不|会不|来不|要不|是不|可不可)[行能会来要是以]|可以|现在|今天|明天|后天|晚上|早上|[上下]午|周末|网上"
    r"|多少天|多久|几[点天时]|什么时候|啥时候|谁|[呢吗么呀啊吧嘛的了我你您们是能会要来办不?？。，,！!\s]"
)
_CONSULT_OF = {"plan_change": "plan_consult"}
_MOURNED = " 机主去世"
_LOSS, _OF_CARDS = "loss_report", frozenset({"suspend_resume", "sim_replace"})
_LOST_CARD = re.compile(r"被(?:人)?(?:偷|捡|拿)|被盗|(?<!流量)偷了|捡走|盗用|别人手里")
_FOUND_CARD = re.compile(r"没被|以为|找到|我(?:在[^，,。]{1,8})?捡|流量|话费|恢复")
# What was said earlier than this many messages ago is another matter.
WORDS_HEARD = 8


# How an answer ends that offers to register: 如需代查，请回复“没解决”，我为您登记。
_OFFERS = re.compile(r"(?<=。)[^。]*(?:为您登记|为您核对|请回复|请告诉我|请提供|请补充)[^。]*。$")
# Where one question ends and another begins.
_BETWEEN = re.compile(r"(?<=[?？])|[，,。；;！!\s]+|还有就?是?|另外|顺便(?:再)?问(?:一下|下)?|再问(?:一下|下)?")
_HOW = re.compile(
    r"怎么(?:样)?(?:才能)?(?:办|弄|开|转|查|改|申请|操作|取消|退|换|激活|携|销|过户|补|充|交|缴|移|装|收费)|如何|流程|手续|步骤"
    r"|(?:需要|要|带)(?:带)?(?:什么|哪些|啥)|什么(?:条件|材料|证件)|有(?:什么)?条件|在哪(?:里|儿)?(?:办|交|充|开)"
)
# 是个什么会员 tells of something; these ask.
_ASKS = re.compile(
    r"[?？]|[吗么呢]$|多少钱|多久|有(?:什么|啥|哪些)|有.{1,6}没有|收不收|会不会|哪[个些]|为什么|为啥|几点|何时|怎么(?:办|弄|交|充|改|查|开|退|取消|联系|算)|能不能|行不行|可不可以|可以不|要不要|要钱不|([\u4e00-\u9fff])不\1|几[个位次]|谁|[钱费来去行好有在能要是退办用开收给改]不[?？]?$"
)
_ONLY_ASKS = re.compile(r"(?:不用|不要|别|不)(?:给我|帮我)?登记|(?:就|只|只是|就是)(?:想)?问(?:一下|问|下|个)")
_IN_VAIN = re.compile(r"还没|怎么还|不给|不让|不了|没到|没成功|失败|为什么|凭什么|投诉|丢了|断了|坏了|错了")


def tone(request_type: RequestType, urgency: Urgency) -> str:
    """Name the acknowledgement that fits a request."""
    if urgency is Urgency.URGENT:
        return f"urgent_{request_type.id}" if request_type.id in FIRST_AID else "urgent"
    if request_type.id in OWN_WORDS:
        return request_type.id
    return request_type.kind.value


def acknowledge(request_type: RequestType, urgency: Urgency) -> Say:
    """Say that the request is understood, in its tone."""
    return Say(f"utter_acknowledge_{tone(request_type, urgency)}", {"title": request_type.spoken})


def sympathy(intake: Intake, reading: Reading) -> tuple[Say, ...]:
    """Say a word of sympathy, once, to who tells of a death in the family."""
    told = any(map(in_mourning, intake.words))
    return (Say("utter_condolence"),) if in_mourning(reading.text) and not told else ()


def end(intake: Intake, outcome: str, says: tuple[Say, ...] = ()) -> Turn:
    """End the intake."""
    intake.outcome, intake.asking = outcome, None
    return Turn(says=says, outcome=outcome)


def next_question(intake: Intake, tables: IntakeTables, says: tuple[Say, ...] = ()) -> Turn:
    """Ask for the next missing fact, or for the confirmation."""
    missing = still_missing(intake, tables.types[intake.type])
    if not missing:
        return ask(intake, CONFIRM, says)
    return ask(intake, missing[0], says)


def ask(intake: Intake, what: str, says: tuple[Say, ...] = ()) -> Turn:
    """Ask for one thing; after two vain re-asks offer a person instead."""
    intake.asking = what
    count = intake.asked.get(what, 0)
    intake.asked[what] = count + 1
    if count > MOST_REASKS and what != OFFER:
        intake.facts["stuck"] = what
        return ask(intake, OFFER, says)
    return Turn(says=says, ask=what, again=count > 0)


def ask_again(intake: Intake, says: tuple[Say, ...] = ()) -> Turn:
    """Ask the same again."""
    return ask(intake, intake.asking or CONFIRM, says)


def repeat(intake: Intake, says: tuple[Say, ...]) -> Turn:
    """Ask the same again without counting it: the customer said something sensible."""
    return Turn(says=says, ask=intake.asking)


def confirm_anew(intake: Intake, response: str = "utter_updated") -> Turn:
    """Read back what has changed."""
    intake.asking = CONFIRM
    return Turn(says=(Say(response),), ask=CONFIRM)


def noted(reading: Reading) -> str:
    """Name the text for what was taken down: a question is answered later, and that is said."""
    asks = _ASKS.search(reading.text.strip()) and not reading.facts
    return "utter_question_noted" if asks else "utter_noted"


def answer_to(reading: Reading, tables: IntakeTables) -> KnowledgeEntry | None:
    """Find the entry of the knowledge table that answers the message."""
    text = _with_loss(reading.text)
    found = best_answers(tables.knowledge.values(), text, request_type=reading.type, most=1)
    if found and found[0][1] >= ANSWER_FITS:
        return found[0][0]
    return None


def _with_loss(text: str, said: Sequence[str] = ()) -> str:
    """Return a question with the death that it, or what was said before it, tells of."""
    return f"{text}{_MOURNED}" if any(map(in_mourning, (*said, text))) else text


def asks(text: str) -> bool:
    """Tell whether words ask something."""
    return bool(QUESTION.search(text) or _ASKS.search(text.strip()))


def questions_in(text: str) -> tuple[str, ...]:
    """Return the questions of a message that asks two things or three: 多久能修好？要收费吗."""
    parts = [part.strip() for part in _BETWEEN.split(text)]
    asked = tuple(part for part in parts if part and asks(part))
    return asked if 1 < len(asked) <= MOST_ASKED else ()


def answer_beside(
    reading: Reading, type: str, tables: IntakeTables, *, said: Sequence[str] = (), known: Container[str] = ()
) -> KnowledgeEntry | None:
    """Find the answer to a question that comes up beside a matter of some type: 师傅来几个人, 要带什么.

    What is `known` already is not told again; the words `said` before may tell of a death.
    """
    left = len(_ASKS_NOTHING.sub("", reading.text))
    if left < LEAST_ASKED or _WISHES.search(reading.text):
        return None
    text = _with_loss(reading.text, said)
    mourns = text != reading.text
    own = {type, _CONSULT_OF.get(type, type)}
    if tables.types[type].kind is RequestKind.FAULT:
        own |= {name for name, each in tables.types.items() if each.kind is RequestKind.FAULT}
    fitting = [
        (fit + NEARER * (entry.type in own), entry)
        for entry, fit in best_answers(tables.knowledge.values(), text, most=8)
        if entry.id not in known
        and (fit >= NEARLY or not _REPROACHES.search(reading.text))
        and (mourns or _MOURNED[-2:] not in entry.title)
        and (entry.type in own or left >= LEAST_ELSEWHERE)
        and fit >= (OWN_FITS if entry.type in own else NEARLY if entry.type in _near(reading) else EXACTLY)
    ]
    return max(fitting, key=lambda each: each[0])[1] if fitting else None


def _near(reading: Reading) -> tuple[str, str]:
    return reading.type, HOW_WE_ANSWER


def say_answer(intake: Intake, entry: KnowledgeEntry) -> Say:
    """Say an answer; asked again, the same answer is no help."""
    intake.asked[entry.id] = 1
    return Say("utter_knowledge", {"answer": entry.answer, "entry": entry.id})


def say_aside(intake: Intake, entry: KnowledgeEntry) -> Say:
    """Say an answer in the middle of an intake: its offer to register is of no use there."""
    said = say_answer(intake, entry)
    return replace(said, values={**said.values, "answer": said_aside(entry)})


def said_aside(entry: KnowledgeEntry) -> str:
    """Return an answer without its offer to register, which is of no use beside a registration."""
    return _OFFERS.sub("", entry.answer) or entry.answer


def of_loss(intake: Intake, reading: Reading, tables: IntakeTables) -> tuple[Say, ...]:
    """Tell at once how a card in other hands is stopped: that does not wait for the ticket."""
    entry = tables.knowledge.get(_LOSS)
    lost = intake.type in _OF_CARDS and _LOST_CARD.search(reading.text) and not _FOUND_CARD.search(reading.text)
    return (say_aside(intake, entry),) if lost and entry is not None else ()


def asks_how(reading: Reading, request_type: RequestType) -> bool:
    """Tell whether an order is asked about rather than wished for: 怎么携号转网, 过户要什么材料."""
    if request_type.kind is not RequestKind.ORDER or _IN_VAIN.search(reading.text):
        return False
    return bool(_HOW.search(reading.text)) or only_asks(reading.text)


def only_asks(text: str) -> bool:
    """Tell whether words ask and want nothing registered: 就问一下，不用登记，5G能不能改回4G."""
    return bool(_ONLY_ASKS.search(text)) and asks(text)


def follow_up(intake: Intake, reading: Reading, tables: IntakeTables) -> KnowledgeEntry | None:
    """Find the answer to a question that goes on from the last one: 周日呢, 怎么换."""
    entries, text = tables.knowledge.values(), reading.text
    found = best_answers(entries, text, request_type=intake.type, most=1)
    if tables.types[intake.type].kind is RequestKind.CONSULT:
        # 怎么换 after a question about points is answered by the entry on what is on offer for them.
        consult = [e for e in entries if tables.types[e.type].kind is RequestKind.CONSULT]
        found += best_answers(consult, f"{intake.words[0]} {text}" if intake.words else text)
    return next((e for e, fit in found if fit >= ANSWER_FITS and e.id not in intake.asked), None)


def note_wished_time(intake: Intake, reading: Reading, tables: IntakeTables) -> None:
    """Keep the time for which the customer wishes; the last one said counts."""
    kind = tables.types[intake.type].kind
    order, complains = kind is RequestKind.ORDER, kind is RequestKind.COMPLAINT
    if drops_time(reading.text):
        intake.facts.pop("wished_time", None)
    elif wish := wished_time(reading.text, order=order, complains=complains):
        intake.facts["wished_time"] = wish


def raise_by_words(intake: Intake, tables: IntakeTables) -> None:
    """Raise the urgency by what was said over several messages: 断了 in one, 五天了 in the next."""
    kind = tables.types[intake.type].kind
    found = signals("，".join(intake.words[-WORDS_HEARD:]), tables.signals, kind=kind)
    intake.urgency = raise_urgency(Urgency(intake.urgency), found).value
    intake.signals.extend(each.title for each in found if each.title not in intake.signals)
