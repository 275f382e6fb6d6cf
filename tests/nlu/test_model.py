"""The arithmetic of the classifiers, on a handful of sentences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bot.nlu import sentence_vectors
from bot.nlu.linear import Features, Penalty, fit, folds, softmax, temperature
from bot.nlu.nearest import Nearest
from bot.nlu.ngrams import Ngrams, NgramSettings, sound
from bot.nlu.noise import Noise
from bot.nlu.plain_text import tidy, without_fillers
from bot.nlu.request_model import RequestModel, RequestSettings, fit_requests
from bot.nlu.urgency_model import chosen, thresholds

TEXTS = ["宽带断了", "家里宽带没网", "网断了", "查话费", "看看话费余额", "这个月话费多少"]
SEEN_OFTEN = NgramSettings(least_seen=3)
TYPES = ["fault_broadband"] * 3 + ["bill_query"] * 3
LEVELS = ["urgent", "major", "urgent", "general", "general", "general"]


def features(texts: list[str], ngrams: Ngrams) -> Features:
    return Features(ngrams.matrix(texts), np.zeros((len(texts), 0), np.float32))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("寬頻斷了", "宽频断了"),
        ("打 13800000000 找我", "打 某号码 找我"),
        ("号码幺三八零零零零", "号码某号码"),
        ("啊啊啊啊啊", "啊啊"),
        ("ＡＰＰ登不上", "app登不上"),
        ("", ""),
    ],
)
def test_texts_are_brought_to_one_spelling(text: str, expected: str) -> None:
    assert tidy(text) == expected


def test_fillers_go_unless_nothing_else_is_there() -> None:
    assert without_fillers("嗯那个查话费") == "查话费"
    assert without_fillers("嗯") == "嗯"


def test_homophones_sound_alike() -> None:
    assert sound("费") == sound("肥")
    assert sound("山") == sound("商")


@pytest.mark.skipif(not sentence_vectors.available(), reason="the encoder is not installed")
def test_many_texts_get_the_vectors_of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"{text}{i}号" for i in range(12) for text in TEXTS]
    at_once = sentence_vectors.encode(texts)
    sentence_vectors._memory.clear()
    monkeypatch.setattr(sentence_vectors, "MANY", 1000)

    assert np.allclose(at_once, sentence_vectors.encode(texts), atol=1e-5)


def test_an_unseen_homophone_still_shares_features() -> None:
    ngrams = Ngrams.fit(TEXTS, SEEN_OFTEN)

    columns, _ = ngrams.row("话非")
    assert any(gram.startswith("~hua fei") for gram in ngrams.index if ngrams.index[gram] in columns)


def test_a_model_learns_and_survives_storage(tmp_path: Path) -> None:
    ngrams = Ngrams.fit(TEXTS, SEEN_OFTEN)
    model = fit_requests(features(TEXTS, ngrams), TYPES, [str(i % 3) for i in range(6)])
    model.save(tmp_path)
    ngrams.save(tmp_path)

    texts = ["宽带没了", "话费"]
    asked = features(texts, Ngrams.load(tmp_path))
    chances, levels = RequestModel.load(tmp_path).read(asked, texts)
    assert levels is None
    assert [model.labels[i] for i in chances.argmax(axis=1)] == ["fault_broadband", "bill_query"]
    assert np.allclose(chances.sum(axis=1), 1)


def test_nothing_stored_needs_pickle(tmp_path: Path) -> None:
    ngrams = Ngrams.fit(TEXTS, SEEN_OFTEN)
    fit_requests(features(TEXTS, ngrams), TYPES, TYPES, levels=LEVELS).save(tmp_path)
    ngrams.save(tmp_path)

    assert {path.suffix for path in tmp_path.iterdir()} <= {".json", ".npy", ".npz"}


def test_a_situation_is_never_on_both_sides() -> None:
    groups = [f"s{i // 3}" for i in range(60)]
    for train, test in folds(np.arange(60) % 2, groups, 3):
        assert not {groups[i] for i in train} & {groups[i] for i in test}


def test_the_temperature_cools_scores_that_are_too_sure() -> None:
    scores = np.array([[9.0, 0.0]] * 10)
    labels = np.array([0] * 7 + [1] * 3)

    heat = temperature(scores, labels)
    assert softmax(scores / heat)[0, 0] == pytest.approx(0.7, abs=0.01)


def test_a_heavier_row_counts_more() -> None:
    dense = np.ones((2, 1), np.float32)
    ngrams = Ngrams.fit(["甲乙", "甲乙"])
    same = Features(ngrams.matrix(["甲乙", "甲乙"]), dense)

    model = fit(same, np.array([0, 1]), 2, weight=np.array([9.0, 1.0]), penalty=Penalty())
    assert model.scores(same)[0].argmax() == 0


def test_urgent_is_said_before_it_is_likeliest() -> None:
    chances = np.array([[0.5, 0.1, 0.4], [0.8, 0.1, 0.1], [0.4, 0.5, 0.1]])

    assert chosen(chances, 0.3, 0.5).tolist() == [2, 0, 1]


def test_the_threshold_of_urgent_keeps_precision() -> None:
    chances = np.array([[0.1, 0.0, 0.9]] * 9 + [[0.7, 0.0, 0.3]] * 5 + [[0.9, 0.0, 0.1]] * 50)
    labels = np.array([2] * 9 + [2, 0, 0, 0, 0] + [0] * 50)

    found = thresholds(np.log(chances + 1e-9), labels)
    said = found.levels(softmax(np.log(chances + 1e-9) / found.temperature)) == 2
    assert said[:9].all()
    assert not said[9:].any()


def test_what_a_signal_demands_anyway_counts_when_thresholds_are_found() -> None:
    scores = np.log(np.array([[0.2, 0.0, 0.8]] * 6 + [[0.6, 0.0, 0.4]] * 4 + [[0.98, 0.0, 0.02]] * 40) + 1e-9)
    labels = np.array([2] * 10 + [0] * 40)
    floors = np.where(np.arange(50) < 6, 2, 0)

    assert thresholds(scores, labels, floors=floors).urgent_from < 0.5
    false_alarms = np.where(np.arange(50) >= 30, 2, 0)
    assert thresholds(scores, labels, floors=false_alarms).urgent_from == 0.5


def test_urgency_is_learned_beside_the_type_and_survives_storage(tmp_path: Path) -> None:
    ngrams = Ngrams.fit(TEXTS, SEEN_OFTEN)
    some = features(TEXTS, ngrams)
    settings = RequestSettings(folds=9, epochs=100, dropped=0.0, dropped_input=0.0)
    model = fit_requests(some, TYPES, TEXTS, levels=LEVELS, settings=settings)
    model.save(tmp_path)

    loaded = RequestModel.load(tmp_path)
    types, levels = loaded.read(some, TEXTS)
    assert [model.labels[i] for i in types.argmax(axis=1)] == TYPES
    assert levels is not None
    assert levels.argmax(axis=1).tolist() == [2, 2, 2, 0, 0, 0]
    assert (levels[:3, 1] > levels[3:, 1]).all()
    assert loaded.urgency == model.urgency
    assert all(
        np.array_equal(a, b) for a, b in zip(model.read(some, TEXTS), (types, levels), strict=True)
    )


def test_sentences_of_one_level_teach_no_urgency(caplog: pytest.LogCaptureFixture) -> None:
    ngrams = Ngrams.fit(TEXTS, SEEN_OFTEN)
    groups = [str(i % 3) for i in range(6)]
    model = fit_requests(features(TEXTS, ngrams), TYPES, groups, levels=["general"] * 6)

    assert model.urgency is None
    assert "signals alone" in caplog.text


def test_the_nearest_example_of_a_training_sentence_is_itself(tmp_path: Path) -> None:
    ngrams = Ngrams.fit(TEXTS, SEEN_OFTEN)
    nearest = Nearest.fit(features(TEXTS, ngrams), TEXTS, [f"{name}/general" for name in TYPES])
    nearest.save(tmp_path)

    [first] = Nearest.load(tmp_path).to(features(["查话费"], ngrams), 1)
    assert (first["text"], first["type"]) == ("查话费", "bill_query")


def test_noise_is_the_same_each_time_and_never_empty() -> None:
    once = [Noise(TEXTS).copy(text) for text in TEXTS]

    assert once == [Noise(TEXTS).copy(text) for text in TEXTS]
    assert all(once)
