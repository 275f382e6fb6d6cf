"""Chapter 3.1: one story (一件事) told in several facts, or another request beside it.

Said by the words: 另外 and 顺便 begin something else; 结果, 因为 and 还是 go on with what was told,
as do what was tried before and the complaint about how it is being handled.
"""

from __future__ import annotations

import re

from bot.handbook.requests import RequestKind, RequestType

SEPARATES = re.compile(
    r"另外|另(?=[，,：:]|一(?:个|件)事)|顺便|顺带|此外|除(?:此|这|了这个?)之?外|不光这|(?<!绝)(?<!是)(?<!都)对了(?!吗|吧)|哦对|二是|其次|也想|还想|还要(?!多久|等)"
    r"|第二(?:件|个|是|[，,、：:])|再(?:一个|一件|有(?!问题)|(?:帮|给)我|(?=查|办|问))"
    r"|还有(?:一|个|件|几|两)+(?:个|件)?(?:事|问题)|还有就是|(?:两|俩|2)(?:个|件)事"
)
# 还有 and 同时 may add a fact to the story as well as something else.
ALSO = re.compile(rf"{SEPARATES.pattern}|还有|同时")

_CLAUSE = r"(?:^|(?<=[\s，,。；;！!？?、…]))"
_CAUSED = re.compile(
    rf"结果|所以|因此|于是|因为|由于|导致|害得|害我|搞得|弄得|跟着|(?:了|过|完|好)(?:以后|之后)"
    rf"|{_CLAUSE}(?:我)?(?:从那|自从|那?以后|之后|随后)"
)
_GOES_ON = re.compile(
    r"还是(?!帮|给|先|要|想|查|办|转|算)|还(?:没|不|在|用不|打不|上不|连不)|仍|依然|依旧|到现在|一直(?:没|不|在)|到底"
    r"|没(?:有)?(?:开|办|用|订|点|买)过|根本|明明|凭什么|凭啥|肯定是|反而|居然|竟然|当初|当时|说好|之前(?:也|说)|也没|压根|(?:这|那)(?:不|算|叫|都|事|样|是)"
)
# What the customer had done before: 换了套餐, 交了100, 昨天办好的.
_DONE = re.compile(
    r"(?<!没)(?<!不)(?<!能)(?:办|改|换|补|装|移|搬|开|过户|退|取消|注销|充|交|缴|续|升级|订|重置|销)"
    r"(?:(?:理|通|机|户|号|卡|费|值|掉|错|成功|上)?(?:了(?!吗)|过(?!户)|完|好)|[^，,。？?\s]{0,6}(?:以后|之后))|报修过|早就"
)
_WISHES = re.compile(
    r"(?<!没)想(?!到)|(?<!不)(?<!主)要(?!是|不|求|紧|命)|(?<![子儿公婆他她友事爸妈])帮|帮(?!我?[^，,。？?\s]{1,3}了(?!吧|吗))|请|麻烦|给我(?=开|办|查|退|修|弄|改|换|寄|打|回|发|充|交|装|个|一|先)|能不能|能否|可不可以|多少|什么时候|几点|哪里"
    r"|[也都](?:给|帮)(?:我|她|他|俺|咱)?(?:退|取消|停|关|销|办|开|改)"
    r"|怎么(?:办|弄|查|改|开|交|退|样)|查[一询]?下|查询|(?:^|[\s，,。；;]|先|就|再|请)把|(?:补|办|开|退|改|换|查|销|装)(?:一[张个下份]|个|张|下)|吗[?？]?$|[?？]"
)
# 我的密码也忘了 adds something of its own.
_TOO = re.compile(r"也(?!没|不|是因)")
_DEMANDS = re.compile(r"投诉|举报|赔|道歉|说法|退(?:钱|费|款|我|给我)|多[扣收]|乱(?:扣|收)|又扣|扣了")
_MONEY_BACK = re.compile(r"退(?:钱|费|款|我|给我|还)|(?:钱|费).{0,3}(?:退|还)|还我")
_AT_HOME = re.compile(r"宽带|家里.{0,2}网|网线|光猫|路由|wifi|WiFi|座机|固话|电视|机顶盒|移机|专线")
_IN_HAND = re.compile(r"手机|信号|话费|流量|漫游|(?:电话|新|补|换|副|sim|SIM)卡|卡(?:丢|坏)")
_BUSINESS = (RequestKind.ORDER, RequestKind.CONSULT)


def tells_done(text: str) -> bool:
    """Tell whether the words say what was done before and wish for nothing."""
    return bool(_DONE.search(text)) and not _WISHES.search(text)


def is_wanted(text: str, request_type: RequestType) -> bool:
    """Tell whether words are a request by themselves: something is wrong, or is wished for."""
    return request_type.kind not in _BUSINESS or bool(_WISHES.search(text))


def belongs(told: str, first: RequestType, said: str, second: RequestType) -> bool:
    """Tell whether what is said goes on with the story told, although it reads as another type."""
    if SEPARATES.search(said):
        return False
    if _CAUSED.search(said):
        return True
    if _apart(told, said):
        return False
    if _GOES_ON.search(said) or second.id == "complaint_service":
        return True
    if second.kind in _BUSINESS:
        return not (_WISHES.search(said) or _TOO.search(said))
    if first.kind is RequestKind.CONSULT and second.id == "bill_dispute":
        # What was asked about a charge, and the money asked back.
        return first.team == second.team
    both_complaints = first.kind is second.kind is RequestKind.COMPLAINT
    return both_complaints or (first.kind in _BUSINESS and tells_done(told))


def fitting(told: str, first: RequestType, said: str, second: RequestType) -> RequestType:
    """Choose the type of one story: what is demanded, else what is wrong now, else what came first."""
    if first.kind is RequestKind.SAFETY:
        return first
    if first.kind is second.kind is RequestKind.COMPLAINT:
        # A complaint about the service says less than one about money, selling or data.
        asked_back = second.id == "bill_dispute" and _MONEY_BACK.search(said)
        return second if asked_back or first.id == "complaint_service" else first
    if second.kind is RequestKind.COMPLAINT and _DEMANDS.search(said):
        return second
    if first.kind in _BUSINESS and tells_done(told) and not tells_done(said):
        return second
    if first.kind is RequestKind.CONSULT and second.kind is not RequestKind.CONSULT:
        return second
    return first


def _apart(told: str, said: str) -> bool:
    """Tell whether one names only a line at home and the other only a mobile."""
    return {_line(told), _line(said)} == {"home", "hand"}


def _line(text: str) -> str:
    home, hand = _AT_HOME.search(text), _IN_HAND.search(text)
    return "" if bool(home) is bool(hand) else "home" if home else "hand"
