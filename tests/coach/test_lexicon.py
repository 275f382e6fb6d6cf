"""Words and signals are saved only after a look at what they would change."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from bot.coach.lexicon import (
    LEXICON,
    SIGNALS,
    cut_differently,
    plan_signal,
    plan_words,
    raised_differently,
)
from bot.coach.workspace import load_yaml
from bot.handbook.errors import DeskError, TableError
from bot.settings import ROOT

FLOOD: dict[str, Any] = {
    "id": "flooded", "title": "机房进水", "raises_to": "urgent", "pattern": "机房.{0,6}(?:进水|淹)",
    "kinds": ["fault"], "basis": "2.4 (c)", "good": ["机房进水了"], "bad": ["机房在哪里"],
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Copy lexicon and signals."""
    for name in (LEXICON, SIGNALS):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_the_preview_shows_turns_that_are_cut_otherwise(root: Path) -> None:
    changes = plan_words(root, ["携转授权码"], [])

    [row] = cut_differently(root, changes, ["携转授权码没收到", "宽带断了"])
    assert "携转授权码" in row["after"].split("/")
    assert "携转授权码" not in row["before"].split("/")


def test_a_word_is_added_once_and_taken_out_again(root: Path) -> None:
    before = (root / LEXICON).read_text("utf-8")
    plan_words(root, ["携转授权码", "光猫"], []).write()
    assert (root / LEXICON).read_text("utf-8") == before + "携转授权码 5000 n\n"
    plan_words(root, [], ["携转授权码"]).write()
    assert (root / LEXICON).read_text("utf-8") == before


@pytest.mark.parametrize("word", ["宽", "两个 词", "一二三四五六七八九十一二三"])
def test_what_is_no_word_is_refused(root: Path, word: str) -> None:
    with pytest.raises(DeskError):
        plan_words(root, [word], [])


def test_the_preview_shows_turns_that_a_signal_would_raise(root: Path) -> None:
    changes = plan_signal(root, FLOOD)

    [row] = raised_differently(root, changes, ["你们机房让水淹了", "宽带断了"])
    assert (row["before"], row["after"]) == ("", "机房进水")


def test_a_signal_that_fails_its_own_examples_is_not_saved(root: Path) -> None:
    with pytest.raises(TableError):
        plan_signal(root, {**FLOOD, "good": ["机房在哪里"]})


def test_what_was_cleared_of_a_signal_is_gone_from_the_table(root: Path) -> None:
    full = {**FLOOD, "unless": "演练", "all_of": ["机房", "水"]}
    plan_signal(root, full).write()
    plan_signal(root, {key: value for key, value in FLOOD.items() if key != "kinds"}).write()

    table = load_yaml((root / SIGNALS).read_text("utf-8"))
    [row] = [row for row in table["signals"] if row["id"] == FLOOD["id"]]
    assert {"unless", "all_of", "kinds"} & set(row) == set()
    assert row["good"] == FLOOD["good"]
