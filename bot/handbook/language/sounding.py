"""Rules of kind `tone`, 语气规则: what a sentence that sounds bad is about.

Their patterns are subjects as broad as a word class, which stand in as many fine sentences as bad
ones. So they are looked for only where `tone.tsv` hears the sentence as bad, quotations left out,
and no other rule knows better what is wrong with it; the first rule whose subject is there names
it. They come in the order of their ids.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.handbook.language.case import Case
from bot.handbook.language.finding import Finding, Level
from bot.handbook.language.kinds import Hit, LanguageRule, search_all
from bot.handbook.language.silence import silenced_by
from bot.handbook.language.text import Reply
from bot.handbook.language.tone import Tone

SHORTEST, LONGEST = 6, 300  # Chinese characters of a sentence that can be judged by its sound
# Odds (log): from here, on average of table and ear, a sentence sounds bad to both; below, to the
# ear, what a pattern about tone found in it is taken back. Chosen on `evaluation_dev12` to `dev14`,
# which neither was made from.
AGREED_FROM = 0.8
FINE_ODDS = -3.7
HEARD_SPEAKER = "staff"  # what the bot says must not wait for an ear
MOST_ASKED = 12  # times in one reply: an ear takes its time; the rest is left to the table
LONGEST_HEARD = 200  # characters; of a longer text an ear would hear only both ends
_CHINESE = re.compile("[\u4e00-\u9fff]")
_MOST = 40  # sentences of one reply; nobody reads more
# What a form, an address or something left out breaks says nothing about the words around it.
_OF_FORM = frozenset({"FMT", "GRT", "JRG", "LEN", "RSP"})
_Found = tuple[LanguageRule, int, int]


class Ear(Protocol):
    """What hears the meaning of a sentence, where the table of tone hears its words."""

    def bad(self, text: str) -> float | None:
        """Return the chance that a sentence is a bad one, from 0 to 1; None if it cannot tell."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """The table of tone and, where there is one, an ear, which takes back and never adds."""

    tone: Tone
    ear: Ear | None = None

    def agrees(self, table: float, reply: Reply, start: int, stop: int) -> bool:
        """Tell whether the ear, too, hears a sentence as bad, or has no say."""
        heard = self._heard(reply, start, stop)
        return heard is None or (_odds(table) + _odds(heard)) / 2 >= AGREED_FROM

    def taken_back(self, reply: Reply, start: int, end: int, speaker: str) -> str:
        """Tell by what a hit of a rule about tone is taken back: 'tone', 'ear', or '' if it stays."""
        if self.tone.is_fine(reply, start, end):
            return "tone"
        if speaker != HEARD_SPEAKER:
            return ""
        heard = self._heard(reply, *reply.sentence(start, end))
        return "ear" if heard is not None and _odds(heard) < FINE_ODDS else ""

    def _heard(self, reply: Reply, start: int, stop: int) -> float | None:
        """Ask the ear about a sentence, without what is quoted in it."""
        if self.ear is None or stop - start > LONGEST_HEARD or reply.asked == MOST_ASKED:
            return None
        reply.asked += 1
        return self.ear.bad(" ".join(reply.own_words[start:stop].split()))


def _odds(chance: float) -> float:
    held = min(max(chance, 1e-4), 1 - 1e-4)
    return math.log(held / (1 - held))


def sounding(
    hearing: Hearing,
    rules: Sequence[LanguageRule],
    reply: Reply,
    case: Case,
    findings: Sequence[Finding],
    rule_of: Callable[[str], LanguageRule],
) -> Iterator[tuple[LanguageRule, Hit]]:
    """Name what each sentence that sounds bad is about, unless a rule that knows better found it."""
    if case.speaker != HEARD_SPEAKER:
        hearing = Hearing(hearing.tone)
    told = 0
    known: list[_Found] | None = None
    for start, stop, bad in hearing.tone.loud(reply):
        if not SHORTEST <= len(_CHINESE.findall(reply.own_words, start, stop)) <= LONGEST:
            continue
        if known is None:
            known = _known(reply, findings, rule_of)
        here = [rule for rule, left, right in known if left < stop and start < right]
        for rule in rules:
            if all(other.yields(rule) for other in here):
                hit = _subject(rule, reply, case, start, stop)
                if hit is not None:
                    if hearing.agrees(bad, reply, start, stop):
                        yield rule, hit
                        told += 1
                    break
        if told == _MOST:
            return


def _known(
    reply: Reply, findings: Sequence[Finding], rule_of: Callable[[str], LanguageRule]
) -> list[_Found]:
    """List what other rules found in words, and where."""
    return [
        (rule, *reply.normalised(each.start, each.end))
        for each in findings
        for rule in [rule_of(each.rule)]
        if each.level is not Level.SUGGEST
        and rule.kind != "absence"
        and rule.group not in _OF_FORM
    ]


def _subject(
    rule: LanguageRule, reply: Reply, case: Case, start: int, stop: int
) -> Hit | None:
    """Find the clause with the subject of a rule in a sentence, past what silences it."""
    if not rule.covers(case.speaker, case.turn, case.context):
        return None
    for pattern in rule.patterns:
        for hit in search_all(pattern, reply.own_words, start, min(stop + 1, len(reply.text))):
            if not silenced_by(rule, reply, case, hit):
                return Hit(*reply.clause(hit.start, hit.end))
    return None
