"""Features of messages 消息特征: reads from Rasa's messages what the featurizers put there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rasa.shared.nlu.constants import METADATA, METADATA_EXAMPLE, TEXT
from rasa.shared.nlu.training_data.message import Message
from scipy.sparse import csr_matrix, vstack

from bot.nlu.linear import Features


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


def is_payload(message: Message) -> bool:
    """Tell whether the text is empty or an instruction to Rasa (`/intent`), not speech."""
    text = message.get(TEXT) or ""
    return not text.strip() or text.startswith("/")
