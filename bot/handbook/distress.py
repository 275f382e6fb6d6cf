"""Chapter 4.4: who speaks of dying (轻生的话) gets a caring word and a person, whatever else was said.

Whose family has lost somebody (亲人去世) gets a word of sympathy before the business.
"""

from __future__ import annotations

import re

_DISTRESS = re.compile(
    r"(?:我|俺|咱)[^,，。！!？?]{0,6}(?:不想活|活不下去|想死(?!你)|去死|要自杀|想自杀|轻生|跳楼|结束(?:自己的)?生命|没法活)"
    r"|(?:不想活了|活不下去了|死了算了|不如死了)"
)
# Told of somebody else, or in jest about a price.
_NOT_MEANT = re.compile(r"别人|新闻|电视|小说|游戏|歌|骗子说|对方说|贵得|卡得|慢得|热得|笑死")


def in_distress(text: str) -> bool:
    """Tell whether the words are those of somebody who may harm themselves."""
    return bool(_DISTRESS.search(text)) and not _NOT_MEANT.search(text)


_FAMILY = (
    "爸|妈|父亲|母亲|父母|爹|爷|奶|姥|外公|外婆|老公|老婆|丈夫|妻子|爱人|老伴|老人家?|家人|亲人|哥|姐|弟|妹|儿子|女儿|孩子"
)
_LOST = re.compile(
    rf"(?:{_FAMILY}|机主|户主|[他她]|人|老人)[^，,。！!？?]{{0,8}}(?:去世|过世|過世|病逝|离世|離世|逝世|过身|過身)"
    rf"|(?:{_FAMILY}|老人)(?:上个?[月周]|前几天|前两天|刚刚?|去年|今年|昨天|已经)+走了(?!.{{0,3}}(?:亲戚|趟|以后就?没|回来))"
    rf"|(?:{_FAMILY})(?:人|刚刚?|前几天|上个?[月周]|昨天|今年|去年|已经|都)*(?:没了|不在了)(?=[，,。！!\s]|$)"
)


def in_mourning(text: str) -> bool:
    """Tell whether somebody of the customer's family has died."""
    return bool(_LOST.search(text))
