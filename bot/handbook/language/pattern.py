"""Patterns, 句式: regular expressions written in Chinese, with word classes in braces.

`{name}` stands for a word class; `.` never leaves the clause (or the sentence, or the reply, as
`reach` says); full-width, Traditional and upper-case characters mean their normalised form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from bot.handbook.language.text import CLAUSE_ENDS, SENTENCE_ENDS, character_table

_REACH = {"clause": f"[^{CLAUSE_ENDS}]", "sentence": f"[^{SENTENCE_ENDS}]", "reply": r"[\s\S]"}
_CLASS = re.compile(r"(?<!\\)\{([a-z_][a-z0-9_]*)\}")
_SYMBOL = re.compile(r"\\.|\(\?P<\w+>|\(\?P=\w+\)|\(\?[a-zA-Z-]+[:)]|.", re.S)
_EDGES = {
    "clause_start": f"(?<![^{CLAUSE_ENDS}])",
    "clause_end": f"(?![^{CLAUSE_ENDS}])",
    "sentence_start": f"(?<![^{SENTENCE_ENDS}])",
    "sentence_end": f"(?![^{SENTENCE_ENDS}])",
}


class UnknownClass(ValueError):
    """A pattern names a word class that no table defines."""


def alternation(words: Iterable[str]) -> str:
    """Join literal words, the longest first."""
    return "|".join(re.escape(word) for word in sorted(set(words), key=lambda w: (-len(w), w)))


def expand(source: str, classes: Mapping[str, str]) -> str:
    """Put the word classes in place of their names, also classes inside classes."""

    def put(match: re.Match[str]) -> str:
        name = match[1]
        if name in _EDGES:
            return _EDGES[name]
        if name not in classes:
            raise UnknownClass(name)
        return f"(?:{expand(classes[name], classes)})"

    return _CLASS.sub(put, source)


def normalise_source(source: str, reach: str) -> str:
    """Bring a pattern to the normalised alphabet and keep its dots inside their reach."""
    table = character_table()
    out: list[str] = []
    in_set = False
    for match in _SYMBOL.finditer(source):
        symbol = match[0]
        if len(symbol) > 1:
            # Escapes, group names and flags stay as they are.
            out.append(symbol)
            continue
        if symbol == "." and not in_set:
            out.append(_REACH[reach])
            continue
        in_set = symbol == "[" or (in_set and symbol != "]")
        mapped = table.get(ord(symbol), symbol) or ""
        out.append(mapped if mapped == symbol or mapped.isalnum() else re.escape(mapped))
    return "".join(out)


def branches(source: str) -> list[str]:
    """Cut a pattern at its outermost alternatives; one that refers to its groups stays whole."""
    if re.search(r"\(\?P|\\[1-9]", source):
        return [source]
    cut: list[str] = [""]
    depth, in_set = 0, False
    for match in _SYMBOL.finditer(source):
        symbol = match[0]
        if in_set or len(symbol) > 1:
            # Inside brackets a parenthesis or a bar is a character; "(?i:" opens a group.
            in_set = in_set and symbol != "]"
            depth += symbol.startswith("(")
        elif symbol == "|" and not depth:
            cut.append("")
            continue
        else:
            in_set = symbol == "["
            depth += {"(": 1, ")": -1}.get(symbol, 0)
        cut[-1] += symbol
    return cut


def compile_pattern(
    source: str, classes: Mapping[str, str], *, reach: str = "clause", raw: bool = False
) -> re.Pattern[str]:
    """Compile a pattern of a table against the normalised text (or the raw one)."""
    expanded = expand(source, classes)
    return re.compile(expanded if raw else normalise_source(expanded, reach))
