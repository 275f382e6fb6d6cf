"""Chapters 5.1 and 6: quality figures (质量指标): each with numerator, denominator and interval."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from bot.handbook.outcomes import Outcome

SATISFIED = 4
GROUPS = ("all", "class", "team", "person", "type")
# name: (title, what it counts of what), shown wherever the figure is.
TITLES = {
    "response_rate": ("响应率", "在时限内由人工首次响应的 / 首次响应时限已定的"),
    "resolution_rate": ("解决率", "在时限内办结的 / 处理时限已定的"),
    "callback_rate": ("回电履约率", "按承诺时间联系的 / 承诺时间已到的"),
    "complaint_rate": ("投诉答复及时率", "在时限内答复的 / 答复时限已定的"),
    "satisfaction_rate": ("满意率", "评4分、5分的 / 已评分的"),
    "unconfirmed_rate": ("未确认归档率", "未得到客户确认而归档的 / 已归档的"),
    "reopened_rate": ("7天内重开率", "办结后7天内重开的 / 办结的"),
    "first_response_minutes": ("首次人工响应（分钟，中位数）", "有人工首次响应的"),
    "resolution_minutes": ("处理用时（分钟，中位数，不含挂起）", "办结的"),
}


@dataclass(frozen=True)
class Figure:
    """Hold one figure of one group."""

    name: str
    by: str
    group: str
    numerator: int
    denominator: int
    value: float | None
    low: float | None = None
    high: float | None = None


def wilson(successes: int, total: int, z: float = 1.96) -> tuple[float, float] | None:
    """Return the 95 % interval of a share after Wilson; None of nothing."""
    if total == 0:
        return None
    share, square = successes / total, z * z
    middle = share + square / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + square / (4 * total * total))
    scale = 1 + square / total
    return max((middle - spread) / scale, 0.0), min((middle + spread) / scale, 1.0)


def counts(name: str, outcome: Outcome, *, durable_days: int = 7) -> tuple[bool, bool]:
    """Tell whether a fact counts in the numerator and in the denominator of a figure."""
    kind = outcome.name
    if name in {"response_rate", "resolution_rate", "callback_rate", "complaint_rate"}:
        mine = kind == name.removesuffix("_rate")
        return mine and bool(outcome.ok), mine
    if name == "satisfaction_rate":
        return kind == "rated" and (outcome.value or 0) >= SATISFIED, kind == "rated"
    if name == "unconfirmed_rate":
        return kind == "closed" and not outcome.ok, kind == "closed"
    if name == "reopened_rate":
        soon = kind == "reopened" and (outcome.value or 0) <= durable_days
        return soon, kind == "resolved"
    timed = kind == {"first_response_minutes": "first_response", "resolution_minutes": "resolved"}[name]
    return timed, timed


def group_of(outcome: Outcome, by: str) -> str:
    """Return the group of a fact; facts without a person belong to nobody."""
    if by == "all":
        return ""
    if by == "person":
        return "" if outcome.holder_id is None else str(outcome.holder_id)
    return str({"class": outcome.deadline_class, "team": outcome.team, "type": outcome.type}[by])


class Tally:
    """Count facts into figures; tallies of parts can be added up."""

    def __init__(self, *, durable_days: int = 7) -> None:
        self.durable_days = durable_days
        self._counts: dict[tuple[str, str, str], list[int]] = {}
        self._values: dict[tuple[str, str, str], list[float]] = {}

    def add(self, outcome: Outcome) -> None:
        """Count one fact for all, and by class, team, person and type."""
        for name in TITLES:
            top, bottom = counts(name, outcome, durable_days=self.durable_days)
            if not (top or bottom):
                continue
            timed = name.endswith("_minutes")
            for by in GROUPS:
                key = (name, by, group_of(outcome, by))
                count = self._counts.setdefault(key, [0, 0])
                count[0] += top
                count[1] += bottom
                if timed and outcome.value is not None:
                    self._values.setdefault(key, []).append(outcome.value)

    def merge(self, other: Tally) -> None:
        """Add the counts of another part."""
        for key, (top, bottom) in other._counts.items():
            count = self._counts.setdefault(key, [0, 0])
            count[0] += top
            count[1] += bottom
        for key, values in other._values.items():
            self._values.setdefault(key, []).extend(values)

    def figures(self) -> list[Figure]:
        """Return every figure, in the order of name, grouping and group."""
        return [
            _figure(key, (top, bottom), self._values.get(key))
            for key, (top, bottom) in sorted(self._counts.items())
        ]


def figures(outcomes: Iterable[Outcome], *, durable_days: int = 7) -> list[Figure]:
    """Compute every figure for all and by class, team, person and type."""
    tally = Tally(durable_days=durable_days)
    for outcome in outcomes:
        tally.add(outcome)
    return tally.figures()


def _figure(
    key: tuple[str, str, str], count: tuple[int, int], values: list[float] | None
) -> Figure:
    top, bottom = count
    if key[0].endswith("_minutes"):
        return Figure(*key, top, bottom, round(median(values or [0.0]), 2))
    interval = wilson(min(top, bottom), bottom)
    low, high = interval or (None, None)
    return Figure(*key, top, bottom, top / bottom if bottom else None, low, high)
