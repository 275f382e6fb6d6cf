"""Whole situations are held out, the same ones each time."""

from __future__ import annotations

from pathlib import Path

from bot.coach.examples import Example, read_training
from bot.coach.split import is_held_out, rasa_yaml, split

ROWS = [
    Example(f"第{i}句：“网断了”\\", "fault_broadband", "general", f"fault_broadband-{i // 3:03}", "plain")
    for i in range(300)
]


def test_examples_survive_writing_and_reading(tmp_path: Path) -> None:
    file = tmp_path / "fault_broadband.yml"
    file.write_text(rasa_yaml(ROWS), "utf-8")

    texts = [(row.text, row.urgency, row.situation) for row in read_training(file)]
    assert texts == [(row.text, row.urgency, row.situation) for row in ROWS]


def test_a_situation_goes_whole_and_once(tmp_path: Path) -> None:
    data, held_out = tmp_path / "nlu", tmp_path / "heldout.yml"
    data.mkdir()
    (data / "fault_broadband.yml").write_text(rasa_yaml(ROWS), "utf-8")

    stayed, moved = split(data, held_out, share=0.12)
    assert stayed + moved == 300
    assert 0.05 < moved / 300 < 0.2
    kept = {row.situation for row in read_training(data)}
    assert not kept & {row.situation for row in read_training(held_out)}
    assert split(data, held_out, share=0.12) == (stayed, moved)


def test_the_choice_does_not_depend_on_other_situations() -> None:
    assert [is_held_out(f"x-{i}", 0.5) for i in range(6)] == [is_held_out(f"x-{i}", 0.5) for i in range(6)]
    assert not any(is_held_out(f"x-{i}", 0.0) for i in range(50))
