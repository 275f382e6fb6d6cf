"""Chapter 3.1: short answers 简短答复: yes, no, never mind, something is wrong.

They are read by their words: the model sees no context, and a 好 inside 好像不对 agrees to nothing.
"""

from __future__ import annotations

import re

from bot.handbook.intake_parts import Reading

# The handful of Traditional characters that short answers are made of.
_SIMPLIFIED = str.maketrans("對沒確認誤還錯麼幫報記問題無過這個換寫號碼", "对没确认误还错么帮报记问题无过这个换写号码")

_NOTHING_WRONG = (
    r"没(?:有)?(?:什么|啥|任何)?(?:问题|意见|毛病|错)|不错|(?:不用|不需要|不必|没(?:有)?(?:什么)?(?:要|需要))(?:再)?(?:修)?改"
)
_YES = re.compile(
    rf"^(?:{_NOTHING_WRONG}|是|对|好|可以|行|嗯|确认|正确|ok|yes|提交|同意|要(?!求)|需要"
    r"|解决了|搞定了|明白了|知道了|清楚了|懂了|够了|就这样|无误|得行)"
)
# What begins like a yes and is none: a question, a doubt, a condition, a change, 对了 and 对不起.
_BUT = re.compile(
    r"[?？]|[吗么]$|多久|多少|什么|怎么|何时|几[天个点]|^(?:是|行|对|好|要|可以|需要)不|^对(?:不起|了.)"
    r"|^好(?:像|久|多|几|贵|慢|烦|难)|^要(?:是|不|等)|不对|不是|有误|错|但|可是|不过|改|换成"
)
_WRONG = re.compile(r"不对|有误|错了|(?:要|需要|想|得)(?:修)?改|写错|填错|记错")
_NO = re.compile(rf"^(?!{_NOTHING_WRONG})(?:不|没|否|错|有误|no$|nope)")
_CLAUSE = r"(?:^|[\s，,。；;！!？?、…~])"
_LEAD = r"(?:那|哦|噢|嗯|呃|唉|好|行|吧|我|就|先|还是|都|也|暂时|现在|今天|这个|谢谢|你|你们|给我)*"
_CANCEL = re.compile(
    rf"{_CLAUSE}{_LEAD}(?:算了(?=$|[\W_]|吧|不|别|我|谢|没)|当我没说"
    rf"|(?:不用|不需要|不必)(?:再)?(?:登记|办理?|报修?|弄|查|处理)?了(?=$|[\W_]|吧|啊|哈|我|谢|麻烦))"
    r"|先(?:别|不)(?:再)?(?:退|办|弄|登记|提交|报|查|处理|改)"
    r"|(?:不|不想|不要|别)(?:再)?(?:办理?|报修?|弄|登记|提交)了?(?=$|[\W_]|吧|啊|哈)|取消(?:登记|提交|工单|这次|本次)"
)
_UNDO = re.compile(
    rf"{_CLAUSE}{_LEAD}(?:取消(?:吧|办理|掉|了)?|不要了(?:吧|啊)?)[。!！~]*$|^(?:没有?|没事)了?[，,\s]*谢谢"
)
_DECLINE = re.compile(r"^(?:继续|先登记|登记|直接登记|接着|往下)")
_ENOUGH = re.compile(r"^(?:不用|不需要|不必)(?!.*(?:登记|转人工))|^没有?(?:其他|其它|别的|了)|^没事")

_NOTHING = re.compile(r"(?:不用|不需要|不必|没有?了|没事)了?[，,\s]*(?:谢谢|再见|拜拜)?[。！!]*")


def plain(text: str) -> str:
    """Return a short answer in small letters and Simplified characters."""
    return text.strip().lower().translate(_SIMPLIFIED)


def _doubtful(said: str) -> str:
    """Leave out what says that nothing is wrong: 没错 holds a 错 and means none."""
    return re.sub(_NOTHING_WRONG, "", said)


def agrees(text: str, *, type: str = "") -> bool:
    """Tell whether the words agree; `type` is how the model read them."""
    said = plain(text)
    if _NO.search(said) or _BUT.search(_doubtful(said)):
        return False
    return type == "affirm" or (len(said) <= 10 and bool(_YES.search(said)))


def refuses(text: str, *, type: str = "") -> bool:
    """Tell whether the words refuse or deny."""
    said = plain(text)
    if agrees(text, type=type):
        return False
    return type == "deny" or (len(said) <= 12 and bool(_NO.search(said)))


def finds_fault(text: str) -> bool:
    """Tell whether the customer says that something read back is wrong."""
    return bool(_WRONG.search(_doubtful(plain(text))))


def gives_up(text: str, *, undoes: bool = False) -> bool:
    """Tell whether the customer no longer wants it; `undoes`: what is asked for is a cancelling."""
    said = plain(text)
    return bool(_CANCEL.search(said)) or (not undoes and bool(_UNDO.search(said)))


def goes_on(text: str) -> bool:
    """Tell whether the customer wants to go on without a person."""
    return bool(_DECLINE.search(plain(text)))


def is_enough(text: str) -> bool:
    """Tell whether nothing more is wanted after an answer."""
    return bool(_ENOUGH.search(plain(text)))


def wants_nothing(text: str) -> bool:
    """Tell whether the whole message says that nothing is wanted."""
    return bool(_NOTHING.fullmatch(plain(text)))


def says_yes(reading: Reading) -> bool:
    """Tell whether a message agrees."""
    return agrees(reading.text, type=reading.type)


def says_no(reading: Reading) -> bool:
    """Tell whether a message refuses or denies."""
    return refuses(reading.text, type=reading.type)
