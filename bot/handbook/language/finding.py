"""Findings, 检查结果: what the language checker says about one reply."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from functools import cached_property
from typing import Any, Protocol

HEARD = "OPN-"  # a finding of the second opinion, with the family that it sounds like


class Level(str, Enum):
    """How heavy a finding is."""

    BLOCK = "block"
    WARN = "warn"
    SUGGEST = "suggest"

    @property
    def label(self) -> str:
        """Name it in Chinese, as staff see it."""
        return {"block": "必改", "warn": "建议改", "suggest": "提示"}[self.value]


class Verdict(str, Enum):
    """What may be done with the reply as a whole."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    WARN = "warn"
    BLOCK = "block"

    @property
    def label(self) -> str:
        """Name it in Chinese, as staff see it."""
        return {"pass": "通过", "warn": "建议修改", "block": "不可发送"}[self.value]


@dataclass(frozen=True)
class Finding:
    """One hit of one rule; offsets count characters of the text as it was given."""

    rule: str
    level: Level
    start: int
    end: int
    matched: str
    message: str
    suggestion: str
    basis: str
    report: str
    overridable: bool

    def as_json(self) -> dict[str, Any]:
        """Give the plain values that go into JSON."""
        return {
            "rule": self.rule,
            "level": self.level.value,
            "start": self.start,
            "end": self.end,
            "matched": self.matched,
            "message": self.message,
            "suggestion": self.suggestion,
            "basis": self.basis,
        }


@dataclass(frozen=True)
class Suppressed:
    """A hit that a guard, an exception or an antipattern took back, and by which of them."""

    rule: str
    start: int
    end: int
    matched: str
    by: str


@dataclass(frozen=True)
class Commitment:
    """A time promised in a reply: 承诺时限. `kind` is `point` (by then) or `limit` (within)."""

    text: str
    start: int
    end: int
    due_at: datetime | None
    kind: str

    def as_json(self) -> dict[str, Any]:
        """Give the plain values that go into JSON."""
        return {
            "text": self.text,
            "start": self.start,
            "end": self.end,
            "due_at": None if self.due_at is None else self.due_at.isoformat(),
            "kind": self.kind,
        }


UNNAMED = "other_grave"  # what the rule reports that holds back what no other rule names


class SecondOpinion(Protocol):
    """What hears a reply that no rule objects to, and says what one without a name is like."""

    def finding(self, text: str) -> Finding | None:
        """Give a warning, or nothing."""

    def likeness(self, text: str) -> str:
        """Name the kind of grave reply that a text looks like most, as staff call it, or nothing."""


@dataclass(frozen=True)
class Result:
    """The verdict on one reply, with everything it rests on."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    suppressed: tuple[Suppressed, ...]
    rules_version: str
    elapsed_us: float
    promised: Callable[[], tuple[Commitment, ...]]

    @cached_property
    def commitments(self) -> tuple[Commitment, ...]:
        """List the promised times; worked out when asked for, which most callers do not."""
        return self.promised()

    @property
    def overridable(self) -> bool:
        """Tell whether staff may send the reply after all, with a reason."""
        return all(each.overridable for each in self.findings if each.level is Level.BLOCK)

    def hinted(self, opinion: SecondOpinion | None, text: str) -> Result:
        """Add what a second opinion says; where the rules object already, only what it is like."""
        if opinion is None:
            return self
        if self.verdict is not Verdict.PASS:
            return replace(self, findings=tuple(_likened(each, opinion) for each in self.findings))
        hint = opinion.finding(text)
        if hint is None:
            return self
        findings = (*self.findings, hint)
        return replace(self, findings=findings, verdict=verdict_of(findings))

    def as_json(self) -> dict[str, Any]:
        """Give the plain values that go into JSON."""
        return {
            "verdict": self.verdict.value,
            "findings": [each.as_json() for each in self.findings],
        }


def _likened(finding: Finding, opinion: SecondOpinion) -> Finding:
    like = opinion.likeness(finding.matched) if finding.report == UNNAMED else ""
    return replace(finding, message=f"{finding.message}最像“{like}”。") if like else finding


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """Take the heaviest level; suggestions never change the verdict."""
    levels = {each.level for each in findings}
    if Level.BLOCK in levels:
        return Verdict.BLOCK
    return Verdict.WARN if Level.WARN in levels else Verdict.PASS
