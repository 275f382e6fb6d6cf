"""The tone table is fitted to sentences, and fits those that are there now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.coach import evaluate_language, tone
from bot.coach.tone_lines import Line, read_lines
from bot.handbook.errors import TableError
from bot.handbook.language.checker import TABLES, Checker, load_checker
from bot.handbook.language.tables import read_tables
from bot.handbook.language.tone import FILE, read_tone


def test_bad_words_speak_for_bad_and_fine_ones_against() -> None:
    bad = ["吵什么吵", "吵死了", "别吵了烦", "又吵又闹烦"] * 2
    fine = ["谢谢您", "谢谢来电", "谢谢理解", "非常谢谢"] * 2
    lines = [Line(text, "insult", text) for text in bad]
    told = tone.tone_of([*lines, *(Line(text, "fine", text) for text in fine)])

    assert told.bad("你吵") > 0.5 > told.bad("多谢谢")
    assert told.gravity is None, "there is nothing light among them"


def test_what_is_held_back_is_weighed_against_what_is_warned_of() -> None:
    families = {"insult": "蠢", "casual": "呗", "hard_sell": "买", "fine": "谢"}
    lines = [
        Line(f"{word}{at}{word}", family, f"{word}{at}")
        for family, word in families.items()
        for at in "甲乙丙丁戊"
    ]
    told = tone.tone_of(lines)

    assert told.gravity and told.gravity.bad("蠢") > 0.5 > told.gravity.bad("呗")
    assert told.gravity.bad("买") == told.gravity.bad("谢"), "neither says anything about it"


def test_broken_tables_are_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "accuracy.yml").write_text((TABLES / "accuracy.yml").read_text("utf-8"), "utf-8")
    (tmp_path / FILE).write_text("<<<<<<< HEAD\n", encoding="utf-8")
    few = [line for line in read_lines() if "\n" not in line.text][::900]

    def some(*, tables: Path) -> list[Line]:
        return few if read_tables(tables) else []

    monkeypatch.setattr(tone, "read_lines", some)
    with pytest.raises(TableError):
        some(tables=tmp_path)
    tone.renew(tmp_path)
    assert read_tone(tmp_path / FILE) is not None
    (tmp_path / "accuracy.yml").write_text("- id: [", encoding="utf-8")
    with pytest.raises(TableError, match=r"accuracy\.yml"):
        tone.renew(tmp_path)


def test_the_table_is_fitted_to_the_sentences_that_are_there() -> None:
    lines = read_lines()
    kept, again = read_tone(TABLES / FILE), tone.tone_of(lines)

    assert kept is not None
    assert kept.made_of == tone.made_of(lines), "run `intake language tone`"
    assert kept.gravity and again.gravity and kept.gravity.made_of == kept.made_of
    for one, other in ((kept, again), (kept.gravity, again.gravity)):
        assert all(abs(one.bad(line.text) - other.bad(line.text)) < 0.02 for line in lines[::97])


def test_of_replies_it_was_not_fitted_to_it_spares_fine_ones_and_finds_bad_ones() -> None:
    tables = read_tables(TABLES)
    replies = Path(__file__).parents[1] / "language" / "evaluation_dev13.jsonl"
    words_only = replace(tables, rules=tuple(each for each in tables.rules if each.kind != "tone"))
    hearing, sparing, deaf = (
        evaluate_language.figures(evaluate_language.judge(replies, Checker(each)))
        for each in (tables, words_only, replace(words_only, tone=None))
    )

    assert sparing["false_alarms"]["share"] < 0.9 * deaf["false_alarms"]["share"]
    assert sparing["block_recall"]["share"] > 0.98 * deaf["block_recall"]["share"]
    assert hearing["block_recall"]["share"] > 1.1 * sparing["block_recall"]["share"]


def test_hardly_a_plain_everyday_line_is_blocked() -> None:
    lines = Path(__file__).parents[1] / "language" / "evaluation_plain.jsonl"
    found = evaluate_language.judge(lines, load_checker(verify=False))

    assert len(found) == 320 and not any(line.bad for line in found)
    assert sum(line.verdict == "block" for line in found) < 0.04 * len(found)
