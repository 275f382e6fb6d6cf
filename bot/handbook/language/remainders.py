"""What is left of a sum, 余数与差额: a price less a reduction, a deposit less what was used of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.handbook.language.amounts import amounts, same
from bot.handbook.language.kinds import Hit
from bot.handbook.language.numerals import read_numeral

_FOLDED = re.compile(
    r"(?<![\d.,])(?P<price>\d+(?:\.\d+)?)元[^。!?\n\d再另券]{0,12}?打(?P<tenths>\d(?:\.?\d)?|[一二三四五六七八九]{1,2})折"
    r"[,]?(?:折后|之?后|现价|只要|价格|是|为|每月|月付)*(?P<left>\d+(?:\.\d+)?)元"
)
_MORE_TO_IT = re.compile(r"折|再|另|券|抵扣|个月|结余")
_REDUCED = re.compile(
    r"(?:减|优惠|便宜|返)(?:免|了|掉)?(?P<less>\d+(?:\.\d+)?)元[^。!?\n]{0,12}?"
    r"(?:实付|到手|减完|折后|优惠后|减后|实缴)[^。!?\n\d]{0,6}(?P<left>\d+(?:\.\d+)?)元"
)
# 预存200元，用掉86.4元，可退113.6元: of what was paid in advance, nothing else comes in between.
_USED = re.compile(
    r"预存(?:款|话费)?(?:了|是|为)?(?P<whole>\d+(?:\.\d+)?)元[^。!?;\n\d另再约]{0,10}"
    r"(?:用掉|用去|用了|已用|扣了|扣掉)了?(?P<less>\d+(?:\.\d+)?)元"
    r"[^。!?;\n\d另再约不未]{0,10}(?:可退|应退|退还)(?:您)?(?P<left>\d+(?:\.\d+)?)元"
)
_CHANGED = re.compile(
    r"从(?P<old>\d+(?:\.\d+)?)元[^。!?;\n\d]{0,8}(?:换|改|升|降|调)(?:到|成|为|至)(?P<new>\d+(?:\.\d+)?)元"
    r"档?(?:套餐)?,?(?:这样|以后|之后|您)?(?:每个?月)?(?:要|会|就|只|得)?(?:多|少|贵|便宜|省)(?:付|花|出|交|缴|扣|收|了)?"
    r"(?P<left>\d+(?:\.\d+)?)元"
)


def remainders(text: str, left: int, right: int) -> Iterator[Hit]:
    """Find what is not what is left: 每月129元, 减30元, 实付89元, or 199元打八折, 149.2元."""
    yield from _folded(text, left, right)
    yield from _reduced(text, left, right)
    for found in _USED.finditer(text, left, right):
        due = float(found["whole"]) - float(found["less"])
        if due >= 0 and not same(due, float(found["left"])):
            yield Hit(found.start("left"), found.end(), detail=f"{due:g}元")
    for found in _CHANGED.finditer(text, left, right):
        due = abs(float(found["new"]) - float(found["old"]))
        if not same(due, float(found["left"])):
            yield Hit(found.start("left"), found.end(), detail=f"{due:g}元")


def _folded(text: str, left: int, right: int) -> Iterator[Hit]:
    for folded in _FOLDED.finditer(text, left, right):
        tenths, said = read_numeral(folded["tenths"]), float(folded["left"])
        if tenths is not None:
            due = float(folded["price"]) * tenths / (10 if tenths < 10 else 100)
            if abs(due - said) >= 1:  # where a price is rounded is not said
                yield Hit(folded.start("left"), folded.end(), detail=f"{due:g}元")


def _reduced(text: str, left: int, right: int) -> Iterator[Hit]:
    found = list(_REDUCED.finditer(text, left, right))
    if len(found) != 1 or _MORE_TO_IT.search(text, left, right):
        return
    if len(list(amounts(text, left, right))) != 3:
        return
    before = list(amounts(text, left, found[0].start("less")))
    less, said = float(found[0]["less"]), float(found[0]["left"])
    if len(before) == 1 and before[0].value > less and not same(before[0].value - less, said):
        due = before[0].value - less
        yield Hit(found[0].start("left"), found[0].end(), detail=f"{due:g}元")
