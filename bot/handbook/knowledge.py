"""Chapter 2.5: answers to consultations (知识库), each with an owner and a review date.

Entries: `data/handbook/knowledge.yml`. An entry is found by the characters and pairs of
characters it shares with the question; what few entries of the pool have counts for more.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from bot.handbook.language.text import normalise

# Measured with tests/handbook/knowledge_queries.yml: the weight of one character against a pair,
# of a gram that no entry has, and of the whole entry against its nearest single question.
_CHARACTER = 0.8
_UNKNOWN = 0.7
_WHOLE = 0.6

# Spoken and dialect words, written as the entries write them.
_SAME_WORDS = {
    "手机费": "话费",
    "电话费": "话费",
    "咋个": "怎么",
    "咋": "怎么",
    "怎样": "怎么",
    "如何": "怎么",
    "啥子": "什么",
    "啥": "什么",
    "几钱": "多少钱",
    "几多": "多少",
    "好多": "多少",
    "剩余": "剩",
    "剩下": "剩",
    "余量": "剩",
    "贵公司": "你们",
    "卡里": "号里",
    "无线网": "wifi",
    "网点": "营业厅",
    "门店": "营业厅",
    "五g": "5g",
    "电话号码": "号码",
    "手机号": "号码",
}
_SAME = re.compile("|".join(sorted(_SAME_WORDS, key=len, reverse=True)))
# What every question has and no answer depends on; the longest first.
_STOP = re.compile(
    "能不能|是不是|有没有|请问|麻烦|帮我|帮忙|替我|给我|你好|您好|谢谢|一下|我想|想要|我要|问问|看看|看下|"
    "查查|查询|查下|查看|怎么|那个|这个|就是|到底|现在|目前|知道|可以|你们|来着|"
    "[帮想问查看喂嗯哎呢啊呀吧嘛哦哈吗啦不没了的我你您是下还请都]"
)
_PIECE = re.compile(r"\w+")


@dataclass(frozen=True)
class KnowledgeEntry:
    """Hold one answer and the ways customers ask for it."""

    id: str
    type: str
    title: str
    asks: tuple[str, ...]
    answer: str
    fill_in: tuple[str, ...]
    owner: str
    review: date


@dataclass(frozen=True)
class _Index:
    """Hold the grams of a pool of entries: how rare each is, and which questions have it."""

    entries: tuple[KnowledgeEntry, ...]
    rarity: Mapping[str, float]
    unknown: float
    owner_of: tuple[int, ...]
    questions: Mapping[str, list[tuple[int, float]]]
    owners: Mapping[str, frozenset[int]]


def best_answers(
    entries: Iterable[KnowledgeEntry], text: str, *, request_type: str | None = None, most: int = 3
) -> list[tuple[KnowledgeEntry, float]]:
    """Return the entries nearest to `text`, best first; only of `request_type` if given."""
    pool = tuple(e for e in entries if request_type is None or e.type == request_type)
    if not pool:
        return []
    index = _indexed(pool)
    scores = _scores(index, text)
    ranked = sorted(range(len(pool)), key=lambda at: (-scores[at], pool[at].id))
    return [(pool[at], scores[at]) for at in ranked[:most]]


def _scores(index: _Index, text: str) -> list[float]:
    """Rate every entry from 0 to 1: its nearest question, and how much of `text` it knows."""
    asked = _weighed(text, index.rarity, index.unknown)
    length, total = _length(asked), sum(asked.values())
    scores = [0.0] * len(index.entries)
    if not total:
        return scores
    products: dict[int, float] = defaultdict(float)
    for gram, weight in asked.items():
        for owner in index.owners.get(gram, ()):
            scores[owner] += _WHOLE * weight / total
        for question, share in index.questions.get(gram, ()):
            products[question] += weight * share
    nearest: dict[int, float] = defaultdict(float)
    for question, product in products.items():
        owner = index.owner_of[question]
        nearest[owner] = max(nearest[owner], product / length)
    for owner, cosine in nearest.items():
        scores[owner] += (1 - _WHOLE) * cosine
    return scores


@lru_cache(maxsize=128)
def _indexed(pool: tuple[KnowledgeEntry, ...]) -> _Index:
    questions = [(at, ask) for at, e in enumerate(pool) for ask in (e.title, *e.asks)]
    owners: dict[str, set[int]] = defaultdict(set)
    for at, ask in questions:
        for gram in _grams(ask):
            owners[gram].add(at)
    rarity = {gram: _rarity(len(pool), len(having)) for gram, having in owners.items()}
    postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for number, (_, ask) in enumerate(questions):
        weights = _weighed(ask, rarity, 0.0)
        length = _length(weights)
        for gram, weight in weights.items():
            postings[gram].append((number, weight / length))
    return _Index(
        entries=pool,
        rarity=rarity,
        unknown=_UNKNOWN * _rarity(len(pool), 0.5),
        owner_of=tuple(at for at, _ in questions),
        questions=postings,
        owners={gram: frozenset(having) for gram, having in owners.items()},
    )


def _rarity(pool: int, having: float) -> float:
    # The root: in pools of a dozen entries the plain logarithm sets single odd words too high.
    return math.sqrt(math.log(1 + pool / having))


def _weighed(text: str, rarity: Mapping[str, float], unknown: float) -> dict[str, float]:
    return {gram: count * rarity.get(gram, unknown) for gram, count in _grams(text).items()}


def _length(weights: Mapping[str, float]) -> float:
    return math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0


def _grams(text: str) -> Counter[str]:
    folded = _SAME.sub(lambda match: _SAME_WORDS[match[0]], normalise(text))
    # A question of nothing but stop words (还有吗) is read as it stands.
    pieces = _PIECE.findall(_STOP.sub(" ", folded)) or _PIECE.findall(folded)
    grams: Counter[str] = Counter()
    for piece in pieces:
        for at, character in enumerate(piece):
            grams[character] += _CHARACTER  # type: ignore[assignment]
            if at:
                grams[piece[at - 1 : at + 1]] += 1
    return grams
