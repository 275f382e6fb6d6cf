"""Rules of kind `tone`, 语气规则: what a sentence that sounds bad is about.

Their patterns are subjects as broad as a word class, which stand in as many fine sentences as bad
ones. So they are looked for only where `tone.tsv` hears the sentence as bad and no other rule found
anything in it; the first rule whose subject is there names it. They come in the order of their ids.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from bot.handbook.language.case import Case
from bot.handbook.language.finding import Finding, Level
from bot.handbook.language.kinds import Hit, LanguageRule, search_all
from bot.handbook.language.silence import silenced_by
from bot.handbook.language.text import Reply
from bot.handbook.language.tone import LOUD_FROM, Tone

SHORTEST = 6  # Chinese characters; fewer tell nothing
_CHINESE = re.compile("[\u4e00-\u9fff]")


def sounding(
    tone: Tone,
    rules: Sequence[LanguageRule],
    reply: Reply,
    case: Case,
    findings: Sequence[Finding],
    rule_of: Callable[[str], LanguageRule],
) -> Iterator[tuple[LanguageRule, Hit]]:
    """Name what each sentence that sounds bad is about, unless a rule that knows better found it."""
    loud = [
        (start, stop)
        for start, stop, bad in tone.sentences(reply)
        if bad >= LOUD_FROM and len(_CHINESE.findall(reply.text, start, stop)) >= SHORTEST
    ]
    if not loud:
        return
    taken = [
        reply.normalised(each.start, each.end)
        for each in findings
        if each.level is not Level.SUGGEST and not rule_of(each.rule).yields(rules[0])
    ]
    for start, stop in loud:
        if any(left < stop and start < right for left, right in taken):
            continue
        for rule in rules:
            hit = _subject(rule, reply, case, start, stop)
            if hit is not None:
                yield rule, Hit(*reply.clause(hit.start, hit.end))
                break


def _subject(
    rule: LanguageRule, reply: Reply, case: Case, start: int, stop: int
) -> Hit | None:
    """Find the subject of a rule in a sentence, with the mark that ends it, past what silences it."""
    if not rule.covers(case.speaker, case.turn, case.context):
        return None
    end = min(stop + 1, len(reply.text))
    return next(
        (
            hit
            for pattern in rule.patterns
            for hit in search_all(pattern, reply.text, start, end)
            if not silenced_by(rule, reply, case, hit)
        ),
        None,
    )
