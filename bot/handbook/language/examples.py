"""Examples, 规则例句: every rule carries sentences it must catch and look-alikes it must leave alone."""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from bot.handbook.errors import TableError
from bot.handbook.language.checker import Checker
from bot.handbook.language.finding import Level
from bot.handbook.language.kinds import Example, LanguageRule
from bot.handbook.language.tables import Tables

_VERIFIED: weakref.WeakSet[Checker] = weakref.WeakSet()


def verify_examples(checker: Checker, stamps: Path | None = None) -> None:
    """Run every example of every rule once, and raise the first failure."""
    if checker in _VERIFIED:
        return
    stamp = stamps / f"language-{checker.version}-{_engine()}" if stamps else None
    if stamp is None or not stamp.exists():
        for problem in failing_examples(checker):
            raise problem
        if stamp:
            stamp.parent.mkdir(parents=True, exist_ok=True)
            stamp.touch()
    _VERIFIED.add(checker)


@lru_cache(maxsize=1)
def _engine() -> str:
    """Give a fingerprint of the code that the tables were tried with."""
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for file in (*sorted(here.glob("*.py")), here.parent / "privacy.py"):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def failing_examples(
    checker: Checker, groups: frozenset[str] = frozenset()
) -> Iterator[TableError]:
    """Yield an error for every example that does not come out as its rule says."""
    for rule in checker.rules:
        if groups and not groups & {rule.group, rule.id}:
            continue
        for example in rule.bad:
            yield from _failing_bad(checker, rule, example)
        for example in rule.good:
            yield from _failing_good(checker, rule, example)


def idle_antipatterns(
    checker: Checker, groups: frozenset[str] = frozenset()
) -> Iterator[TableError]:
    """Yield an error for every antipattern that no good example of its rule needs."""
    for rule in checker.rules:
        if groups and not groups & {rule.group, rule.id}:
            continue
        for antipattern in rule.antipatterns:
            others = tuple(each for each in rule.antipatterns if each is not antipattern)
            without = replace(rule, antipatterns=others)
            lone = Checker(Tables((without,), {}, ""))
            if not any(
                lone.check(each.text, **circumstances(rule, each)).findings for each in rule.good
            ):
                yield TableError(
                    file=rule.file, line=rule.line, key=rule.id,
                    expected=f"a good example that needs the antipattern {antipattern[0]}",
                )  # fmt: skip


def circumstances(rule: LanguageRule, example: Example) -> dict[str, Any]:
    """Give an example's case; what it does not say is taken from what its rule asks for."""
    return {
        "speaker": example.speaker or ("staff" if "staff" in rule.applies else "bot"),
        "turn": example.turn or (min(rule.turns) if rule.turns else None),
        "context": example.context or (min(rule.contexts) if rule.contexts else None),
        "facts": example.facts,
    }


def _failing_bad(checker: Checker, rule: LanguageRule, example: Example) -> Iterator[TableError]:
    case = circumstances(rule, example)
    result = checker.check(example.text, **case)
    own = [each for each in result.findings if each.rule == rule.id]
    where = example.text.find(example.span)
    if where < 0:
        yield _error(rule, example, f"the span to be part of the text: {example.span}")
    elif not own:
        silent = [
            f"{each.matched} by {each.by}" for each in result.suppressed if each.rule == rule.id
        ]
        why = f" (silenced: {'; '.join(silent)})" if silent else ""
        yield _error(rule, example, f"{rule.id} to fire on: {example.text}{why}")
    elif not any(each.start < where + len(example.span) and where < each.end for each in own):
        got = "、".join(each.matched for each in own)
        yield _error(rule, example, f"{rule.id} to fire at {example.span}, not at {got}")
    elif example.fixed is not None and checker.fix(example.text, **case) != example.fixed:
        got = checker.fix(example.text, **case)
        yield _error(rule, example, f"the fix to give {example.fixed}, not {got}")


def _failing_good(checker: Checker, rule: LanguageRule, example: Example) -> Iterator[TableError]:
    result = checker.check(example.text, **circumstances(rule, example))
    for finding in result.findings:
        if finding.rule == rule.id or finding.level is not Level.SUGGEST:
            yield _error(
                rule, example,
                f"no {finding.rule} ({finding.level.value}) at {finding.matched}: {example.text}",
            )  # fmt: skip


def _error(rule: LanguageRule, example: Example, expected: str) -> TableError:
    return TableError(file=rule.file, line=example.line, key=rule.id, expected=expected)
