"""Gravity: of bad sentences, which are held back and which are only warned of."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.handbook.errors import TableError
from bot.handbook.language.checker import Checker
from bot.handbook.language.finding import Result
from bot.handbook.language.tables import read_tables, version_of
from bot.handbook.language.tone import FILE, GRAVE, write_tone
from tests.handbook.language.test_tables import TABLE

_, _, _HEAD = TABLE.partition("- id: TST-01")


def _rule(number: str, level: str, subject: str, more: str = "") -> str:
    text = _HEAD.join((f"- id: TST-{number}", "")).replace("level: block", f"level: {level}{more}")
    return text.replace("kind: pattern", "kind: tone").replace("'我{unknown}'", subject)


# TST-01 我不知道 (block, about tone), TST-02 我不清楚 (warn), TST-03 退 by its sound (block).
RULES = (
    TABLE.replace("  level: block\n", "  level: block\n  tone: true\n")
    .replace("pattern: '我{unknown}'", "pattern: 我不知道")
    .replace("unknown: [不知道, 不清楚]", "unknown: [不知道]")
    + _HEAD.join(("- id: TST-02", "")).replace("level: block", "level: warn").replace("我{unknown}", "我不清楚")
    + _rule("03", "block", "退")
)
ANYTHING = _rule("04", "block", "'[一-龥]'", "\n  grave: true")
# 哼 stands in bad texts only; of those, 狠 in grave ones and 嘛 in light ones.
BAD = [("哼", 1.6, 9.0), ("狠", 1.6, 0.1), ("嘛", 1.6, 0.1)]
GRAVITY = [("狠", 1.6, 9.0), ("嘛", 1.6, -9.0)]


class FakeEar:
    def __init__(self, grave: float, bad: float = 0.99) -> None:
        self._grave, self._bad = grave, bad

    def bad(self, text: str) -> float | None:
        return self._bad

    def grave(self, text: str) -> float | None:
        return self._grave


def build(folder: Path, rules: str, *, gravity: bool = True, bias: float = -0.2) -> Checker:
    (folder / "test.yml").write_text(rules, encoding="utf-8")
    write_tone(folder / FILE, BAD, bias=bias, made_of="x")
    if gravity:
        write_tone(folder / GRAVE, GRAVITY, bias=0.0, made_of="x")
    return Checker(read_tables(folder))


@pytest.fixture
def checker(tmp_path: Path) -> Checker:
    return build(tmp_path, RULES + ANYTHING)


def found(result: Result) -> list[tuple[str, str]]:
    return sorted((each.rule, each.level.value) for each in result.findings)


def test_what_sounds_light_is_warned_of_and_not_held_back(checker: Checker) -> None:
    assert found(checker.check("哼，我不知道您说的这个。")) == [("TST-01", "block")]
    assert found(checker.check("哼，我不知道您说的这个嘛。")) == [("TST-01", "warn")]
    assert found(checker.check("哼，退费的事您等着嘛。")) == [("TST-03", "warn")]
    assert found(checker.check("哼，我不知道您说的这个，嘛嘛。")) == [("TST-01", "block")], "only beside it"
    assert checker.check("哼，退费的事您等着嘛。").verdict.value == "warn"


def test_a_warning_of_another_rule_does_not_let_a_grave_sentence_go(checker: Checker) -> None:
    assert found(checker.check("哼，我不清楚退费的事。")) == [("TST-02", "warn")]
    assert found(checker.check("哼，狠狠地退，我不清楚。")) == [("TST-02", "warn"), ("TST-03", "block")]


def test_a_subject_that_only_warns_does_not_let_a_grave_sentence_go(tmp_path: Path) -> None:
    checker = build(tmp_path, TABLE + _rule("02", "warn", "退") + _rule("03", "block", "网") + ANYTHING)

    assert found(checker.check("哼，退费的事您等着嘛。")) == [("TST-02", "warn")]
    assert found(checker.check("哼，狠狠退网的事您等着。")) == [("TST-03", "block")]
    assert found(checker.check("哼，狠狠退费的事您等着。")) == [("TST-04", "block")]

    sure, not_sure = (checker.with_ear(FakeEar(grave=grave)) for grave in (0.99, 0.0))
    assert found(sure.check("哼，狠狠退费的事您等着。")) == [("TST-04", "block")]
    assert found(not_sure.check("哼，狠狠退费的事您等着。")) == [("TST-02", "warn")]


def test_a_grave_sentence_is_held_back_whatever_it_is_about(checker: Checker) -> None:
    assert found(checker.check("哼，天气真是好得狠啊。")) == [("TST-04", "block")]
    assert found(checker.check("哼，天气真是好得很啊。")) == []
    assert found(checker.check("天气真是好得狠狠狠啊。")) == [], "it does not sound bad"


def test_of_what_the_bot_says_the_table_alone_judges_and_asks_for_more(tmp_path: Path) -> None:
    text = "天气真是好得狠啊。"
    nearly = build(tmp_path, RULES + ANYTHING, bias=0.2)

    assert found(nearly.check(text)) == [("TST-04", "block")]
    assert found(nearly.check(text, speaker="bot")) == []
    assert found(nearly.with_ear(FakeEar(0.0)).check(f"哼，{text}", speaker="bot")) == [("TST-04", "block")]


def test_a_grave_clause_keeps_a_light_sentence_from_being_lowered(tmp_path: Path) -> None:
    checker = build(tmp_path, RULES)

    assert found(checker.check("哼，我不知道您说的这个嘛。")) == [("TST-01", "warn")]
    assert found(checker.check("哼，我不知道您说的这个嘛，真狠哼。")) == [("TST-01", "block")]


def test_an_ear_lowers_and_takes_back_and_never_raises(checker: Checker) -> None:
    plain, grave = "哼，我不知道您说的这个。", "哼，天气真是好得狠啊。"

    assert found(checker.check(plain)) == [("TST-01", "block")]
    assert found(checker.with_ear(FakeEar(0.01)).check(plain)) == [("TST-01", "warn")], "bad it is"
    assert found(checker.with_ear(FakeEar(0.99, bad=0.0)).check(plain)) == []
    assert found(checker.with_ear(FakeEar(0.0)).check(grave)) == []
    assert found(checker.with_ear(FakeEar(0.99, bad=0.001)).check(grave)) == [], "it is not sure"
    for text in ("哼，天气真是好得很啊。", "哼，我不清楚退费的事。", "哼，我不知道您说的这个嘛。"):
        alone = found(checker.check(text))
        assert found(checker.with_ear(FakeEar(0.99, bad=0.999)).check(text)) == alone


def test_a_sentence_is_not_worse_for_what_an_ear_takes_back(tmp_path: Path) -> None:
    text = "哼，我不知道您退费的事啊。"
    warned = RULES.replace("level: block", "level: warn", 1)
    checker = build(tmp_path, warned, bias=0.0)

    assert found(checker.check(text)) == [("TST-01", "warn")]
    assert found(checker.with_ear(FakeEar(0.95, bad=0.0145)).check(text)) == []


def test_what_the_bot_says_and_what_may_never_be_sent_is_not_lowered(tmp_path: Path) -> None:
    text = "哼，我不知道您说的这个嘛。"
    checker = build(tmp_path, RULES)

    assert found(checker.check(text, speaker="bot")) == [("TST-01", "block")]
    strict = build(tmp_path, RULES.replace("tone: true\n", "tone: true\n  override: false\n", 1))
    assert found(strict.check(text)) == [("TST-01", "block")]


def test_without_a_table_of_gravity_levels_stay_as_they_are(tmp_path: Path) -> None:
    checker = build(tmp_path, RULES + ANYTHING, gravity=False)

    assert found(checker.check("哼，我不知道您说的这个嘛。")) == [("TST-01", "block")]
    assert found(checker.check("哼，天气真是好得狠啊。")) == []


def test_the_table_is_part_of_the_version_and_its_mistakes_are_told(tmp_path: Path) -> None:
    build(tmp_path, RULES)
    before = version_of(tmp_path)
    (tmp_path / GRAVE).write_text("#\t0.0\t10\tx\n狠\tviel\t9.0\n", encoding="utf-8")

    assert version_of(tmp_path) != before
    with pytest.raises(TableError, match=r"grave.tsv"):
        read_tables(tmp_path)
