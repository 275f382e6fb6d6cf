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
    rf"(?:{_FAMILY}|机主|户主|[他她]|老人)[^，,。！!？?没]{{0,8}}(?:去世|过世(?!界)|過世|病逝|离世|離世|逝世|过身(?!份)|過身)"
)
# 走了, 没了 and 不在了 say it only beside what becomes of the number.
_GONE = re.compile(
    rf"(?:(?:{_FAMILY}|老人)(?:人)?|(?:机主|户主|人)(?=都|已经))(?:人|上个?[月周]|前几天|前两天|去年|今年|已经|都)*(?:走了|没了|不在了)(?=[，,。！!\s咋]|怎么|$)"
)
_OF_THE_NUMBER = re.compile(r"[他她](?:的|那个?)?(?:手机|电话)?[号卡]|那个?[号卡]|名字|转到|转给|过给|到场|本人|注销|销户|销号|销掉|过户|名下|户主|机主")
_PAPERS = re.compile(r"死亡证|火化证")
_NOT_LOST = re.compile(r"新闻|电影|电视剧|出差|回来|上班|没带|出门|没(?:有)?(?:去世|过世)|你[爸妈]")


def in_mourning(text: str) -> bool:
    """Tell whether somebody of the customer's family has died."""
    if _NOT_LOST.search(text):
        return False
    return bool(_LOST.search(text) or _PAPERS.search(text) or (_GONE.search(text) and _OF_THE_NUMBER.search(text)))
