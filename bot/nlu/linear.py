"""Linear classifiers 线性分类: multinomial regression over a sparse and a dense block.

scikit-learn's own takes the blocks glued together, which makes it several times slower here and
forces one penalty on both; so the objective is written out (some thirty lines). SciPy's L-BFGS-B
walks over three million absent bounds in Python, which is two thirds of its time, so `minimum`
is L-BFGS without bounds. Probabilities are calibrated by one temperature, found on folds the
weights did not see.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix, vstack
from sklearn.model_selection import StratifiedGroupKFold


@dataclass(frozen=True, slots=True)
class Features:
    """The two blocks of features of the same texts, one row each."""

    sparse: csr_matrix
    dense: np.ndarray

    def rows(self, chosen: np.ndarray) -> Features:
        """Return the chosen rows of both blocks."""
        return Features(self.sparse[chosen], self.dense[chosen])

    def joined(self, other: Features) -> Features:
        """Return these rows followed by the other's."""
        sparse = vstack([self.sparse, other.sparse], format="csr")
        return Features(sparse, np.vstack([self.dense, other.dense]))

    def __len__(self) -> int:
        return int(self.dense.shape[0])


@dataclass(frozen=True, slots=True)
class Weights:
    """A fitted classifier: scores are sparse @ sparse_part + dense @ dense_part + bias."""

    sparse_part: np.ndarray
    dense_part: np.ndarray
    bias: np.ndarray

    def scores(self, features: Features) -> np.ndarray:
        """Return one column of raw scores per class."""
        scores: np.ndarray = features.sparse @ self.sparse_part
        return scores + features.dense @ self.dense_part + self.bias

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the weights by name, to be stored."""
        return {"sparse": self.sparse_part, "dense": self.dense_part, "bias": self.bias}

    @classmethod
    def of(cls, stored: Mapping[str, np.ndarray]) -> Weights:
        """Read what `arrays` gave."""
        return cls(stored["sparse"], stored["dense"], stored["bias"])


@dataclass(frozen=True, slots=True)
class Penalty:
    """How strongly weights are held down, and how far labels are trusted."""

    sparse: float = 1e-4
    dense: float = 1e-4
    smoothing: float = 0.0
    rounds: int = 80


def softmax(scores: np.ndarray) -> np.ndarray:
    """Return probabilities, row by row."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def fit(
    features: Features,
    labels: np.ndarray,
    classes: int,
    *,
    weight: np.ndarray | None = None,
    penalty: Penalty,
) -> Weights:
    """Fit a multinomial regression; `weight` says how much each row counts."""
    rows, width, depth = len(features), features.sparse.shape[1], features.dense.shape[1]
    share = np.ones(rows, np.float32) if weight is None else weight.astype(np.float32)
    share = (share / share.sum())[:, None]
    target = np.full((rows, classes), penalty.smoothing / classes, np.float32)
    target[np.arange(rows), labels] += 1 - penalty.smoothing
    sparse, dense = features.sparse, features.dense
    turned = sparse.T.tocsr()
    cut, end = width * classes, (width + depth) * classes

    def objective(point: np.ndarray) -> tuple[float, np.ndarray]:
        a, b, c = (
            point[:cut].reshape(width, classes),
            point[cut:end].reshape(depth, classes),
            point[end:],
        )
        scores = sparse @ a + dense @ b + c
        top = scores.max(axis=1, keepdims=True)
        logsum = top + np.log(np.exp(scores - top).sum(axis=1, keepdims=True))
        loss = float((share * target * (logsum - scores)).sum())
        loss += 0.5 * penalty.sparse * float(np.vdot(a, a))
        loss += 0.5 * penalty.dense * float(np.vdot(b, b))
        error = share * (np.exp(scores - logsum) - target)
        slope = np.concatenate(
            [
                (turned @ error + penalty.sparse * a).ravel(),
                (dense.T @ error + penalty.dense * b).ravel(),
                error.sum(axis=0),
            ]
        )
        return loss, slope

    best = minimum(objective, np.zeros(end + classes, np.float32), rounds=penalty.rounds)
    return Weights(
        best[:cut].reshape(width, classes), best[cut:end].reshape(depth, classes), best[end:]
    )


def minimum(
    objective: Callable[[np.ndarray], tuple[float, np.ndarray]],
    start: np.ndarray,
    *,
    rounds: int,
    memory: int = 6,
    enough: float = 1e-5,
) -> np.ndarray:
    """Walk down a smooth convex function by L-BFGS (Nocedal and Wright, algorithm 7.5).

    `objective` returns value and slope; the walk ends after `rounds` steps or where no part of
    the slope is larger than `enough`.
    """
    point, (value, slope) = start, objective(start)
    steps: deque[tuple[np.ndarray, np.ndarray, float]] = deque(maxlen=memory)
    for _ in range(rounds):
        if np.abs(slope).max() <= enough:
            break
        way = -_curved(slope, steps)
        descent = float(np.vdot(way, slope))
        length = 1.0 if steps else 1.0 / float(np.abs(slope).sum())
        while True:
            ahead = point + np.float32(length) * way
            there, slope_there = objective(ahead)
            if there <= value + 1e-4 * length * descent:
                break
            length /= 2
            if length < 1e-10:
                return point
        moved, bent = ahead - point, slope_there - slope
        if (curve := float(np.vdot(moved, bent))) > 0:
            steps.append((moved, bent, 1.0 / curve))
        point, value, slope = ahead, there, slope_there
    return point


def _curved(slope: np.ndarray, steps: deque[tuple[np.ndarray, np.ndarray, float]]) -> np.ndarray:
    """Return the slope times the inverse curvature that the last steps have shown."""
    way, shares = slope.copy(), []
    for moved, bent, weight in reversed(steps):
        shares.append(np.float32(weight * float(np.vdot(moved, way))))
        way -= shares[-1] * bent
    if steps:
        _, bent, weight = steps[-1]
        way *= np.float32(1.0 / (weight * float(np.vdot(bent, bent))))
    for (moved, bent, weight), share in zip(steps, reversed(shares), strict=True):
        way += (share - np.float32(weight * float(np.vdot(bent, way)))) * moved
    return way


def balance(labels: np.ndarray, classes: int, power: float) -> np.ndarray:
    """Return a weight for each row: rare classes count more, wholly so at power 1."""
    counts = np.maximum(np.bincount(labels, minlength=classes), 1)
    per_class: np.ndarray = (counts.mean() / counts) ** power
    return per_class[labels]


def folds(
    labels: np.ndarray, groups: Sequence[str], count: int, seed: int = 7
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Split rows so that a group (one imagined situation) is never on both sides."""
    splitter = StratifiedGroupKFold(n_splits=count, shuffle=True, random_state=seed)
    yield from splitter.split(np.zeros(len(labels)), labels, np.asarray(groups))


def temperature(scores: np.ndarray, labels: np.ndarray) -> float:
    """Find the divisor of scores under which held-out labels are most likely."""

    def loss(log_t: float) -> float:
        p = softmax(scores / np.exp(log_t))
        return float(-np.log(p[np.arange(len(labels)), labels] + 1e-12).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded").x))
