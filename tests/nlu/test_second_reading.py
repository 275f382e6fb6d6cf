"""What the first reading doubts is read a second time, by another eye, and nothing else is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bot.nlu import tuned_vectors
from bot.nlu.linear import Features
from bot.nlu.ngrams import Ngrams, NgramSettings
from bot.nlu.request_model import RequestModel, RequestSettings, apart, fit_requests
from bot.nlu.second_reading import (
    SecondReading,
    SecondSettings,
    calibrated,
    fit_second,
    sample,
)
from bot.nlu.tuned_vectors import left_out

TYPES = ["bill_query", "fault_broadband"] * 200
TEXTS = [f"{'查费' if i % 2 == 0 else '断网'}{i}" for i in range(400)]
GROUPS = [f"s{i // 2}" for i in range(400)]
LABELS = np.array([0, 1] * 200)


@pytest.fixture()
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand in for the encoder: it knows the two wishes apart; what it is asked is kept."""
    texts: list[str] = []

    def encode(some: Sequence[str]) -> np.ndarray:
        texts.extend(some)
        return np.array([[1.0, 0.0] if "费" in text else [0.0, 1.0] for text in some], np.float32)

    monkeypatch.setattr(tuned_vectors, "available", lambda: True)
    monkeypatch.setattr(tuned_vectors, "mark", lambda: "0.3.0-this")
    monkeypatch.setattr(tuned_vectors, "encode", encode)
    return texts


def of_one_word(texts: Sequence[str]) -> Features:
    """Give features that say nothing, so that everything is doubted."""
    ngrams = Ngrams.fit(["同一句话"] * len(texts), NgramSettings(least_seen=1))
    matrix = ngrams.matrix(["同一句话"] * len(texts))
    return Features(matrix, np.zeros((len(texts), 0), np.float32))


def test_what_is_doubted_is_understood_at_the_second_reading(
    asked: list[str], tmp_path: Path
) -> None:
    settings = RequestSettings(units=16, epochs=2)
    fit_requests(of_one_word(TEXTS), TYPES, GROUPS, settings=settings).save(tmp_path)
    once, _ = RequestModel.load(tmp_path).read(of_one_word(TEXTS), TEXTS)
    assert not asked
    assert (once.argmax(axis=1) == LABELS).mean() < 0.6

    fit_requests(of_one_word(TEXTS), TYPES, GROUPS, settings=settings, texts=TEXTS).save(tmp_path)
    model = RequestModel.load(tmp_path)
    twice, _ = model.read(of_one_word(TEXTS), TEXTS)
    assert model.second is not None
    assert (twice.argmax(axis=1) == LABELS).all()
    assert np.allclose(twice.sum(axis=1), 1)


def test_only_what_is_doubted_is_asked(asked: list[str]) -> None:
    second = fit_second(TEXTS, LABELS, 2, SecondSettings(units=16, ask_below=0.7))
    asked.clear()
    chances = np.array([[0.9, 0.1], [0.6, 0.4], [0.1, 0.9]])

    read, _ = second.read(["甲", "乙费", "丙"], np.log(chances), np.zeros((3, 3)), chances)
    assert asked == ["乙费"]
    assert read[[0, 2]].tolist() == chances[[0, 2]].tolist()
    assert read[1].tolist() != chances[1].tolist()
    assert chances[1].tolist() == [0.6, 0.4]


@pytest.mark.parametrize("here", ["none", "0.3.0-other"])
def test_another_encoder_than_the_models_is_not_asked(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, here: str,
) -> None:  # fmt: skip
    """Its vectors mean other things; a model of before, or brought here, reads once."""
    settings = RequestSettings(units=16, epochs=2)
    fit_requests(of_one_word(TEXTS), TYPES, GROUPS, settings=settings, texts=TEXTS).save(tmp_path)
    monkeypatch.setattr(tuned_vectors, "mark", lambda: here)
    asked.clear()

    model = RequestModel.load(tmp_path)
    chances, _ = model.read(of_one_word(TEXTS[:4]), TEXTS[:4])
    assert model.second is None
    assert not asked
    assert np.allclose(chances.sum(axis=1), 1)
    assert here in caplog.text


def test_what_was_calibrated_survives_storage(asked: list[str], tmp_path: Path) -> None:
    settings = RequestSettings(units=16, epochs=2, ask_below=0.8, second_share=1.5)
    levels = ["general", "urgent"] * 200
    model = fit_requests(
        of_one_word(TEXTS), TYPES, GROUPS, levels=levels, settings=settings, texts=TEXTS
    )
    model.save(tmp_path)

    kept = RequestModel.load(tmp_path).second
    assert kept is not None
    assert model.second is not None
    assert kept.numbers() == model.second.numbers()
    assert (kept.ask_below, kept.share) == (0.8, 1.5)
    assert kept.ask_level_below == SecondSettings().ask_level_below
    assert kept.temperature != 4.0


def test_confidence_comes_from_texts_that_were_not_learned(asked: list[str]) -> None:
    """Where the encoder is wrong half of the time, both together are not sure."""
    second = fit_second(TEXTS, LABELS, 2, SecondSettings(units=16))
    flat = np.full((400, 2), 0.5)

    told = (TEXTS, np.log(flat), np.zeros((400, 3)), flat)
    misled = calibrated(second, *told, np.repeat([0, 1], 200))
    trusted = calibrated(second, *told, LABELS)

    def confidence(second: SecondReading) -> float:
        return float(second.read(["断网"], np.log(flat[:1]), np.zeros((1, 3)), flat[:1])[0].max())

    assert confidence(misled) < 0.7
    assert confidence(trusted) > 0.9


def test_how_urgent_it_is_is_read_a_second_time_too(asked: list[str], tmp_path: Path) -> None:
    levels = ["general", "urgent"] * 200
    settings = RequestSettings(units=16, epochs=2)
    fit_requests(
        of_one_word(TEXTS), TYPES, GROUPS, levels=levels, settings=settings, texts=TEXTS
    ).save(tmp_path)
    model = RequestModel.load(tmp_path)

    _, chances = model.read(of_one_word(TEXTS), TEXTS)
    assert chances is not None
    assert model.urgency is not None
    assert (model.urgency.levels(chances) == np.array([0, 2] * 200)).all()


def test_what_it_is_may_be_sure_and_how_urgent_it_is_not(asked: list[str]) -> None:
    marks = np.array([0, 2] * 200)
    settings = SecondSettings(units=16, ask_below=0.7, ask_level_below=0.6)
    texts, chances = ["查费", "断网", "断网"], np.array([[0.1, 0.9]] * 3)
    levels = np.log(np.array([[0.98, 0.01, 0.01], [0.4, 0.3, 0.3], [0.7, 0.1, 0.2]]))

    both = fit_second(TEXTS, LABELS, 2, settings, marks)
    asked.clear()
    _, read = both.read(texts, np.log(chances), levels, chances)
    assert asked == ["断网"]
    assert read.argmax(axis=1).tolist() == [0, 2, 0]
    assert levels.argmax(axis=1).tolist() == [0, 0, 0]

    types_alone = fit_second(TEXTS, LABELS, 2, settings)
    unsure = np.array([[0.5, 0.5]] * 3)
    assert types_alone.read(texts, np.log(unsure), levels, unsure)[1].tolist() == levels.tolist()


def test_a_type_teaches_a_bounded_number_of_sentences() -> None:
    labels = np.array([0] * 300 + [1] * 5)
    texts = [f"句{i}" for i in range(305)]

    rows = sample(texts, labels, 100)
    assert np.bincount(labels[rows]).tolist() == [100, 5]
    # A sentence that comes or goes elsewhere moves no other one out.
    fewer = sample(texts[5:], labels[5:], 100)
    assert len(set(rows) & {row + 5 for row in fewer}) >= 95


def test_confidence_is_set_on_situations_that_tuning_left_out() -> None:
    groups = [f"s{i // 2}" for i in range(4_000)]
    labels = np.arange(4_000) % 2

    known, unknown = apart(labels, groups, 5)
    assert {left_out(groups[i]) for i in known} == {False}
    assert {left_out(groups[i]) for i in unknown} == {True}
    assert len(known) + len(unknown) == 4_000
    # Of few sentences too few are left out: a fold, as large as the others, takes their place.
    known, unknown = apart(LABELS, GROUPS, 5)
    assert len(unknown) == pytest.approx(80, abs=4)
