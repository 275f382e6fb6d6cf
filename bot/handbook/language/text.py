"""The reply as text, 文本归一与分句: one normalisation, clauses, sentences and quotations.

Normalisation is one character to one character (full width to half width, Traditional to
Simplified, upper to lower case), so that offsets survive; characters of no width are taken out
and remembered in an index map.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Generic, TypeVar

CLAUSE_ENDS = "。!?;,\n"
SENTENCE_ENDS = "。!?;\n"

_NO_WIDTH = (
    *range(0x200B, 0x2010),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2065),
    0xFEFF,
    0xFE0F,
    0x00AD,
)
_CLAUSE_END = re.compile(r"[。!?;\n]|,(?!\d{3}(?!\d))")
_QUOTED = re.compile(
    r"“[^“”]*”|‘[^‘’]*’|「[^「」]*」|『[^『』]*』|《[^《》]*》|〈[^〈〉]*〉|\"[^\"\n]*\""
)
_READ_BACK = "您的描述:"
_CLOSING = '”’」』》〉"'
# Words after these belong to the customer or a third party, to the end of the clause.
_REPORTED = re.compile(
    r"(?:您|客户|用户|机主)(?:刚才|刚刚|之前|此前|上次|来电|来信|在[^。!?;,\n]{1,8}?(?:里|中|时))?"
    r"(?:说(?!的|了|清|明|完|得|话|多|慢|重点|我|一|吧|什么|啥|几|这|那|来|声|不对|不是|错|破|死|干了?嘴|烂|出花|上天|下天|再)"
    r"|(?:提到|反映|反馈|描述|表示|自述|留言)(?!的))"
    r"|(?:对方|骗子|来电者|陌生人|短信|邮件|页面|链接)(?:里|中|上)?(?:可能|通常|常|往往)?(?:会)?"
    r"(?:说|称|声称|谎称|自称|写着|写的|写道|显示|提示|要求您|让您)"
)
_BETWEEN_HAN = re.compile(r"(?<=[\u4e00-\u9fff])[ \t_*.·~^|/\\+=#@&\-—'`]{1,3}(?=[\u4e00-\u9fff])")


# Nothing shorter can be a complete number of a phone, a card or a person.
_LONG_NUMBER = re.compile(r"\d(?:[ .·-]?\d){10}")
_DIGITS = re.compile(r"\d[\d .·-]{10}")
_LONG_NUMERAL = re.compile(r"[零〇一二三四五六七八九幺两壹贰叁肆伍陆柒捌玖]{11}")
_COMMON_MARKS = tuple((chr(ord(mark) + 0xFEE0), mark) for mark in ",!?:;()")
Value = TypeVar("Value")


class lazy(Generic[Value]):  # noqa: N801 - a decorator
    """Work a property out once; functools does the same under a lock, which costs more than most."""

    def __init__(self, work: Callable[[Any], Value]) -> None:
        self._work = work
        self.__doc__ = work.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, reply: Any, owner: type) -> Value:
        value = self._work(reply)
        reply.__dict__[self._name] = value
        return value


@lru_cache(maxsize=1)
def character_table() -> dict[int, str | None]:
    """Build the table of normalisation once; the Traditional characters come from OpenCC."""
    from opencc import OpenCC

    traditional = [
        chr(code)
        for first, last in ((0x3400, 0x9FFF), (0xF900, 0xFAFF))
        for code in range(first, last)
    ]
    simplified = OpenCC("t2s").convert("\n".join(traditional)).split("\n")
    table: dict[int, str | None] = {
        ord(old): new
        for old, new in zip(traditional, simplified, strict=True)
        if old != new and len(new) == 1
    }
    table.update({code: chr(code - 0xFEE0).lower() for code in range(0xFF01, 0xFF5F)})
    table.update({code: chr(code).lower() for code in range(0x41, 0x5B)})
    table[0x3000] = " "
    table[0xA0] = " "
    table.update(dict.fromkeys(_NO_WIDTH))
    return table


@lru_cache(maxsize=1)
def _unusual() -> re.Pattern[str]:
    """Build the pattern of every character that the table changes."""
    return re.compile("[" + "".join(re.escape(chr(code)) for code in character_table()) + "]")


def normalise(text: str) -> str:
    """Bring a text to the form that patterns are written against.

    Most replies have nothing to change but their marks; looking up every character costs more.
    """
    for wide, mark in _COMMON_MARKS:
        text = text.replace(wide, mark)
    return text.translate(character_table()) if _unusual().search(text) else text


class Reply:
    """One outgoing reply, with everything about its shape that several rules ask for."""

    def __init__(self, raw: str) -> None:
        self.raw = raw
        self.text = normalise(raw)
        self._origin: list[int] | None = None
        self._held: dict[tuple[int, int, int], bool] = {}
        # What `tone` found out: how bad stretches sound, and what each sentence adds up to.
        self.heard: dict[tuple[int, int], float] = {}
        self.asked: set[str] = set()  # sentences that an ear was asked about
        self.sums: Sequence[tuple[int, int, complex]] | None = None
        if len(self.text) != len(raw):
            table = character_table()
            self._origin = [
                at for at, char in enumerate(raw) if table.get(ord(char), "") is not None
            ]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Turn offsets of the normalised text into offsets of the text as given."""
        if self._origin is None:
            return start, end
        if not self._origin:
            return 0, len(self.raw)
        if start >= end:
            place = self._origin[min(start, len(self._origin) - 1)]
            return place, place
        return self._origin[start], self._origin[end - 1] + 1

    def normalised(self, start: int, end: int) -> tuple[int, int]:
        """Turn offsets of the text as given into offsets of the normalised text."""
        if self._origin is None:
            return start, end
        return bisect_left(self._origin, start), bisect_left(self._origin, end)

    @lazy
    def clause_ends(self) -> list[int]:
        """Find the marks that end clauses."""
        return [match.start() for match in _CLAUSE_END.finditer(self.text)]

    @lazy
    def sentence_ends(self) -> list[int]:
        """Find the marks that end sentences."""
        return [end for end in self.clause_ends if self.text[end] != ","]

    def clause(self, start: int, end: int) -> tuple[int, int]:
        """Find the clause, or the run of clauses, that holds a span."""
        return _around(self.clause_ends, start, end, len(self.text))

    def sentence(self, start: int, end: int) -> tuple[int, int]:
        """Find the sentence, or the run of sentences, that holds a span."""
        return _around(self.sentence_ends, start, end, len(self.text))

    def stretch(self, name: str, start: int, end: int) -> tuple[int, int]:
        """Find the clause, sentence or whole reply around a span."""
        if name == "clause":
            return self.clause(start, end)
        return self.sentence(start, end) if name == "sentence" else (0, len(self.text))

    def holds(self, pattern: re.Pattern[str], left: int, right: int) -> bool:
        """Tell whether a pattern stands in a stretch; several hits ask the same, it is looked for once."""
        key = (id(pattern), left, right)
        if key not in self._held:
            self._held[key] = pattern.search(self.text, left, right) is not None
        return self._held[key]

    @lazy
    def clauses(self) -> list[tuple[int, int]]:
        """List the clauses, without their marks."""
        edges = [-1, *self.clause_ends, len(self.text)]
        return [(left + 1, right) for left, right in pairwise(edges) if right > left + 1]

    @lazy
    def has_long_number(self) -> bool:
        """Tell whether there is any number that is long enough to be personal data."""
        text = self.text
        digits = _DIGITS.search(text) and _LONG_NUMBER.search(text)
        return bool(digits or _LONG_NUMERAL.search(text))

    @lazy
    def quotations(self) -> list[tuple[int, int]]:
        """Find what is quoted, or reported as said by somebody else."""
        spans = [match.span() for match in _QUOTED.finditer(self.text)]
        # A reply put into quotation marks as a whole is still our own speech.
        bare = len(self.text.strip("。!?;,. \n"))
        spans = [(start, end) for start, end in spans if end - start < bare]
        for match in _REPORTED.finditer(self.text):
            # "您反映:…" introduces a whole sentence, "您反映…" only its clause.
            colon = self.text[match.end() : match.end() + 1] == ":"
            _, end = (self.sentence if colon else self.clause)(match.start(), match.end())
            spans.append((match.end(), end))
        return spans

    @lazy
    def own_words(self) -> str:
        """Blank out what is quoted or reported; every other character keeps its place."""
        text = self.text
        for start, end in self.quotations:
            text = f"{text[:start]}{' ' * (end - start)}{text[end:]}"
        return text

    def is_quoted(self, start: int, end: int) -> bool:
        """Tell whether a span lies inside somebody else's words.

        It may run out of quotation marks as long as most of it stands within them, and take a word
        before them along; no wording runs from the heading 您的描述： into the customer's words.
        """
        for left, right in self.quotations:
            marked = self.text[right - 1] in _CLOSING
            if left <= start:
                if end <= right or (marked and (right - start) * 2 > end - start):
                    return True
            elif marked and end > left:
                read_back = end <= right and self.text.endswith(_READ_BACK, 0, left)
                if read_back or (min(end, right) - left) * 4 >= (end - start) * 3:
                    return True
        return False

    @lazy
    def compact(self) -> tuple[str, list[int]] | None:
        """Take out separators put between Chinese characters, or answer None if there are none."""
        if not _BETWEEN_HAN.search(self.text):
            return None
        kept: list[int] = []
        last = 0
        for match in _BETWEEN_HAN.finditer(self.text):
            kept.extend(range(last, match.start()))
            last = match.end()
        kept.extend(range(last, len(self.text)))
        return "".join(self.text[at] for at in kept), kept


def _around(ends: list[int], start: int, end: int, length: int) -> tuple[int, int]:
    before = bisect_left(ends, start)
    left = ends[before - 1] + 1 if before else 0
    # A span that takes its own full stop along still ends in that sentence.
    after = bisect_right(ends, max(end - 1, start) - 1)
    return left, ends[after] if after < len(ends) else length
