"""Noisy copies 噪声副本: what speech recognition and hasty thumbs would have made of a sentence.

Real transcripts have homophones, lost and doubled characters, fillers, and a start or an end
that was cut off. Copies of the training sentences with such damage teach the classifiers to look
past it. Seeded: the same data gives the same copies.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from bot.nlu.ngrams import sound

_FILLERS = ("嗯", "那个", "就是", "呃", "啊", "你好", "喂", "哎", "就", "我想问一下", "这个")


class Noise:
    """Damages sentences as a recogniser would, with the characters of the given corpus."""

    def __init__(self, corpus: Sequence[str], *, seed: int = 11) -> None:
        self._random = random.Random(seed)
        seen = Counter(c for text in corpus for c in text if "一" <= c <= "鿿")
        self._alike: dict[str, list[str]] = {}
        for char, _ in seen.most_common():
            self._alike.setdefault(sound(char), []).append(char)

    def copy(self, text: str) -> str:
        """Return the sentence with one to three kinds of damage."""
        kinds = [self._homophone, self._lose, self._double, self._filler, self._cut]
        for kind in self._random.sample(kinds, k=self._random.choice((1, 1, 2, 2, 3))):
            text = kind(text) or text
        return text

    def _homophone(self, text: str) -> str:
        out = list(text)
        for place in self._places(text, 0.12):
            others = [c for c in self._alike.get(sound(text[place]), []) if c != text[place]]
            if others:
                out[place] = self._random.choice(others[:12])
        return "".join(out)

    def _lose(self, text: str) -> str:
        gone = set(self._places(text, 0.08)) if len(text) > 4 else set()
        return "".join(c for i, c in enumerate(text) if i not in gone)

    def _double(self, text: str) -> str:
        start = self._random.randrange(len(text))
        end = min(len(text), start + self._random.choice((1, 2, 3)))
        return text[:end] + text[start:]

    def _filler(self, text: str) -> str:
        place = self._random.choice((0, 0, len(text), self._random.randrange(len(text) + 1)))
        return text[:place] + self._random.choice(_FILLERS) + text[place:]

    def _cut(self, text: str) -> str:
        if len(text) < 9:
            return text
        size = self._random.randint(1, max(1, len(text) // 5))
        return text[size:] if self._random.random() < 0.5 else text[:-size]

    def _places(self, text: str, share: float) -> list[int]:
        count = max(1, round(len(text) * share))
        return self._random.sample(range(len(text)), k=min(count, len(text)))
