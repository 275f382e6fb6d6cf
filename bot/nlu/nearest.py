"""Nearest examples 相近样例: which training sentences a message resembles most, to show why.

Both blocks of features are projected to a few dozen numbers by fixed random signs, which keeps
distances well enough to name neighbours and costs a tenth of a millisecond.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bot.nlu.linear import Features

_WIDTH = 96


def _projection(rows: int, *, seed: int) -> np.ndarray:
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(rows, _WIDTH))
    return (signs / np.sqrt(_WIDTH)).astype(np.float32)


class Nearest:
    """Training sentences with their labels, searched by likeness."""

    def __init__(
        self, points: np.ndarray, texts: list[str], names: list[str], shape: tuple[int, int]
    ) -> None:
        self._points = points.astype(np.float32)
        self._texts = texts
        self._names = names
        self._shape = shape
        self._signs = (_projection(shape[0], seed=3), _projection(shape[1], seed=5))

    @classmethod
    def fit(cls, features: Features, texts: Sequence[str], names: Sequence[str]) -> Nearest:
        """Remember the training sentences."""
        shape = (features.sparse.shape[1], features.dense.shape[1])
        empty = cls(np.zeros((0, _WIDTH)), [], [], shape)
        return cls(empty._projected(features), list(texts), list(names), shape)

    def _projected(self, features: Features) -> np.ndarray:
        points = features.sparse @ self._signs[0] + features.dense @ self._signs[1]
        lengths = np.linalg.norm(points, axis=1, keepdims=True)
        return np.asarray(points / np.where(lengths > 0, lengths, 1.0), np.float32)

    def to(self, features: Features, count: int) -> list[dict[str, Any]]:
        """Return the `count` sentences most like the single row of features."""
        likeness = self._points @ self._projected(features)[0]
        best = np.argpartition(-likeness, min(count, len(likeness) - 1))[:count]
        return [
            {
                "text": self._texts[i],
                "type": self._names[i].split("/")[0],
                "urgency": self._names[i].split("/")[1],
                "likeness": round(float(likeness[i]), 3),
            }
            for i in best[np.argsort(-likeness[best])]
        ]

    def save(self, folder: Path) -> None:
        """Write the sentences and their points into a folder."""
        head = {"texts": self._texts, "names": self._names, "shape": list(self._shape)}
        (folder / "nearest.json").write_text(json.dumps(head, ensure_ascii=False), "utf-8")
        np.save(folder / "nearest.npy", self._points.astype(np.float16), allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> Nearest:
        """Read what `save` wrote."""
        head = json.loads((folder / "nearest.json").read_text("utf-8"))
        points = np.load(folder / "nearest.npy", allow_pickle=False)
        return cls(points, head["texts"], head["names"], tuple(head["shape"]))
