"""Old sentences for a new type: those that speak of it are shown, and move when a trainer says so."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bot.coach import new_intent
from bot.coach.examples import Example, read_training
from bot.coach.moving import SHOWN, alike, crowded
from bot.handbook.errors import DeskError
from tests.coach import test_new_intent
from tests.coach.few_sentences import ANSWERS, NAME
from tests.coach.test_new_intent import plan

# Where the example has become a type of the project, nothing of it is left to move.
pytestmark = test_new_intent.pytestmark
MOVE = ANSWERS["move"]
STATUS = "转网申请进度"


def run(root: Path, answers: dict[str, Any], *words: str) -> int:
    """Run `intake coach new-intent` in a root."""
    file = root / "answers.yml"
    YAML(typ="safe").dump(answers, file)
    parser = argparse.ArgumentParser()
    new_intent.add_arguments(parser)
    return new_intent.run(parser.parse_args([str(file), "--no-model", "--root", str(root), *words]))


def test_the_terminal_shows_old_sentences_that_speak_of_the_type(
    read_only: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(read_only, {**ANSWERS, "move": []}) == 0

    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith("alike ")]
    assert len(shown) == SHOWN
    assert f"alike    进度查询 (ticket_status) {STATUS}" in shown
    found = [text for text in MOVE if any(line.endswith(f" {text}") for line in shown)]
    assert len(found) >= len(MOVE) / 2


def test_what_was_chosen_leads_to_more_like_it() -> None:
    known = [Example(text, "a") for text in ("授权短信还没到", "验证信息还没到", "天气真好")]

    assert [e.text for e in alike(["授权"], known)] == ["授权短信还没到"]
    assert [e.text for e in alike(["授权", "授权短信还没到"], known[1:])] == ["验证信息还没到"]


def test_moved_sentences_leave_their_files_and_keep_their_marks(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = root / "data/nlu/port_out.yml"
    path.write_text("# 手写的说明\n" + path.read_text("utf-8"), "utf-8")
    before = {e.text: e for e in read_training(root / "data/nlu")}
    assert run(root, ANSWERS, "--write") == 0

    said = capsys.readouterr().out
    assert f'-  - text: "{STATUS}"' in said and f'+  - text: "{STATUS}"' in said
    moved = {e.text: e for e in read_training(root / f"data/nlu/{NAME}.yml") if e.text in MOVE}
    others = {e.text for e in read_training(root / "data/nlu") if e.type != NAME}
    assert (set(moved), others & set(MOVE)) == (set(MOVE), set())
    assert path.read_text("utf-8").startswith("# 手写的说明\n")
    for text, row in moved.items():
        was = before[text]
        assert (row.urgency, row.register) == (was.urgency or "general", was.register)
        assert row.situation == f"{NAME}-{was.situation}"
    assert moved[STATUS].urgency == "general"


def test_a_sentence_that_is_in_no_training_file_is_refused(
    read_only: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(read_only, {**ANSWERS, "move": [*MOVE, "从没写过的一句"]}, "--write") == 1
    assert "missing  move: 语料里没有“从没写过的一句”这句，不能移过来" in capsys.readouterr().out
    assert not (read_only / f"data/nlu/{NAME}.yml").exists()


@pytest.mark.parametrize(
    ("leaves", "said"),
    [
        (lambda e: not e.text.startswith("携"), "移走这些句子后，“携号转网”只剩"),
        (lambda e: e.urgency == "urgent", "“携号转网”只剩2种紧急程度，至少要3种紧急程度"),
    ],
)
def test_a_type_keeps_what_it_must_have(read_only: Path, leaves: Any, said: str) -> None:
    rows = read_training(read_only / "data/nlu/port_out.yml")
    with pytest.raises(DeskError, match=said):
        plan(read_only, move=[e.text for e in rows if leaves(e)])


def test_a_type_among_far_larger_ones_is_warned_of() -> None:
    known = [Example("句", "large")] * 81 + [Example("句", "small")] * 5

    assert "每类约81句，新类型连同移来的只有10句" in crowded(10, ["large"], known)
    assert "写到20句以上" in crowded(10, ["large"], known)
    assert crowded(11, ["large"], known) == ""
    assert crowded(10, ["small", "large", "small"], known) == ""
    assert crowded(0, ["large"], known) == crowded(10, [], known) == ""
