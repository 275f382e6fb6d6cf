"""Fine replies, 合格回复: look-alikes on which no rule may warn or block."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bot.handbook.language.case import CONTEXTS, SPEAKERS, TURNS
from bot.handbook.language.checker import TABLES, Checker
from bot.handbook.language.finding import Level

FILE = TABLES / "fine_replies.txt"


@dataclass(frozen=True)
class FineReply:
    line: int
    text: str
    context: str | None
    turn: str | None


def read_fine_replies() -> list[FineReply]:
    """Read `text` or `context<TAB>turn<TAB>text`, one reply a line, without the comments."""
    replies = []
    for number, line in enumerate(FILE.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        *case, text = line.split("\t")
        context, turn = case or (None, None)
        replies.append(FineReply(number, text, context, turn))
    return replies


REPLIES = read_fine_replies()


def alarms(checker: Checker, reply: FineReply, speaker: str) -> list[str]:
    result = checker.check(reply.text, speaker=speaker, turn=reply.turn, context=reply.context)
    return [
        f"line {reply.line}: {finding.rule} at {finding.matched}: {reply.text}"
        for finding in result.findings
        if finding.level is not Level.SUGGEST
    ]


@pytest.mark.parametrize("speaker", SPEAKERS)
def test_fine_replies_stay_silent(checker: Checker, speaker: str) -> None:
    assert [each for reply in REPLIES for each in alarms(checker, reply, speaker)] == []


def test_fine_replies_stay_silent_without_their_circumstances(checker: Checker) -> None:
    bare = [FineReply(reply.line, reply.text, None, None) for reply in REPLIES]

    assert [each for reply in bare for each in alarms(checker, reply, "staff")] == []


def test_there_are_enough_fine_replies_and_no_two_alike() -> None:
    assert len({reply.text for reply in REPLIES}) == len(REPLIES) >= 320


def test_fine_replies_cover_every_context_and_turn() -> None:
    assert {reply.context for reply in REPLIES} - {None} == set(CONTEXTS)
    assert {reply.turn for reply in REPLIES} - {None} == set(TURNS)
