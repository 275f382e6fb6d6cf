"""Chapter 3.1: what one message adds to an intake (接入登记): facts, words, the story so far."""

from __future__ import annotations

import re
from dataclasses import replace

from bot.handbook.facts import find_facts
from bot.handbook.intake_numbers import (
    CALLERS,
    LINE,
    NEW_NUMBER,
    OWN_NUMBER,
    OWNER,
    STRANGERS_NUMBER,
    number_to_call,
    numbers_told,
    stays_line,
)
from bot.handbook.intake_parts import (
    CONFIRM,
    CORRECTION,
    NOT_GIVEN,
    OFFER,
    QUESTION,
    SURE,
    Intake,
    Reading,
)
from bot.handbook.intake_places import (
    LONGEST_FACT,
    is_place,
    joined,
    only_address,
    place_besides_number,
    place_said,
    whole_place,
    with_house,
    without_lead,
)
from bot.handbook.requests import RequestKind, RequestType, Urgency, missing_facts
from bot.handbook.short_answers import agrees, goes_on, wants_nothing

# Characters from which on a complaint is a story and not only a wish to complain.
LEAST_STORY = 22
LEAST_ADDITION = 3
SHORT_CORRECTION = 24
SHORT_QUESTION = 8

CORRECTS = re.compile(
    r"^(?:[哦噢嗯呃啊]+[，,\s]*)?(?:不是|不对|错了|搞错|说错|弄错)|^(?:那)?算了[，,\s]*(?:还是|先|我)|不是.{1,10}(?:是|而是)|我(?:是)?(?:说错|搞错|弄错)|其实(?:我)?是"
    r"|(?:改成|换成)(?:报|登记|投诉|办|查|咨询|反映)|类型(?:不对|不是|错|有误|搞错|写错)|^我(?:说的是|是说|问的是|要报的是)"
)
_CHANGES = re.compile(
    r"^(?:我的?)?(?:地址|电话|号码|手机号?|账号)?(?:改成|改为|换成|更正为|应该是)"
    r"|^(?:我的?)?(?:地址|位置|电话|号码|手机号?|账号)(?:不对|有误|(?:写|说|填|搞|弄|记)?错了?)"
)
OF_LOSS, _BETWEEN_TWO = frozenset({"suspend_resume", "sim_replace"}), "transfer_ownership"
_FOUND_AGAIN = re.compile(r"^(?!.*[?？吗]).*(?:卡|手机)[^，,。]{0,4}(?:找到了|找着了|没丢)")
_LOST = re.compile(r"挂失|(?:手机|卡)[^，,。]{0,4}(?:丢|掉|被偷|被抢|不见|找不到)|(?:丢|掉)了?(?:手机|卡)")
_AT_THE_END = re.compile(r"^(?!.*(?:号码|电话|打来|来电|短信|自称|对方|骗子|骚扰|推销)).*[\s，,。]1\d{10}[。\s]*$")
_ANOTHERS = re.compile(r"充(?:值)?(?:到|错|成|给)|(?:他|她|邻居|朋友|同事|对方|骗子|别人)的?(?:电话|号码|手机|号)")
_WHEN = re.compile(r"昨[天晚日]|今[天早晚]|前天|[上下]午|晚上|早上|中午|刚才|刚刚|上个?(?:周|月|星期|礼拜)|(?:星期|礼拜|周)[一二三四五六日天]")
_POINTED = r"(?:T\d{8}[-—]?\d*|刚报|报的|那[个张]?(?:工?单|报修))"
_NUMBERED = r"T\d{8}[-—]?\d*"
_WITHDRAWS = re.compile(
    rf"{_POINTED}.{{0,8}}撤(?!回)|撤(?:掉|了|销)?.{{0,8}}{_POINTED}|(?:^|[^\d])撤(?:掉|了|销)?0\d{{5}}(?!\d)|{_NUMBERED}.{{0,8}}取消|取消.{{0,8}}{_NUMBERED}"
)
# 宽带那张撤了吧: by its matter.
_THAT_ONE = re.compile(
    r"[^，,。\s]{2,6}那(?:张(?:工?单)?|个工?单)子?[^，,。套卡号]{0,3}撤|撤(?:掉|了|销)?[^，,。\s]{1,6}那(?:张(?:工?单|$)|个工?单)"
)
_TICKET = r"(?:T\d|[^，,。]{0,8}(?<![账订清菜名])单)"
_ADDS_TO = re.compile(
    rf"(?:再|给我|帮我|麻烦|[张个]|单子?)(?:加|补|添)(?:上)?一句|^(?:我)?(?:再)?(?:加|补)一句|(?:补充|加|写|记|合并|并)(?:到|进|在|入){_TICKET}|那[张个](?<!账)单子?(?:里)?(?:加|补充|写)"
)
_KEEPS_IT = re.compile(r"[不别没](?:要|用|能|让)?(?:撤|取消)|撤了没|[?？]$|为什么|怎么|谁|被|师傅|什么|另外")
# What an order is about, told well enough to be carried out or asked back: a sum or a pick after a
# wish or by itself, what is added or dropped, a service by its name.
_PICK = r"(?:\d+(?:\.\d)?\s*(?:元|块|G(?!的|手机|卡)|g|兆|M|分钟|那档?|档|的?套餐)|[一二三四五六七八九十百]{1,4}(?:元|块)|最(?:低|便宜|贵|高|大|小)|保底|原来|以前)"
_NAMED = re.compile(
    rf"(?:换|改|转|降|升|恢复|调)(?:成|回|到|为|个|一个|下来?)?[^，,。不别]{{0,4}}{_PICK}|(?:^|[，,。\s])(?:就|要|那个?|那就)*{_PICK}(?:的|那个?|那种|那档|套餐|一档|吧)*(?:$|[，,。\s])"
    r"|(?:退|取消|关|停|删|去掉|加|订|买|办|开|续)(?:了|掉|个|一个|这个|那个|我的?|上)*[^，,。个]{0,6}(?:流量|通话|语音|短信|漫游|视频|加油|定向|亲情|叠加)包|(?:流量|通话|语音|短信|漫游|视频|加油|定向|叠加)包[^，,。]{0,4}(?:退|取消|关|停|删|去掉|不要)"
    r"|(?:退|取消|关|停|删|去掉|加|办|开|要)[^，,。]{0,4}副卡|副卡[^，,。]{0,4}(?:退|取消|关|停|删|去掉|不要)"
    r"|来电(?:显示|提醒|助手|转接)|来显|彩铃|炫铃|呼叫(?:转移|转接|等待|限制)|呼转|漏话|短信提醒|主叫隐藏|(?:开|办|订|续)[^，,。]{0,6}会员|亲情(?:网|号)|防骚扰|骚扰拦截|国际长途|短号|手机报|语音信箱"
)
_NUMBER = re.compile(r"[\d*+\-\s]{7,}")
_FILLER = re.compile(r"(.)\1+")
_YES_OR_NO = re.compile(r"[好的嗯对是啊呀哦行不没谢您了吧呢，,。！!\s]")
_LABELS = re.compile(
    r"[\d*\-+@._A-Za-z\s\W]|[零〇一二三四五六七八九幺洞拐]|我的?|你的?|电话|手机号?|号码|账号|宽带|联系|方式|本人|不对|不是|错了?|改成|换成|是|为|在|这个|打|就|嗯|哦|呃"
)


def corrects(text: str) -> bool:
    """Tell whether words correct what was said before."""
    return bool(CORRECTS.search(text) or _CHANGES.search(text))


def take_in(intake: Intake, reading: Reading) -> None:
    """Keep what a message tells: facts, words, and the highest urgency heard."""
    told = {name: value for name, value in reading.facts.items() if value}
    is_correction = bool(CORRECTS.search(reading.text))
    if intake.asking == "detail" and not is_correction:
        # A story may hold other people's numbers and places; what was answered before stands.
        told = {name: value for name, value in told.items() if name not in intake.facts}
    by_role = intake.of_line and bool(numbers_told(reading.text, known=True))
    to_call = "" if by_role or _is_callers(intake, reading) else number_to_call(reading.text)
    if to_call:
        told["phone_number"] = to_call
    elif "phone_number" in told and not by_role and _is_anothers(intake, reading, corrects=is_correction):
        del told["phone_number"]
    if place := place_besides_number(reading):
        told["address"] = place
    elif is_all_place(reading):
        # The pattern may have caught only the village of 柳树屯村东头，靠近小学.
        told["address"] = place_said(reading.text)
    elif intake.asking in {None, "phone_number"} and "address" in told and not corrects(reading.text):
        told["address"] = whole_place(reading, strict=True) or told["address"]
    if "address" in told:
        told["address"] = with_house(without_lead(told["address"]), reading.text)
    if "address" in told and not corrects(reading.text):
        told["address"] = _joined_place(intake, told["address"])
    before = intake.facts.get("phone_number", NOT_GIVEN)
    if intake.of_line and NOT_GIVEN != before != told.get("phone_number", before) and stays_line(reading.text):
        intake.facts.setdefault(LINE, before)
    intake.facts.update(told)
    intake.words.append(reading.text)
    if intake.asking not in {"address", "detail"} and not is_all_place(reading):
        _tell(intake, reading)
    intake.last_message = reading.message_id
    if reading.urgency.rank > Urgency(intake.urgency).rank:
        intake.urgency = reading.urgency.value
    intake.signals.extend(s for s in reading.signals if s not in intake.signals)


def _by_owner(intake: Intake, text: str) -> dict[str, str]:
    """Return a new number of somebody whose number was told before: 我老公电话改成…."""
    owner = OWNER.search(text)
    numbers = [fact.value for fact in find_facts(text) if fact.name == "phone_number"]
    if owner is None or len(numbers) != 1:
        return {}
    before = "，".join(intake.words)
    for name in ("phone_number", LINE):
        at = before.find(owner[0])
        known = intake.facts.get(name, NOT_GIVEN)
        # The first number behind the first naming of the person is theirs.
        first = next((fact for fact in find_facts(before) if fact.name == "phone_number" and fact.start > at), None)
        if at >= 0 and first is not None and first.value == known:
            return {name: numbers[0]}
    return {}


def _is_line(intake: Intake, number: str) -> bool:
    """Tell whether a second number without words is the one of the matter: the phone was lost, and where to call was told."""
    return intake.type in OF_LOSS and any(map(_LOST.search, intake.words)) and number != intake.facts["phone_number"]


def with_roles(intake: Intake, reading: Reading) -> Reading:
    """Return a reading with its numbers by what they are for, where the words or the matter tell it."""
    number = reading.facts.get("phone_number")
    if not intake.of_line or not number or _is_callers(intake, reading):
        return reading
    known = any(intake.facts.get(name, NOT_GIVEN) != NOT_GIVEN for name in ("phone_number", LINE))
    roles = _by_owner(intake, reading.text) or numbers_told(reading.text, known=known)
    if not roles and intake.asking == LINE:
        roles = {LINE: number}
    elif not roles and not known and intake.type in OF_LOSS and any(map(_LOST.search, (*intake.words, reading.text))):
        roles = {LINE: number}  # what was lost is not the one to call
    elif not roles and known and LINE not in intake.facts and intake.asking == CONFIRM and _is_line(intake, number):
        roles = {LINE: number}
    if intake.type == _BETWEEN_TWO and "业务号" not in reading.text:
        roles.pop(LINE, None)  # the daughter's number is none that is handed over
    if not roles:
        return reading
    others = {name: value for name, value in reading.facts.items() if name != "phone_number"}
    return replace(reading, facts={**others, **roles})


def _is_callers(intake: Intake, reading: Reading) -> bool:
    """Tell whether a report of a caller names the caller's number."""
    return intake.type in STRANGERS_NUMBER and bool(CALLERS.search(reading.text))


def _is_anothers(intake: Intake, reading: Reading, *, corrects: bool) -> bool:
    """Tell whether the number in a message is not the one to call the customer on."""
    if _is_callers(intake, reading):
        return True
    if intake.asking == "phone_number" or OWN_NUMBER.search(reading.text) or NEW_NUMBER.search(reading.text):
        return False
    if intake.type in STRANGERS_NUMBER and intake.asking in {None, "detail"}:
        # 遇到诈骗了 钱刚转走 138… ends with the customer's own.
        return not _AT_THE_END.search(reading.text)
    if _ANOTHERS.search(reading.text):
        return True
    # A number inside a sentence does not replace the one that was given as an answer.
    return intake.facts.get("phone_number", NOT_GIVEN) != NOT_GIVEN and not corrects and len(words_besides(reading)) >= 2


def _joined_place(intake: Intake, said: str) -> str:
    """Join a district and the street named after it; a part says nothing new of the whole."""
    known = intake.facts.get("address", "")
    if not known or intake.asking == "address":
        return said
    return joined(known, said, anew=intake.asking in {CONFIRM, CORRECTION})


def _tell(intake: Intake, reading: Reading) -> None:
    said = reading.text
    if intake.asking == OFFER and (agrees(said) or goes_on(said) or wants_nothing(said)):
        return
    # A corrected fact is in the facts; the words around it tell nothing.
    corrected = reading.facts and len(reading.text) <= SHORT_CORRECTION and corrects(reading.text)
    words = words_besides(reading)
    # 20号走 beside a number is short, and the one day that matters.
    dated = "datetime" in reading.facts and bool(words)
    if (len(words) >= LEAST_ADDITION or dated) and not corrected:
        intake.story.append(reading.text.strip())


def words_besides(reading: Reading) -> str:
    """Return what is left of the message without numbers that are facts of their own."""
    if not {"phone_number", "broadband_account", "ticket_number"} & set(reading.facts):
        return reading.text.strip()
    return _LABELS.sub("", reading.text)


def is_all_place(reading: Reading) -> bool:
    """Tell whether a short message is a place and nothing else, asked for or not."""
    # 昨天下午在建设路营业厅 tells when something happened.
    plain = reading.type == "inform" and not corrects(reading.text) and not _WHEN.search(reading.text)
    asks = QUESTION.search(reading.text)
    return plain and not asks and only_address(reading) and is_place(reading.text)


def found_again(text: str) -> bool:
    """Tell whether what was lost is there again: 卡找到了."""
    return bool(_FOUND_AGAIN.search(text))


def withdraws_ticket(reading: Reading) -> bool:
    """Tell whether the words take back a ticket that they point at: 把T…撤掉, 刚报的那个撤了吧."""
    points = _WITHDRAWS.search(reading.text) or _THAT_ONE.search(reading.text)
    return bool(points) and not _KEEPS_IT.search(reading.text)


def adds_to_ticket(text: str) -> bool:
    """Tell whether the words want something added to a ticket: 加到刚才那单里, 再加一句."""
    return bool(_ADDS_TO.search(text))


def still_missing(intake: Intake, request_type: RequestType) -> list[str]:
    """List the facts to ask for; a story told piece by piece is not asked for again."""
    missing = missing_facts(with_needs(request_type, intake), intake.facts)
    story = "，".join(intake.story)
    long_enough = len(_NUMBER.sub("", story)) >= LEAST_STORY
    told = long_enough if needs_story(request_type) else bool(_NAMED.search(_NUMBER.sub("", story)))
    if missing[:1] == ["detail"] and told:
        intake.facts["detail"] = story[:LONGEST_FACT]
        return missing[1:]
    return missing


def with_needs(request_type: RequestType, intake: Intake) -> RequestType:
    """Return the type with the needs of the fault that was told before the complaint about it."""
    more = (tuple(group) for group in intake.needs)
    return replace(request_type, needs=tuple(dict.fromkeys((*request_type.needs, *more))))


def tells_more(intake: Intake, request_type: RequestType, reading: Reading) -> bool:
    """Tell whether words that answer nothing go on with the matter."""
    goes_on = {intake.type, "inform", "unclear", "nlu_fallback", "ticket_supplement", "out_of_scope"}
    if needs_story(request_type):
        goes_on |= {"chitchat", "praise"}
    words = words_besides(reading)
    if reading.type in {"affirm", "deny"}:
        # 我从来没开过啊 is no 不, and 好的好的好的 no story.
        return len(_YES_OR_NO.sub("", words)) > LEAST_ADDITION and not QUESTION.search(words)
    asks = len(words) <= SHORT_QUESTION and words.endswith(("?", "？"))
    if reading.confidence < SURE and not QUESTION.search(words):
        # Unsure words about how we treat the customer; another request is not to get lost among them.
        goes_on |= {"complaint_service", "ticket_reopen", "chitchat", "praise"}
    if _FILLER.fullmatch(words):
        return False
    return reading.type in goes_on and len(words) >= LEAST_ADDITION and not asks


def needs_story(request_type: RequestType) -> bool:
    """Tell whether a story is what the ticket needs; which plan is wanted is asked all the same."""
    return request_type.kind in (RequestKind.COMPLAINT, RequestKind.SAFETY)
