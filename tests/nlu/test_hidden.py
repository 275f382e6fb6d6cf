"""The network with one hidden layer: what it learns, what it costs to keep, archives without it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bot.nlu.hidden import Hidden, HiddenSettings, fit_hidden
from bot.nlu.linear import Features, Penalty, fit
from bot.nlu.ngrams import Ngrams, NgramSettings
from bot.nlu.type_model import TypeModel, fit_types
from bot.nlu.urgency_model import UrgencyModel

# Each word stands in both classes as often; only two together tell.
PAIRS = ["网断 急救", "网断 闲聊", "账单 闲聊", "账单 急救"] * 8
TOGETHER = np.array([0, 1, 0, 1] * 8)
SINGLE = NgramSettings(longest=1, longest_sound=0, least_seen=2)
SETTINGS = HiddenSettings(units=16, epochs=200)


def features(texts: list[str]) -> Features:
    grams = Ngrams.fit(PAIRS, SINGLE)
    return Features(grams.matrix(texts), np.zeros((len(texts), 0), np.float32))


def fitted(settings: HiddenSettings = SETTINGS, weight: np.ndarray | None = None) -> Hidden:
    share = np.ones(len(PAIRS)) if weight is None else weight
    return fit_hidden(features(PAIRS), TOGETHER, 2, weight=share, settings=settings)


def test_two_words_say_together_what_neither_says() -> None:
    asked, right = features(PAIRS[:4]), TOGETHER[:4]

    assert (fitted().scores(asked).argmax(axis=1) == right).all()
    alone = fit(features(PAIRS), TOGETHER, 2, penalty=Penalty())
    assert not (alone.scores(asked).argmax(axis=1) == right).all()


def test_the_same_data_give_the_same_network() -> None:
    once, again = fitted().arrays(), fitted().arrays()

    assert all(np.array_equal(once[name], again[name]) for name in once)


def test_a_row_that_counts_more_is_believed() -> None:
    texts, labels = ["网断 急救"] * 40, np.array([0, 1] * 20)
    weight = np.where(labels == 0, 9.0, 1.0)

    network = fit_hidden(features(texts), labels, 2, weight=weight, settings=SETTINGS)
    assert network.scores(features(texts[:1])).argmax() == 0


def test_a_stored_network_scores_as_it_did() -> None:
    network, asked = fitted(), features(PAIRS[:4])

    assert np.array_equal(Hidden.of(network.arrays()).scores(asked), network.scores(asked))


def test_a_sentence_of_unknown_words_gets_scores() -> None:
    assert np.isfinite(fitted().scores(features(["", "？？？"]))).all()


def test_archives_of_before_the_network_are_read(tmp_path: Path) -> None:
    asked = features(PAIRS)
    model = fit_types(asked, ["a", "b", "a", "b"] * 8, [str(i) for i in range(32)])
    TypeModel(model.labels, model.weights, (), model.temperature).save(tmp_path)
    levels = fit(asked, TOGETHER, 3, penalty=Penalty())
    UrgencyModel(levels, 1.0, 0.5, 0.5).save(tmp_path)

    types, urgency = TypeModel.load(tmp_path), UrgencyModel.load(tmp_path)
    assert types.networks == ()
    assert np.allclose(types.probabilities(asked).sum(axis=1), 1)
    assert urgency.probabilities(asked).shape == (32, 3)
