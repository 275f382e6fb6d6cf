"""The ear: how bad a sentence sounds to the encoder that was tuned to replies of staff."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bot.coach import ear
from bot.coach.ear import TONE, Ear, heard, open_ear
from bot.coach.evaluate_language import judge
from bot.coach.tone_lines import FINE, read_lines
from bot.handbook.language.checker import load_checker
from bot.handbook.language.examples import failing_examples
from bot.nlu import encoder_engine
from bot.nlu.tuned_vectors import LONGEST, left_out

needs_ear = pytest.mark.skipif(open_ear() is None, reason="the tuned ear is not installed")


@pytest.fixture(scope="module")
def listener() -> Ear:
    found = open_ear()
    assert found is not None
    return found


@needs_ear
def test_what_it_was_not_tuned_to_is_heard_for_what_it_is(listener: Ear) -> None:
    lines = [line for line in read_lines() if left_out(line.reply)][::12]
    right = [(listener.bad(line.text) > 0.5) is (line.family != FINE) for line in lines]

    assert len(lines) > 250
    assert np.mean(right) > 0.85


@needs_ear
def test_every_example_of_a_rule_comes_out_with_an_ear_as_without(listener: Ear) -> None:
    heard = load_checker(verify=False).with_ear(listener)

    assert list(failing_examples(heard, frozenset())) == []


@needs_ear
def test_with_an_ear_fewer_everyday_lines_are_objected_to(listener: Ear) -> None:
    lines = Path(__file__).parents[1] / "language" / "evaluation_plain.jsonl"
    deaf = load_checker(verify=False)
    alarms, before = (
        sum(each.alarmed for each in judge(lines, checker))
        for checker in (deaf.with_ear(listener), deaf)
    )

    assert alarms <= before
    assert alarms < 0.05 * 320


@needs_ear
def test_an_engine_that_fails_leaves_the_word_to_the_table(
    listener: Ear, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise OSError("gone")

    monkeypatch.setattr(ear, "ask", broken)

    assert listener.bad("引擎没了也要能答复的一句话") is None
    assert "the tuned ear did not answer: gone" in caplog.text


@needs_ear
def test_a_sentence_is_heard_once(listener: Ear) -> None:
    before = listener.heard.cache_info().misses
    for _ in range(3):
        listener.bad("这句话从来没有人说过，今天是第一回")

    assert listener.heard.cache_info().misses == before + 1


@needs_ear
@pytest.mark.parametrize("text", ["", " \n", "\0", "\ud83d", "👨‍👩‍👧‍👦", "ﷺ" * 300, "烦" * 100_000])
def test_odd_texts_are_heard(listener: Ear, text: str) -> None:
    assert 0 <= listener.bad(text) <= 1
    assert len(heard(text)) <= LONGEST


@pytest.fixture()
def anew() -> Iterator[None]:
    """Forget what was found out about the ear, before and after."""
    open_ear.cache_clear()
    yield
    open_ear.cache_clear()


@needs_ear
@pytest.mark.parametrize("damage", ["cut", "empty", "headless"])
def test_a_broken_ear_is_told_and_done_without(
    anew: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    caplog: pytest.LogCaptureFixture, damage: str,
) -> None:  # fmt: skip
    broken = tmp_path / "tone.npz"
    broken.write_bytes(TONE.read_bytes()[: 5_000 if damage == "cut" else 0])
    if damage == "headless":
        with np.load(TONE) as stored:
            np.savez(broken, **{name: stored[name] for name in stored if name[0] == "l"})
    monkeypatch.setattr(ear, "TONE", broken)

    assert open_ear() is None
    assert "the tuned ear cannot be used" in caplog.text


def test_without_layers_or_avx2_there_is_no_ear(
    anew: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ear, "TONE", tmp_path / "none.npz")
        assert open_ear() is None
    open_ear.cache_clear()
    (tmp_path / "cpuinfo").write_text("flags : fpu sse4_2 avx\n")
    monkeypatch.setattr(encoder_engine, "_PROCESSOR", tmp_path / "cpuinfo")
    assert open_ear() is None
