"""Likeness of sentences (相似): shared pairs of characters; which sentences belong together."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

_NOISE = re.compile(r"[\W_]+")


def bare(text: str) -> str:
    """Return the text without punctuation and spaces."""
    return _NOISE.sub("", text).lower()


def pairs(text: str) -> frozenset[str]:
    """Return the character pairs of a text, its ends marked."""
    bared = f"^{bare(text)}$"
    return frozenset(bared[i : i + 2] for i in range(len(bared) - 1))


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """Return how much two sets of pairs overlap (Jaccard)."""
    return len(one & other) / len(one | other) if one and other else 0.0


class Neighbours:
    """Sentences by key, searched for the one most like another."""

    def __init__(self, known: Iterable[tuple[int, str]] = ()) -> None:
        self._sets: dict[int, frozenset[str]] = {}
        self._under: dict[str, list[int]] = defaultdict(list)
        for key, text in known:
            self.add(key, text)

    def add(self, key: int, text: str) -> None:
        """Remember a sentence."""
        self._sets[key] = pairs(text)
        for pair in self._sets[key]:
            self._under[pair].append(key)

    def nearest(self, text: str) -> tuple[int | None, float]:
        """Return the key of the most similar sentence and the likeness."""
        own = pairs(text)
        # Half of the rarest pairs: a sentence that is half alike shares one of them.
        rare = sorted(own, key=lambda pair: len(self._under.get(pair, ())))
        seen = Counter(
            key for pair in rare[: len(own) // 2 + 1] for key in self._under.get(pair, ())
        )
        best, most = None, 0.0
        for key, _ in seen.most_common(200):
            like = likeness(own, self._sets[key])
            if like > most:
                best, most = key, like
        return best, most
