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


# The kind of fact that a figure counts; the numerator is always some of these.
KINDS = {
    "response_rate": "response", "resolution_rate": "resolution", "callback_rate": "callback",
    "complaint_rate": "complaint", "satisfaction_rate": "rated", "unconfirmed_rate": "closed",
    "reopened_rate": "resolved", "first_response_minutes": "first_response",
    "resolution_minutes": "resolved",
}


def in_numerator(name: str, outcome: Outcome, *, durable_days: int = 7) -> bool:
    """Tell whether a fact that a figure counts is in its numerator."""
    if name == "satisfaction_rate":
        return (outcome.value or 0) >= SATISFIED
    if name == "unconfirmed_rate":
        return not outcome.ok
    if name == "reopened_rate":
        return outcome.reopened_after is not None and outcome.reopened_after <= durable_days
    return name.endswith("_minutes") or bool(outcome.ok)


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
            if outcome.name != KINDS[name]:
                continue
            top = in_numerator(name, outcome, durable_days=self.durable_days)
            timed = name.endswith("_minutes")
            for by in GROUPS:
                key = (name, by, group_of(outcome, by))
                count = self._counts.setdefault(key, [0, 0])
                count[0] += top
                count[1] += 1
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
    interval = wilson(top, bottom)
    low, high = interval or (None, None)
    return Figure(*key, top, bottom, top / bottom, low, high)
