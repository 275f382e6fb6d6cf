"""Features of messages 消息特征: what components put on Rasa's messages for those after them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from rasa.shared.nlu.constants import METADATA, METADATA_EXAMPLE, TEXT
from rasa.shared.nlu.training_data.message import Message
from scipy.sparse import csr_matrix, vstack

from bot.handbook.requests import Urgency
from bot.handbook.signal_table import load_signals
from bot.handbook.urgency import raise_urgency, signals
from bot.nlu.linear import Features

_HEARD = "urgency_heard"  # never part of the output


def features_of(messages: Sequence[Message]) -> Features:
    """Stack the sentence features of messages; a missing dense block has no columns."""
    sparse, dense = [], []
    for message in messages:
        _, row = message.get_sparse_features(TEXT, [])
        _, vector = message.get_dense_features(TEXT, [])
        sparse.append(row.features if row else csr_matrix((1, 0)))
        dense.append(vector.features if vector else np.zeros((1, 0), np.float32))
    stacked = sparse[0] if len(sparse) == 1 else vstack(sparse, format="csr")
    return Features(stacked, dense[0] if len(dense) == 1 else np.vstack(dense))


def example_mark(message: Message, name: str) -> str:
    """Return a value of the example's metadata, empty if absent."""
    marks = (message.get(METADATA) or {}).get(METADATA_EXAMPLE) or {}
    return str(marks.get(name) or "")


def signal_floors(texts: Iterable[str]) -> np.ndarray:
    """Return for each text the rank of the level that signals demand anyway."""
    table = load_signals()
    return np.array([raise_urgency(Urgency.GENERAL, signals(text, table)).rank for text in texts])


def hear_urgency(messages: Sequence[Message], chances: np.ndarray, levels: np.ndarray) -> None:
    """Put on each message the chances of the levels and the one chosen, for the next component."""
    for message, row, level in zip(messages, chances, levels, strict=True):
        message.set(_HEARD, (row, int(level)))


def heard_urgency(message: Message) -> tuple[np.ndarray, int] | None:
    """Return what `hear_urgency` put there."""
    return message.get(_HEARD)  # type: ignore[no-any-return]


def is_payload(message: Message) -> bool:
    """Tell whether the text is empty or an instruction to Rasa (`/intent`), not speech."""
    text = message.get(TEXT) or ""
    return not text.strip() or text.startswith("/")
