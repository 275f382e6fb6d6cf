"""Chapter 8.3: when a new model may serve (模型评审), and when the old one comes back (回退).

Figures: `data/handbook/gate.yml`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any


@dataclass(frozen=True)
class Limit:
    """Bound one measure of a new model from below, from above, or the end of its interval."""

    id: str
    title: str
    measure: str
    basis: str
    least: float | None = None
    least_lower: float | None = None
    most: float | None = None
    least_sentences: int = 1
    way_out: str = ""


@dataclass(frozen=True)
class Band:
    """Say by how much a live signal may rise after a switch, once there are enough turns."""

    id: str
    title: str
    rise: float
    least_turns: int


@dataclass(frozen=True)
class Training:
    """Hold the table of training: limits of the gate, bands, switching, inbox, new types."""

    limits: tuple[Limit, ...]
    bands: tuple[Band, ...]
    rest: timedelta
    drain: timedelta
    watch: timedelta
    near: float
    sample_share: float
    test_share: float
    least_sentences: int
    registers: int
    urgencies: int
    overlap: float


@dataclass(frozen=True)
class Part:
    """One type's share of a figure: on how many sentences it rests, and how some were misread."""

    value: float
    sentences: int
    misread: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measure:
    """One figure of the candidate; it may be made of types, each of which is judged."""

    value: float | None
    interval: tuple[float, float] | None = None
    parts: Mapping[str, Part] = field(default_factory=dict)


@dataclass(frozen=True)
class Judgement:
    """Say of one limit whether the candidate keeps it, why not, and what could not be judged."""

    id: str
    title: str
    ok: bool
    value: float | None
    bound: str
    why: str = ""
    warning: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the judgement as data."""
        return dict(self.__dict__)


def judge(limits: Sequence[Limit], measures: Mapping[str, Measure]) -> list[Judgement]:
    """Hold every limit against the measures; what was not measured is passed over."""
    found = ((limit, measures.get(limit.measure)) for limit in limits)
    return [_judged(limit, m) for limit, m in found if m is not None and (m.value is not None or m.parts)]


def _judged(limit: Limit, measure: Measure) -> Judgement:
    value = measure.value
    found = () if value is None else (_too_low(limit, measure, value), _too_high(limit, measure, value))
    why = [text + (f"，{limit.way_out}" if limit.way_out else "") for text in found if text]
    return Judgement(
        limit.id, limit.title, not why, None if value is None else round(value, 4), _bound(limit),
        "；".join(why), _too_few(limit, measure),
    )


def _bound(limit: Limit) -> str:
    parts = []
    if limit.least is not None:
        least = f"（测试句满{limit.least_sentences}句的类型）" if limit.least_sentences > 1 else ""
        parts.append(f"≥{limit.least:g}{least}")
    if limit.least_lower is not None:
        parts.append(f"区间下限≥{limit.least_lower:g}")
    if limit.most is not None:
        least = f"（变差满{limit.least_sentences}句的类型）" if limit.least_sentences > 1 else ""
        parts.append(f"≤{limit.most:g}{least}")
    return "，".join(parts)


def _too_low(limit: Limit, measure: Measure, value: float) -> str:
    if measure.parts and limit.least is not None:
        low = [
            f"{name}（{part.value:.3f}，{part.sentences}句中{'，'.join(part.misread)}）"
            for name, part in sorted(measure.parts.items())
            if part.value < limit.least and part.sentences >= limit.least_sentences
        ]
        return f"{limit.title}低于{limit.least:g}：{'、'.join(low)}" if low else ""
    if limit.least is not None and value < limit.least:
        return f"{limit.title}为{value:.3f}，低于{limit.least:g}"
    lower = measure.interval[0] if measure.interval else None
    if limit.least_lower is not None and lower is not None and lower < limit.least_lower:
        return f"{limit.title}的区间下限为{lower:.3f}，低于{limit.least_lower:g}"
    return ""


def _too_few(limit: Limit, measure: Measure) -> str:
    if limit.least is None:
        return ""
    few = [
        f"{name}（{part.sentences}句）" for name, part in sorted(measure.parts.items())
        if part.sentences < limit.least_sentences
    ]
    return f"{limit.title}：测试句不足{limit.least_sentences}句，无法判断：{'、'.join(few)}" if few else ""


def _too_high(limit: Limit, measure: Measure, value: float) -> str:
    if limit.most is None:
        return ""
    if measure.parts:
        lost = {
            name: part.value for name, part in measure.parts.items()
            if part.value > limit.most and part.sentences >= limit.least_sentences
        }
        names = "、".join(f"{name}（-{loss:.3f}）" for name, loss in sorted(lost.items()))
        return f"{limit.title}超过{limit.most:g}：{names}" if lost else ""
    if value > limit.most:
        return f"{limit.title}为{value:.3f}，高于{limit.most:g}"
    return ""


@dataclass(frozen=True)
class Signals:
    """Count the turns of a span, and how many of them ended in each way."""

    turns: int
    counts: Mapping[str, int]

    def share(self, name: str) -> float:
        """Return the share of turns that ended so."""
        return self.counts.get(name, 0) / self.turns if self.turns else 0.0


def left_band(bands: Sequence[Band], before: Signals, after: Signals) -> list[str]:
    """Return, in words, the live signals that rose out of their band."""
    return [
        f"{band.title}由{before.share(band.id):.1%}升至{after.share(band.id):.1%}"
        for band in bands
        if after.turns >= band.least_turns
        and after.share(band.id) > before.share(band.id) + band.rise
    ]
