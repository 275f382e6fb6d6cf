"""Rules of kind `tone`: what a sentence that sounds bad is about."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.handbook.errors import TableError
from bot.handbook.language.checker import TABLES, Checker, load_checker
from bot.handbook.language.finding import Result
from bot.handbook.language.sounding import MOST_ASKED
from bot.handbook.language.tables import read_tables
from bot.handbook.language.text import Reply
from bot.handbook.language.tone import FILE, GRAVE, LOUD_FROM, Tone, read_tone, write_tone
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
RUNS = [("哼", 1.6, 9.0), ("谢", 1.6, -9.0)]


@pytest.fixture
def checker(tmp_path: Path) -> Checker:
    (tmp_path / "test.yml").write_text(SUBJECTS, encoding="utf-8")
    write_tone(tmp_path / FILE, RUNS, bias=0.0, made_of="x")
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


@pytest.mark.parametrize("more", ["，亲。", "，给个五星好评呗。"])
def test_form_and_address_excuse_nothing(more: str) -> None:
    rules = load_checker(verify=False)
    rude = [each.text.rstrip("。") for rule in rules.rules if rule.group == "TON" and rule.id < "TON-14"
            for each in rule.bad]  # fmt: skip
    kept = [text for text in rude if rules.check(f"{text}{more}").verdict.value == "block"]

    assert len(rude) == 39 and len(kept) > 0.9 * len(rude)


def test_a_missing_apology_excuses_nothing() -> None:
    rules = load_checker(verify=False)
    text = rules.explain("TON-03").bad[0].text
    result = rules.check(f"您的网络断了。{text}", turn="first", context="complaint")

    assert result.verdict.value == "block"
    assert {"ACK-02", "TON-03"} <= {each.rule for each in result.findings}


def test_what_the_customer_said_is_not_heard(checker: Checker) -> None:
    assert found(checker.check("退费的地址：“哼，哼，你们等着吧，哼”，请您核对。")) == []
    assert found(checker.check("您反映：哼，退费的事你们等着吧。")) == []


@pytest.mark.parametrize("blank", ["", " ", "  "])
def test_blanks_around_a_sentence_change_nothing(checker: Checker, blank: str) -> None:
    assert found(checker.check(f"{blank}哼，退费的事您等着吧{blank}。{blank}")) != []


def test_a_reply_of_ten_thousand_bad_sentences_is_judged_at_once(checker: Checker) -> None:
    assert len(checker.check("哼，退费的事您等着吧。" * 10_000).findings) == 40


def test_quoted_and_short_sentences_are_let_be(checker: Checker) -> None:
    assert found(checker.check("您说“哼，退费的事算了”，我记下了。")) == []
    assert found(checker.check("哼，退费。")) == []


def test_without_a_tone_table_nothing_is_heard(tmp_path: Path) -> None:
    (tmp_path / "test.yml").write_text(SUBJECTS, encoding="utf-8")

    assert found(Checker(read_tables(tmp_path)).check("哼，退费的事您等着吧。")) == []


@pytest.mark.parametrize(("name", "named"), [("TST", "TST-02"), ("TST-02", "TST-02"), ("TST-04", "TST-01")])
def test_a_weak_rule_may_give_way_to_one_or_to_a_whole_group(
    tmp_path: Path, name: str, named: str
) -> None:
    table = SUBJECTS.replace("  message: 请", f"  yields_to: [{name}]\n  message: 请", 1)
    (tmp_path / "test.yml").write_text(table, encoding="utf-8")
    write_tone(tmp_path / FILE, RUNS, bias=0.0, made_of="x")
    result = Checker(read_tables(tmp_path)).check("哼哼哼，我不知道退费的事。")

    assert [each.rule for each in result.findings] == [named]


def test_unknown_names_and_keys_are_refused(tmp_path: Path) -> None:
    weak = TABLE.replace("  message: 请", "  yields_to: [TST, TSX]\n  message: 请")
    keyed = SUBJECTS.replace("kind: tone", "kind: tone\n  compact: true")
    for table, expected in ((weak, "not TSX"), (keyed, "compact.*not to be there")):
        (tmp_path / "test.yml").write_text(table, encoding="utf-8")
        with pytest.raises(TableError, match=expected):
            read_tables(tmp_path)


def test_sentences_heard_in_one_go_sound_as_each_by_itself() -> None:
    tone = read_tone(TABLES / FILE)
    assert isinstance(tone, Tone)
    heard = [
        (reply.text[start:stop], bad)
        for fine in REPLIES
        for reply in [Reply(fine.text)]
        for start, stop, bad in tone.sentences(reply)
    ]

    assert len(heard) > 500
    assert all(bad == pytest.approx(tone.bad(text)) for text, bad in heard)
    assert sum(bad >= LOUD_FROM for _, bad in heard) < len(heard) / 20


class FakeEar:
    """Hears what it is told to hear, and remembers what it was asked."""

    def __init__(self, bad: float | None) -> None:
        self.told, self.asked = bad, []

    def bad(self, text: str) -> float | None:
        self.asked.append(text)
        return self.told

    def grave(self, text: str) -> float | None:
        return None


def test_an_ear_takes_back_what_only_the_table_heard(checker: Checker) -> None:
    text = "哼，退费的事您等着吧。"

    assert found(checker.with_ear(FakeEar(0.99)).check(text)) == found(checker.check(text)) != []
    assert found(checker.with_ear(FakeEar(0.0)).check(text)) == []
    assert found(checker.check(text)) != [], "the checker itself stays without an ear"


def test_an_ear_is_asked_only_of_staff_and_where_a_subject_sounds_bad(checker: Checker) -> None:
    ear = FakeEar(0.99)
    heard = checker.with_ear(ear)
    for text in ("哼，天气真是好得很啊。", "谢谢，退费的事已经办好。", "哼，我不知道。"):
        heard.check(text)
    heard.check("哼，退费的事您等着吧。", speaker="bot")
    heard.check("哼，我不知道退费的事。", speaker="bot")
    assert ear.asked == []

    heard.check("您好。哼，退费的事您等着吧！谢谢您。")
    assert ear.asked == ["哼,退费的事您等着吧"], "as rules read it, too"


def test_a_block_for_a_word_is_a_warning_where_an_ear_hears_no_harm(tmp_path: Path) -> None:
    (tmp_path / "test.yml").write_text(TABLE, encoding="utf-8")
    write_tone(tmp_path / FILE, RUNS, bias=0.0, made_of="x")
    write_tone(tmp_path / GRAVE, [], bias=3.0, made_of="x")
    words, text = Checker(read_tables(tmp_path)), "我不知道您方便不方便听。"

    def level(ear: FakeEar | None, **case: str) -> str:
        return words.with_ear(ear).check(text, **case).verdict.value

    assert [level(None), level(FakeEar(None)), level(FakeEar(0.5))] == ["block"] * 3
    assert (level(FakeEar(0.01)), level(FakeEar(0.01), speaker="bot")) == ("warn", "block")
    strict = TABLE.replace("  level: block\n", "  level: block\n  override: false\n", 1)
    (tmp_path / "test.yml").write_text(strict, encoding="utf-8")
    never = Checker(read_tables(tmp_path)).with_ear(FakeEar(0.01))
    assert never.check(text).verdict.value == "block"


def test_an_ear_adds_nothing_to_what_the_table_does_not_hear(tmp_path: Path) -> None:
    (tmp_path / "test.yml").write_text(SUBJECTS, encoding="utf-8")
    write_tone(tmp_path / FILE, RUNS, bias=0.5, made_of="x")  # 0.62: below LOUD_FROM
    quiet, text = Checker(read_tables(tmp_path)), "退费的事已经给您办好。"

    assert found(quiet.check(text)) == []
    assert found(quiet.with_ear(FakeEar(1.0)).check(text)) == []


def test_table_and_ear_have_to_agree_on_average(tmp_path: Path) -> None:
    (tmp_path / "test.yml").write_text(SUBJECTS, encoding="utf-8")
    write_tone(tmp_path / FILE, RUNS, bias=1.0, made_of="x")  # odds of 1, as a logarithm
    loud, text = Checker(read_tables(tmp_path)), "退费的事已经给您办好。"

    assert found(loud.check(text)) != []
    assert [bool(found(loud.with_ear(FakeEar(each)).check(text))) for each in (0.5, 0.6)] == [False, True]


def test_what_is_quoted_is_not_played_to_the_ear(checker: Checker) -> None:
    ear = FakeEar(0.99)
    checker.with_ear(ear).check("哼，您说“快点退费，哼”，退费的事您等着吧。")

    assert ear.asked and not any("快点" in each for each in ear.asked)


def test_an_ear_is_asked_a_dozen_times_of_one_reply_and_of_no_sentence_without_end(
    checker: Checker,
) -> None:
    ear = FakeEar(0.0)
    many = "。".join(f"哼，退费的事您等着{chr(0x4E00 + at)}吧" for at in range(20))

    assert len(found(checker.with_ear(ear).check(many))) == 20 - MOST_ASKED
    assert len(ear.asked) == MOST_ASKED
    endless = f"哼，退费的事您等着{'啊' * 250}吧。"
    assert found(checker.with_ear(ear).check(endless)) == found(checker.check(endless)) != []


def test_where_an_ear_cannot_tell_the_table_judges_alone(checker: Checker) -> None:
    text = "哼，退费的事您等着吧。"

    assert found(checker.with_ear(FakeEar(None)).check(text)) == found(checker.check(text)) != []


def test_an_ear_takes_back_what_a_pattern_about_tone_found_in_a_fine_sentence(
    tmp_path: Path,
) -> None:
    (tmp_path / "test.yml").write_text(TABLE.replace("  level: block\n", "  level: block\n  tone: true\n", 1), encoding="utf-8")
    write_tone(tmp_path / FILE, RUNS, bias=3.0, made_of="x")
    rude = Checker(read_tables(tmp_path))
    text = "我不知道，您好。"

    assert [each.rule for each in rude.check(text).findings] == ["TST-01"]
    cleared = rude.with_ear(FakeEar(0.01)).check(text)
    assert (cleared.findings, [each.by for each in cleared.suppressed]) == ((), ["ear"])
    assert rude.with_ear(FakeEar(0.2)).check(text).findings
    assert rude.with_ear(FakeEar(0.01)).check(text, speaker="bot").findings
