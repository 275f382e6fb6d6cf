"""Rules of kind `tone`: what a sentence that sounds bad is about."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.handbook.errors import TableError
from bot.handbook.language.checker import Checker, load_checker
from bot.handbook.language.finding import Result
from bot.handbook.language.tables import read_tables
from bot.handbook.language.text import Reply
from bot.handbook.language.tone import FILE, LOUD_FROM, Tone, write_tone
from tests.handbook.language.test_fine_replies import REPLIES
from tests.handbook.language.test_tables import TABLE

_, _, _HEAD = TABLE.partition("- id: TST-01")
SUBJECTS = TABLE + "".join(
    _HEAD.join((f"- id: TST-{number}", ""))
    .replace("kind: pattern", "kind: tone")
    .replace("level: block", f"level: {level}")
    .replace("'我{unknown}'", subject)
    for number, level, subject in (("02", "warn", "退费"), ("03", "block", "退"), ("04", "block", "网"))
)
# 哼 stands in bad texts only, 谢 in fine ones only; the rest says nothing.
RUNS = [("哼", 5, 9.0), ("谢", 5, -9.0)]


@pytest.fixture
def checker(tmp_path: Path) -> Checker:
    (tmp_path / "test.yml").write_text(SUBJECTS, encoding="utf-8")
    write_tone(tmp_path / FILE, RUNS, bias=0.0, texts=10, made_of="x")
    return Checker(read_tables(tmp_path))


def found(result: Result) -> list[tuple[str, str]]:
    return [(each.rule, each.matched) for each in result.findings]


def test_what_sounds_bad_is_named_by_the_first_rule_that_knows_its_subject(
    checker: Checker,
) -> None:
    assert found(checker.check("哼，退费的事您等着吧。")) == [("TST-02", "退费的事您等着吧")]
    assert found(checker.check("哼，要退网您等着吧。")) == [("TST-03", "要退网您等着吧")]
    assert checker.check("哼，要退网您等着吧。").verdict.value == "block"
    assert found(checker.check("谢谢，退费的事已经办好。")) == []
    assert found(checker.check("哼，天气真是好得很啊。")) == []


def test_each_sentence_is_heard_by_itself(checker: Checker) -> None:
    polite = "谢谢谢谢谢谢谢谢，退费已经办好。"

    assert found(checker.check(f"{polite}哼，网的事您等着吧！{polite}")) == [
        ("TST-04", "网的事您等着吧")
    ]


def test_what_another_rule_found_is_not_told_twice(checker: Checker) -> None:
    assert found(checker.check("哼，我不知道退费的事。")) == [("TST-01", "我不知道")]


def test_quoted_and_short_sentences_are_let_be(checker: Checker) -> None:
    assert found(checker.check("您说“哼，退费的事算了”，我记下了。")) == []
    assert found(checker.check("哼，退费。")) == []


def test_without_a_tone_table_nothing_is_heard(tmp_path: Path) -> None:
    (tmp_path / "test.yml").write_text(SUBJECTS, encoding="utf-8")

    assert found(Checker(read_tables(tmp_path)).check("哼，退费的事您等着吧。")) == []


def test_a_weak_rule_may_give_way_to_a_whole_group(tmp_path: Path) -> None:
    table = TABLE.replace("  message: 请", "  yields_to: [TST, TSX]\n  message: 请")
    (tmp_path / "test.yml").write_text(table, encoding="utf-8")

    with pytest.raises(TableError, match="not TSX"):
        read_tables(tmp_path)


def test_sentences_heard_in_one_go_sound_as_each_by_itself() -> None:
    tone = load_checker(verify=False)._tone
    assert isinstance(tone, Tone)
    heard = [
        (reply.text[start:stop], bad)
        for fine in REPLIES
        for reply in [Reply(fine.text)]
        for start, stop, bad in tone.sentences(reply)
    ]

    assert len(heard) > 500
    assert all(bad == pytest.approx(tone.bad(text)) for text, bad in heard if text == text.strip())
    assert sum(bad >= LOUD_FROM for _, bad in heard) < len(heard) / 20
