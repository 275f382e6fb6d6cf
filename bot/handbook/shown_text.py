"""Chapter 4.4: a customer's words in lists and notices (列表与通知): no number, no door (门牌).

The community or road stays, because it says where to go; house, unit and room are for the page
of the ticket, which only those see whose business it is.
"""

from __future__ import annotations

import re

from bot.handbook.facts import find_facts
from bot.handbook.privacy import mask

HIDDEN = "***"
# From the first house, unit or room on: 3号楼2单元501, 三单元, 88号, A座, 12-3-501.
_DOOR = re.compile(
    r"(?:\d+|[零〇一二三四五六七八九十百]+|[A-Za-z])(?:号|栋|幢|楼|座|单元|室|层|弄|[-—－]\d)|\d{3,}"
)
# What goes on behind a place that is known by its name only: 银滩花园12-3-501.
_REST = re.compile(r"\d{1,4}(?:[-—－]\d{1,4})+室?|\d{3,4}室")


def mask_for_lists(text: str) -> str:
    """Mask personal numbers, and of each address what leads to the door."""
    masked = mask(text)
    if not _DOOR.search(masked):
        return masked
    out, last = [], 0
    for fact in find_facts(masked):
        if fact.name != "address":
            continue
        rest = _REST.match(masked, fact.end)
        door = _DOOR.search(masked, fact.start, fact.end) or rest
        if door:
            out += [masked[last : door.start()], HIDDEN]
            last = rest.end() if rest else fact.end
    return "".join(out) + masked[last:]
