"""The request model 诉求模型: from features to calibrated chances of every type and urgency.

For the type a multinomial regression and two networks with one hidden layer, which differ in what
they began with, have the same say each; the urgency is told by the same networks, for what a
sentence is about and how bad it is are told by the same words. Temperatures, which make confidence
mean what it says, and thresholds are found on situations that the weights have not seen. What is
doubted, the type or the urgency, is read a second time (`bot.nlu.second_reading`). Stored as arrays
and JSON, never pickled.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from bot.nlu import tuned_vectors
from bot.nlu.hidden import Hidden, HiddenSettings, Task, fit_hidden
from bot.nlu.linear import Features, Penalty, Weights, balance, fit, folds, softmax, temperature
from bot.nlu.second_reading import NAME, SecondReading, SecondSettings, calibrated, fit_second
from bot.nlu.urgency_model import LEVELS, Thresholds, level_task, marks_of, thresholds

logger = logging.getLogger(__name__)
_LEAST_LEFT_OUT = 200


@dataclass(frozen=True, slots=True)
class RequestSettings:
    """How the model is fitted; the values were chosen with `intake coach compare`."""

    sparse_penalty: float = 1e-5
    dense_penalty: float = 3e-5
    smoothing: float = 0.1
    rounds: int = 80
    balance: float = 0.5
    folds: int = 5
    networks: int = 2
    units: int = 192
    epochs: int = 16
    dropped: float = 0.5
    dropped_input: float = 0.5
    least_precision: float = 0.85
    wanted_recall: float = 0.97
    ask_below: float = SecondSettings().ask_below
    second_share: float = SecondSettings().share

    def hidden(self) -> tuple[HiddenSettings, ...]:
        """Return the settings of the networks."""
        return tuple(HiddenSettings.of(self, 1 + number) for number in range(self.networks))

    def second(self) -> SecondSettings:
        """Return the settings of the second reading."""
        return SecondSettings(ask_below=self.ask_below, share=self.second_share)

    def penalty(self) -> Penalty:
        """Return the penalty of the regression."""
        return Penalty(self.sparse_penalty, self.dense_penalty, self.smoothing, self.rounds)


@dataclass(frozen=True, slots=True)
class RequestModel:
    """A fitted model; columns are in the order of `labels` and of `LEVELS`."""

    labels: tuple[str, ...]
    weights: Weights
    networks: tuple[Hidden, ...]  # none in an archive of before there were any
    temperature: float
    urgency: Thresholds | None = None  # none where the networks know types only
    second: SecondReading | None = None  # none where there was no tuned encoder

    def read(
        self, features: Features, texts: Sequence[str]
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the chances of types and, if the networks know it, of levels of urgency."""
        types, levels = blended(self.weights, self.networks, features)
        chances = softmax(types / self.temperature)
        if self.second is not None:
            chances, levels = self.second.read(texts, types, levels, chances)
        if self.urgency is None:
            return chances, None
        return chances, softmax(levels / self.urgency.temperature)

    def save(self, folder: Path) -> None:
        """Write the model into a folder."""
        urgency = None if self.urgency is None else asdict(self.urgency)
        head = {
            "labels": self.labels, "temperature": self.temperature, "urgency": urgency,
            "second": self.second.numbers() if self.second else None,
        }  # fmt: skip
        (folder / "types.json").write_text(json.dumps(head), encoding="utf-8")
        stored = self.weights.arrays()
        for number, network in enumerate(self.networks):
            stored |= network.arrays(f"hidden{number}")
        if self.second is not None:
            stored |= self.second.arrays()
        np.savez(folder / "types.npz", **stored)

    @classmethod
    def load(cls, folder: Path) -> RequestModel:
        """Read what `save` wrote."""
        head = json.loads((folder / "types.json").read_text(encoding="utf-8"))
        with np.load(folder / "types.npz", allow_pickle=False) as stored:
            weights = Weights.of(stored)
            names = [key.removesuffix("_out_bias") for key in stored if key.endswith("_out_bias")]
            networks = tuple(Hidden.of(stored, name) for name in names if name != NAME)
            second = _second(stored, head.get("second"))
        urgency = Thresholds(**head["urgency"]) if head.get("urgency") else None
        heat = float(head["temperature"])
        return cls(tuple(head["labels"]), weights, networks, heat, urgency, second)


def _second(
    stored: Mapping[str, np.ndarray], numbers: Mapping[str, Any] | None
) -> SecondReading | None:
    """Read the second reading, unless the encoder that it was fitted to is not the one here."""
    if numbers is None:
        return None
    if numbers["encoder"] != tuned_vectors.mark():
        logger.warning(
            "the model's second reading needs encoder %s, here is %s: more will be misunderstood "
            "until a model is trained anew", numbers["encoder"], tuned_vectors.mark(),
        )  # fmt: skip
        return None
    return SecondReading.of(stored, numbers) if tuned_vectors.available() else None


def blended(
    weights: Weights, networks: Sequence[Hidden], features: Features
) -> tuple[np.ndarray, np.ndarray]:
    """Return scores of types and of levels, in which each part that knows them has the same say."""
    types = log_chances(weights.scores(features))
    classes = types.shape[1]
    levels = np.zeros((len(features), len(LEVELS)), np.float32)
    for network in networks:
        scores = network.scores(features)
        types = types + log_chances(scores[:, :classes])
        if scores.shape[1] > classes:
            levels = levels + log_chances(scores[:, classes:])
    return types, levels


def log_chances(scores: np.ndarray) -> np.ndarray:
    """Return the logarithm of probabilities, never of zero."""
    return np.asarray(np.log(softmax(scores) + 1e-9))


def fit_requests(
    features: Features,
    types: Sequence[str],
    groups: Sequence[str],
    *,
    levels: Sequence[str] = (),
    floors: np.ndarray | None = None,
    settings: RequestSettings | None = None,
    texts: Sequence[str] = (),
) -> RequestModel:
    """Fit the model; a row whose level is empty tells nothing about urgency.

    `floors` are the levels that signals demand anyway; thresholds are chosen for both together.
    With `texts`, and situations enough to calibrate, what is doubted will be read a second time.
    """
    settings = settings or RequestSettings()
    labels = tuple(sorted(set(types)))
    index = {label: i for i, label in enumerate(labels)}
    wanted = np.array([index[name] for name in types])
    tasks = [Task(wanted, len(labels), balance(wanted, len(labels), settings.balance))]
    if settings.networks and len(set(levels) & set(LEVELS)) > 1:
        tasks.append(level_task(marks_of(levels), settings.balance))
    else:
        logger.warning("no network or fewer than two levels of urgency: signals alone will raise it")

    def fitted(rows: np.ndarray) -> tuple[Weights, tuple[Hidden, ...]]:
        some = features.rows(rows)
        asked = [Task(task.labels[rows], task.classes, task.weight[rows]) for task in tasks]
        kind = asked[0]
        penalty = settings.penalty()
        # The parts know nothing of each other; a core each is faster than all cores for one.
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
            networks = [pool.submit(fit_hidden, some, asked, each) for each in settings.hidden()]
            regression = fit(some, kind.labels, kind.classes, weight=kind.weight, penalty=penalty)
            return regression, tuple(each.result() for each in networks)

    heat, found, second = 1.0, Thresholds() if len(tasks) > 1 else None, None
    if len(set(groups)) >= settings.folds > 1:
        train, test = apart(wanted, groups, settings.folds)
        said, stressed = blended(*fitted(train), features.rows(test))
        heat = temperature(said, wanted[test])
        if texts:
            known, asked = [texts[i] for i in train], [texts[i] for i in test]
            marks = tasks[1].labels[train] if len(tasks) > 1 else None
            second = fit_second(known, wanted[train], len(labels), settings.second(), marks)
            sure = softmax(said / heat)
            second = calibrated(second, asked, said, stressed, sure, wanted[test])
            _, stressed = second.read(asked, said, stressed, sure)
        if len(tasks) > 1:
            least = np.zeros(len(wanted), int) if floors is None else floors
            marks = tasks[1].labels[test]
            told = marks >= 0
            found = thresholds(
                stressed[told], marks[told], floors=least[test][told],
                least_precision=settings.least_precision, wanted_recall=settings.wanted_recall,
            )  # fmt: skip
    return RequestModel(labels, *fitted(np.arange(len(wanted))), heat, found, second)


def apart(
    wanted: np.ndarray, groups: Sequence[str], count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Split rows to learn from and rows to calibrate on, which no tuning has seen either.

    Where those are too few, one fold finds these numbers well enough.
    """
    out = np.array([tuned_vectors.left_out(group) for group in groups])
    if out.sum() >= _LEAST_LEFT_OUT and len(set(wanted[~out])) == len(set(wanted)):
        return np.flatnonzero(~out), np.flatnonzero(out)
    return next(folds(wanted, groups, count))
