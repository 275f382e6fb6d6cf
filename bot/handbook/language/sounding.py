"""Rules of kind `tone`, 语气规则: what a sentence that sounds bad is about.

Their patterns are subjects as broad as a word class, which stand in as many fine sentences as bad
ones. So they are looked for only where `tone.tsv` hears the sentence as bad, quotations left out,
and no other rule knows better what is wrong with it; the first rule whose subject is there names
it. They come in the order of their ids. What sounds grave is held back also where another rule only
warned, and by a rule that is marked `grave` whatever it is about; what sounds light is not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from bot.handbook.language.case import Case
from bot.handbook.language.finding import Finding, Level, Suppressed
from bot.handbook.language.kinds import Hit, LanguageRule, search_all
from bot.handbook.language.silence import silenced_by
from bot.handbook.language.text import Reply
from bot.handbook.language.tone import LOUD_FROM, Tone

SHORTEST, LONGEST = 6, 300  # Chinese characters of a sentence that can be judged by its sound
# Odds (log): from here, on average of table and ear, a sentence sounds bad to both; below, to the
# ear, what a pattern about tone found in it is taken back. Chosen on `evaluation_dev12` to `dev16`,
# which neither was made from.
AGREED_FROM = 0.6
FINE_ODDS = -4.2
# Chance that a sentence is bad and one to be held back. From here, to the table and to both together,
# it is, whatever it is about.
HELD_FROM = 0.5
HELD_BY_BOTH = 0.75
HELD_ALONE = 0.6  # to the table, of what the bot says: no ear will take it back
# Below, to the table or to both, it is not, though a rule would hold it back.
LIGHT_TO_TABLE = 0.1
LIGHT_TO_BOTH = 0.3
HEARD_SPEAKER = "staff"  # what the bot says must not wait for an ear
MOST_ASKED = 12  # times in one reply: an ear takes its time; the rest is left to the table
LONGEST_HEARD = 200  # characters; of a longer text an ear would hear only both ends
_CHINESE = re.compile("[\u4e00-\u9fff]")
_TELLING = re.compile("[\u4e00-\u9fff]{2}")  # a clause that can be grave by itself
_OF_WORDS = ("phrase", "pattern", "cooccur")
_MOST = 40  # sentences of one reply; nobody reads more
# What a form, an address or something left out breaks says nothing about the words around it.
_OF_FORM = frozenset({"FMT", "GRT", "JRG", "LEN", "RSP"})
_Named = tuple[LanguageRule, Hit, Level]


class _Found(NamedTuple):
    """What another rule found in a reply."""

    rule: LanguageRule
    level: Level
    start: int
    end: int


class Ear(Protocol):
    """What hears the meaning of a sentence, where the table of tone hears its words."""

    def bad(self, text: str) -> float | None:
        """Return the chance that a sentence is a bad one, from 0 to 1; None if it cannot tell."""

    def grave(self, text: str) -> float | None:
        """Return the chance that a bad sentence is one to be held back, likewise."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """The table of tone and, where there is one, an ear, which takes back and never adds."""

    tone: Tone
    ear: Ear | None = None
    held_from: float = HELD_FROM

    def agrees(self, table: float, reply: Reply, start: int, stop: int) -> bool:
        """Tell whether the ear, too, hears a sentence as bad, or has no say."""
        heard = self._heard_bad(reply, start, stop)
        return heard is None or _between(table, heard) >= AGREED_FROM

    def holds_back(self, reply: Reply, start: int, stop: int) -> bool:
        """Tell whether a sentence is both bad and grave, to the table and, if it has a say, the ear."""
        if self.tone.gravity is None:
            return False
        table, both = self._held(reply, start, stop)
        return table >= self.held_from and (both is None or both >= HELD_BY_BOTH)

    def taken_back(self, reply: Reply, start: int, end: int, speaker: str) -> str:
        """Tell by what a hit of a rule about tone is taken back: 'tone', 'ear', or '' if it stays."""
        if self.tone.is_fine(reply, start, end):
            return "tone"
        if speaker != HEARD_SPEAKER:
            return ""
        heard = self._heard_bad(reply, *reply.sentence(start, end))
        return "ear" if heard is not None and _odds(heard) < FINE_ODDS else ""

    def level(
        self, rule: LanguageRule, level: Level, reply: Reply, hit: Hit, speaker: str
    ) -> Level:
        """Lower a block to a warning where staff's sentence is bad but light, or harmless after all."""
        judged = level is Level.BLOCK and rule.overridable and speaker == HEARD_SPEAKER
        if not judged or self.tone.gravity is None:
            return level
        clause = reply.clause(hit.start, hit.end)
        sentence = reply.sentence(hit.start, hit.end)
        # What is too short to be judged is not so for the chatter around it.
        if len(_CHINESE.findall(reply.own_words, *clause)) < SHORTEST:
            return level
        if not (rule.tone or rule.kind == "tone" or rule.kind in _OF_WORDS):
            return level
        if self._is_light(rule, reply, clause, sentence):
            return Level.WARN
        # The sentence first: often it is enough, and an ear is asked so many times only.
        heard = (self._held(reply, *each)[1] for each in (sentence, clause))
        light = all(both is not None and both < LIGHT_TO_BOTH for both in heard)
        return Level.WARN if light else level

    def _is_light(
        self, rule: LanguageRule, reply: Reply, clause: tuple[int, int], sentence: tuple[int, int]
    ) -> bool:
        """Tell whether, to the table, nothing of a sentence is to be held back that only sounded so."""
        if not rule.tone and rule.kind != "tone":
            return False
        clauses = [each for each in reply.clauses if sentence[0] <= each[0] and each[1] <= sentence[1]]
        said = [reply.own_words[slice(*each)] for each in clauses]
        said = [each for each in said if _TELLING.search(each)]
        said += [reply.own_words[slice(*each)] for each in (clause, sentence)]
        return all(math.prod(self._to_table(each)) < LIGHT_TO_TABLE for each in said)

    def _to_table(self, said: str) -> tuple[float, float]:
        """Return the chances, to the table, that words are bad and, if they are, grave."""
        return self.tone.bad(said), self.tone.gravity.bad(said) if self.tone.gravity else 1.0

    def _held(self, reply: Reply, start: int, stop: int) -> tuple[float, float | None]:
        """Return the chance that a stretch is to be held back, to the table and to both together."""
        said = reply.own_words[start:stop]
        bad, grave = self._to_table(said)
        heard = self._heard_bad(reply, start, stop)
        if heard is None or self.ear is None:
            return bad * grave, None
        graver = self.ear.grave(self._audible(reply, start, stop))
        both = _between(grave, grave if graver is None else graver)
        return bad * grave, _chance(_between(bad, heard)) * _chance(both)

    def _heard_bad(self, reply: Reply, start: int, stop: int) -> float | None:
        said = self._audible(reply, start, stop)
        return self.ear.bad(said) if self.ear and said else None

    def _audible(self, reply: Reply, start: int, stop: int) -> str:
        """Return a sentence without what is quoted in it; nothing if the ear is not to be asked."""
        if self.ear is None or stop - start > LONGEST_HEARD:
            return ""
        said = " ".join(reply.own_words[start:stop].split())
        if said not in reply.asked:
            if len(reply.asked) == MOST_ASKED:
                return ""
            reply.asked.add(said)
        return said


def _odds(chance: float) -> float:
    held = min(max(chance, 1e-4), 1 - 1e-4)
    return math.log(held / (1 - held))


def _between(one: float, other: float) -> float:
    """Return the odds (log) in the middle between two chances."""
    return (_odds(one) + _odds(other)) / 2


def _chance(odds: float) -> float:
    return 1 / (1 + math.exp(-odds))


def sounding(
    hearing: Hearing,
    rules: Sequence[LanguageRule],
    reply: Reply,
    case: Case,
    findings: Sequence[Finding],
    taken_back: Sequence[Suppressed],
    rule_of: Callable[[str], LanguageRule],
) -> Iterator[_Named]:
    """Name what each sentence that sounds bad is about, unless a rule that knows better found it.

    A sentence of which an ear has taken something back is left alone: it must not be worse for that.
    """
    if case.speaker != HEARD_SPEAKER:
        hearing = Hearing(hearing.tone, held_from=HELD_ALONE)
    told = 0
    by_ear = (each for each in taken_back if each.by == "ear")
    spared = [Hit(*reply.normalised(each.start, each.end)) for each in by_ear]
    known: list[_Found] | None = None
    for start, stop, bad in hearing.tone.loud(reply, min(LOUD_FROM, HELD_FROM)):
        if not SHORTEST <= len(_CHINESE.findall(reply.own_words, start, stop)) <= LONGEST:
            continue
        if any(each.start < stop and start < each.end for each in spared):
            continue
        if known is None:
            known = _known(reply, findings, rule_of)
        here = [each for each in known if each.start < stop and start < each.end]
        named = _named(hearing, rules, reply, case, here, (start, stop, bad))
        if named is not None:
            yield named
            told += 1
        if told == _MOST:
            return


def _named(
    hearing: Hearing,
    rules: Sequence[LanguageRule],
    reply: Reply,
    case: Case,
    here: Sequence[_Found],
    loud: tuple[int, int, float],
) -> _Named | None:
    """Name one sentence by the first rule whose subject is there; None if the ear hears no harm.

    Where that only warns and the sentence is grave, a rule that blocks is looked for behind it.
    """
    start, stop, bad = loud
    held: bool | None = None
    warned: _Named | None = None
    for rule in rules:
        level = rule.level(case.context)
        better = [each for each in here if not each.rule.yields(rule)]
        if better or warned or rule.grave:
            if level is not Level.BLOCK or any(each.level is Level.BLOCK for each in better):
                continue
            if held is None:
                held = hearing.holds_back(reply, start, stop)
            if not held:
                continue
        elif bad < LOUD_FROM:
            continue
        hit = _subject(rule, reply, case, start, stop)
        if hit is None:
            continue
        if not hearing.agrees(bad, reply, start, stop):
            return warned
        if rule.grave:
            hit = Hit(start, stop)
        named = rule, hit, hearing.level(rule, level, reply, hit, case.speaker)
        if level is Level.BLOCK:
            return named
        warned = named
    return warned


def _known(
    reply: Reply, findings: Sequence[Finding], rule_of: Callable[[str], LanguageRule]
) -> list[_Found]:
    """List what other rules found in words, and where."""
    return [
        _Found(rule, each.level, *reply.normalised(each.start, each.end))
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
