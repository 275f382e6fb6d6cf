"""Near types: what the characters of sentences come near, learned once until the data change."""

from __future__ import annotations

import argparse
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bot.coach import near_types
from bot.coach.commands import run
from bot.coach.examples import Example, read_training
from bot.coach.near_types import Characters, learned, shares
from bot.settings import ROOT

SAID = ["家里宽带断了上不了网", "光猫红灯一直亮着"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a project of three types."""
    for name in ("data/nlu/fault_broadband.yml", "data/nlu/invoice.yml", "data/nlu/port_out.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "data/handbook", tmp_path / "data/handbook")
    return tmp_path


@pytest.fixture
def lessons(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the sentences of each time that the data are learned."""
    counted: list[int] = []
    learn = Characters.learn

    def counting(known: list[Example]) -> Characters:
        counted.append(len(known))
        return learn(known)

    monkeypatch.setattr(near_types.Characters, "learn", counting)
    return counted


def test_near_types_are_told_by_the_command(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTAKE_HOME", str(root / "var"))
    (root / "said.txt").write_text("\n".join([*SAID, "", "！"]), "utf-8")
    run(argparse.Namespace(tool="near", rest=[str(root / "said.txt"), "--json", "--root", str(root)]))

    [near] = json.loads(capsys.readouterr().out)["confusable"]
    assert near == {"type": "fault_broadband", "title": "宽带故障", "share": 1.0}


def test_data_are_learned_once_and_again_when_they_change(root: Path, lessons: list[int]) -> None:
    home, invoice = root / "var", root / "data/nlu/invoice.yml"
    first, titles = learned(root, home)
    second, _ = learned(root, home)
    assert len(lessons) == 1
    assert titles["fault_broadband"] == "宽带故障"
    assert first.nearest(SAID) == second.nearest(SAID) == ["fault_broadband"] * 2

    invoice.unlink()
    learned(root, home)
    assert lessons[1] < lessons[0]
    os.utime(root / "data/nlu/port_out.yml", (1.0, 1.0))
    learned(root, home)
    assert len(lessons) == 3


def test_what_cannot_be_read_is_learned_anew(root: Path, lessons: list[int]) -> None:
    home = root / "var"
    learned(root, home)
    for left in (b"", b"not an archive", b"PK\x03\x04"):
        (home / "coach" / "near.npz").write_bytes(left)
        assert learned(root, home)[0].nearest(SAID) == ["fault_broadband"] * 2
    assert len(lessons) == 4


def test_what_is_kept_says_the_same_as_the_classifier_it_comes_from(root: Path) -> None:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import ComplementNB

    known = read_training(root / "data" / "nlu")
    counts = CountVectorizer(analyzer=near_types.grams)
    model = ComplementNB().fit(counts.fit_transform([e.text for e in known]), [e.type for e in known])
    asked = [e.text for e in known[::7]] + ["𠮷", "zzzz 从来没有的字"]

    assert Characters.learn(known).nearest(asked) == list(model.predict(counts.transform(asked)))


def test_the_most_read_types_come_first_with_their_share() -> None:
    assert shares(["b", "a", "b"], {"a": "甲"}) == [
        {"type": "b", "title": "b", "share": 0.667}, {"type": "a", "title": "甲", "share": 0.333},
    ]
    assert shares([], {}) == []


def test_what_is_prepared_is_not_learned_by_who_looks(
    root: Path, lessons: list[int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTAKE_HOME", str(root / "var"))
    assert 0 == run(argparse.Namespace(tool="near", rest=["--prepare", "--root", str(root)]))
    assert "" == capsys.readouterr().out

    learned(root, root / "var")
    assert len(lessons) == 1


def test_two_who_look_at_once_learn_once(root: Path, lessons: list[int]) -> None:
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: learned(root, root / "var")[0].nearest(SAID), range(2)))

    assert found == [["fault_broadband"] * 2] * 2
    assert len(lessons) == 1
