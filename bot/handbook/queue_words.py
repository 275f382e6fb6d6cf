"""Chapter 4.3: words by which a customer leaves the queue for a person (取消排队), and what else is wanted."""

from __future__ import annotations

import re

LONGEST_LEAVING = 80
LEAST_REST = 3  # characters of a wish beside them
_PERSON = r"(?:人工(?:客服|服务)?|真人|客服|人(?=了|吧|$|[\W_]))"
_LEAVE = re.compile(
    r"(?:^|(?<=[，,。！!?？\s]))(?:那|哎|唉|嗯|就|你|我|先|还是|快|算了|[，,\s])*(?:"
    r"(?:取消|退出|撤回|结束|停止)(?:掉|了)?(?:排队|转接?(?:人工)?|人工(?:服务|客服)?|等待)|(?:退出|撤回)(?=$|[\W_])"
    rf"|(?:不|别|不用|不要|不想|谁要|无需|唔使)(?:再|要|用)?(?:转接?|找|叫|等|排)?(?:了)?{_PERSON}(?:了|吧)*"
    r"|不(?:用)?(?:再)?等了(?=$|[\W_])|(?:不|别)(?:用|想|要)?(?:再)?(?:转|排队?)了|(?:叫|找|转|回|转回|继续用?|用)?机器人(?:吧|来|继续)?(?=$|[\W_])"
    r"|(?:继续|接着)登记(?:吧)?|算了(?=$|[\W_]))"
)
_REFUSES = re.compile(
    r"(?:不用|不要|别|没(?:有)?(?:要|说)|不想|谁要|不是要|无需|不需要)(?:你)?(?:再|给我|帮我)*(?:转接?|找|叫)(?:人工|真人|客服|人)"
    r"|(?:不要|不用|不需要|别)人工(?!的|那)"
)
_NOTHING = re.compile(r"(?:我|自己|再|吧|了|啊|呀|好|的|谢谢|来|弄|行|我先|排队|[\W_])*")


def besides_leaving(text: str) -> str | None:
    """Return what is wanted besides leaving the queue, empty where nothing is; None if nobody leaves."""
    said = text.strip()
    if len(said) > LONGEST_LEAVING or not _LEAVE.search(said):
        return None
    rest = _LEAVE.sub(" ", said).strip(" ，,。；;！!?？~")
    return "" if len(rest) < LEAST_REST or _NOTHING.fullmatch(rest) else rest


def wants_no_person(text: str) -> bool:
    """Tell whether the words refuse a person: 都不是，不用转人工 我是说…."""
    return bool(_REFUSES.search(text))
