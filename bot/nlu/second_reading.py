"""The second reading 二次判读: what the first leaves in doubt is read again, by meaning.

The encoder that is tuned to this trade errs elsewhere than the first reading, and both together
err less; but it takes several times as long. So it is asked only where the first reading is not
sure what a message is or how urgent, which is seldom so with everyday messages. Its network is
fitted once, to some sentences of each type: those it does not see are what both are calibrated on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import numpy as np
from scipy.sparse import csr_matrix

from bot.nlu import sentence_vectors, tuned_vectors
from bot.nlu.hidden import Hidden, HiddenSettings, Task, fit_hidden
from bot.nlu.linear import Features, balance, softmax, temperature
from bot.nlu.urgency_model import level_task

NAME = "second"
_LEAST_DOUBTED = 50
_BALANCE = 0.5


@dataclass(frozen=True, slots=True)
class SecondSettings:
    """When the encoder is asked, how much it counts, and how its network is fitted."""

    ask_below: float = 0.93
    ask_level_below: float = 0.9
    share: float = 1.2  # each of the three parts of the first reading counts 1
    most: int = 400  # sentences of a type that the network learns from
    units: int = 192
    epochs: int = 16
    dropped: float = 0.5


@dataclass(frozen=True, slots=True)
class SecondReading:
    """A fitted network over tuned vectors, whose mean over what it learned from is taken away."""

    network: Hidden
    mean: np.ndarray
    ask_below: float
    share: float
    encoder: str  # the mark of the one whose vectors it reads
    temperature: float = 4.0  # until it is calibrated
    ask_level_below: float = 0.0  # an archive of before knew types only

    def read(
        self, texts: Sequence[str], types: np.ndarray, levels: np.ndarray, chances: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the chances of types and the scores of levels, made anew for what is doubted."""
        doubted = self.doubted(chances, levels)
        if not len(doubted):
            return chances, levels
        told = self._told([texts[i] for i in doubted])
        kinds = types.shape[1]
        chances, levels = chances.copy(), levels.copy()
        together = self._added(types[doubted], told[:, :kinds])
        chances[doubted] = softmax(together / self.temperature)
        if told.shape[1] > kinds:
            levels[doubted] = self._added(levels[doubted], told[:, kinds:])
        return chances, levels

    def doubted(self, chances: np.ndarray, levels: np.ndarray) -> np.ndarray:
        """Find the rows of which the first reading is not sure what they are, or how urgent."""
        unsure = chances.max(axis=1) < self.ask_below
        return np.flatnonzero(unsure | (softmax(levels).max(axis=1) < self.ask_level_below))

    def together(self, texts: Sequence[str], types: np.ndarray) -> np.ndarray:
        """Return the first reading's scores of types with those of the second."""
        return self._added(types, self._told(texts)[:, : types.shape[1]])

    def _told(self, texts: Sequence[str]) -> np.ndarray:
        return self.network.scores(_features(tuned_vectors.encode(texts), self.mean))

    def _added(self, scores: np.ndarray, told: np.ndarray) -> np.ndarray:
        return scores + self.share * np.log(softmax(told) + 1e-9)

    def numbers(self) -> dict[str, Any]:
        """Return what is kept beside the arrays."""
        names = ("ask_below", "ask_level_below", "share", "encoder", "temperature")
        return {name: getattr(self, name) for name in names}

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays by name, to be stored."""
        return {f"{NAME}_mean": self.mean, **self.network.arrays(NAME)}

    @classmethod
    def of(cls, stored: Mapping[str, np.ndarray], numbers: Mapping[str, Any]) -> SecondReading:
        """Read what `arrays` and `numbers` gave."""
        return cls(Hidden.of(stored, NAME), stored[f"{NAME}_mean"], **numbers)


def fit_second(
    texts: Sequence[str], labels: np.ndarray, classes: int, settings: SecondSettings,
    marks: np.ndarray | None = None,
) -> SecondReading:  # fmt: skip
    """Fit the network to some sentences of each type; it is calibrated afterwards.

    `marks` are the levels of urgency, -1 for a sentence that carries none.
    """
    rows = sample(texts, labels, settings.most)
    vectors = tuned_vectors.encode([texts[i] for i in rows])
    mean = vectors.mean(axis=0)
    tasks = [Task(labels[rows], classes, balance(labels[rows], classes, _BALANCE))]
    if marks is not None:
        tasks.append(level_task(marks[rows], _BALANCE))
    network = fit_hidden(_features(vectors, mean), tasks, HiddenSettings.of(settings))
    second = SecondReading(network, mean, settings.ask_below, settings.share, tuned_vectors.mark())
    return second if marks is None else replace(second, ask_level_below=settings.ask_level_below)


def calibrated(
    second: SecondReading, texts: Sequence[str], types: np.ndarray, levels: np.ndarray,
    chances: np.ndarray, labels: np.ndarray,
) -> SecondReading:
    """Find the temperature of what both say, on texts that neither has learned from."""
    doubted = second.doubted(chances, levels)
    if len(doubted) < _LEAST_DOUBTED:
        return second
    together = second.together([texts[i] for i in doubted], types[doubted])
    return replace(second, temperature=temperature(together, labels[doubted]))


def sample(texts: Sequence[str], labels: np.ndarray, most: int) -> np.ndarray:
    """Choose so many rows of each label by the hash of the text: one more moves at most one."""
    order = np.argsort([crc32(text.encode("utf-8", "replace")) for text in texts], kind="stable")
    taken = np.zeros(int(labels.max()) + 1, int)
    rows = []
    for row in order:
        if taken[labels[row]] < most:
            taken[labels[row]] += 1
            rows.append(int(row))
    return np.array(sorted(rows))


def _features(vectors: np.ndarray, mean: np.ndarray) -> Features:
    nothing = csr_matrix((len(vectors), 0), dtype=np.float32)
    return Features(nothing, sentence_vectors.centred(vectors, mean))
