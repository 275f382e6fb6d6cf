"""Amounts of money in a reply, 金额: where they stand and what they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bot.handbook.language.numerals import read_numeral

YUAN = "元块¥"  # one of these stands in every sum
CHARACTERS = "[一二两三四五六七八九十百千万零]"  # of a sum in words
# 三块五 is a sum, 三块一个月 is three yuan for one month.
_TENTHS = r"(?![个次条天月年张份分gm兆\d二三四五六七八九十百千万]|一[^个次条天月年张份分])"
_AMOUNT = re.compile(
    r"(?<![\d.])(?P<digits>\d[\d,]*(?:\.\d+)?) ?(?P<wan>万)?"
    rf"(?:元|块(?:钱|(?P<tenths>[\d一二三四五六七八九]){_TENTHS})?)"
    r"|¥ ?(?P<yen>\d[\d,]*(?:\.\d+)?)"
    rf"|(?P<words>{CHARACTERS}+)"
    rf"(?:元|块[钱整]|块(?P<tenths_in_words>[一二三四五六七八九]){_TENTHS}|块(?!儿|[一-龥]))"
)


@dataclass(frozen=True)
class Amount:
    """A sum of yuan, with its place in the normalised text."""

    start: int
    end: int
    value: float


def amounts(text: str, start: int = 0, end: int | None = None) -> Iterator[Amount]:
    """Find the sums of a normalised text, or of a part of it."""
    for match in _AMOUNT.finditer(text, start, len(text) if end is None else end):
        value = read_numeral((match["digits"] or match["yen"] or match["words"]).rstrip(","))
        if value is not None:
            tenths = read_numeral(match["tenths"] or match["tenths_in_words"] or "0") or 0
            yield Amount(*match.span(), value * (10000 if match["wan"] else 1) + tenths / 10)


def read_amounts(value: Any) -> list[float]:
    """Read the sums of a fact: a number, a text such as 35.6元, or a list of them."""
    if isinstance(value, bool) or value is None:
        return []
    if isinstance(value, (int, float)):
        return [float(value)]
    if isinstance(value, str):
        found = re.findall(r"-?\d+(?:\.\d+)?", value.replace(",", ""))
        return [float(number) for number in found]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [number for entry in value for number in read_amounts(entry)]
    return []


def same(left: float, right: float) -> bool:
    """Compare two sums to the cent."""
    return abs(left - right) <= 0.0101
