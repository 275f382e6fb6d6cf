"""Chapters 3.4 and 3.5: feedback and closed loop (反馈、回访、闭环).

After a resolution the customer is asked on their own channel whether it is solved, for a mark
of 1 to 5 and a word. Figures: `data/handbook/closure.yml`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone

from bot.handbook.deadlines import SHANGHAI
from bot.handbook.hours import DAY, Period


@dataclass(frozen=True)
class SurveyRule:
    """Hold how one class is asked."""

    deadline_class: str
    asks: int
    every: timedelta
    person: bool
    person_within: timedelta
    give_up: timedelta


@dataclass(frozen=True)
class Reminder:
    """Hold who is told how of an open improvement item, when it is due and how often after that."""

    every: timedelta
    tell: tuple[str, ...]
    by: tuple[str, ...]


@dataclass(frozen=True)
class Closure:
    """Hold the whole table."""

    survey_hours: Period
    score_wait: timedelta
    low_score: int
    solved_score: int
    improvement: timedelta
    improvement_late: Reminder
    # What a complainant is owed, and the regulator after an appeal (5.5).
    complaint_answer_h: float
    durable_days: int
    sample_percent: float
    sample_least: int
    rules: Mapping[str, SurveyRule]
    person_kinds: frozenset[str]

    def needs_person(self, *, deadline_class: str, kind: str) -> bool:
        """Tell whether a person calls when the customer does not answer."""
        return kind in self.person_kinds or self.rules[deadline_class].person

    def ask_time(self, moment: datetime) -> datetime:
        """Return `moment` or the next instant at which customers may be asked."""
        local = moment.astimezone(SHANGHAI)
        minute = local.hour * 60 + local.minute
        opens, closes = self.survey_hours
        if opens <= minute < closes:
            return moment
        day = local.date() if minute < opens else local.date() + DAY
        return datetime.combine(day, time(*divmod(opens, 60)), SHANGHAI).astimezone(timezone.utc)


@dataclass(frozen=True)
class Answer:
    """Hold what a customer answered: solved or not, a mark, the words."""

    solved: bool | None
    score: int | None
    words: str


_SCORES = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5}
_WIDE = str.maketrans("１２３４５", "12345")
_SCORE = re.compile(r"([1-5１-５一二两三四五])\s*(?:分|颗?星)|^\s*([1-5１-５])\s*$")
_BAD = re.compile(r"不满意|不太满意|太差|很差|差评|垃圾|不好|糟|失望")
_GOOD = re.compile(r"满意|很好|不错|挺好|给力|好评|赞")
_UNSOLVED = re.compile(
    r"没有?(?:完全|彻底)?(?:解决|修好|恢复|弄好|处理好|好)|未解决|还是(?:不行|断|没|老样子|一样|上不了|不能)|"
    r"又(?:断|坏|不行|出)|仍然?(?:不|没)|依然|没用|不管用|(?:并)?没(?:有)?人(?:来|处理|联系)"
)
_SOLVED = re.compile(r"(?:已经?|都|算是?)?(?:解决|修好|恢复|弄好|处理好|搞定)(?:了|啦|好)|已解决|好了|可以了|能用了|正常了|没问题了")
_NO = re.compile(r"^(?:没有?|没呢|还没有?|不行|没好|否|不是|未|没)[。！!，,~]*$")
_YES = re.compile(r"^(?:是的?|对|嗯+|好的?|解决了|可以|行|有|没问题)[。！!，,~]*$")


def score_in(text: str) -> int | None:
    """Return a mark of 1 to 5 that a text gives in digits or in words."""
    if match := _SCORE.search(text):
        said = match[1] or match[2]
        return _SCORES.get(said) or int(said.translate(_WIDE))
    if _BAD.search(text):
        return 1
    return 5 if _GOOD.search(text) else None


def read_answer(text: str, *, low_score: int = 2, solved_score: int = 3) -> Answer:
    """Read a customer's answer to the survey; a good mark alone says that it is solved."""
    words = " ".join(text.split())
    score = score_in(words)
    solved: bool | None = None
    if _UNSOLVED.search(words) or _NO.match(words):
        solved = False
    elif _SOLVED.search(words) or _YES.match(words) or (score is not None and score >= solved_score):
        solved = True
    return Answer(solved, score, words)


def in_sample(key: str, percent: float) -> bool:
    """Tell whether a key belongs to a sample of `percent`; the same key always does or does not."""
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big")
    return number % 10_000 < percent * 100
