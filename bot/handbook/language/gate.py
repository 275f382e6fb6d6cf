"""Anchors, 触发词: literals of which one must stand in a reply before a pattern can match it.

Declared anchors are kept when they are complete; otherwise they are worked out of the pattern,
so that a forgotten anchor can never make a rule fall silent.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import product
from typing import Any

import ahocorasick

with warnings.catch_warnings():
    # Python 3.11 moved the parser; the old name works in every version we support.
    warnings.simplefilter("ignore", DeprecationWarning)
    import sre_parse

_LIMIT = 400  # literals that one stretch of a pattern is multiplied out to
_MOST = 5000  # more alternatives than this are no gate any more
_LONGEST = 4  # a longer literal gates hardly better, and costs a larger automaton
_WIDEST = 24  # alternatives of one place that may be multiplied with its neighbours
_RARE = 1.0  # guessed; what stands everywhere spares no search, and is found for nothing
_COMMON = frozenset(
    "的一是不了在有我们您你这那就都也没能会要还去来上下个给到说办请好为可以时后前号话费,"
)
_SENTENCE_MARKS = "。!?;"

Literals = frozenset[str]


@lru_cache(maxsize=16)
def _parsed(pattern: str) -> Any:
    """Parse a pattern once for the questions that are asked about it in a row."""
    return sre_parse.parse(pattern)


def anchors_of(pattern: str) -> Literals | None:
    """Work out literals of which every match contains one, or None if there are none."""
    return _best(_pieces(_parsed(pattern)))


def is_complete(pattern: str, anchors: Iterable[str]) -> bool:
    """Tell whether every match of a pattern is sure to contain one of the anchors."""
    wanted = tuple(anchors)
    return any(
        all(any(anchor in literal for anchor in wanted) for literal in piece)
        for piece in _pieces(_parsed(pattern))
    )


def _pieces(parsed: Any) -> list[Literals]:
    """List sets of literals; of each set, every match contains at least one member."""
    pieces: list[Literals] = []
    run: Literals = frozenset({""})
    for operator, argument in parsed:
        exact = _exact(operator, argument)
        if exact is not None and len(run) * len(exact) <= _LIMIT:
            run = frozenset(left + right for left in run for right in exact)
            continue
        repeated = _repeated(operator, argument)
        if repeated is not None and len(run) * len(repeated) <= _LIMIT:
            # It may go on after its least number of times, so the stretch ends here.
            pieces.append(frozenset(left + right for left in run for right in repeated))
            run = frozenset({""})
            continue
        pieces.append(run)
        run = exact if exact is not None else frozenset({""})
        if exact is None:
            pieces.extend(_inside(operator, argument))
    pieces.append(run)
    return [piece for piece in pieces if all(piece)]


def _exact(operator: Any, argument: Any) -> Literals | None:
    """Give all strings that one place can be, if they are few."""
    name = str(operator)
    if name == "LITERAL":
        return frozenset({chr(argument)})
    if name == "IN":
        return _members(argument)
    if name in {"AT", "ASSERT", "ASSERT_NOT"}:
        return frozenset({""})
    if name == "SUBPATTERN":
        return _sequence(argument[-1])
    if name == "BRANCH":
        options = [_sequence(option) for option in argument[1]]
        if any(option is None for option in options):
            return None
        joined = frozenset().union(*(option for option in options if option is not None))
        return joined if len(joined) <= _LIMIT else None
    if name == "MAX_REPEAT" and tuple(argument[:2]) in {(0, 1), (1, 1)}:
        body = _sequence(argument[2])
        if body is None or len(body) > _WIDEST:
            return None
        return body if argument[0] else body | {""}
    return None


def _repeated(operator: Any, argument: Any) -> Literals | None:
    """Give what a repeated place is at least, where that is two or three times something short."""
    if str(operator) not in {"MAX_REPEAT", "MIN_REPEAT"} or not 2 <= argument[0] <= 3:
        return None
    body = _sequence(argument[2])
    if body is None or len(body) > 5:
        return None
    return frozenset("".join(parts) for parts in product(body, repeat=argument[0]))


def _sequence(parsed: Any) -> Literals | None:
    run: Literals = frozenset({""})
    for operator, argument in parsed:
        exact = _exact(operator, argument)
        if exact is None or len(run) * len(exact) > _LIMIT:
            return None
        run = frozenset(left + right for left in run for right in exact)
    return run


def _members(items: Any) -> Literals | None:
    found: set[str] = set()
    for operator, argument in items:
        if str(operator) == "LITERAL":
            found.add(chr(argument))
        elif str(operator) == "RANGE" and argument[1] - argument[0] < _WIDEST:
            found.update(chr(code) for code in range(argument[0], argument[1] + 1))
        else:
            return None
    return frozenset(found)


def _inside(operator: Any, argument: Any) -> list[Literals]:
    name = str(operator)
    if name == "SUBPATTERN":
        return _pieces(argument[-1])
    if name == "BRANCH":
        best = [_best(_pieces(option)) for option in argument[1]]
        if any(option is None for option in best):
            return []
        return [frozenset().union(*(option for option in best if option is not None))]
    if name in {"MAX_REPEAT", "MIN_REPEAT"} and argument[0] >= 1:
        return _pieces(argument[2])
    return []


def _best(pieces: Iterable[Literals]) -> Literals | None:
    usable = [_reduced(piece) for piece in pieces if piece and len(piece) <= _MOST]
    if not usable:
        return None
    return min(usable, key=lambda piece: sum(map(_frequency, piece)))


def _frequency(literal: str) -> float:
    """Guess how often a literal stands in replies: short ones of common characters do."""
    rare = sum(char not in _COMMON for char in literal)
    return 0.1 ** (len(literal) + rare)


def _reduced(piece: Literals) -> Literals:
    """Drop literals that contain another, and shorten the rest: a part of an anchor is one too."""
    return _smallest(frozenset(each[:_LONGEST] for each in _smallest(piece)))


def _smallest(piece: Literals) -> Literals:
    kept: set[str] = set()
    sizes: set[int] = set()
    for literal in sorted(piece, key=len):
        parts = (literal[at : at + size] for size in sizes for at in range(len(literal) - size + 1))
        if kept.isdisjoint(parts):
            kept.add(literal)
            sizes.add(len(literal))
    return frozenset(kept)


def effective_anchors(pattern: re.Pattern[str], declared: Sequence[str]) -> Literals:
    """Choose the anchors of a pattern; the empty set means that it always runs."""
    if declared and is_complete(pattern.pattern, declared):
        return frozenset(declared)
    return anchors_of(pattern.pattern) or frozenset()


def further_anchors(pattern: re.Pattern[str], anchors: Literals) -> Literals:
    """Work out literals of which every match contains one besides its anchor, where that is rare.

    A search whose anchor stands in a clause is spared where none of these does: 两 calls for a
    look only beside a word for days. The empty set means that nothing more is asked.
    """
    others = (
        piece
        for piece in _pieces(_parsed(pattern.pattern))
        if not all(any(anchor in literal for anchor in anchors) for literal in piece)
    )
    best = _best(others)
    return best if best and sum(map(_frequency, best)) <= _RARE else frozenset()


def plain_words(pattern: str) -> Literals:
    """List the words that are whole alternatives of a pattern: where one stands, it matches."""
    return _alternatives(_parsed(pattern))


def _alternatives(parsed: Any) -> Literals:
    items = list(parsed)
    if items and all(str(operator) == "LITERAL" for operator, _ in items):
        return frozenset({"".join(chr(argument) for _, argument in items)})
    if len(items) != 1:
        return frozenset()
    operator, argument = items[0]
    if str(operator) == "SUBPATTERN":
        return _alternatives(argument[-1])
    if str(operator) == "BRANCH":
        return frozenset().union(*map(_alternatives, argument[1]))
    return frozenset()


def reach_of(pattern: str) -> str:
    """Tell how far a match can go, with what it looks ahead at: clause, sentence or reply."""
    parsed = _parsed(pattern)
    if _crosses(parsed, _SENTENCE_MARKS, last=True):
        return "reply"
    return "sentence" if _crosses(parsed, ",", last=True) else "clause"


def _crosses(parsed: Any, marks: str, *, last: bool) -> bool:
    items = list(parsed)
    for at, (operator, argument) in enumerate(items):
        rest = all(str(later[0]) in {"AT", "ASSERT", "ASSERT_NOT"} for later in items[at + 1 :])
        if _item_crosses(str(operator), argument, marks, last=last and rest):
            return True
    return False


def _item_crosses(name: str, argument: Any, marks: str, *, last: bool) -> bool:
    if name in {"ASSERT", "ASSERT_NOT"}:
        # What is looked back at may lie in the sentence before: the window does not cut it off.
        return argument[0] > 0 and _crosses(argument[1], marks, last=True)
    if name == "SUBPATTERN":
        return _crosses(argument[-1], marks, last=last)
    if name == "BRANCH":
        return any(_crosses(option, marks, last=last) for option in argument[1])
    if name in {"MAX_REPEAT", "MIN_REPEAT"}:
        return _crosses(argument[2], marks, last=last and argument[1] == 1)
    if name in {"LITERAL", "NOT_LITERAL", "IN", "ANY"}:
        return not last and any(_matches(name, argument, stop) for stop in marks)
    return False


def _matches(name: str, argument: Any, char: str) -> bool:
    if name == "LITERAL":
        return bool(argument == ord(char))
    if name in {"NOT_LITERAL", "ANY"}:
        return name == "ANY" or argument != ord(char)
    negated = str(argument[0][0]) == "NEGATE"
    found = any(_in_set(str(operator), value, char) for operator, value in argument)
    return found != negated


def _in_set(name: str, value: Any, char: str) -> bool:
    if name == "LITERAL":
        return bool(value == ord(char))
    if name == "RANGE":
        return bool(value[0] <= ord(char) <= value[1])
    return name == "CATEGORY" and "NOT" in str(value)


def automaton_of(bits: Mapping[str, int]) -> ahocorasick.Automaton:
    """Build the automaton that finds every anchor, and which searches each calls."""
    automaton = ahocorasick.Automaton()
    for anchor, rules in bits.items():
        automaton.add_word(anchor, rules)
    if not bits:
        automaton.add_word("\0", 0)
    automaton.make_automaton()
    return automaton
