"""Chapter 3.1: what comes in between during an intake: questions, small talk, other requests."""

from __future__ import annotations

import re
from dataclasses import replace

from bot.handbook.intake_parts import (
    QUESTION,
    SOLVED,
    SURE,
    Intake,
    IntakeTables,
    Reading,
    Say,
    Turn,
    put_by,
)
from bot.handbook.intake_steps import (
    FIRST_AID,
    acknowledge,
    answer_beside,
    answer_to,
    ask_again,
    asks,
    next_question,
    questions_in,
    repeat,
    say_answer,
    say_aside,
)
from bot.handbook.intake_story import (
    CORRECTS,
    LEAST_ADDITION,
    adds_to_ticket,
    needs_story,
    take_in,
)
from bot.handbook.knowledge import KnowledgeEntry
from bot.handbook.one_story import ALSO, belongs, fitting
from bot.handbook.requests import RequestKind, RequestType, Urgency
from bot.handbook.short_answers import works_again
from bot.handbook.subjects import asks_fee, asks_fee_too, line_named

# How sure a reading must be when the customer says that ours was wrong.
SURE_OF_CORRECTION = 0.3
SHORT, LONGEST_QUESTION = 20, 40
_ANSWERS = frozenset({"phone_number", "address", "broadband_account"})  # facts that we ask for

_OF_COST = frozenset({RequestKind.FAULT, RequestKind.ORDER, RequestKind.CONSULT})
LONGEST_BARE = 40
LEAST_MEANT = 0.2
_MEANS = re.compile(r"(?:我?(?:问|说|要报?|指|查)的是|我是说|我(?:要|想)(?:问|查|说|办)|[，,\s！!。]+是|而是|^(?:那)?算了[，,\s]*还是|不[，,\s]+还是)(.+)$")
# 上不了网 without a device is taken for the mobile, until the customer says where.
_AT_HOME = re.compile(r"(?:就?是|在)?(?:我|我们|俺)?家里?的?(?:网|网络|宽带|wifi|WiFi)?[。啊呀!！]*")
_IN_HAND = re.compile(r"手机|信号|流量|[45]G|[45]g|电话|短信|验证码")
_FIXED = frozenset({"fault_broadband", "fault_tv", "fault_landline", "fault_enterprise"})

_LINE_ONLY = re.compile(r"(?:不是|不对|是|就是|我是说|我说的?是?|[，,\s])*(?:我?家里?)?的?(?:宽带|固话|座机|固定电话|电视|机顶盒|专线|手机(?:信号|网)?)(?:啊|呀|啦|咯|的|吧|网|坏了)*[。！!]*")
# 就是同一件事, 不是要再报一个: of the ticket that is open.
_SAME = re.compile(
    r"(?<!不是)同一(?:[件码回]|事|[个张](?:单|事|问题|故障))|(?:就是?|还是)(?:刚才|刚刚|之前|前面|上面|原来)(?:的|那|报)|(?:刚才|刚刚|之前)(?:那个?|的|那张)(?:单|工单|事)"
    r"|(?:不是|不用|不要|没)(?:要|想)?(?:再|重复|另外)(?:报|登记|开|提)"
    r"|不是新(?:的)?(?:单|工单|问题|故障)"
)
_OF_A_FACT = re.compile(r"地址|电话|号码|手机|新的|另外|不是(?:刚|之前|原来|这)")
_NO_I_MEAN = re.compile(r"[\s，,](?:哦|噢|啊|呃|哎|不)*(?:不是|不对|说错了?|口误|错了)[，,\s]+(?:是)?(.+)$")
_DENIED = re.compile(r"(?:没有?(?:要|想)(?!到|过)|不是(?:要|想)?(?!.{0,8}是)|我不(?=换|办|改|销|退))([^，,。！!？?\s]{2,8})")
_IN_MANY_TITLES = frozenset({"业务", "问题", "查询", "信息", "或拆"})
# 我没要退订啊 就是报修: the matter stays what it is.
_STAYS = {
    RequestKind.FAULT: re.compile(r"(?:就是|只是|只要|还是)(?:要|想|来)*(?:报修|报障|修(?!改))"),
    RequestKind.COMPLAINT: re.compile(r"(?:就是|只是|只要|还是)(?:要|想|来)*投诉"),
}
_CLAUSE = re.compile(r"[\s，,。；;！!]")
_HOW_LONG = re.compile(r"多久|多长时间|几天|要等|(?:什么时候|啥时候|何时)(?!我?(?:订|开|办|扣|充|买|答应|同意|说|签)[^，,]{0,2}的)|多快|来得及")
# How long a contract still runs says nothing of how long we take.
_RUNS_OUT = re.compile(r"到期|合约|合同|有效|期限|在网")
_WHAT_TO_DO = re.compile(
    r"(?:怎么|咋|该怎么|点)(?:办|弄|整|算)|(?:要不要|用不用|需不需要|该不该|是不是(?:要|该|得))(?:先)?(?:把[^，,。]{1,6})?(?:关|拔|停|报警|打|冻|挂失|改|换|去)"
    r"|(?:能不能|可不可以)(?:先)?(?:把[^，,。]{1,6})?(?:关|停|冻|挂失|追|要回)|追(?:得|不)?回来?|should i|what (?:should|can|do) i", re.I
)
# No question that a table could answer.
_PROTESTS = re.compile(r"(?:凭什么|凭啥|什么意思|啥意思|搞什么|什么情况|什么玩意)[啊呀呢嘛]*[?？!！]*")
# 给我退了 about a charge means the money.
_GIVE_BACK = re.compile(r"(?:那|就|都|你们?|赶紧|马上|快|请|麻烦|要求|必须|把(?:它|这个|这些|那个))*(?:(?:给我|帮我)(?:全|都)?退(?:了|掉|回来|回)*|退给我)(?:吧|啊|呗|呀|嘛)?[。！!]*")
_OF_CHARGES = frozenset({"bill_query", "bill_dispute"})
_WAIT = re.compile(r"^(?:等等|等一?下|等会儿?|稍等|先等等|别急|慢着)[,，。！!~啊呢]*$")
ASKS_FOR = re.compile(rf"{QUESTION.pattern}|帮|想|要|请|给我|能不能|推荐")
_SHORT_TALK = {
    "greet": "greet_short", "thanks": "thanks_short", "chitchat": "listening",
    "bot_challenge": "bot_challenge_short", "out_of_scope": "out_of_scope_short",
    "praise": "thanks_short",
}  # fmt: skip


def other_request(
    intake: Intake, reading: Reading, tables: IntakeTables, *, least: float = SURE
) -> RequestType | None:
    """Return the request of another type that the message surely holds."""
    other = tables.types.get(reading.type)
    if other is None or not other.kind.is_request or other.id == intake.type:
        return None
    if other.id == "fault_mobile" and same_line(intake, reading.text):
        return None
    stays = _STAYS.get(tables.types[intake.type].kind) if intake.type in tables.types else None
    if denies(reading.text, other) or (stays and stays.search(reading.text)):
        return None
    return other if reading.confidence >= least else None


def same_line(intake: Intake, text: str) -> bool:
    """Tell whether words that name no line are about the fixed line being registered."""
    return intake.type in _FIXED and line_named(text) is None and not _IN_HAND.search(text)


def corrected_type(intake: Intake, reading: Reading, tables: IntakeTables) -> RequestType | None:
    """Return the type that the customer means where ours was wrong: 不是手机，是宽带."""
    known = tables.types.get(intake.type)
    if intake.type == "fault_mobile" and _AT_HOME.fullmatch(reading.text.strip()):
        unsaid = not _IN_HAND.search("".join(intake.words))
        return tables.types["fault_broadband"] if unsaid else None
    means = _MEANS.search(reading.text)
    if known is None or means is None or not CORRECTS.search(reading.text):
        return None
    named = line_named(means[1]) or line_named(_CLAUSE.split(means[1].strip())[0])
    if known.kind is RequestKind.FAULT and named:
        return tables.types[named] if named != intake.type else None
    for name, share in reading.ranking:
        other = tables.types.get(name)
        if other is not None and denies(reading.text, other):
            continue
        if other is not None and other.kind.is_request and share >= LEAST_MEANT:
            stays = name == "fault_mobile" and same_line(intake, reading.text)
            return None if stays or name == intake.type else other
    return None


def line_meant(intake: Intake, reading: Reading, tables: IntakeTables) -> RequestType | None:
    """Return the fault on the line that short words name where ours was another: 座机啊."""
    said = reading.text.strip()
    if tables.types[intake.type].kind is not RequestKind.FAULT or len(said) > LONGEST_BARE or not _LINE_ONLY.fullmatch(said):
        return None
    named = line_named(said)
    return tables.types[named] if named and named != intake.type else None


def denies(text: str, request_type: RequestType) -> bool:
    """Tell whether the words deny a type by its name: 我没要销户, 不是手机套餐."""
    if request_type.kind in (RequestKind.FAULT, RequestKind.SAFETY):
        return False  # 没有宽带信号 denies nothing
    spoken = request_type.spoken
    if f"不要{spoken}" in text:
        return True
    pairs = {spoken[at : at + 2] for at in range(len(spoken) - 1)} - _IN_MANY_TITLES
    return any(pair in found[1] for found in _DENIED.finditer(text) for pair in pairs)


def is_the_same(reading: Reading, tables: IntakeTables) -> bool:
    """Tell whether the customer means the ticket that is open already, and no new one."""
    same = _SAME.search(reading.text) and not _OF_A_FACT.search(reading.text)
    told = same or works_again(reading.text) or adds_to_ticket(reading.text)
    return asks_after_ticket(reading, tables) or bool(told)


def asks_after_ticket(reading: Reading, tables: IntakeTables) -> bool:
    """Tell whether a message wants something of a ticket, other than to take it back."""
    known = tables.types.get(reading.type)
    return known is not None and known.kind is RequestKind.TICKET and known.id != "ticket_cancel"


def self_corrected(reading: Reading, tables: IntakeTables) -> Reading:
    """Return a reading of the line that a message ends up with: 我手机没网 哦不是 宽带没网."""
    known, after = tables.types.get(reading.type), _NO_I_MEAN.search(reading.text)
    if known is None or known.kind is not RequestKind.FAULT or after is None:
        return reading
    named = line_named(_CLAUSE.split(after[1].strip())[0])
    return replace(reading, type=named) if named else reading


def calm_unless_told(reading: Reading) -> Reading:
    """Return a reading without the urgency of words that were not understood, unless signals say it."""
    unsure = reading.type in {"unclear", "nlu_fallback"} and not reading.signals
    return replace(reading, urgency=Urgency.GENERAL) if unsure else reading


def put_aside(intake: Intake, reading: Reading, other: RequestType) -> tuple[Say, ...]:
    """Keep a second request for later, once however often it is said."""
    known = [row for row in intake.pending if row["type"] == other.id]
    if known:
        known[0]["text"] = f"{known[0]['text']} {reading.text}"
        known[0]["facts"] = {**known[0]["facts"], **reading.facts}
    else:
        intake.pending.append(put_by(reading))
    return (Say("utter_second_noted", {"title": other.spoken}),)


def beside(intake: Intake, second: Reading, tables: IntakeTables) -> tuple[Say, ...]:
    """Answer a question beside a request (要销户，要带什么), or keep a second request for later."""
    consults = tables.types[second.type].kind is RequestKind.CONSULT
    answer = _answer_of(intake, second, tables) if consults and asks(second.text) else None
    if answer is not None:
        return (say_aside(intake, answer),)
    return put_aside(intake, second, tables.types[second.type])


def aside(intake: Intake, reading: Reading, tables: IntakeTables) -> Turn | None:
    """Answer what came in between: another request, a question, small talk."""
    if _WAIT.search(reading.text.strip()):
        return repeat(intake, says=(Say("utter_take_your_time"),))
    if intake.type in FIRST_AID and _WHAT_TO_DO.search(reading.text):
        answer = _answer_of(intake, reading, tables)
        return repeat(intake, says=(say_aside(intake, answer) if answer else Say(f"utter_first_aid_{intake.type}"),))
    if _PROTESTS.fullmatch(reading.text.strip()):
        return repeat(intake, says=(Say("utter_listening"),))
    if (several := _to_each(intake, reading, tables)):
        return repeat(intake, says=several)
    if asks_fee(reading.text):
        return repeat(intake, says=(Say("utter_fee"),))
    business = tables.types[intake.type].kind in _OF_COST
    if business and asks_fee_too(reading.text) and len(reading.text) <= LONGEST_QUESTION and not set(reading.facts) & _ANSWERS:
        answer = _answer_of(intake, reading, tables)
        return repeat(intake, says=(say_aside(intake, answer) if answer else Say("utter_fee"),))
    meant = corrected_type(intake, reading, tables) or line_meant(intake, reading, tables)
    if meant is not None:
        return switch(intake, calm_unless_told(reading), meant, tables)
    if _HOW_LONG.search(reading.text) and not _RUNS_OUT.search(reading.text) and len(reading.text) <= SHORT and not reading.facts:
        return repeat(intake, says=(Say("utter_not_yet_submitted"),))
    said = reading.text.strip()
    if intake.type in _OF_CHARGES and said not in intake.words and _GIVE_BACK.fullmatch(said):
        return _one_story(intake, reading, tables.types["bill_dispute"], tables)
    asked = other_request(intake, reading, tables)
    if asked is not None:
        return _between(intake, reading, asked, tables)
    likely = other_request(intake, reading, tables, least=SURE_OF_CORRECTION)
    if likely is not None and not QUESTION.search(said):
        # 我没开过这个 is no sure request, and goes on with the story of a charge.
        disputed = intake.type in _OF_CHARGES and likely.id == "bill_dispute"
        story = more_of_the_story(intake, reading, likely, tables) if disputed else None
        if story is not None:
            return story
        if likely.kind is RequestKind.SAFETY and reading.urgency is Urgency.URGENT:
            return _between(intake, reading, likely, tables)
    return _question(intake, reading, tables) or _talk(intake, reading, tables)


def _to_each(intake: Intake, reading: Reading, tables: IntakeTables) -> tuple[Say, ...]:
    """Return the answers to two questions or three in one message; nothing unless there are two."""
    if len(reading.text) > LONGEST_QUESTION or set(reading.facts) & _ANSWERS or reading.urgency is Urgency.URGENT:
        return ()
    costs = tables.types[intake.type].kind in _OF_COST
    found: list[Say | KnowledgeEntry | None] = []
    for part in questions_in(reading.text):
        long = _HOW_LONG.search(part) and not _RUNS_OUT.search(part)
        known = "utter_fee" if costs and asks_fee_too(part) else "utter_not_yet_submitted" if long else ""
        found.append(Say(known) if known else _answer_of(intake, replace(reading, text=part), tables))
    told = [each for at, each in enumerate(found) if each is not None and each not in found[:at]]
    return tuple(e if isinstance(e, Say) else say_aside(intake, e) for e in told) if len(told) > 1 else ()


def _between(intake: Intake, reading: Reading, asked: RequestType, tables: IntakeTables) -> Turn:
    business = asked.kind in (RequestKind.CONSULT, RequestKind.ORDER)
    calm = business and reading.urgency is Urgency.GENERAL and not (ALSO.search(reading.text) or CORRECTS.search(reading.text))
    answer = _answer_of(intake, reading, tables) if calm and asks(reading.text) else None
    if answer is not None:
        return repeat(intake, says=(say_aside(intake, answer),))
    story = more_of_the_story(intake, reading, asked, tables)
    if story is not None:
        return story
    if reading.urgency is Urgency.URGENT and intake.urgency != Urgency.URGENT.value:
        return interrupt(intake, reading, asked, tables)
    if CORRECTS.search(reading.text) and not ALSO.search(reading.text):
        return switch(intake, reading, asked, tables)
    if asked.kind is RequestKind.CONSULT and reading.urgency is Urgency.GENERAL:
        answer = answer_to(reading, tables)
        if answer is not None:
            return repeat(intake, says=(say_aside(intake, answer),))
    says = put_aside(intake, reading, asked)
    # Only the number is surely shared: the second request may be about another place.
    if reading.facts.get("phone_number"):
        intake.facts.setdefault("phone_number", reading.facts["phone_number"])
    return repeat(intake, says=says)


def more_of_the_story(
    intake: Intake, reading: Reading, other: RequestType, tables: IntakeTables
) -> Turn | None:
    """Take what goes on with the story into it; danger is always taken up by itself."""
    known = tables.types[intake.type]
    told = "，".join(intake.words)
    if other.kind is RequestKind.SAFETY or not belongs(told, known, reading.text, other):
        return None
    return _one_story(intake, reading, fitting(intake.words[0], known, reading.text, other), tables)


def _one_story(
    intake: Intake, reading: Reading, chosen: RequestType, tables: IntakeTables
) -> Turn:
    """Go on with the story, which may show what it is really about."""
    # What was told is no failed answer: the question counts as not yet asked.
    asked, intake.asking = intake.asking or "", None
    intake.asked[asked] = max(0, intake.asked.get(asked, 0) - 1)
    becomes_urgent = reading.urgency is Urgency.URGENT and intake.urgency != Urgency.URGENT.value
    if chosen.id == intake.type:
        take_in(intake, reading)
        turn = next_question(intake, tables, says=(Say("utter_noted"),))
    else:
        before = tables.types[intake.type]
        if before.kind is RequestKind.FAULT:
            intake.needs = [list(group) for group in before.needs]
        turn = switch(intake, reading, chosen, tables, asks=False)
    return replace(turn, says=(acknowledge(chosen, reading.urgency),)) if becomes_urgent else turn


def _question(intake: Intake, reading: Reading, tables: IntakeTables) -> Turn | None:
    """Answer a question about the matter itself: 怎么办, 要不要钱, 师傅来几个人."""
    text = reading.text.strip()
    after = tables.types.get(reading.type)
    if after is not None and after.kind is RequestKind.TICKET and after.id != "ticket_supplement":
        return None
    if reading.type in {"bot_challenge", "greet", "thanks", "goodbye"}:
        return None
    if not asks(text) or len(text) > LONGEST_QUESTION or set(reading.facts) & _ANSWERS:
        return None
    answer = _answer_of(intake, reading, tables)
    if answer is not None:
        return repeat(intake, says=(say_aside(intake, answer),))
    first_aid = intake.type in FIRST_AID and QUESTION.search(text) and len(text) <= SHORT
    return repeat(intake, says=(Say(f"utter_first_aid_{intake.type}"),)) if first_aid else None


def _goes_deeper(intake: Intake, reading: Reading, tables: IntakeTables) -> bool:
    """Tell whether a question goes on from an answer given before: 没死亡证明咋办."""
    return asks(reading.text) and answer_beside(reading, intake.type, tables, said=intake.words) is not None


def _answer_of(intake: Intake, reading: Reading, tables: IntakeTables) -> KnowledgeEntry | None:
    return answer_beside(reading, intake.type, tables, said=intake.words, known=intake.asked)


def _talk(intake: Intake, reading: Reading, tables: IntakeTables) -> Turn | None:
    other = tables.types.get(reading.type)
    if other is None:
        return None
    if other.id in {"ticket_status", "ticket_urge"}:
        return repeat(intake, says=(Say("utter_not_yet_submitted"),))
    if other.id == "goodbye":
        return repeat(intake, says=(Say("utter_not_complete"),))
    # 我要赔偿 is no business of ours to refuse in the middle of a complaint.
    story = needs_story(tables.types[intake.type]) and len(reading.text.strip()) > LEAST_ADDITION
    if story and other.id in {"chitchat", "out_of_scope", "praise"}:
        return None
    if other.id == "out_of_scope" and not ASKS_FOR.search(reading.text):
        # 手机换新的了 asks nothing of us that could be refused.
        return None
    if other.id == "out_of_scope" and _goes_deeper(intake, reading, tables):
        take_in(intake, reading)
        return repeat(intake, says=(Say("utter_question_noted"),))
    if other.id in _SHORT_TALK:
        return ask_again(intake, says=(Say(f"utter_{_SHORT_TALK[other.id]}"),))
    return None


def switch(
    intake: Intake, reading: Reading, other: RequestType, tables: IntakeTables, *, asks: bool = True
) -> Turn:
    """Go on as another type: the customer says that ours was wrong, and perhaps `asks` anew."""
    intake.type, intake.same_as = other.id, None
    take_in(intake, reading)
    # What was asked for another type is asked anew, in its first words.
    intake.asked = {name: 0 for name in intake.asked if name not in tables.types}
    if asks and other.kind is RequestKind.CONSULT and reading.urgency is Urgency.GENERAL:
        answer = answer_to(replace(reading, type=other.id), tables)
        if answer is not None:
            intake.asking = SOLVED
            return Turn(says=(say_answer(intake, answer),), ask=SOLVED)
    sorry = other.kind in (RequestKind.FAULT, RequestKind.COMPLAINT)
    said = Say("utter_switched_sorry" if sorry else "utter_switched", {"title": other.spoken})
    return next_question(intake, tables, says=(said,))


def interrupt(intake: Intake, reading: Reading, other: RequestType, tables: IntakeTables) -> Turn:
    """Take up what is urgent at once; what was being registered comes after it."""
    before = tables.types[intake.type]
    intake.pending.insert(0, {
        "text": intake.words[0], "type": intake.type, "confidence": intake.confidence,
        "urgency": intake.urgency, "signals": list(intake.signals),
        "facts": dict(intake.facts), "message_id": intake.message_id,
    })  # fmt: skip
    shared = {k: v for k, v in intake.facts.items() if k in {"phone_number", "address"}}
    intake.key = f"{intake.key}+{reading.message_id}:{other.id}"
    intake.type, intake.confidence, intake.message_id = other.id, reading.confidence, reading.message_id
    intake.urgency, intake.signals, intake.facts = Urgency.GENERAL.value, [], shared
    intake.asked, intake.asking, intake.words, intake.story = {}, None, [], []
    intake.same_as = None
    take_in(intake, reading)
    kept = Say("utter_set_aside", {"title": before.spoken})
    return next_question(intake, tables, says=(acknowledge(other, reading.urgency), kept))
