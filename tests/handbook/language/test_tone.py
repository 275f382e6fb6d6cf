"""The tone of the words takes back what a pattern found in a reply that sounds fine."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.handbook.errors import TableError
from bot.handbook.language.checker import Checker, load_checker
from bot.handbook.language.finding import Verdict
from bot.handbook.language.tables import read_tables, version_of
from bot.handbook.language.tone import FILE, Tone, grams, write_tone
from tests.handbook.language.test_tables import TABLE

RUDE, POLITE = "吵什么吵，我不知道。", "谢谢，我不知道。"
# 吵 stands in bad texts only, 谢 in fine ones only; the rest says nothing.
RUNS = [("吵", 1.6, 9.0), ("谢", 1.6, -9.0), ("知", 1.6, 0.0)]


@pytest.fixture
def listening(tmp_path: Path) -> Path:
    """Return a folder whose one rule listens to the tone."""
    text = TABLE.replace("  kind: pattern", "  kind: pattern\n  tone: true")
    (tmp_path / "test.yml").write_text(text, encoding="utf-8")
    return tmp_path


def verdict(directory: Path, text: str) -> tuple[str, list[str]]:
    """Check a text with the tables of a directory; say what silenced which hit."""
    result = Checker(read_tables(directory)).check(text)
    return result.verdict.value, [each.by for each in result.suppressed]


def test_what_sounds_fine_is_spared_and_the_reason_told(listening: Path) -> None:
    assert verdict(listening, POLITE) == ("block", [])
    before = version_of(listening)
    write_tone(listening / FILE, RUNS, bias=0.0, made_of="x")

    assert verdict(listening, POLITE) == ("pass", ["tone"])
    assert verdict(listening, RUDE) == ("block", [])
    assert version_of(listening) != before


def test_politeness_around_it_makes_nothing_polite(listening: Path) -> None:
    write_tone(listening / FILE, RUNS, bias=0.0, made_of="x")

    assert verdict(listening, f"谢谢谢谢谢谢。{RUDE}")[0] == "block"
    assert verdict(listening, f"谢谢谢谢，{RUDE.replace('，', '')}，谢谢谢谢")[0] == "block"


def test_a_long_reply_is_heard_once(listening: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tone(listening / FILE, RUNS, bias=0.0, made_of="x")
    heard: list[str] = []
    told = Tone._places
    monkeypatch.setattr(Tone, "_places", lambda tone, text: heard.append(text) or told(tone, text))
    text = POLITE * 30
    verdict(listening, text)

    assert sum(len(each) >= len(text) for each in heard) == 1


def test_a_rule_that_does_not_listen_fires_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "test.yml").write_text(TABLE, encoding="utf-8")
    write_tone(tmp_path / FILE, RUNS, bias=0.0, made_of="x")

    assert verdict(tmp_path, POLITE)[0] == "block"


@pytest.mark.parametrize("line", ["吵\t5", "吵\tfive\t9.0", "吵", "吵什么吵\t5\t9.0", "\t5\t9.0"])
def test_a_wrong_line_is_told_with_its_number(listening: Path, line: str) -> None:
    write_tone(listening / FILE, RUNS, bias=0.0, made_of="x")
    with (listening / FILE).open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")

    with pytest.raises(TableError) as caught:
        read_tables(listening)
    assert (caught.value.file, caught.value.line) == (str(listening / FILE), 5)


def test_runs_of_characters_know_where_a_sentence_begins_and_ends() -> None:
    assert grams("好的!") == dict.fromkeys(["好", "的", "。好", "好的", "的。", "。好的", "好的。"], 1)
    assert grams("好?好") == {"好": 2, "。好": 2, "好。": 2, "。好。": 2}
    assert grams("。") == {}


def test_privacy_fraud_and_insults_do_not_listen() -> None:
    listening = {rule.id for rule in load_checker(verify=False).rules if rule.tone}

    assert not {rule.group for rule in load_checker(verify=False).rules if rule.id in listening} & {
        "PRV", "FRD", "DIS", "FMT",
    }  # fmt: skip
    assert {"FBD-04", "VAG-01", "PRM-01"} <= listening


SUBSTANCE = [
    "我直接给您减免200元", "退费可以，不过您要先办理一个新套餐", "我们没有人工客服", "我在后台把日期改掉就行",
]  # fmt: skip


@pytest.mark.parametrize("said", SUBSTANCE)
def test_courtesy_lets_nothing_pass_that_may_not_be_said(said: str) -> None:
    checker = load_checker(verify=False)
    polite = f"您好，{said}，感谢您的理解与支持，祝您生活愉快。"

    assert checker.check(said, turn="mid").verdict is Verdict.BLOCK
    assert checker.check(polite, turn="mid").verdict is Verdict.BLOCK


def test_no_example_is_taken_back() -> None:
    checker = load_checker(verify=False)

    assert [
        (rule.id, each.text)
        for rule in checker.rules if rule.tone for each in rule.bad
        for taken in checker.check(
            each.text, speaker=each.speaker or sorted(rule.applies)[-1],
            turn=each.turn or min(rule.turns, default="mid"),
            context=each.context or min(rule.contexts, default=None), facts=each.facts,
        ).suppressed
        if taken.rule == rule.id and taken.by == "tone"
        and (each.span in taken.matched or taken.matched in each.span)
    ] == []
