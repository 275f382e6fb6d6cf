"""The ear, 语感: how bad a sentence of staff sounds to an encoder that was tuned to replies.

From multilingual-e5-small as `bot.nlu.encoder_engine` opens it; layers and head lie in
`data/encoder/tone.npz` (`make ear`). A table of words hears what stands in a sentence, this hears
what it means. It takes back what only sounded bad to the table, makes a block a warning where it
hears no harm, and has half of the say in what is grave and of the second opinion's; it never makes
a block, and is never asked of what the bot says. A sentence takes some ten milliseconds; what was
heard once is remembered while somebody types on.
"""

from __future__ import annotations

import io
import logging
import math
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bot.nlu.encoder_engine import BROKEN, ask, mark_of, open_engine, readable
from bot.nlu.tuned_vectors import shortened
from bot.settings import ROOT

logger = logging.getLogger(__name__)
TONE = ROOT / "data" / "encoder" / "tone.npz"
_REMEMBERED = 2_000


def heard(text: str) -> str:
    """Return a text as the encoder reads it, here and while it is tuned."""
    # Some characters are read as many others; the engine has room for only so many.
    return shortened(unicodedata.normalize("NFKC", readable(text)).strip())


class Ear:
    """The engine and the head behind it."""

    def __init__(self, layers: Path) -> None:
        """Open both; raise one of `BROKEN`."""
        self.mark = mark_of(layers)
        self._engine: Any = open_engine(layers)
        with np.load(io.BytesIO(layers.read_bytes()), allow_pickle=False) as stored:
            self._scale = float(stored["head.scale"])
            self._first = stored["head.first.w"].astype(np.float32), stored["head.first.b"]
            self._second = np.stack([stored["head.second.w"], stored["head.grave.w"]])
            self._bias = np.array([stored["head.second.b"], stored["head.grave.b"]])
        self.heard = lru_cache(maxsize=_REMEMBERED)(self._heard)
        # What cannot be asked is found out here, and not when somebody writes.
        self._reckoned("您好")

    def bad(self, text: str) -> float | None:
        """Return the chance that a sentence is a bad one, from 0 to 1; None if it cannot tell."""
        heard = self.heard(text)
        return None if heard is None else heard[0]

    def grave(self, text: str) -> float | None:
        """Return the chance that a bad sentence is to be held back, and not only warned of."""
        heard = self.heard(text)
        return None if heard is None else heard[1]

    def _heard(self, text: str) -> tuple[float, float] | None:
        said = heard(text)
        try:
            return self._reckoned(said) if said else (0.0, 0.0)
        except BROKEN as error:
            logger.warning("the tuned ear did not answer: %s", error)
            return None

    def _reckoned(self, said: str) -> tuple[float, float]:
        [vector] = ask(self._engine, [said])
        inner = self._first[0] @ (vector * self._scale) + self._first[1]
        inner *= 0.5 * (1 + np.array([math.erf(each) for each in inner / math.sqrt(2)]))
        bad, grave = 1 / (1 + np.exp(-self._second @ inner - self._bias))
        return float(bad), float(grave)


@lru_cache(maxsize=1)
def open_ear() -> Ear | None:
    """Open the ear once; None where there cannot be one, and what keeps it from that is logged."""
    if mark_of(TONE) == "none":
        return None
    try:
        return Ear(TONE)
    except BROKEN as error:
        logger.warning("the tuned ear cannot be used: %s", error)
        return None
