"""Chapter 4.4: who speaks of dying (轻生的话) gets a caring word and a person, whatever else was said."""

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
