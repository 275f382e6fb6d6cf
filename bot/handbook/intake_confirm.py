"""Chapter 3.2: the read-back (核对): agreed, added to, corrected."""

from __future__ import annotations

import re
from dataclasses import replace

from bot.handbook import short_answers
from bot.handbook.intake_asides import (
    SURE_OF_CORRECTION,
    aside,
    corrected_type,
    other_request,
    put_aside,
    same_line,
    switch,
)
from bot.handbook.intake_numbers import LINE, swapped, tail_mended
from bot.handbook.intake_parts import (
    CONFIRM,
    CORRECTION,
    QUESTION,
    Intake,
    IntakeTables,
    Reading,
    Say,
    Turn,
)
from bot.handbook.intake_places import (
    LONGEST_FACT,
    drops_tail,
    is_place,
    place_said,
    without_tail,
)
from bot.handbook.intake_steps import (
    answer_beside,
    ask,
    ask_again,
    asks,
    confirm_anew,
    end,
    next_question,
    noted,
    say_aside,
)
from bot.handbook.intake_story import (
    CORRECTS,
    still_missing,
    take_in,
    with_needs,
    words_besides,
)
from bot.handbook.one_story import ALSO
from bot.handbook.requests import RequestKind, wanted_facts
from bot.handbook.short_answers import says_no, says_yes
from bot.handbook.subjects import asks_fee_too
from bot.handbook.wished_time import drops_time

# What a correction calls the facts, beside their titles.
ALIASES = {
    LINE: "业务号码|业务号|(?:要)?办(?:理)?的号码?", "phone_number": "电话|号码|手机号", "address": "地址|位置|住址", "broadband_account": "账号",
    "amount": "金额|钱数", "detail": "描述|内容|情况",
}
# 曼谷 is worth a line of the ticket.
SHORTEST_ADDITION = 2
SHORT_NO = 4
_OF_QUESTIONS = frozenset({"count", "datetime", "duration"})  # 要两个人都去么 tells nothing new
_MARKS = re.compile(r"\W")
_SPOKEN = frozenset({"address", "detail", "name", "since"})
_ADDS = re.compile(r"(?:加上|补上|补充|加一?个|添上)[:：,，\s]*(.{2,})$")
_NO_OTHER = re.compile(r"没(?:有)?(?:别|其他|其它)的?(?:手机|联系)?(?:号码?|电话|手机|方式)")
_OTHERWISE = re.compile(r"^(?:也)?不是[^，,\s]{1,10}[，,\s]*(?:而)?(?:就)?是.{2,}")
# 是1301 corrects the last number of an address.
_LAST_NUMBER = re.compile(r"\d+(?=\D*$)")
_NOT_THE_OLD = re.compile(r"[，,\s]*(?:而)?不是\d.*$")  # 9栋不是7栋
_ONLY_NUMBER = re.compile(r"(\d{1,5})(?:室|号|栋|楼|单元)?[。.!！]*")
_UNIT = r"号楼|号院|弄|栋|幢|座|号|楼|单元|室|层"
_OF_A_DAY = re.compile(r"断|坏|掉线|开始|[交充]的")  # 是3号，不是2号断的
_PART = re.compile(
    rf"(?:^|[，,。！!\s]|门牌号?|楼号|房号)(?:是|改成|改为|应该是)?(?P<first>\d{{1,5}})(?P<unit>{_UNIT})[，,。！!\s]*(?:而)?不是\d+(?:{_UNIT})?(?=$|[，,。！!\s的吧啊哈])"
    rf"|(?:(?:门牌号?|楼号|楼栋|房号|单元号?)(?:写?错了?|不对)?[，,\s]*(?:改成|改为|应该)|不是\d+[^\d，,]*[，,\s]*|不对|错了?|改一?下|有误|^)[，,。！!\s]*(?:(?:而|应该)?是|(?<=改成)|(?<=改为))(?P<then>\d{{1,5}})(?P<unit2>{_UNIT})(?:$|[，,。！!\s]|不是)"
)
_NOT_BUT = re.compile(
    r"^(?:不对[，,\s]*)?不是(?P<wrong>[^，,。\s]{2,12})[，,\s]+(?:而)?(?:应该)?是(?P<right>[^，,。！!\s]{2,20})[。！!]*$"
    r"|^(?:应该)?是(?P<right2>[^，,。！!\s]{2,20}?)[，,\s]*(?:而)?不是(?P<wrong2>[^，,。！!\s]{2,12})[。！!]*$"
)
_PART_LEFT_OUT = re.compile(rf"(?:漏|少)(?:了|写了)?(?:单元|楼号|栋号|门牌|房号)[^，,。]{{0,3}}[，,\s]+是?(?P<named>\d+ ?(?:{_UNIT})[^，,。]{{0,12}})$|(?:(?:漏|少)(?:了|写了)? ?|(?:还有|差)(?:了|写了)?)(\d+ ?(?:{_UNIT})[^，,。费天网]{{0,12}})$")
_WHOLE_PLACE = re.compile(r"(?:地址|位置)(?:写得?|填得?)?(?:不全|不完整|不够|少了|没写全)[^是]{0,3}?(?:应该)?是(.{4,40})$")
_LABELLED = re.compile(r"(?:我的?|家)?(?:地址|位置)(?:(?:改成|改为|应该是)[:：\s]*|[:：]\s*)([^，,。:：\s][^，,。]{3,60})[。！!]*$")
_LEFT_OUT = re.compile(r"([^，,。！!？?]{3,30}?)(?:还?没写上?|漏了|漏掉了|没加上|也要写)")
_AGREED = re.compile(
    r"(?:好的?|那|嗯|行|先|就|都|ok)*(?:(?:确认|confirm|yes|ok|係|没有?问题|没有?错|没有?毛病|对|是|可以|提交|无误)(?:的|了|咯|头|嘛|吧|啊|呀)*)+"
)
_CLAUSE = re.compile(r"[，,。！!；;?？\s]+")
_FACT_CHANGED = re.compile(r"(?:金额|钱数|电话|号码|手机号|账号)[^，,。]{0,3}(?:改成|改为|换成|应该是|写成)")
# 确认，流量包也关了吧: submit this, and then the next.
_YES_THEN = re.compile(r"(?!对了)(?:确认|对|是|嗯|好|可以|没错|没问题|行|提交)(?:的|了|啊|呀|吧|提交)*[，,。！!\s]+(.{4,})", re.S)
_OBJECTS = re.compile(
    r"不(?!是吗|在家)|没|错|改|别|但|可是|等(?!会儿?)|再(?:说|看|等|想|考虑)|考虑|商量|想想|核对|晚点|稍后|回头|转人工|换|漏|加|差|少写|\d{3}"
    r"|停(?!机)|慢着|撤|取消|要不|自己|打(?:另|别)|用我|单元|门牌|楼号|地址|电话|号码|\d+(?:栋|幢|座|楼|室|号)"
)
_YES_BUT = re.compile(
    r"[，,。！!\s].*?(?:撤|取消|慢着|先停|要不(?!要)|能不(?!能)|我自己|明天再|再说|商量|考虑|还差|少写|漏|用我|打(?:另|别)|单元|门牌|楼号|(?<!\d)\d{1,4}(?:栋|幢|座|楼|室|号))"
)
_EITHER = re.compile(r"(.)不\1")  # 要不要, 收不收 ask
# 税号我打错了 最后一位是2不是K: wrong, and what is right.
_SAYS_WHAT = re.compile(r"是[^，,。\s]{1,12}[，,\s]*(?:而)?不是|不是[^，,。\s]{1,12}[，,\s]*(?:而)?是|(?:应该|应当)是.{2}|(?:改成|改为|换成).{2}")
_SUBMITS = re.compile(r"提交|确认|没(?:有)?(?:问题|错)|不用改|无误")


def confirming(intake: Intake, reading: Reading, tables: IntakeTables) -> Turn:
    """Take the answer to the read-back."""
    if (more := _agrees_and_wants(intake, reading, tables)) is not None:
        return more
    if ALSO.search(reading.text) and other_request(intake, reading, tables):
        return aside(intake, reading, tables) or ask_again(intake)
    if _mended(intake, reading.text):
        return confirm_anew(intake)
    changed = {k for k, v in reading.facts.items() if v and intake.facts.get(k) != v}
    if asks(reading.text):
        changed -= _OF_QUESTIONS
    shown = wanted_facts(with_needs(tables.types[intake.type], intake)) | {"amount", "detail", LINE}
    adds = _agrees_and_adds(reading.text)
    agrees = says_yes(reading) or adds or short_answers.submits(reading.text)
    if agrees and not changed & shown and not _YES_BUT.search(reading.text):
        take_in(intake, reading)
        if adds:
            _among_the_words(intake, reading.text.strip())
        return end(intake, "open", _answer_beside(intake, reading, tables))
    if _FACT_CHANGED.search(reading.text) and (mended := _fact_mended(intake, reading, tables, changed & shown)):
        return mended
    if (added := _added(intake, reading)) is not None:
        return added
    if (meant := corrected_type(intake, reading, tables)) is not None:
        return switch(intake, reading, meant, tables)
    other = other_request(intake, reading, tables, least=SURE_OF_CORRECTION)
    if other is not None and CORRECTS.search(reading.text):
        return switch(intake, reading, other, tables)
    if changed:
        take_in(intake, reading)
        if changed - shown == {"address"}:
            _among_the_words(intake, reading.text.strip())
        return confirm_anew(intake)
    if _NO_OTHER.search(reading.text) or _puts_otherwise(intake, reading):
        take_in(intake, reading)
        return confirm_anew(intake, "utter_noted")
    if says_no(reading) or short_answers.finds_fault(reading.text):
        corrected = _corrected(intake, reading, tables)
        if corrected is None and _SAYS_WHAT.search(reading.text):
            intake.words.append(reading.text)
            intake.facts["detail"] = _detail_with(intake, reading.text)
            return confirm_anew(intake)
        return corrected or ask(intake, CORRECTION)
    if reading.type in {"thanks", "goodbye"}:
        return end(intake, "open")
    between = aside(intake, reading, tables)
    if between is not None:
        return between
    if len(_MARKS.sub("", words_besides(reading))) >= SHORTEST_ADDITION:
        take_in(intake, reading)
        return confirm_anew(intake, noted(reading))
    return ask_again(intake)


def _agrees_and_adds(text: str) -> bool:
    """Tell whether the words agree and go on: 对 快点 我怕我爸出事; 几时有人来 确认."""
    clauses = [clause for clause in _CLAUSE.split(short_answers.plain(text)[:LONGEST_FACT]) if clause]
    agreed = [bool(_AGREED.fullmatch(clause)) for clause in clauses]
    if len(clauses) < 2 or not (agreed[0] or agreed[-1]):
        return False
    return not any(_OBJECTS.search(_EITHER.sub("", clause)) for clause, yes in zip(clauses, agreed, strict=True) if not yes)


def _answer_beside(intake: Intake, reading: Reading, tables: IntakeTables) -> tuple[Say, ...]:
    """Answer what is asked beside a yes; when somebody calls is told with the ticket."""
    if not asks(reading.text):
        return ()
    answer = answer_beside(reading, intake.type, tables, said=intake.words, known=intake.asked)
    if answer is not None:
        return (say_aside(intake, answer),)
    return (Say("utter_fee"),) if asks_fee_too(reading.text) else ()


def _agrees_and_wants(intake: Intake, reading: Reading, tables: IntakeTables) -> Turn | None:
    """Submit what was agreed to, and keep the order or question behind the yes for later."""
    said, other = _YES_THEN.fullmatch(reading.text.strip()), other_request(intake, reading, tables)
    if said is None or other is None or CORRECTS.search(said[1]) or set(reading.facts) & {"address", "phone_number"}:
        return None
    if answered := _answer_beside(intake, replace(reading, text=said[1]), tables):
        take_in(intake, reading)
        return end(intake, "open", answered)
    if other.kind not in (RequestKind.ORDER, RequestKind.CONSULT):
        return None  # 确认，快点修 不然我投诉 goes on with the story
    return end(intake, "open", put_aside(intake, replace(reading, text=said[1]), other))


def _fact_mended(intake: Intake, reading: Reading, tables: IntakeTables, changed: set[str]) -> Turn | None:
    """Put right the fact that is named: 金额改成180多块 is about no change of plan."""
    if not changed:
        return _corrected(intake, reading, tables)
    take_in(intake, reading)
    intake.facts.update({name: reading.facts[name] for name in changed})
    return confirm_anew(intake)


def _mended(intake: Intake, text: str) -> bool:
    """Take out a time that was no wish, or put address or number right; False if it is about none."""
    if numbers := {} if asks(text) else swapped(intake.facts, text) or tail_mended(intake.facts, text):
        intake.facts.update(numbers)
    dropped = "wished_time" in intake.facts and drops_time(text)
    if numbers or dropped or place_mended(intake, text):
        intake.words.append(text)
        return True
    return False


def _detail_with(intake: Intake, said: str) -> str:
    """Return what was told with a correction of it: one word that was wrong takes nothing else away."""
    told = str(intake.facts.get("detail") or "，".join(intake.story))
    return (f"{told}，{said.strip()}" if told else said.strip())[:LONGEST_FACT]


def place_mended(intake: Intake, text: str) -> bool:
    """Put a part of the address right: 是5栋不是3栋, 18号！不是8号, 地址不全 是金水区人民医院门诊楼."""
    known = str(intake.facts.get("address") or "")
    if whole := _WHOLE_PLACE.search(text):
        said = whole[1].strip(" 。！!")
        overlap = next((n for n in range(len(said), 1, -1) if known.endswith(said[:n])), 0)
        intake.facts["address"] = (known + said[overlap:] if overlap else said)[:LONGEST_FACT]
        return True
    if (whole := _LABELLED.match(text.strip())) and is_place(whole[1]) and not QUESTION.search(text):
        intake.facts["address"] = whole[1].strip(" 。！!")[:LONGEST_FACT]
        return True
    if known and (more := _LEFT_OUT.match(text.strip())) and is_place(more[1]):
        said = more[1].strip()
        intake.facts["address"] = (known if said in known else known + said)[:LONGEST_FACT]
        return True
    if known and drops_tail(text) and without_tail(known) != known:
        intake.facts["address"] = without_tail(known)
        return True
    if known and (put := _put_in_place(known, text)):
        intake.facts["address"] = put[:LONGEST_FACT]
        return True
    if known and (left_out := _PART_LEFT_OUT.search(text)):
        intake.facts["address"] = f"{known} {left_out['named'] or left_out[2]}"[:LONGEST_FACT]
        return True
    return house_mended(intake, text)


def _put_in_place(known: str, text: str) -> str:
    """Return a place with what was wrong in it put right: 不是C区12，是C区11栋; nothing if it is about neither."""
    found = _NOT_BUT.search(text)
    wrong, right = (found["wrong"] or found["wrong2"], found["right"] or found["right2"]) if found else ("", "")
    if not wrong or wrong not in known:
        return ""
    before, behind = known.split(wrong, 1)
    same = next((n for n in range(min(len(right), len(behind)), 0, -1) if right.endswith(behind[:n])), 0)
    return before + right + behind[same:]


def house_mended(intake: Intake, text: str) -> bool:
    """Put one number of the address right: 是5栋不是3栋, 门牌改成15号楼."""
    known = str(intake.facts.get("address") or "")
    if _OF_A_DAY.search(text):
        return False
    part = _PART.search(text)
    if part is None:
        return False
    number, unit = part["first"] or part["then"], part["unit"] or part["unit2"]
    places = list(re.finditer(rf"\d+(?={unit})", known))
    if not places:
        # 7栋 did not get into the address: 9栋 belongs to it all the same, and takes nothing's place.
        if not known or _LAST_NUMBER.search(known):
            return False  # `_with_number` knows which one is meant
        intake.facts["address"] = f"{known} {number}{unit}"[:LONGEST_FACT]
        return True
    start, stop = places[-1].span()
    intake.facts["address"] = f"{known[:start]}{number}{known[stop:]}"
    return True


def _puts_otherwise(intake: Intake, reading: Reading) -> bool:
    """Tell whether the fault is put in other words: 不是没网，是慢得要死."""
    kinds = {intake.type, "fault_mobile"} if same_line(intake, reading.text) else {intake.type}
    return bool(_OTHERWISE.search(reading.text)) and reading.type in kinds


def _among_the_words(intake: Intake, said: str) -> None:
    """Read a place at which nothing is done back among the words."""
    if "detail" in intake.facts:
        intake.facts["detail"] = f"{intake.facts['detail']}，{said}"[:LONGEST_FACT]
    elif said not in intake.story:
        intake.story.append(said)


def _added(intake: Intake, reading: Reading) -> Turn | None:
    """Add to the address what the customer wants added to it."""
    adds = _ADDS.search(reading.text)
    if adds is None or not re.search(ALIASES["address"], reading.text):
        return None
    intake.words.append(reading.text)
    intake.facts["address"] = f"{intake.facts.get('address', '')}{adds[1].strip()}"[:LONGEST_FACT]
    return confirm_anew(intake)


def correcting(intake: Intake, reading: Reading, tables: IntakeTables) -> Turn:
    """Take in what the customer wants changed."""
    if short_answers.submits(reading.text) and not reading.facts:
        return end(intake, "open")
    if _mended(intake, reading.text):
        return _after_correction(intake, tables)
    other = corrected_type(intake, reading, tables) or other_request(
        intake, reading, tables, least=SURE_OF_CORRECTION
    )
    if other is not None:
        return switch(intake, reading, other, tables)
    if not reading.facts:
        if says_yes(reading):
            # A bare 是 answers no question of ours: it must not send off what was called wrong.
            return end(intake, "open") if _SUBMITS.search(reading.text) else ask(intake, CONFIRM)
        corrected = _corrected(intake, reading, tables)
        if corrected is not None:
            return corrected
        if says_no(reading) and len(reading.text.strip()) <= SHORT_NO:
            return ask(intake, CONFIRM)
        if len(reading.text.strip()) < 2:
            return ask_again(intake)
    detail = _detail_with(intake, reading.text)
    take_in(intake, reading)
    if not reading.facts:
        intake.facts["detail"] = detail
    return _after_correction(intake, tables)


def _corrected(intake: Intake, reading: Reading, tables: IntakeTables) -> Turn | None:
    """Correct the fact that the message names: by the words after the name, else by asking."""
    wanted = (wanted_facts(with_needs(tables.types[intake.type], intake)) & set(intake.facts)) | {"detail"}
    wanted |= {LINE} if intake.of_line else set()
    for name in sorted(wanted, key=lambda name: (name == "detail", name)):
        alias = rf"(?:{ALIASES.get(name, tables.facts.get(name, name))})"
        if not re.search(alias, reading.text):
            continue
        said = re.search(rf"{alias}.{{0,6}}?(?:是|为|改成|改为|换成|[:：])\s*(.{{2,}})$", reading.text)
        if said and name in _SPOKEN:
            intake.words.append(reading.text)
            words = place_said(said[1]) if name == "address" else said[1].strip()
            intake.facts[name] = _with_number(intake, name, words)[:LONGEST_FACT]
            return _after_correction(intake, tables)
        intake.facts.pop(name, None)
        if name == "detail":
            intake.story.clear()
        intake.asked.pop(name, None)
        return ask(intake, name)
    return None


def _with_number(intake: Intake, name: str, said: str) -> str:
    """Return the corrected words; a bare number takes the place of the last one of an address."""
    said = _NOT_THE_OLD.sub("", said)
    number, known = _ONLY_NUMBER.fullmatch(said), str(intake.facts.get(name) or "")
    if name == "address" and number and _LAST_NUMBER.search(known):
        return _LAST_NUMBER.sub(number[1], known)
    return said


def _after_correction(intake: Intake, tables: IntakeTables) -> Turn:
    intake.asking = None
    missing = still_missing(intake, tables.types[intake.type])
    return next_question(intake, tables) if missing else confirm_anew(intake)
