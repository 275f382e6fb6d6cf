"""The checker, 服务语言检查器: one reply in, findings and a verdict out.

One automaton over all anchors decides which rules look at a reply; what they find passes guards,
exceptions and antipatterns. What no rule found is judged by its sound (`sounding`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from datetime import datetime
from difflib import get_close_matches
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from bot.handbook.errors import DeskError
from bot.handbook.language import promised, times
from bot.handbook.language.case import SPEAKERS, Case, context_of
from bot.handbook.language.finding import Finding, Level, Result, Suppressed, verdict_of
from bot.handbook.language.gate import automaton_of, plain_words
from bot.handbook.language.kinds import Hit, LanguageRule, Search, search_all
from bot.handbook.language.silence import Pardons, giving_way, silenced_by
from bot.handbook.language.sounding import Ear, Hearing, sounding
from bot.handbook.language.tables import Tables, read_tables, version_of
from bot.handbook.language.text import Reply
from bot.handbook.privacy import mask

TABLES = Path(__file__).parents[3] / "data" / "handbook" / "language"
_Stretch = tuple[int, int, int]  # start, end, the searches that are called there
_MOST_FINDINGS = 40  # of one rule in one reply; nobody reads more
_NO_DEADLINE = "（写明具体时间）"


class RuleNotFound(DeskError):
    """No rule has this id."""

    def __init__(self, rule_id: str, known: Iterable[str]) -> None:
        known = set(known)
        near = get_close_matches(rule_id.upper(), known, n=5) or sorted({name[:3] for name in known})
        told = f"没有编号为 {rule_id} 的服务语言规则；相近的有：{'、'.join(near)}"
        super().__init__("rule_not_found", told, rule=rule_id)


class UnknownBrand(DeskError):
    """No operator of `brands.yml` is called so."""

    def __init__(self, brand: str, known: Iterable[str]) -> None:
        super().__init__(
            "unknown_brand",
            f"INTAKE_BRAND: no brand {brand!r}; known are {', '.join(sorted(known))}",
            brand=brand,
        )


class Checker:
    """All rules of a directory, ready to look at replies; it never changes once it is built.

    Of a `brand`, only the official numbers and links of that operator pass, unless the facts of a
    reply name another.
    """

    def __init__(self, tables: Tables, *, brand: str = "") -> None:
        operators = [each for each in tables.brands.values() if each.name != "common"]
        if brand and not any(brand.lower() in {each.name, *each.titles} for each in operators):
            raise UnknownBrand(brand, (each.name for each in operators))
        self._known: Mapping[str, Any] = {"brand": brand} if brand else {}
        self.rules = tables.rules
        self.version = tables.version
        self._hearing = tables.tone and Hearing(tables.tone)
        sounds = [rule for rule in self.rules if rule.kind == "tone"]
        self._by_sound = {who: [each for each in sounds if who in each.applies] for who in SPEAKERS}
        self._places = {rule.id: at for at, rule in enumerate(self.rules)}
        # Those of whole replies come first: they are called most, and low bits are cheap.
        self._searches = sorted(
            ((at, search) for at, rule in enumerate(self.rules) for search in rule.searches),
            key=lambda each: each[1].reach != "reply",
        )
        self._run = [
            search.pattern.search if search.pattern else None for _, search in self._searches
        ]
        self._bit = [1 << at for at in range(len(self._searches))]
        self._always = self._bits(lambda rule, search: not search.anchors)
        self._compact = self._bits(lambda rule, search: rule.compact and search.pattern is None)
        self._reach = {
            name: self._bits(lambda rule, search, name=name: search.reach == name)
            for name in ("clause", "sentence", "reply")
        }
        self._pardons = self._shared_pardons()
        # The upper half of the bits says which searches found what they need besides an anchor.
        self._half = len(self._searches)
        self._alone = self._bits(lambda rule, search: not search.further)
        bits: dict[str, int] = {}
        for at, (_, search) in enumerate(self._searches):
            for anchor in search.anchors:
                bits[anchor] = bits.get(anchor, 0) | 1 << at
            for word in search.further:
                bits[word] = bits.get(word, 0) | 1 << at + self._half
        # Most anchors call what others call, too: one number for all of them spares 27 MB.
        numbers: dict[int, int] = {}
        self._automaton = automaton_of({a: numbers.setdefault(n, n) for a, n in bits.items()})
        self._covered = lru_cache(maxsize=256)(self._cover)

    def check(
        self,
        text: str,
        *,
        speaker: str = "staff",
        turn: str | None = None,
        context: str | None = None,
        facts: Mapping[str, Any] | None = None,
        now: datetime | None = None,
    ) -> Result:
        """Check one reply; what is not known about it is left out."""
        started = time.perf_counter()
        reply = Reply(text)
        known = {**self._known, **facts} if facts else self._known
        moment = now or times.read_instant(known.get("now"))
        case = Case(speaker, turn, context_of(context), known, moment)
        findings: list[Finding] = []
        suppressed: list[Suppressed] = []
        covered = self._covered(case.speaker, case.turn, case.context)
        for at, hits in self._hits(reply, case, covered).items():
            findings.extend(self._judged(self.rules[at], hits, reply, case, suppressed))
        if self._hearing and (sounds := self._by_sound.get(case.speaker)):
            heard = sounding(
                self._hearing, sounds, reply, case, findings, suppressed, self.explain
            )
            findings += [_finding(*each, reply, case) for each in list(heard)]
        if findings:
            findings, gave_way = giving_way(reply, findings, self.explain)
            suppressed.extend(gave_way)
        findings.sort(key=lambda each: (each.start, each.rule, each.end))
        suppressed.sort(key=lambda each: (each.start, each.rule, each.end))
        return Result(
            verdict=verdict_of(findings),
            findings=tuple(findings),
            suppressed=tuple(suppressed),
            rules_version=self.version,
            elapsed_us=(time.perf_counter() - started) * 1e6,
            promised=partial(promised.commitments, reply, now=moment),
        )

    def with_ear(self, ear: Ear | None) -> Checker:
        """Return a checker of the same rules that an ear keeps from objecting to mere sounds."""
        other = copy(self)
        other._hearing = self._hearing and Hearing(self._hearing.tone, ear)
        return other

    def fix(self, text: str, **circumstances: Any) -> str:
        """Apply the fixes that cannot change the meaning, from the end to the beginning."""
        result = self.check(text, **circumstances)
        right = len(text) + 1
        for finding in reversed(result.findings):
            rule = self.explain(finding.rule)
            if rule.fix is None or finding.end > right:
                continue
            text = text[: finding.start] + fixed(rule, finding.matched) + text[finding.end :]
            right = finding.start
        return text

    def explain(self, rule_id: str) -> LanguageRule:
        """Find a rule by its id."""
        if rule_id not in self._places:
            raise RuleNotFound(rule_id, self._places)
        return self.rules[self._places[rule_id]]

    @property
    def anchor_count(self) -> int:
        """Count the literals that the gate looks for."""
        return len(self._automaton)

    def scan(self, text: str) -> int:
        """Scan a text for anchors and do nothing else: the floor of what a check can cost."""
        touched = 0
        for _, rules in self._automaton.iter(text):
            touched |= rules
        return touched

    def _hits(self, reply: Reply, case: Case, covered: int) -> dict[int, list[Hit]]:
        """Collect what the searches find, by rule; an anchor calls them to where it stands."""
        found: dict[int, list[Hit]] = {}
        clauses = self._touched(reply)
        whole = self._always
        for _, _, bits in clauses:
            whole |= bits
        called = whole & (whole >> self._half | self._alone) & covered
        for pardon, pardoned in self._pardons:
            if called & pardoned and pardon(reply.text):
                covered &= ~pardoned
        for at in _places(called & covered & self._reach["reply"]):
            number, search = self._searches[at]
            if search.pattern is None:
                match = self.rules[number].match
                hits = list(match(reply, case)) if match else []
            elif search.pattern.search(reply.text) is None:
                continue
            else:
                hits = list(search_all(search.pattern, reply.text))
            if hits:
                found.setdefault(number, []).extend(hits)
        self._search_stretches(reply, clauses, covered & self._reach["clause"], found)
        sentences = _sentences(reply, clauses)
        self._search_stretches(reply, sentences, covered & self._reach["sentence"], found)
        return found

    def _search_stretches(
        self, reply: Reply, stretches: list[_Stretch], wanted: int, found: dict[int, list[Hit]]
    ) -> None:
        text = reply.text
        for start, end, bits in stretches:
            bits &= (bits >> self._half | self._alone) & wanted
            while bits:
                at = bits.bit_length() - 1
                bits ^= self._bit[at]
                search = self._run[at]
                if search is not None and search(text, start, end):
                    number, known = self._searches[at]
                    if known.pattern is not None:
                        hits = search_all(known.pattern, text, start, end)
                        found.setdefault(number, []).extend(hits)

    def _touched(self, reply: Reply) -> list[_Stretch]:
        """Give each clause, with the searches whose anchors end in it."""
        stops = [*reply.clause_ends, len(reply.text)]
        touched: list[_Stretch] = []
        start = at = bits = 0
        stop = stops[0]
        for place, searches in self._automaton.iter(reply.text):
            while place > stop:
                touched.append((start, stop + 1, bits))
                start, at, bits = stop + 1, at + 1, 0
                stop = stops[at]
            bits |= searches
        touched.append((start, stop + 1, bits))
        if self._compact and reply.compact is not None:
            bits = 0
            for _, searches in self._automaton.iter(reply.compact[0]):
                bits |= searches & self._compact
            touched.append((stop, stop, bits))
        return touched

    def _bits(self, wanted: Callable[[LanguageRule, Search], bool]) -> int:
        return sum(
            1 << at
            for at, (number, search) in enumerate(self._searches)
            if wanted(self.rules[number], search)
        )

    def _shared_pardons(self) -> list[tuple[Callable[[str], Any], int]]:
        """Collect what silences several rules wherever it stands: it is looked for first, and once."""
        shared: dict[str, list[LanguageRule]] = {}
        for rule in self.rules:
            if rule.unless and rule.unless.within == "reply":
                shared.setdefault(rule.unless.pattern.pattern, []).append(rule)
        return [
            (
                _found(rules[0].unless.pattern),
                self._bits(lambda rule, search, ids=ids: rule.id in ids),
            )
            for rules in shared.values()
            if len(rules) > 1 and rules[0].unless and (ids := {rule.id for rule in rules})
        ]

    def _cover(self, speaker: str, turn: str | None, context: str | None) -> int:
        return self._bits(lambda rule, search: rule.covers(speaker, turn, context))

    def _judged(
        self,
        rule: LanguageRule,
        hits: list[Hit],
        reply: Reply,
        case: Case,
        suppressed: list[Suppressed],
    ) -> Iterator[Finding]:
        reached, told = 0, 0
        pardons = Pardons(rule, reply)
        for hit in sorted(hits, key=lambda each: (each.start, -each.end)):
            # The search goes on inside a match; what it finds there is the same offence.
            if hit.end <= reached:
                continue
            by = silenced_by(rule, reply, case, hit, pardons)
            if not by and rule.tone and self._hearing:
                by = self._hearing.taken_back(reply, hit.start, hit.end, case.speaker)
            if by:
                start, end = reply.original(hit.start, hit.end)
                suppressed.append(Suppressed(rule.id, start, end, reply.raw[start:end], by))
                continue
            reached, told = hit.end, told + 1
            if told > _MOST_FINDINGS:
                return
            level = rule.level(case.context)
            if self._hearing:
                level = self._hearing.level(rule, level, reply, hit, case.speaker)
            yield _finding(rule, hit, level, reply, case)


def _finding(rule: LanguageRule, hit: Hit, level: Level, reply: Reply, case: Case) -> Finding:
    start, end = reply.original(hit.start, hit.end)
    return Finding(
        rule=rule.id,
        level=level,
        start=start,
        end=end,
        matched=reply.raw[start:end],
        message=rule.message.replace("{detail}", hit.detail),
        suggestion=rule.suggestion.replace("{deadline}", _deadline(case)),
        basis=rule.basis,
        report=rule.report,
        overridable=rule.overridable,
    )


def fixed(rule: LanguageRule, matched: str) -> str:
    """Give the text that a rule puts in place of what it matched."""
    fix = rule.fix
    if fix is None:
        return matched
    if fix.op == "squeeze":
        return matched[:1]
    if fix.op == "mask":
        return mask(matched)
    if fix.op == "delete":
        return ""
    for old, new in fix.pairs.items():
        if old in matched:
            return matched.replace(old, new)
    return fix.text or matched


def _found(pattern: re.Pattern[str]) -> Callable[[str], Any]:
    """Search for a pattern of many alternatives, first for those that are plain words."""
    words = plain_words(pattern.pattern)
    if not words:
        return pattern.search
    plain = re.compile("|".join(map(re.escape, sorted(words)))).search
    return lambda text: plain(text) or pattern.search(text)


def _sentences(reply: Reply, clauses: list[_Stretch]) -> list[_Stretch]:
    """Join the clauses of each sentence, and what is called there."""
    joined: list[_Stretch] = []
    stops = iter([*reply.sentence_ends, len(reply.text)])
    stop = next(stops)
    begin = bits = 0
    for start, _, called in clauses:
        while start > stop:
            joined.append((begin, stop + 1, bits))
            begin, bits, stop = start, 0, next(stops)
        bits |= called
    joined.append((begin, stop + 1, bits))
    return joined


def _places(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def _deadline(case: Case) -> str:
    for name in ("resolve_by", "respond_by"):
        instant = times.read_instant(case.facts.get(name))
        if instant:
            return times.spoken(instant)
    return _NO_DEADLINE


@lru_cache(maxsize=4)
def _tables(directory: Path, _version: str) -> Tables:
    return read_tables(directory)


@lru_cache(maxsize=8)
def _built(directory: Path, version: str, brand: str) -> Checker:
    return Checker(_tables(directory, version), brand=brand)


def load_checker(
    directory: Path | None = None,
    *,
    verify: bool = True,
    stamps: Path | None = None,
    brand: str = "",
) -> Checker:
    """Load all rule tables; with `verify`, run every example and refuse tables that fail one.

    A directory for `stamps` remembers which tables passed, and spares the next process that.
    """
    place = directory or TABLES
    version = version_of(place)
    if verify:
        from bot.handbook.language.examples import verify_examples

        # Examples name their own facts; a brand of the installation would be one too many.
        verify_examples(_built(place, version, ""), stamps)
    return _built(place, version, brand)
