"""Names of places (地名) by themselves: 江津, 大足, of the dictionary that the word splitter ships."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path

_SUFFIXES = ("", "区", "县", "市", "镇", "州")
_LONGEST = 5


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    """Read the words that are tagged as places; none where the package is not installed."""
    found = importlib.util.find_spec("jieba")
    if found is None or found.origin is None:
        return frozenset()
    lines = (Path(found.origin).parent / "dict.txt").read_text(encoding="utf-8").splitlines()
    words = (line.split(" ") for line in lines if line.endswith(" ns"))
    return frozenset(word for word, *_ in words if len(word) <= _LONGEST)


def is_region_name(word: str) -> bool:
    """Tell whether a word is the name of a city, a district or a town, with or without 区, 县 or 市."""
    return len(word) >= 2 and any(f"{word}{suffix}" in _names() for suffix in _SUFFIXES)
