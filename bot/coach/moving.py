"""Old sentences for a new type 旧句移入: which existing ones speak of it, and how they move there.

A sentence that stays with another type pulls what is like it there, whatever the new type's say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from ruamel.yaml.comments import CommentedMap

from bot.coach import type_files as places
from bot.coach.examples import Example
from bot.coach.near_types import grams
from bot.coach.workspace import Changes, flow
from bot.handbook.requests import Urgency
from bot.handbook.training import Training

SHOWN = 40
# Near types with more than so many times its sentences crowd a new one out; with a part they do less.
CROWD, PART = 8, 4


def alike(texts: Sequence[str], known: Sequence[Example]) -> list[Example]:
    """Return the known sentences that share most with all of the texts together.

    One text alone finds its own wording only: the mean of all finds what they are about.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    if not texts or not known:
        return []
    weights = TfidfVectorizer(analyzer=grams, sublinear_tf=True)
    rows = weights.fit_transform([e.text for e in known])
    likeness = rows @ np.asarray(weights.transform(texts).mean(axis=0)).ravel()
    best = np.argsort(-likeness, kind="stable")[:SHOWN]
    return [known[place] for place in best if likeness[place] > 0]


def too_few_left(
    types: Collection[str], known: Sequence[Example], stay: Sequence[Example], training: Training,
    titles: Mapping[str, str],
) -> Iterator[str]:
    """Yield what the types would lack when only the sentences that stay are left to them."""
    least = (training.least_sentences, training.registers, training.urgencies)
    for name in sorted(types):
        before, left = (_counts([e for e in rows if e.type == name]) for rows in (known, stay))
        for what, had, has, needed in zip(("句", "种说话方式", "种紧急程度"), before, left, least, strict=True):
            if has < min(had, needed):
                yield f"移走这些句子后，“{titles.get(name, name)}”只剩{has}{what}，至少要{needed}{what}"


def _counts(rows: Sequence[Example]) -> tuple[int, int, int]:
    return len(rows), len({e.register for e in rows if e.register}), len({e.urgency for e in rows if e.urgency})


def crowded(count: int, near: Collection[str], known: Sequence[Example]) -> str:
    """Return a warning when the near types have far more sentences than the new one."""
    sizes = Counter(e.type for e in known)
    usual = round(median(sizes[name] for name in near)) if near else 0
    if not count or usual <= CROWD * count:
        return ""
    return (
        f"邻近类型每类约{usual}句，新类型连同移来的只有{count}句，容易被读成邻近类型："
        f"把说同一件事的旧句移过来，并写到{usual // PART}句以上更容易读对"
    )


def moved_rows(changes: Changes, name: str, move: Collection[Example]) -> list[CommentedMap]:
    """Take sentences out of their files; return them as the new type's, naming where they were.

    Talk and questions after a ticket have no urgency; as requests they are general ones.
    """
    rows: list[CommentedMap] = []
    for source, owner in dict.fromkeys((e.source, e.type) for e in move):
        texts = {e.text for e in move if e.source == source}
        taken = places.take_examples(
            changes, f"data/nlu/{source}.yml", owner, wanted=lambda row, texts=texts: row["text"] in texts
        )
        for row in taken:
            old: Mapping[str, Any] = row.get("metadata") or {}
            situation = f"{name}-{old.get('situation') or owner}"
            marks = {"urgency": Urgency.GENERAL.value, **old, "situation": situation}
            rows.append(CommentedMap({"text": row["text"], "metadata": flow(marks)}))
    return rows


def moved_situations(changes: Changes, situations: Collection[str]) -> list[CommentedMap]:
    """Take whole situations out of other types: how a type is divided."""
    rows: list[CommentedMap] = []
    for path in places.training_files(changes):
        text = changes.text(path) or ""
        if path.startswith("data/nlu/") and any(f"situation: {name}," in text for name in situations):
            rows += places.take_examples(
                changes, path, Path(path).stem,
                wanted=lambda row: (row.get("metadata") or {}).get("situation") in situations,
            )
    return rows
