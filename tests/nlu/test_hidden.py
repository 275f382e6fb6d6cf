"""The network with one hidden layer: what it learns, what it costs to keep, archives without it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bot.nlu.hidden import Hidden, HiddenSettings, Task, fit_hidden
from bot.nlu.linear import Features, Penalty, fit
from bot.nlu.ngrams import Ngrams, NgramSettings
from bot.nlu.request_model import RequestModel, fit_requests
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
    return fit_hidden(features(PAIRS), [Task(TOGETHER, 2, share)], settings)


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

    network = fit_hidden(features(texts), [Task(labels, 2, weight)], SETTINGS)
    assert network.scores(features(texts[:1])).argmax() == 0


def test_a_stored_network_scores_as_it_did() -> None:
    network, asked = fitted(), features(PAIRS[:4])

    assert np.array_equal(Hidden.of(network.arrays()).scores(asked), network.scores(asked))


def test_a_sentence_of_unknown_words_gets_scores() -> None:
    assert np.isfinite(fitted().scores(features(["", "？？？"]))).all()


def test_one_network_learns_two_tasks() -> None:
    even = np.ones(len(PAIRS))
    word = np.array([0, 0, 1, 1] * 8)  # the first word tells, whatever stands beside it
    half_told = np.where(np.arange(len(PAIRS)) % 8 < 4, word, -1)

    network = fit_hidden(features(PAIRS), [Task(TOGETHER, 2, even), Task(half_told, 2, even)], SETTINGS)
    scores = network.scores(features(PAIRS[:4]))
    assert scores.shape == (4, 4)
    assert (scores[:, :2].argmax(axis=1) == TOGETHER[:4]).all()
    assert (scores[:, 2:].argmax(axis=1) == word[:4]).all()


def test_a_row_that_says_nothing_of_a_task_teaches_nothing_of_it() -> None:
    texts = ["网断 急救"] * 40
    types, silent = np.array([0, 1] * 20), np.full(40, -1)
    silent[0] = 1
    heavy = Task(silent, 2, np.full(40, 5.0))

    network = fit_hidden(features(texts), [Task(types, 2, np.ones(40)), heavy], SETTINGS)
    assert network.scores(features(texts[:1]))[0, 2:].argmax() == 1


@pytest.mark.parametrize("kind", ["weights", "network"])
def test_archives_of_before_the_shared_networks_are_read(tmp_path: Path, kind: str) -> None:
    asked = features(PAIRS)
    model = fit_requests(asked, ["a", "b", "a", "b"] * 8, [str(i) for i in range(32)])
    networks = model.networks if kind == "network" else ()
    RequestModel(model.labels, model.weights, networks, model.temperature).save(tmp_path)
    head = json.loads((tmp_path / "types.json").read_text())
    del head["urgency"], head["second"]
    (tmp_path / "types.json").write_text(json.dumps(head))
    task = Task(TOGETHER, 3, np.ones(len(PAIRS)))
    alone = fit_hidden(asked, [task], SETTINGS) if kind == "network" else fit(
        asked, TOGETHER, 3, penalty=Penalty()
    )  # fmt: skip
    np.savez(tmp_path / "urgency.npz", **alone.arrays())
    (tmp_path / "urgency.json").write_text('{"temperature": 1.0, "urgent_from": 0.5, "major_from": 0.4}')

    types, levels = RequestModel.load(tmp_path).read(asked, PAIRS)
    assert levels is None
    assert np.allclose(types.sum(axis=1), 1)
    urgency = UrgencyModel.load(tmp_path)
    assert urgency.chances(asked).shape == (32, 3)
    assert urgency.thresholds.major_from == 0.4
