"""A network with one hidden layer 单隐层网络: what features say together, not only what each adds.

Rectified units over both blocks, many of them left out at random in every step so that none
relies on another. One network may learn several tasks: what tells them apart is shared.
scikit-learn's network knows neither that nor weights of rows nor soft labels; here Adam touches
only the n-grams of a batch, so that an epoch costs a second. Seeded: the same data gives the same
weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from bot.nlu.linear import Features, softmax

_STEADY, _STEADY_SQUARE = np.float32(0.9), np.float32(0.999)


@dataclass(frozen=True, slots=True)
class HiddenSettings:
    """How the network is fitted."""

    units: int = 128
    epochs: int = 12
    rate: float = 3e-3
    batch: int = 256
    dropped: float = 0.4
    dropped_input: float = 0.2
    smoothing: float = 0.1
    seed: int = 1

    @classmethod
    def of(cls, settings: Any, seed: int = 1) -> HiddenSettings:
        """Take over what the settings of a classifier say about its network."""
        known = {f.name: getattr(settings, f.name) for f in fields(cls) if hasattr(settings, f.name)}
        return cls(**{**known, "seed": seed})


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to tell of each row; a row whose label is -1 says nothing about it."""

    labels: np.ndarray
    classes: int
    weight: np.ndarray

    def target(self, smoothing: float) -> np.ndarray:
        """Return the chances that the network is to come to, one row each."""
        wanted = np.full((len(self.labels), self.classes), smoothing / self.classes, np.float32)
        known = np.flatnonzero(self.labels >= 0)
        wanted[known, self.labels[known]] += 1 - smoothing
        return wanted

    def share(self) -> np.ndarray:
        """Return how much each row counts; all tasks weigh the same over all rows."""
        counted = np.where(self.labels >= 0, self.weight, 0.0)
        return (counted / max(counted.mean(), 1e-9)).astype(np.float32)[:, None]


@dataclass(frozen=True, slots=True)
class Hidden:
    """A fitted network: scores are relu(sparse @ a + dense @ b + c) @ d + e.

    Columns of scores are the classes of the tasks, one task after the other.
    """

    sparse_part: np.ndarray
    dense_part: np.ndarray
    bias: np.ndarray
    out_part: np.ndarray
    out_bias: np.ndarray

    def scores(self, features: Features) -> np.ndarray:
        """Return one column of raw scores per class."""
        return self.units(features) @ self.out_part + self.out_bias

    def units(self, features: Features) -> np.ndarray:
        """Return what each unit makes of each row."""
        sums: np.ndarray = features.sparse @ self.sparse_part
        return np.maximum(sums + features.dense @ self.dense_part + self.bias, 0)

    def arrays(self, name: str = "hidden") -> dict[str, np.ndarray]:
        """Return the weights by name, to be stored; `fit_hidden` rounded them to half precision."""
        return {f"{name}_{f.name}": getattr(self, f.name).astype(np.float16) for f in fields(self)}

    @classmethod
    def of(cls, stored: Mapping[str, np.ndarray], name: str = "hidden") -> Hidden:
        """Read what `arrays` gave."""
        return cls(**{f.name: stored[f"{name}_{f.name}"].astype(np.float32) for f in fields(cls)})


class _Adam:
    """Adam (Kingma and Ba 2015) over an array, of which a step may touch some rows only."""

    def __init__(self, values: np.ndarray) -> None:
        # Value, mean and square of a row lie side by side: they are fetched together.
        self._state = np.zeros((len(values), 3, *values.shape[1:]), np.float32)
        self._state[:, 0] = values
        self._steps = 0

    @property
    def values(self) -> np.ndarray:
        return self._state[:, 0]

    def step(self, slope: np.ndarray, rate: float, rows: np.ndarray | slice = slice(None)) -> None:
        self._steps += 1
        state = self._state[rows]
        value, mean, square = state[:, 0], state[:, 1], state[:, 2]
        mean += (1 - _STEADY) * (slope - mean)
        slope *= slope
        square += (1 - _STEADY_SQUARE) * (slope - square)
        whole = np.float32(rate / (1 - float(_STEADY) ** self._steps))
        spread = np.float32(1 / (1 - float(_STEADY_SQUARE) ** self._steps))
        np.multiply(square, spread, out=slope)
        np.sqrt(slope, out=slope)
        slope += np.float32(1e-8)
        np.divide(mean, slope, out=slope)
        slope *= whole
        value -= slope
        self._state[rows] = state


def fit_hidden(features: Features, tasks: Sequence[Task], settings: HiddenSettings) -> Hidden:
    """Fit one network to all tasks."""
    draw = np.random.default_rng(settings.seed)
    rows, depth = features.dense.shape
    target = np.hstack([task.target(settings.smoothing) for task in tasks])
    ends = np.cumsum([task.classes for task in tasks])
    parts = [slice(end - task.classes, end) for task, end in zip(tasks, ends, strict=True)]
    share = np.hstack([np.repeat(task.share(), task.classes, axis=1) for task in tasks])
    classes = int(ends[-1])

    def drawn(height: int, width: int, spread: float) -> _Adam:
        return _Adam(draw.normal(0, spread, (height, width)).astype(np.float32))

    sparse = drawn(features.sparse.shape[1], settings.units, 0.1)
    dense = drawn(depth, settings.units, 0.15)
    out = drawn(settings.units, classes, settings.units**-0.5)
    bias, out_bias = _Adam(np.zeros(settings.units, np.float32)), _Adam(np.zeros(classes, np.float32))

    def kept(shape: tuple[int, ...] | int, dropped: float) -> np.ndarray:
        left = draw.random(shape, dtype=np.float32) >= dropped
        return left.astype(np.float32) / np.float32(1 - dropped)

    # Few sentences are read in small batches, so that there are steps enough to learn them.
    batches = max(1, rows // min(settings.batch, max(16, rows // 128)))
    done, all_steps = 0, settings.epochs * batches
    for _ in range(settings.epochs):
        for some in np.array_split(draw.permutation(rows), batches):
            grams = features.sparse[some]
            grams.data *= kept(grams.nnz, settings.dropped_input)
            grams, columns = _narrowed(grams)
            said = features.dense[some] * kept((len(some), depth), settings.dropped_input)
            sums = grams @ sparse.values[columns] + said @ dense.values + bias.values
            gate = (sums > 0) * kept(sums.shape, settings.dropped)
            units = sums * gate
            scores = units @ out.values + out_bias.values
            chances = np.hstack([softmax(scores[:, part]) for part in parts])
            error = (chances - target[some]) * (share[some] / np.float32(len(some)))
            back = (error @ out.values.T) * gate
            rate = settings.rate * (1 - done / all_steps)
            sparse.step(grams.T.tocsr() @ back, rate, columns)
            dense.step(said.T @ back, rate)
            bias.step(back.sum(axis=0), rate)
            out.step(units.T @ error, rate)
            out_bias.step(error.sum(axis=0), rate)
            done += 1
    fitted = (sparse, dense, bias, out, out_bias)
    return Hidden(*(part.values.astype(np.float16).astype(np.float32) for part in fitted))


def _narrowed(sparse: csr_matrix) -> tuple[csr_matrix, np.ndarray]:
    """Return the rows without what was dropped from them, and which columns are left."""
    sparse.eliminate_zeros()
    columns, places = np.unique(sparse.indices, return_inverse=True)
    shape = (sparse.shape[0], len(columns))
    return csr_matrix((sparse.data, places, sparse.indptr), shape=shape), columns
