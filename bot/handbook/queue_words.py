"""Chapter 4.3: words by which a customer leaves the queue for a person (取消排队), and what else is wanted."""

from __future__ import annotations

import re

LONGEST_LEAVING = 80
LEAST_REST = 3  # characters of a wish beside them
_PERSON = r"(?:人工(?:客服|服务)?|真人|客服)"
_ENDS = r"(?=$|[\W_]|吧|了(?:$|[\W_])|啊|呀|继续)"
_LEAVE = re.compile(
    r"(?:^|(?<=[，,。！!?？\s]))(?:那|哎|唉|嗯|就|你|我|先|还是|快|算了|[，,\s])*(?:"
    rf"(?:取消|退出|撤回|结束|停止)(?:掉|了)?(?:排队|转接?人工|人工(?:服务|客服)?|等待){_ENDS}"
    rf"|(?:不|别|不用|不要|不想|谁要|无需|唔使)(?:再|要|用)?(?:转接?|找|叫|等|排|要)?{_PERSON}(?:了|吧)*{_ENDS}|不(?:用|想)?找人了{_ENDS}"
    rf"|不(?:用)?(?:再)?等(?:{_PERSON}|你们)?了{_ENDS}|唔(?:使)?等了{_ENDS}|不(?:用|想|要)?(?:再)?排队?了{_ENDS}|别排队?了{_ENDS}|不用转了{_ENDS}"
    r"|(?:叫|找|转|回|转回|继续用?|用|还是)机器人(?:吧|来|继续)?(?=$|[\W_])|(?:继续|接着)登记(?:吧)?(?=$|[\W_]))"
    r"|^(?:那|哎|唉|嗯|就)*(?:没人(?:的话)?(?:那|就)*)?算了(?:吧)?(?=$|[\W_])|^(?:(?:那|还是)*机器人(?:吧|来)?|退出|撤回)(?=$|[。！!])|(?<=[，,。\s])退出$|^撤回(?=\s)"
)
# Who waits on, or wants somebody else than the one at hand.
_WAITS_ON = re.compile(r"(?:继续|接着|还是|再|先)(?:等|排)|等吧|经理|领导|主管|班长|值班|找谁|滚")
_REFUSES = re.compile(
    r"(?:不用|不要|别|没(?:有)?(?:要|说)|不想|谁要|不是要|无需|不需要)(?:你)?(?:再|给我|帮我)*(?:转接?|找|叫)(?:人工|真人|客服|人)"
    r"|(?:不要|不用|不需要|别)人工(?!的|那|费|审)"
)
_DEMANDS = re.compile(r"人工|真人|经理|领导|主管|客服|转接|给我转|挂|糊弄|敷衍|你们的?人")
_DEMANDED = re.compile(r"(?:^|[，,。！!\s])(?:快点?|请|麻烦|直接|马上|给我|帮我|我要|就)*转(?:接)?(?:到)?人工(?:客服|服务)?(?:吧|啊|呀)?[，,\s]*(?:谢谢)?[。.！!]*$")
_CONDITION = re.compile(r"如果|要是|先登记|怎么|没用|再[，,\s]*转")
_NOTHING = re.compile(r"(?:我|自己|再|吧|了|啊|呀|好|的|谢谢|来|弄|行|先|排队|继续|[\W_])*")
LONGEST_REFUSAL = 80
# The handful of Traditional characters of these words.
_PLAIN = str.maketrans("隊轉啦喇務煩給幫", "队转了了务烦给帮")


def besides_leaving(text: str) -> str | None:
    """Return what is wanted besides leaving the queue, empty where nothing is; None if nobody leaves."""
    said = text.strip().translate(_PLAIN)
    if len(said) > LONGEST_LEAVING or _WAITS_ON.search(said) or not _LEAVE.search(said):
        return None
    rest = _LEAVE.sub(" ", said).strip(" ，,。；;！!?？~")
    return "" if len(rest) < LEAST_REST or _NOTHING.fullmatch(rest) else rest


def demands_person(text: str) -> bool:
    """Tell whether a message ends with a plain demand for a person: 都不满意，转人工."""
    said = text.strip().translate(_PLAIN)
    return bool(_DEMANDED.search(said)) and not (_CONDITION.search(said) or wants_no_person(said))


def wants_no_person(text: str) -> bool:
    """Tell whether the words refuse a person: 都不是，不用转人工 我是说…."""
    if len(text) > LONGEST_REFUSAL or not _REFUSES.search(text):
        return False
    return not _DEMANDS.search(_REFUSES.sub("", text))
