"""Chapter 3.1: whose number it is: the one to call, the one that the matter is about, a stranger's."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bot.handbook.facts import find_facts, spoken_digits
from bot.handbook.intake_parts import NOT_GIVEN
from bot.handbook.requests import RequestType

# The number that the matter is about, where the customer wants to be called on another one.
LINE, CALLED = "line_number", "phone_number"
LONGEST_LABEL = 16  # characters before a number that say what it is for
# In these the number in the story is another's: the caller who cheated or pestered.
STRANGERS_NUMBER = frozenset({"fraud_report", "complaint_marketing", "privacy_complaint"})
LANDLINES = frozenset({"fault_landline"})  # what is out of order has a number
CALLERS = re.compile(r"(?:骚扰|骗|打来|来电|对方|陌生|他们)[^，,。\d]{0,6}(?:号码?|电话|手机|打)")
NEW_NUMBER = re.compile(r"(?:电话|号码|手机号?|联系方式)[^，,。\d]{0,4}(?:改|换|错|不对)|(?:改|换)(?:成|为|一下)[^，,。\d]{0,6}(?:电话|号)")
OWN_NUMBER = re.compile(r"(?:我(?:的|自己|本人)?|本人|本机|联系)(?:的)?(?:手机|电话|号码|号|方式)")
# Just before the number on which to call.
_TO_CALL = re.compile(r"(?:联系|打|拨|找)(?:给)?(?:我|这)[^\d。！!？?]{0,8}$|(?:联系|打|拨)(?:给)?(?:我)?(?:这个?|那个?)[，,\s]*$")
_CHANGED_TO = re.compile(r"换成|改成|改为|换到")
_STRANGERS = re.compile(r"骗子|陌生|他们|有人|推销|对方|给我的")
_NOT_TO_CALL = re.compile(r"骗子|陌生|他们|有人|推销|对方|[别不](?:要|用|能)?(?:再)?(?:联系|打|拨|找)(?!的)[^，,。]*$|给我的")
_MINE = re.compile(r"我(?:自己|本人)?(?:的)?(?:手机|电话|号码?|联系方式)*(?:号码?)?(?:就?是)?[：:\s]*$")
_TO_CALL_ON = r"(?:电话|電話|号码|號碼|手机号|联系方式|聯絡電話)"
_CHANGES_NUMBER = re.compile(
    rf"(?:改|换|換)(?:一?[个個]|一下|下)?(?:联系|回访|接听|聯絡)?的?{_TO_CALL_ON}(?=$|[，,。！!\s]|吧|打|联系|行|可以)|(?:联系|回访|留)的?{_TO_CALL_ON}[^，,。]{{0,4}}(?:改|换)(?:成|为|一下|个|掉)"
    rf"|{_TO_CALL_ON}(?:改|换)(?:成|为)|(?:打|联系|拨)(?:给)?我?(?:另外|别的|另)一?个?(?:号|电话)"
)
_NOT_OF_TICKET = re.compile(r"套餐|过户|携|卡|骗|验证码|信号|密码|为什么|打不通|[?？吗]$")
LONGEST_CHANGE = 40  # characters
# Before a number: it is the one to call; it is the one that the matter is about.
_CALLS = re.compile(
    r"联系|聯絡|回访|回电|找(?:我|他|她)|接(?:听|电话)|能打通|(?<!有人)(?<!来)(?<!我)(?:打|拨)(?!来|过来|不|出|进|的)"
)
_NOT_CALLED = re.compile(r"[别不](?:要|用|能|了)?(?:再)?(?:联系|打|拨|找)|打不(?:通|了)|没法(?:打|接)")
_LINES = re.compile(
    r"业务号码?|要?办理?(?:业务)?的|(?:停机?|报停|挂失|复机|开通|补卡?|换卡|欠费|退订?|销户?|注销|过户|转网|携转|拆机?|查询?|充值?|解绑)(?:了|掉)?(?:的|是|号码?|手机号?|电话)"
    r"|副卡|那张卡|丢了?|掉了|被偷|捡|名下|坏(?:了)?的?(?:座机|电话|固话)|座机|固话|固定电话"
)
OWNER = re.compile(r"[妈爸]|爷爷|奶奶|外婆|外公|儿子|女儿|老[婆公伴]|爱人|[哥姐弟妹]")
_FAMILY = re.compile(rf"{OWNER.pattern}|老人|孩子|[他她]的?(?:号|手机|电话|那个)")
_OUT_OF_REACH = re.compile(r"(?:这个号?|那个号?)?(?:打不通|丢|掉了|停机|关机|没信号|不用了|被偷)")
_REACHED = re.compile(r"(?:这个)?(?:能|可以)(?:打通|联系|接)")
_NOT_TO_BE_CALLED = re.compile(r"(?:这个)?(?:别|不要|不用)(?:再)?(?:打|联系)")
# Called by others, or dialled in vain: 你们客服拨…, 说拨…就退钱, 不是13…, 打13…提示空号.
_NOT_OURS = re.compile(r"(?:客服|营业厅)[^，,。]{0,4}(?:拨|打)$|(?:说|让我|叫我)(?:拨|打)$|不是$")
_DEAD = re.compile(r"(?:提示|显示)?(?:是)?空号|提示|说(?:不|没|是)")
_MENDS = re.compile(r"改|换|错|不对|应该|有误|业务号|号码是")
_CLAUSE = re.compile(r"[，,。；;！!？?]")
_FIXED_LINE = re.compile(r"0\d{9,11}")
_WRONG_NUMBER = re.compile(r"错|有误|不是")
# What a yes begins with: it submits what was read back and puts nothing right.
YES_FIRST = re.compile(r"^(?:[，,。\s嗯啊哦好]*)(?:确认|对(?!调|面|方)|是的|可以|好的?[，,。！!\s]|没问题|没错|行[，,。！!\s的]|提交)")
_THE_OTHER_WAY = re.compile(
    r"(?:号码|电话|手机号|联系方式|两个号)[^，,。说费]{0,4}(?:写|弄|搞|记|填|装)?反(?:了|过来)|(?:两个)?号码?(?:对调|互换|换过来|调换)"
    r"|^(?:又|还是|都|不对|[，,\s])*(?:写|弄|搞|记|填|说)?反了(?:[，,。！!\s]|反了|对调|换过来|一下|两个号码写反了)*$"
)
_SAID_DIGITS = r"[\d零〇一二三四五六七八九幺两洞拐]"
_UNITS = r"[单张个号栋楼室幢点月日天元块年次兆人层度%％]|小时|分钟|单元"
_TAIL = re.compile(
    rf"(?:尾号|后四位|末四位|最后四位)(?:数字?|号)?(?:不对|错了?|有误)?[，,\s]*(?:应该)?(?:就?是|为|改成|改为|换成)?[：:\s]*({_SAID_DIGITS}{{4}})(?!{_SAID_DIGITS}|{_UNITS})"
    rf"|(?:^|(?:号码?|电话|手机|座机|[妈爸他她婆公伴])[^，,。]{{0,6}})最后(?:几位)?(?:应该)?是\s*({_SAID_DIGITS}{{4}})(?!{_SAID_DIGITS}|{_UNITS})"
    rf"|(?<!{_SAID_DIGITS})({_SAID_DIGITS}{{4}})(?:结尾|收尾)"
)
# The end of another number: of a card, a ticket, a cheat.
_ANOTHER_TAIL = re.compile(r"银行|身份证|证件|卡号|[工订]单|单号|验证码|骗|对方|陌生|门牌|房号|发票|税号|不是\d+打|打来|的[^，,。]{0,2}(?:停|撤|退|关|办)|那个(?:停|撤|退|关|办)|就?[停撤退关办]")
_NOT_TAIL = re.compile(rf"不是({_SAID_DIGITS}{{2,4}})(?!{_SAID_DIGITS})")
KEEPS_NUMBER = re.compile(
    r"不(?:太|是很|敢)?(?:想|方便|愿意?|能)?(?:再)?(?:留|给|说|提供|透露|告诉)(?!过)|(?:唔|不)(?:想)?(?:畀|俾|比)|怕[^，,]{0,4}泄[露漏]|不用联系我?"
    r"|(?:没|沒|冇)(?:有)?(?:内地|內地|手机|手機|固定)?(?:手机|手機|电话|電話|号码|號碼|号|號)(?:$|[,，。了啊\s])"
    r"|(?:没|冇|莫)得?(?:有|带)?(?:内地|固定)?(?:手机|电话)(?!.{0,3}(?:打|联系|来|信号|网))|记不(?:住|到|得|清)[^，,。]{0,3}号"
    r"|就(?:打|用|是|我)*(?:这个|现在|本机)|用(?:我)?(?:现在|这个)|不(?:用|需要|必)(?:留)?(?:电话|号码)|保密"
)
# May it be a son's number?
ANOTHERS_WILL_DO = re.compile(
    r"(?:儿子|女儿|老伴|家(?:里)?人|邻居|别人|老公|老婆|爱人|孩子|朋友|同事|爸|妈|他|她)(?:的)?(?:手机|电话)?(?:号码?)?"
    r"(?:也)?(?:行不行|行吗|可以吗|可不可以|可以不|成不成|得不得|行不)"
)
_SAME_NUMBER = re.compile(r"(?:就|还是|也)(?:打|是|用)*(?:这个|那个|原来|刚才|同一个|一样|它)|^(?:同一个|一样的?|同上)")
_CALLING_FROM = re.compile(
    r"(?:打(?:电话|过来|进来|给你们)?|来电|现在用|正在用|用)的?(?:就?是)?这个(?:号|电话|手机)|就是?我(?:现在)?(?:打|用)(?:电话)?的?(?:这个)?(?:号|手机|电话)|^(?:就)?本机(?:号码?)?[。！!]*$"
)
_FOR_CALLS = re.compile(r"联系|联络|聯絡|回访|回电|打(?:给)?我|打这|打到|找我|接|(?:^|[，,。\s])打|(?:电话|号码?)(?:换|改)(?:成|为)")


def number_to_call(text: str) -> str:
    """Return the number of several that the customer wants to be called on: 打我老婆的13…, 我手机是15….

    Nothing where the words do not say which.
    """
    numbers = [fact for fact in find_facts(text) if fact.name == "phone_number"]
    if _CHANGED_TO.search(text):
        return ""
    before = {number.value: text[max(0, number.start - 14) : number.start] for number in numbers}
    before = {value: words for value, words in before.items() if not _NOT_TO_CALL.search(words)}
    wanted = [value for value, words in before.items() if _TO_CALL.search(words)]
    if not wanted and len(numbers) > 1:
        wanted = [value for value, words in before.items() if _MINE.search(words)]
    return wanted[0] if wanted else ""


def new_number(text: str) -> str:
    """Return the number that takes the place of the one on a ticket: 电话留错了，是13…, 打这个…."""
    if CALLERS.search(text):
        return ""  # 骗子又打来了，电话换成…
    numbers = [fact.value for fact in find_facts(text) if fact.name == "phone_number"]
    if len(numbers) == 1 and NEW_NUMBER.search(text):
        return numbers[0]
    return number_to_call(text)


def same_as_line(text: str) -> bool:
    """Tell whether the words want the number called that was told for the matter: 就打这个."""
    return bool(_SAME_NUMBER.search(text))


def points_at_caller(text: str) -> bool:
    """Tell whether the words point at the number that the customer uses now, which nobody here sees."""
    return bool(_CALLING_FROM.search(text))


def of_line(request_type: RequestType) -> bool:
    """Tell whether a request is about a number of its own, which need not be the one to call."""
    asked_first = request_type.needs[:1] == ((CALLED,),) or request_type.id in LANDLINES
    return asked_first and request_type.id not in STRANGERS_NUMBER


def numbers_told(text: str, *, known: bool = False) -> dict[str, str]:
    """Return the number to call and the one that the matter is about, where the words say which is which.

    `known`: a number was told before, so that one alone can be the other one.
    """
    numbers = [fact for fact in find_facts(text) if fact.name == "phone_number"]
    roles: list[tuple[str, str, bool]] = []  # number, role, whether the words are plain
    at = 0
    for number in numbers:
        before, at = text[max(at, number.start - LONGEST_LABEL) : number.start], number.end
        if not (_STRANGERS.search(before) or _NOT_OURS.search(before) or _DEAD.match(text, number.end)):
            roles.append((number.value, *(_role_behind(text, number.end) or _role(before))))
    if len({value for value, *_ in roles}) != 2:
        return _alone(text, roles[-1:], known=known)
    (first, one, sure), (second, other, sure_too) = roles[0], roles[-1]
    if not one and not other and (fixed := bool(_FIXED_LINE.fullmatch(first))) != bool(_FIXED_LINE.fullmatch(second)):
        one = LINE if fixed else CALLED  # a landline that is out of order is not called
    if one == other:
        # Plainer words win; where both are as plain, nothing is known.
        if sure == sure_too:
            return {}
        one, other = (one, "") if sure else ("", other)
    one = one or (CALLED if other == LINE else LINE)
    return {one: first, (CALLED if one == LINE else LINE): second}


def _role_behind(text: str, end: int) -> tuple[str, bool] | None:
    if _OUT_OF_REACH.match(text, end) or _NOT_TO_BE_CALLED.match(text, end):
        return LINE, True
    return (CALLED, True) if _REACHED.match(text, end) else None


def _role(before: str) -> tuple[str, bool]:
    """Tell by the words before a number what it is for, and whether they are plain; the last ones count."""
    *others, last = _CLAUSE.split(before)
    if others and (told := _role(last))[0]:
        return told
    ends = {
        role: max((found.end() for found in pattern.finditer(before)), default=0)
        for role, pattern in ((CALLED, _CALLS), (LINE, _LINES))
    }
    if _NOT_CALLED.search(before):
        return LINE, True
    if any(ends.values()):
        return (CALLED if ends[CALLED] > ends[LINE] else LINE), True
    if _FAMILY.search(before):
        return LINE, False
    return (CALLED, False) if _MINE.search(before) else ("", False)


def _alone(text: str, roles: list[tuple[str, str, bool]], *, known: bool) -> dict[str, str]:
    """Return one number by its role, where another is known or the words leave no doubt."""
    for value, role, sure in roles:
        if role == LINE and _NOT_CALLED.search(text) and not _MENDS.search(text):
            return {}  # 别打… gives no number
        if role == LINE and ((known and (sure or _MENDS.search(text))) or "业务号" in text):
            return {LINE: value}
        if role == CALLED and known and not _WRONG_NUMBER.search(text):
            return {CALLED: value}
        if role == CALLED and _CALLS.search(text):
            return {CALLED: value}
    return {}


def swapped(facts: Mapping[str, str], text: str) -> dict[str, str]:
    """Return both numbers the other way round, where the words say that they are: 两个号码写反了."""
    known = all(facts.get(name, NOT_GIVEN) != NOT_GIVEN for name in (LINE, CALLED))
    if not known or YES_FIRST.search(text) or not _THE_OTHER_WAY.search(text):
        return {}
    return {LINE: facts[CALLED], CALLED: facts[LINE]}


def tail_mended(facts: Mapping[str, str], text: str) -> dict[str, str]:
    """Return the number whose last digits are put right: 尾号是4456不是4455, 四二零四结尾."""
    found = None if YES_FIRST.search(text) or _ANOTHER_TAIL.search(text) else _TAIL.search(text)
    digits = spoken_digits(found[1] or found[2] or found[3]) if found else ""
    names = [name for name in (CALLED, LINE) if facts.get(name, NOT_GIVEN) != NOT_GIVEN]
    if not digits or any(facts[name].endswith(digits) for name in names) or not names:
        return {}
    wrong = [spoken_digits(each) for each in _NOT_TAIL.findall(text)]
    named = [name for name in names if any(each and facts[name].endswith(each) for each in wrong)]
    role, _ = _role(text[: found.start()] if found else "")
    name = next(iter(named), role if role in names else names[0])
    return {name: facts[name][: -len(digits)] + digits}


def stays_line(text: str) -> bool:
    """Tell whether the number of before is still the one that the matter is about: 换个电话联系我."""
    return bool(_FOR_CALLS.search(text)) and not _WRONG_NUMBER.search(text)


def changes_number(text: str) -> bool:
    """Tell whether the words want another number called for a ticket: 电话改成我老婆的."""
    wanted = len(text) <= LONGEST_CHANGE and _CHANGES_NUMBER.search(text)
    return bool(wanted) and not _NOT_OF_TICKET.search(text)
